"""Stock tools as a partner runs them: gpg with a home of its own, tar and zstd. Nothing of the gateway is used here."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


class StockGpg:
    """One GNUPGHOME with keys that have no passphrase. `close` ends its agent."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o700)

    def run(self, *arguments: str, data: bytes = b"", ok: bool = True) -> bytes:
        done = subprocess.run(
            ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--yes", "--trust-model", "always", *arguments],
            input=data,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        assert not ok or done.returncode == 0, done.stderr.decode()
        return done.stdout

    def generate(self, name: str, *, when: str | None = None, expires: str = "2y", algorithm: str = "ed25519") -> str:
        """A primary key that signs and a subkey that encrypts; returns the primary fingerprint."""
        faked = [f"--faked-system-time={when}"] if when else []
        key, subkey = {
            "ed25519": ("EDDSA\nKey-Curve: ed25519", "ECDH\nSubkey-Curve: cv25519"),
            "rsa3072": ("RSA\nKey-Length: 3072", "RSA\nSubkey-Length: 3072"),
        }[algorithm]
        parameters = f"Key-Type: {key}\nKey-Usage: sign\nSubkey-Type: {subkey}\n"
        text = (
            f"{parameters}Subkey-Usage: encrypt\nName-Real: {name}\nExpire-Date: {expires}\n%no-protection\n%commit\n"
        )
        status = self.run(*faked, "--status-fd", "1", "--gen-key", data=text.encode())
        return next(line.split()[3] for line in status.decode().splitlines() if "KEY_CREATED" in line)

    def public(self, fingerprint: str) -> bytes:
        return self.run("--armor", "--export", fingerprint)

    def revoke(self, fingerprint: str) -> None:
        """Apply the revocation certificate that gpg made together with the key."""
        text = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self.run("--import", data=text.replace(":-----BEGIN", "-----BEGIN").encode())

    def seal(self, data: bytes, to: Sequence[str], signers: Sequence[str], *options: str) -> bytes:
        """Sign with every one of `signers` and encrypt to every one of `to`; none: leave that out."""
        arguments = [*options, "-z", "0"]
        arguments += [word for fingerprint in signers for word in ("--local-user", fingerprint)]
        arguments += [word for fingerprint in to for word in ("--recipient", fingerprint)]
        arguments += ["--sign"] * bool(signers) + ["--encrypt"] * bool(to)
        return self.run(*arguments, data=data)

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "gpg-agent"], check=False)
