"""The opening matrix: every message of the cryptography note, made by stock gpg, and the one answer to it."""

import hashlib
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gnupg
import pytest
import zstandard
from support.openpgp_peers import StockGpg
from support.packed import CONTENT, describe, packed

from gateway.adapters.container import Caps
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp import OpenPGP
from gateway.adapters.sealing.openpgp.engine import Engine
from gateway.outcomes import Ok, Refused
from gateway.packages import DESCRIPTOR

PAST = "20240101T000000!"


@dataclass
class Stage:
    """The node, and a stock gpg that plays partner, other partner and stranger."""

    folder: Path
    node: OpenPGP
    stock: StockGpg
    fingerprints: dict[str, str]
    caps: Caps = field(default_factory=lambda: Caps(plain=8 << 20, expanded=32 << 20))

    def __getitem__(self, name: str) -> str:
        return self.fingerprints[name]

    def open(self, sealed: bytes, pin: str, **options: object):
        file = self.folder / "package.gpg"
        file.write_bytes(sealed)
        place = self.folder / "place"
        place.mkdir(exist_ok=True)
        outcome = self.node.open(file, place / "out", pin, self.caps, **options)
        left = sorted(p.name for p in place.iterdir())
        if isinstance(outcome, Ok):
            assert left == ["out"]
            assert (place / "out/data/cases.csv").read_bytes() == CONTENT
            subprocess.run(["rm", "-r", str(place / "out")], check=True)
        else:
            assert left == [], "something was left behind"
        return outcome


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("opening")
    stock = StockGpg(folder / "stock")
    private = folder / "private"
    names = {"node": keyring.generate(private, "node")}
    names |= {name: stock.generate(name) for name in ("partner", "other", "stranger", "revoked", "subkeyed")}
    names["expired"] = stock.generate("expired", when=PAST, expires="1y")
    names["aged"] = stock.generate("aged", when=PAST, expires="10y")
    names["renewed"] = stock.generate("renewed", when=PAST, expires="1y")
    pinned_before = stock.public(names["renewed"])
    stock.run(*faked("20240601T000000!"), "--quick-set-expire", names["renewed"], "20y")
    stock.run("--passphrase", "", "--quick-add-key", names["subkeyed"], "ed25519", "sign", "1y")
    (folder / "node.asc").write_bytes(keyring.public_key(private))
    stock.run("--import", str(folder / "node.asc"))
    # What a revoked key signed before it was revoked.
    (folder / "revoked.gpg").write_bytes(stock.seal(packed(), [names["node"]], [names["revoked"]]))
    stock.revoke(names["revoked"])
    partners = {}
    for name in ("partner", "other", "revoked", "expired", "aged", "subkeyed"):
        partners[names[name]] = folder / f"{name}.asc"
        partners[names[name]].write_bytes(stock.public(names[name]))
    partners[names["renewed"]] = folder / "renewed.asc"
    partners[names["renewed"]].write_bytes(pinned_before)
    node = OpenPGP(private, partners)
    yield Stage(folder, node, stock, names)
    node.close()
    stock.close()


def test_a_good_package_opens(stage: Stage) -> None:
    outcome = stage.open(stage.stock.seal(packed(), [stage["node"]], [stage["partner"]]), stage["partner"])
    assert isinstance(outcome, Ok)
    assert outcome.value.members == ("data/cases.csv",)
    assert outcome.value.signer == stage["partner"]
    assert outcome.value.descriptor == describe()


def test_a_signing_subkey_counts_as_its_primary_key(stage: Stage) -> None:
    sealed = stage.stock.seal(packed(), [stage["node"]], [stage["subkeyed"]])
    status = stage.stock.run("--status-fd", "1", "--list-packets", data=sealed, ok=False).decode()
    assert stage["subkeyed"][-16:] not in status.replace(f"uid {stage['subkeyed']}", ""), "the primary key signed"
    assert isinstance(stage.open(sealed, stage["subkeyed"]), Ok)


def test_a_clock_may_be_half_an_hour_ahead(stage: Stage) -> None:
    sealed = stage.stock.seal(packed(), [stage["node"]], [stage["partner"]], *ahead(0.5))
    assert isinstance(stage.open(sealed, stage["partner"]), Ok)


def test_a_second_recipient_of_the_senders_choice_is_no_fault(stage: Stage) -> None:
    sealed = stage.stock.seal(packed(), [stage["partner"], stage["node"]], [stage["partner"]])
    assert isinstance(stage.open(sealed, stage["partner"]), Ok)


def test_a_passphrase_beside_our_key_is_no_fault(stage: Stage) -> None:
    assert isinstance(stage.open(symmetric("--encrypt", "--recipient", "NODE")(stage), stage["partner"]), Ok)


Make = Callable[[Stage], bytes]


def good(stage: Stage) -> bytes:
    return stage.stock.seal(packed(), [stage["node"]], [stage["partner"]])


def flipped(share: float) -> Make:
    def make(stage: Stage) -> bytes:
        data = bytearray(good(stage))
        data[int(len(data) * share)] ^= 0x10
        return bytes(data)

    return make


def cut(share: float) -> Make:
    return lambda stage: good(stage)[: int(len(good(stage)) * share)]


def sealed_by(*signers: str, to: tuple[str, ...] = ("node",), options: tuple[str, ...] = ()) -> Make:
    return lambda stage: stage.stock.seal(packed(), [stage[t] for t in to], [stage[s] for s in signers], *options)


def faked(when: str) -> tuple[str, ...]:
    """Options that make gpg believe it is another day, before the node's key was made."""
    return (f"--faked-system-time={when}", "--ignore-time-conflict", "--ignore-valid-from")


def ahead(hours: float) -> tuple[str, ...]:
    """Options that make gpg believe that it is later than it is."""
    return (time.strftime("--faked-system-time=%Y%m%dT%H%M%S", time.gmtime(time.time() + hours * 3600)),)


def symmetric(*more: str) -> Make:
    def make(stage: Stage) -> bytes:
        passphrase = str(stage.folder / "private/passphrase")  # it may begin with a dash
        options = ["--pinentry-mode", "loopback", "--passphrase-file", passphrase, "--symmetric"]
        options += [stage["node"] if word == "NODE" else word for word in more]
        return stage.stock.run(*options, "--local-user", stage["partner"], "--sign", data=packed())

    return make


def bomb(stage: Stage) -> bytes:
    """OpenPGP's own compression: 200 MB in some 200 KB."""
    options = ["--compress-algo", "zlib", "-z", "9", "--local-user", stage["partner"], "--recipient", stage["node"]]
    return stage.stock.run(*options, "--sign", "--encrypt", data=bytes(200_000_000))


def zstd_bomb(stage: Stage) -> bytes:
    data = zstandard.compress(tar_of((DESCRIPTOR, b"{}")) + bytes(1 << 27))
    return stage.stock.seal(data, [stage["node"]], [stage["partner"]])


def tar_of(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


MATRIX: dict[str, tuple[Make, str, set[str]]] = {
    "unsigned": (sealed_by(), "partner", {"210"}),
    "signed by another known party": (sealed_by("other"), "partner", {"211"}),
    "signed by a stranger": (sealed_by("stranger"), "partner", {"211"}),
    "signed by ourselves": (lambda s: _own(s), "partner", {"211"}),
    "key revoked": (lambda s: (s.folder / "revoked.gpg").read_bytes(), "revoked", {"210"}),
    "key expired": (sealed_by("expired", options=faked("20240601T000000!")), "expired", {"210"}),
    "signature expired": (
        sealed_by("aged", options=(*faked("20240601T000000!"), "--default-sig-expire", "1d")),
        "aged",
        {"210"},
    ),
    "signature of the future": (
        lambda s: s.stock.seal(packed(), [s["node"]], [s["partner"]], *ahead(2)),
        "partner",
        {"268"},
    ),
    "made after the key's end, by the copy that is pinned": (sealed_by("renewed"), "renewed", {"210"}),
    "expected then unknown signature": (sealed_by("partner", "stranger"), "partner", {"210"}),
    "unknown then expected signature": (sealed_by("stranger", "partner"), "partner", {"210"}),
    "two known signatures": (sealed_by("other", "partner"), "partner", {"210"}),
    "the same signer twice": (sealed_by("partner", "subkeyed"), "partner", {"210"}),
    "signed, not encrypted": (sealed_by("partner", to=()), "partner", {"213"}),
    "clear-signed": (
        lambda s: s.stock.run("--local-user", s["partner"], "--clear-sign", data=CONTENT),
        "partner",
        {"213"},
    ),
    "plain tar": (lambda s: packed(), "partner", {"213"}),
    "nothing": (lambda s: b"", "partner", {"213"}),
    "trailing junk": (lambda s: good(s) + b"junk junk junk", "partner", {"214"}),
    "trailing zeros": (lambda s: good(s) + bytes(1000), "partner", {"214"}),
    "concatenated": (lambda s: good(s) + good(s), "partner", {"214"}),
    "a literal before it": (lambda s: _literal(b"plain") + good(s), "partner", {"213", "214"}),
    "a literal after it": (lambda s: good(s) + _literal(b"plain"), "partner", {"214"}),
    "an unsigned message before it": (lambda s: sealed_by()(s) + good(s), "partner", {"210", "214"}),
    "bit flip at 2 %": (flipped(0.02), "partner", {"212", "213", "214"}),
    "bit flip in the middle": (flipped(0.5), "partner", {"214"}),
    "bit flip near the end": (flipped(0.99), "partner", {"210", "214"}),
    "truncated at 1 %": (cut(0.01), "partner", {"213", "214"}),
    "truncated in the middle": (cut(0.5), "partner", {"214"}),
    "truncated by a little": (cut(0.999), "partner", {"214"}),
    "symmetric, passphrase known": (symmetric(), "partner", {"213"}),
    "to another recipient": (sealed_by("partner", to=("other",)), "partner", {"212"}),
    "hidden recipient": (
        lambda s: s.stock.run("-u", s["partner"], "-R", s["node"], "--sign", "--encrypt", data=packed()),
        "partner",
        {"212"},
    ),
    "bomb of OpenPGP compression": (bomb, "partner", {"216"}),
    "bomb of zstd": (zstd_bomb, "partner", {"214", "216"}),
    "text-mode signature": (sealed_by("partner", options=("--textmode",)), "partner", {"210"}),
    "digest SHA-384": (sealed_by("partner", options=("--digest-algo", "SHA384")), "partner", {"210"}),
}


def _own(stage: Stage) -> bytes:
    file = stage.folder / "own.gpg"
    own = OpenPGP(stage.folder / "private", {stage["node"]: stage.folder / "node.asc"})
    assert isinstance(
        own.seal([(DESCRIPTOR, describe().to_json()), ("data/cases.csv", CONTENT)], stage["node"], file), Ok
    )
    return file.read_bytes()


def _literal(data: bytes) -> bytes:
    body = b"b\0\0\0\0\0" + data
    return bytes([0xCB, len(body)]) + body


@pytest.mark.parametrize("name", MATRIX)
def test_refused_and_nothing_left_behind(stage: Stage, name: str) -> None:
    make, pin, codes = MATRIX[name]
    outcome = stage.open(make(stage), stage[pin])
    assert isinstance(outcome, Refused), outcome
    assert outcome.code in codes, outcome
    assert "MARKER" not in str(outcome.detail)


NAIVELY_ACCEPTED = ("unsigned", "signed by another known party", "key revoked", "key expired", "two known signatures")


@pytest.mark.parametrize("name", NAIVELY_ACCEPTED)
def test_the_naive_call_takes_what_the_matrix_refuses(stage: Stage, name: str, tmp_path: Path) -> None:
    """Why python-gnupg's `ok` decides nothing here. When this fails, that library has changed: look again."""
    make, _, _ = MATRIX[name]
    node = gnupg.GPG(gnupghome=str(keyring.home(stage.folder / "private")), options=["--no-options"])
    rings = [
        str(keyring.partner_keyring(stage.folder / "private", stage.folder / f"{n}.asc", stage[n]))
        for n in ("partner", "other", "revoked", "expired")
    ]
    extra = [word for ring in rings for word in ("--keyring", ring)]
    passphrase = (stage.folder / "private/passphrase").read_text().strip()
    result = node.decrypt(make(stage), passphrase=passphrase, extra_args=extra)
    assert result.ok
    assert b"MARKER" in zstandard.ZstdDecompressor().decompressobj().decompress(result.data)


def test_every_member_trap_is_refused(stage: Stage) -> None:
    """What a valid signature cannot make safe: the archive itself (see `test_container` for each kind)."""
    descriptor = describe().to_json()
    for extra in ("../evil", "/evil", "data/other.csv", "data/cases.csv"):
        tar = tar_of((DESCRIPTOR, descriptor), ("data/cases.csv", CONTENT), (extra, CONTENT))
        outcome = stage.open(
            stage.stock.seal(zstandard.compress(tar), [stage["node"]], [stage["partner"]]), stage["partner"]
        )
        assert isinstance(outcome, Refused)
        assert outcome.code == "215"
    assert not list(stage.folder.glob("**/evil"))


def test_accept_may_refuse_by_the_descriptor(stage: Stage) -> None:
    seen = []
    outcome = stage.open(good(stage), stage["partner"], accept=lambda d: seen.append(d) or Refused("212"))
    assert outcome == Refused("212")
    assert seen == [describe()]


def test_opened_by_any_known_key_in_one_run(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand it is not known who signed: whoever it was has to be one of those known, and is asked for."""
    pins = [stage[name] for name in ("other", "partner", "subkeyed", "revoked", "expired", "node")]
    runs = []
    run = Engine.run
    monkeypatch.setattr(Engine, "run", lambda *args, **more: runs.append(1) or run(*args, **more))
    asked = []

    def accept(signer: str):
        asked.append(signer)
        return lambda _: None

    def opened(data: bytes):
        file, into = tmp_path / "asked.gpg", tmp_path / hashlib.sha256(data).hexdigest()
        file.write_bytes(data)
        runs.clear()
        asked.clear()
        found = stage.node.open_any(file, into, pins, stage.caps, accept)
        assert len(runs) == 1, "decrypted once"
        assert into.exists() == isinstance(found, Ok)
        return (found.value.signer, list(asked)) if isinstance(found, Ok) else found.code

    assert opened(good(stage)) == (stage["partner"], [stage["partner"]])
    assert opened(sealed_by("subkeyed")(stage)) == (stage["subkeyed"], [stage["subkeyed"]])
    assert opened(_own(stage)) == (stage["node"], [stage["node"]])
    for data, code in (
        (sealed_by("stranger")(stage), "211"),
        (sealed_by("aged")(stage), "211"),
        (sealed_by()(stage), "210"),
        (sealed_by("partner", "other")(stage), "210"),
        ((stage.folder / "revoked.gpg").read_bytes(), "210"),
        (sealed_by("partner", to=("other",))(stage), "212"),
        (good(stage) + good(stage), "214"),
    ):
        assert opened(data) == code


def test_more_partners_than_gpg_takes_keyrings(stage: Stage, tmp_path: Path) -> None:
    """gpg 2.2 takes 40 keyrings and no more."""
    private = stage.folder / "private"
    keys = [Path(str(keyring.partner_keyring(private, stage.folder / "partner.asc", stage["partner"])))]
    for number in range(45):
        copy = tmp_path / f"{number}.gpg"
        copy.write_bytes(keys[0].read_bytes())
        keys.append(copy)
    (tmp_path / "sealed.gpg").write_bytes(good(stage))

    def decrypt(*rings: Path) -> subprocess.CompletedProcess[str]:
        options = [word for ring in rings for word in ("--keyring", str(ring))]
        command = ["gpg", "--homedir", str(keyring.home(private)), "--batch", "--status-fd", "1", "--pinentry-mode"]
        command += ["loopback", "--passphrase-file", str(private / "passphrase"), *options, "--output", os.devnull]
        return subprocess.run(
            [*command, "--decrypt", str(tmp_path / "sealed.gpg")], capture_output=True, text=True, check=False
        )

    naive = decrypt(*keys)
    assert naive.returncode != 0
    assert "Resources exhausted" in naive.stderr
    merged = decrypt(keyring.together(private, keys))
    assert merged.returncode == 0, merged.stderr
    assert "VALIDSIG" in merged.stdout


def test_a_folder_that_is_not_empty_stays_as_it_is(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "package.gpg"
    file.write_bytes(good(stage))
    into = tmp_path / "into"
    into.mkdir()
    (into / "mine").write_text("mine")
    assert stage.node.open(file, into, stage["partner"]).code == "902"
    assert [p.name for p in into.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("name", "make", "code"),
    [
        ("good", lambda s, d: s.stock.run("-u", s["partner"], "--detach-sign", data=d), None),
        ("subkey", lambda s, d: s.stock.run("-u", s["subkeyed"], "--detach-sign", data=d), "211"),
        ("other party", lambda s, d: s.stock.run("-u", s["other"], "--detach-sign", data=d), "211"),
        ("other data", lambda s, d: s.stock.run("-u", s["partner"], "--detach-sign", data=d + b"x"), "210"),
        ("two", lambda s, d: s.stock.run("-u", s["partner"], "-u", s["other"], "--detach-sign", data=d), "210"),
        ("whole message", lambda s, d: s.stock.run("-u", s["partner"], "--sign", data=d), "210"),
        ("clear-signed", lambda s, d: s.stock.run("-u", s["partner"], "--clear-sign", data=d), "210"),
        ("text", lambda s, d: s.stock.run("-u", s["partner"], "--textmode", "--detach-sign", data=d), "210"),
        ("nothing", lambda s, d: b"", "210"),
        ("rubbish", lambda s, d: b"\x88\x75" + bytes(100), "210"),
    ],
)
def test_detached_signatures(stage: Stage, name: str, make: Callable[[Stage, bytes], bytes], code: str | None) -> None:
    data = b"receipt " * 1000
    outcome = stage.node.verify(data, make(stage, data), stage["partner"])
    assert (None if isinstance(outcome, Ok) else outcome.code) == code


def test_a_replaced_text_under_an_old_signature(stage: Stage) -> None:
    signature = stage.node.sign(b"true")
    assert isinstance(signature, Ok)
    assert isinstance(stage.node.verify(b"true", signature.value, stage["node"]), Ok)
    assert stage.node.verify(b"false", signature.value, stage["node"]).code == "210"
