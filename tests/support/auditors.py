"""Tools of an auditor that this project did not write: OpenSSL, Go's sumdb packages, grep and sort; and a time-stamping
authority made with `openssl ts`."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from gateway.log.note import VerifierKey, read_checkpoint

SUMDB = Path(__file__).parents[1] / "peers" / "sumdb"
GOPATH = "/usr/share/gocode"


def run(*command: object, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    words = [str(word) for word in command]
    return subprocess.run(
        words, input=stdin, capture_output=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.fixture(scope="session")
def sumdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of `tests/peers/sumdb`, built over Debian's golang.org/x/mod."""
    folder = tmp_path_factory.mktemp("sumdb")
    done = run(
        "go", "build", "-o", folder / "sumdb", SUMDB / "main.go",
        GOPATH=GOPATH, GO111MODULE="off", GOCACHE=str(folder / "cache"), GOFLAGS="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return folder / "sumdb"


def openssl_accepts(checkpoint: Path, key: VerifierKey, scratch: Path) -> bool:
    """The note's signature, by the shell lines of the how-to and nothing else."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "log.der").write_bytes(key.der())
    script = (
        'sed \'/^$/,$d\' "$1" >body && grep "^— $2 " "$1" | head -1 | awk \'{print $3}\' |'
        " base64 -d | tail -c +5 >sig &&"
        " openssl pkeyutl -verify -pubin -keyform DER -inkey log.der -rawin -in body -sigfile sig"
    )
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(checkpoint), key.name], cwd=scratch, capture_output=True, check=False
    )
    return done.returncode == 0 and b"Verified Successfully" in done.stdout


def openssl_accepts_cosignature(checkpoint: Path, key: VerifierKey, scratch: Path) -> bool:
    scratch.mkdir(parents=True, exist_ok=True)
    note, _ = read_checkpoint(checkpoint.read_bytes())
    line = next(s for s in note.signatures if s.id == key.id)
    time = int.from_bytes(line.signature[:8], "big")
    (scratch / "body").write_text(f"cosignature/v1\ntime {time}\n{note.text}", "utf-8")
    (scratch / "sig").write_bytes(line.signature[8:])
    (scratch / "witness.der").write_bytes(key.der())
    done = run(
        "openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", scratch / "witness.der", "-rawin",
        "-in", scratch / "body", "-sigfile", scratch / "sig",
    )  # fmt: skip
    return done.returncode == 0


def field(folder: Path, name: str) -> list[str]:
    """Every value of a text field, in the log's order, as grep finds it in the bundles."""
    bundles = sorted(p for p in (folder / "tile" / "entries").rglob("*") if p.is_file())
    done = run("grep", "-aohE", f'"{name}":"[^"]*"', *bundles)
    return done.stdout.decode().splitlines()


def ids_are_unique(folder: Path) -> bool:
    lines = "\n".join(field(folder, "id")).encode() + b"\n"
    return run("sh", "-c", "sort | uniq -d", stdin=lines).stdout == b""


def times_are_in_order(folder: Path) -> bool:
    lines = "\n".join(field(folder, "logged_at")).encode() + b"\n"
    return run("sort", "-c", stdin=lines, LC_ALL="C").returncode == 0


_CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
dir = {home}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
[ext]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


class Authority:
    """A time-stamping authority of its own making."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True)
        self.home = home
        (home / "tsa.cnf").write_text(_CONFIG.format(home=home))
        (home / "serial").write_text("01\n")
        new = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._must(
            *new, "-x509", "-days", 30, "-subj", "/CN=Test CA", "-keyout", home / "ca.key", "-out", home / "ca.pem"
        )
        self._must(*new, "-subj", "/CN=Test TSA", "-keyout", home / "tsa.key", "-out", home / "tsa.csr")
        self._must(
            "openssl", "x509", "-req", "-in", home / "tsa.csr", "-CA", home / "ca.pem", "-CAkey", home / "ca.key",
            "-CAcreateserial", "-days", 30, "-extfile", home / "tsa.cnf", "-extensions", "ext",
            "-out", home / "tsa.pem",
        )  # fmt: skip

    @property
    def certificates(self) -> bytes:
        return (self.home / "ca.pem").read_bytes()

    def reply(self, query: bytes) -> bytes:
        (self.home / "q.tsq").write_bytes(query)
        self._must(
            "openssl", "ts", "-reply", "-config", self.home / "tsa.cnf", "-queryfile", self.home / "q.tsq",
            "-out", self.home / "r.tsr",
        )  # fmt: skip
        return (self.home / "r.tsr").read_bytes()

    def accepts(self, token: Path, text: bytes, scratch: Path) -> bool:
        """`openssl ts -verify`, as the how-to says it."""
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "body").write_bytes(text)
        done = run(
            "openssl", "ts", "-verify", "-in", token, "-data", scratch / "body", "-CAfile", self.home / "ca.pem",
            "-untrusted", self.home / "tsa.pem",
        )  # fmt: skip
        return done.returncode == 0

    def _must(self, *command: object) -> None:
        done = run(*command)
        assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "authority")


def corrupt(line: str) -> str:
    """A signature line with one bit of its signature changed."""
    head, _, text = line.rstrip("\n").rpartition(" ")
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return f"{head} {base64.b64encode(bytes(raw)).decode()}\n"
