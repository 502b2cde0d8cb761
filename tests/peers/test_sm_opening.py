"""The opening matrix of profile `sm`: every package that must not be taken, and the one answer to it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import gmssl_pyx
import pytest
from support.packed import CONTENT, describe, members, packed
from support.sm_peers import Craft, Peer, sm3

from gateway.adapters import container
from gateway.adapters.container import Caps
from gateway.adapters.sealing.sm import SM, Pin, Software, keys
from gateway.adapters.sealing.sm import manifest as outside
from gateway.adapters.sealing.sm.keys import KeyFileError, PublicKey
from gateway.outcomes import Ok, Refused


@dataclass
class Stage:
    folder: Path
    opener: SM
    peers: dict[str, Peer]

    def __getitem__(self, name: str) -> Peer:
        return self.peers[name]

    def craft(self, **changes: object) -> Craft:
        return Craft(self["partner"], self["node"], **changes)  # type: ignore[arg-type]

    def open(self, sealed: bytes, pin: str, **options: object):
        file = self.folder / "package.sm.tar"
        file.write_bytes(sealed)
        place = self.folder / "place"
        place.mkdir(exist_ok=True)
        outcome = self.opener.open(file, place / "out", pin, Caps(plain=8 << 20, expanded=32 << 20), **options)
        left = sorted(p.name for p in place.iterdir())
        if isinstance(outcome, Ok):
            assert left == ["out"]
            assert (place / "out/data/cases.csv").read_bytes() == CONTENT
            subprocess.run(["rm", "-r", str(place / "out")], check=True)
        else:
            assert left == [], "something was left behind"
        return outcome


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("sm")
    peers = {n: Peer.new(n) for n in ("node", "partner", "other", "stranger", "revoked", "expired", "mistaken")}
    pins = {}
    for name in ("partner", "other", "revoked", "expired"):
        (folder / f"{name}.pem").write_bytes(peers[name].key.public.pem)
        pins[peers[name].pin] = Pin(folder / f"{name}.pem")
    pins[peers["mistaken"].pin] = Pin(folder / "other.pem")
    pins[peers["revoked"].pin] = replace(pins[peers["revoked"].pin], revoked=True)
    pins[peers["expired"].pin] = replace(pins[peers["expired"].pin], valid_until=date(2025, 1, 1))
    return Stage(folder, SM(Software([peers["node"].key]), pins), peers)


def test_a_good_package_opens(stage: Stage) -> None:
    outcome = stage.open(stage.craft().build(), stage["partner"].pin)
    assert isinstance(outcome, Ok), outcome
    assert outcome.value.signer == stage["partner"].pin
    assert outcome.value.descriptor == describe()
    assert outcome.value.members == ("data/cases.csv",)


def test_gnu_tar_may_make_the_outside(stage: Stage) -> None:
    subprocess.run(
        "mkdir -p again && tar xf ../good.tar -C again && cd again && tar cf ../again.tar --sort=none "
        "manifest.json manifest.sig key.sm2 payload.sm4gcm",
        shell=True,
        check=True,
        cwd=_folder(stage),
    )
    assert isinstance(stage.open((_folder(stage) / "again.tar").read_bytes(), stage["partner"].pin), Ok)


def _folder(stage: Stage) -> Path:
    folder = stage.folder / "tar"
    folder.mkdir(exist_ok=True)
    (stage.folder / "good.tar").write_bytes(stage.craft().build())
    return folder


Make = Callable[[Stage], bytes]
ZERO_POINT = bytes.fromhex("04") + bytes(64)


def off_curve(stage: Stage) -> bytes:
    """A wrapped key whose C1 is no point of the curve: unwrapping it would leak the private key bit by bit."""
    wrapped = bytearray(gmssl_pyx.sm2_encrypt(stage["node"].key.public.point, bytes(range(16))))
    wrapped[4 + wrapped[3] - 3] ^= 1
    return stage.craft(wrapped=bytes(wrapped)).build()


def bad_c3(stage: Stage) -> bytes:
    wrapped = bytearray(gmssl_pyx.sm2_encrypt(stage["node"].key.public.point, bytes(range(16))))
    wrapped[-18 - 8] ^= 1
    return stage.craft(wrapped=bytes(wrapped)).build()


def bad_c2(stage: Stage) -> bytes:
    wrapped = bytearray(gmssl_pyx.sm2_encrypt(stage["node"].key.public.point, bytes(range(16))))
    wrapped[-1] ^= 1
    return stage.craft(wrapped=bytes(wrapped)).build()


def flipped(member: str, share: float = 0.5) -> Make:
    """One bit of a member, after everything was signed."""

    def make(stage: Stage) -> bytes:
        data = bytearray(stage.craft().build())
        at = 0
        while True:
            header = container.parse_header(bytes(data[at : at + 512]))
            assert header is not None
            if header.name == member:
                data[at + 512 + int(header.size * share)] ^= 0x10
                return bytes(data)
            at += 512 + header.size + -header.size % 512

    return make


def wrapped_for(name: str) -> Make:
    """Signed for us, but the session key is another's: what a swapped `key.sm2` would be if it were signed."""

    def make(stage: Stage) -> bytes:
        return stage.craft(wrapped=gmssl_pyx.sm2_encrypt(stage[name].key.public.point, bytes(range(16)))).build()

    return make


def spliced(stage: Stage) -> bytes:
    """The envelope of one good package around the payload of another."""
    one, two = stage.craft().build(), stage.craft(plain=packed(CONTENT[:5000] + CONTENT[5000:])).build()
    other = stage.craft(session=bytes(16)).build()
    cut = outside.BLOCK * 7
    assert one != other
    return one[:cut] + other[cut:] if len(one) == len(other) else two


def members_of(data: bytes) -> list[bytes]:
    """Header with content, for each of the four."""
    found, at = [], 0
    for _ in range(4):
        header = container.parse_header(data[at : at + 512])
        assert header is not None
        end = at + 512 + header.size + -header.size % 512
        found.append(data[at:end])
        at = end
    return found


def order(*numbers: int) -> Make:
    def make(stage: Stage) -> bytes:
        found = members_of(stage.craft().build())
        return b"".join(found[n] for n in numbers) + bytes(10240)

    return make


def zeros_bomb(stage: Stage) -> bytes:
    pieces: list[bytes] = []
    container.pack(
        [("datapackage.json", describe(bytes(1 << 26)).to_json()), ("data/cases.csv", bytes(1 << 26))], pieces.append
    )
    return stage.craft(plain=b"".join(pieces)).build()


def doubled(body: bytes) -> bytes:
    return body.replace(b'{"cipher"', b'{"sender":"p2","cipher"')


P = "partner"
MATRIX: dict[str, tuple[Make, str, str]] = {
    # the signature
    "unsigned": (lambda s: s.craft(signature=lambda _: b"").build(), P, "210"),
    "signed by another known party": (lambda s: Craft(s["other"], s["node"]).build(), P, "211"),
    "signed by a stranger": (lambda s: Craft(s["stranger"], s["node"]).build(), P, "211"),
    "signed by ourselves": (lambda s: Craft(s["node"], s["node"]).build(), P, "211"),
    "signed by another in the partner's name": (lambda s: s.craft(signed_by=s["other"]).build(), P, "210"),
    "the partner's signature under another's name": (
        lambda s: s.craft(manifest={"sender_key": s["other"].pin}).build(),
        P,
        "211",
    ),
    "another distinguishing ID": (lambda s: s.craft(signer_id=b"ALICE123@YAHOO.COM").build(), P, "210"),
    "no distinguishing ID": (lambda s: s.craft(signer_id=None).build(), P, "210"),
    "junk behind the signature": (lambda s: s.craft(signature=lambda made: made + b"\0").build(), P, "210"),
    "rubbish for a signature": (lambda s: s.craft(signature=lambda _: os.urandom(71)).build(), P, "210"),
    "zeros for a signature": (
        lambda s: s.craft(signature=lambda _: bytes.fromhex("3006020100020100")).build(),
        P,
        "210",
    ),
    "the manifest changed": (flipped("manifest.json", 0.3), P, "210"),
    "the signature changed": (flipped("manifest.sig"), P, "210"),
    "key revoked": (lambda s: Craft(s["revoked"], s["node"]).build(), "revoked", "210"),
    "key expired": (lambda s: Craft(s["expired"], s["node"]).build(), "expired", "210"),
    # what it binds
    "the wrapped key changed": (flipped("key.sm2"), P, "214"),
    "the payload changed": (flipped("payload.sm4gcm", 0.1), P, "214"),
    "the tag changed": (flipped("payload.sm4gcm", 0.9999), P, "214"),
    "the payload of another package": (spliced, P, "214"),
    "another length": (lambda s: s.craft(manifest={"length": 100}).build(), P, "214"),
    "another digest": (lambda s: s.craft(manifest={"payload_sm3": sm3(b"")}).build(), P, "214"),
    "swapped sender": (lambda s: s.craft(manifest={"sender": "p2"}).build(), P, "214"),
    "swapped receiver": (lambda s: s.craft(manifest={"receiver": "p2"}).build(), P, "214"),
    "the manifest of another package": (
        lambda s: s.craft(
            manifest={"package": describe(revision=2).package_id}, associated=describe(revision=2).package_id.encode()
        ).build(),
        P,
        "214",
    ),
    "for another receiver": (lambda s: Craft(s["partner"], s["other"]).build(), P, "212"),
    "for another, in our name": (wrapped_for("other"), P, "213"),
    # unwrapping and decrypting
    "off the curve": (off_curve, P, "213"),
    "bad C3": (bad_c3, P, "213"),
    "bad C2": (bad_c2, P, "213"),
    "no wrapped key": (lambda s: s.craft(wrapped=b"\x30\x00").build(), P, "213"),
    "a session key of 15 bytes": (
        lambda s: s.craft(wrapped=gmssl_pyx.sm2_encrypt(s["node"].key.public.point, bytes(15))).build(),
        P,
        "213",
    ),
    "wrong AAD": (lambda s: s.craft(associated=b"another").build(), P, "214"),
    "wrong IV": (lambda s: s.craft(manifest={"iv": "ff" * 12}).build(), P, "214"),
    "another session key": (
        lambda s: s.craft(wrapped=gmssl_pyx.sm2_encrypt(s["node"].key.public.point, bytes(16))).build(),
        P,
        "214",
    ),
    "wrong tag, signed": (lambda s: s.craft(payload=os.urandom(4000)).build(), P, "214"),
    "no payload": (lambda s: s.craft(payload=bytes(16)).build(), P, "214"),
    # the manifest itself
    "format 2": (lambda s: s.craft(manifest_bytes=lambda b: b.replace(b'"format":1', b'"format":2')).build(), P, "214"),
    "another cipher": (lambda s: s.craft(manifest_bytes=lambda b: b.replace(b"SM4-GCM", b"SM4-CTR")).build(), P, "214"),
    "a doubled key": (lambda s: s.craft(manifest_bytes=doubled).build(), P, "214"),
    "one key more": (lambda s: s.craft(manifest_bytes=lambda b: b.replace(b"{", b'{"a":1,')).build(), P, "214"),
    "no JSON": (lambda s: s.craft(manifest_bytes=lambda _: b"sender: p1").build(), P, "214"),
    "a list": (lambda s: s.craft(manifest_bytes=lambda _: b"[]").build(), P, "214"),
    # the outside
    "nothing": (lambda s: b"", P, "213"),
    "a plain tar of the inside": (lambda s: packed(), P, "213"),
    "an OpenPGP message": (lambda s: b"\x84\x5e\x03" + bytes(3000), P, "213"),
    "a zip": (lambda s: b"PK\x03\x04" + bytes(3000), P, "213"),
    "trailing junk": (lambda s: s.craft(after=lambda b: b + b"junk").build(), P, "215"),
    "trailing zeros beyond a record": (lambda s: s.craft(after=lambda b: b + bytes(20480)).build(), P, "215"),
    "concatenated": (lambda s: s.craft(after=lambda b: b + b).build(), P, "215"),
    "truncated at 1 %": (lambda s: s.craft(after=lambda b: b[: len(b) // 100]).build(), P, "213"),
    "truncated in the head": (lambda s: s.craft(after=lambda b: b[:2000]).build(), P, "214"),
    "truncated in the payload": (lambda s: s.craft(after=lambda b: b[:8000]).build(), P, "214"),
    "without an end mark": (lambda s: s.craft(after=lambda b: b.rstrip(b"\0")).build(), P, "214"),
    "the manifest last": (order(1, 2, 3, 0), P, "213"),
    "the signature twice": (order(0, 1, 1, 2, 3), P, "215"),
    "a fifth member": (order(0, 1, 2, 3, 3), P, "215"),
    "no key": (order(0, 1, 3), P, "215"),
    "a bomb of zstd": (zeros_bomb, P, "216"),
}


@pytest.mark.parametrize("name", MATRIX)
def test_refused_and_nothing_left_behind(stage: Stage, name: str) -> None:
    make, pin, code = MATRIX[name]
    outcome = stage.open(make(stage), stage[pin].pin)
    assert isinstance(outcome, Refused), outcome
    assert outcome.code == code, outcome
    assert "MARKER" not in str(outcome.detail)


def test_a_pin_without_its_key_waits(stage: Stage) -> None:
    sealed = Craft(stage["mistaken"], stage["node"]).build()
    assert stage.open(sealed, stage["mistaken"].pin).code == "707", "the file holds another key than the pinned one"
    assert stage.open(sealed, stage["stranger"].pin).code == "707"


def test_nothing_is_decrypted_before_the_signature_is_judged(stage: Stage) -> None:
    """The order of the formats page: a module that would decrypt too early is told on."""
    asked: list[str] = []

    class Watched(Software):
        def verify(self, *arguments: object) -> bool:
            asked.append("verify")
            return super().verify(*arguments)  # type: ignore[arg-type]

        def digest(self):
            asked.append("digest")
            return super().digest()

        def unseal(self, *arguments: object):
            asked.append("unseal")
            return super().unseal(*arguments)  # type: ignore[arg-type]

    opener = SM(Watched([stage["node"].key]), {stage["partner"].pin: Pin(stage.folder / "partner.pem")})
    file = stage.folder / "watched.sm.tar"
    for make, expected in (
        (stage.craft().build, ["verify", "digest", "digest", "unseal"]),
        (lambda: MATRIX["signed by another in the partner's name"][0](stage), ["verify"]),
        (lambda: MATRIX["the payload changed"][0](stage), ["verify", "digest", "digest"]),
        (lambda: MATRIX["the wrapped key changed"][0](stage), ["verify", "digest"]),
    ):
        file.write_bytes(make())
        asked.clear()
        opener.open(file, stage.folder / "watched" / str(time.monotonic_ns()), stage["partner"].pin)
        assert asked == expected


def test_accept_may_refuse_by_the_descriptor(stage: Stage) -> None:
    assert stage.open(stage.craft().build(), stage["partner"].pin, accept=lambda _: Refused("212")) == Refused("212")


def test_the_signer_is_a_hint(stage: Stage) -> None:
    def signer(data: bytes):
        file = stage.folder / "asked.sm.tar"
        file.write_bytes(data)
        return stage.opener.signer(file)

    assert signer(stage.craft().build()) == Ok(stage["partner"].pin)
    assert signer(Craft(stage["node"], stage["node"]).build()) == Ok(stage["node"].pin)
    assert signer(Craft(stage["stranger"], stage["node"]).build()).code == "211"
    assert signer(packed()).code == "213"


def test_a_former_key_still_opens(stage: Stage) -> None:
    fresh = keys.new()
    opener = SM(Software([fresh, stage["node"].key]), {stage["partner"].pin: Pin(stage.folder / "partner.pem")})
    file = stage.folder / "former.sm.tar"
    file.write_bytes(stage.craft().build())
    assert isinstance(opener.open(file, stage.folder / "former", stage["partner"].pin), Ok)
    assert opener.fingerprint == fresh.public.fingerprint


def test_what_a_killed_run_left_goes_with_the_next(stage: Stage, tmp_path: Path) -> None:
    """Killed in mid-opening, the plaintext lies in a folder of ours alone, and the next opening removes it."""
    (tmp_path / "node.pem").write_bytes(stage["node"].key.pem)
    (tmp_path / "p.sm.tar").write_bytes(stage.craft().build())
    script = """
import os, signal, sys
from pathlib import Path
from gateway.adapters.sealing import sm
from gateway.adapters.sealing.sm import keys
folder, pin, peer = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
node = sm.SM(sm.Software([keys.read_private((folder / "node.pem").read_bytes())]), {pin: sm.Pin(peer)})
sm.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
node.open(folder / "p.sm.tar", folder / "place/out", pin)
"""
    partner = stage["partner"].pin
    done = subprocess.run([sys.executable, "-c", script, tmp_path, partner, stage.folder / "partner.pem"], check=False)
    assert done.returncode == -9
    (left,) = (tmp_path / "place").iterdir()
    assert left.stat().st_mode & 0o777 == 0o700
    assert list(left.rglob("cases.csv")), "it was killed after unpacking"
    assert isinstance(stage.opener.open(tmp_path / "p.sm.tar", tmp_path / "place/out", partner), Ok)
    assert [p.name for p in (tmp_path / "place").iterdir()] == ["out"]


# ---- sealing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [("revoked", "revoked"), ("expired", "expired"), ("stranger", "missing"), ("mistaken", "missing")],
)
def test_an_unusable_recipient_waits(stage: Stage, tmp_path: Path, recipient: str, reason: str) -> None:
    outcome = stage.opener.seal(members(), stage[recipient].pin, tmp_path / "p.sm.tar")
    assert (outcome.code, outcome.detail) == ("707", {"reason": reason})
    assert list(tmp_path.iterdir()) == []


def test_our_own_expired_key_seals_nothing(stage: Stage, tmp_path: Path) -> None:
    pins = {stage["partner"].pin: Pin(stage.folder / "partner.pem")}
    pins[stage["node"].pin] = Pin(tmp_path / "own.pem", date(2025, 1, 1))
    node = SM(Software([stage["node"].key]), pins)
    outcome = node.seal(members(), stage["partner"].pin, tmp_path / "p.sm.tar")
    assert (outcome.code, outcome.detail) == ("902", {"reason": "the node's key is expired"})
    assert node.sign(b"x").code == "902"
    assert list(tmp_path.iterdir()) == []


def test_no_key_of_our_own_is_our_fault(stage: Stage, tmp_path: Path) -> None:
    node = SM(Software([]), {stage["partner"].pin: Pin(stage.folder / "partner.pem")})
    assert node.seal(members(), stage["partner"].pin, tmp_path / "p.sm.tar").code == "902"
    assert node.sign(b"x").code == "902"
    assert list(tmp_path.iterdir()) == []


def test_a_member_that_is_missing_gives_no_package(stage: Stage, tmp_path: Path) -> None:
    given = [members()[0], ("data/cases.csv", tmp_path / "missing")]
    outcome = stage.opener.seal(given, stage["partner"].pin, tmp_path / "p.sm.tar")
    assert outcome.code == "902"
    assert list(tmp_path.iterdir()) == []


def test_detached_signatures(stage: Stage) -> None:
    data = b"receipt " * 1000

    def by(name: str, signer_id: bytes | None = b"1234567812345678") -> bytes:
        key = stage[name].key
        return bytes(gmssl_pyx.sm2_sign(key.scalar, key.public.point, data, signer_id))

    def code(signature: bytes, pin: str = "partner", over: bytes = data) -> str | None:
        outcome = stage.opener.verify(over, signature, stage[pin].pin)
        return None if isinstance(outcome, Ok) else outcome.code

    assert code(by("partner")) is None
    assert code(by("other")) == "211"
    assert code(by("stranger")) == "210"
    assert code(by("partner", b"other")) == "210"
    assert code(by("partner"), over=data + b"x") == "210"
    assert code(by("partner") + b"\0") == "210"
    assert code(b"") == "210"
    assert code(by("revoked"), "revoked") == "210"
    assert code(by("expired"), "expired") == "210"
    assert code(by("stranger"), "stranger") == "707"


def test_twenty_at_once(stage: Stage, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pins = {stage["node"].pin: Pin(stage.folder / "own.pem")}
    node = SM(Software([stage["node"].key]), pins)

    def round_trip(number: int) -> bool:
        target = tmp_path / f"{number}.sm.tar"
        given = members(sender="node", revision=number + 1)
        assert node.seal(given, stage["node"].pin, target) == Ok(None)
        return isinstance(node.open(target, tmp_path / f"out{number}", stage["node"].pin), Ok)

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(round_trip, range(20)))


# ---- vectors ---------------------------------------------------------------------------------------------------------

DB = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
PB = (
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)


def der(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([0x30, len(body)]) + body if len(body) < 128 else bytes([0x30, 0x81, len(body)]) + body


def integer(value: str) -> bytes:
    data = bytes.fromhex(value)
    data = b"\0" + data if data[0] & 0x80 else data.lstrip(b"\0")
    return bytes([2, len(data)]) + data


def octets(value: str) -> bytes:
    data = bytes.fromhex(value)
    return bytes([4, len(data)]) + data


def test_gb_t_32918_signature() -> None:
    """GB/T 32918.5-2017, A.2: the signature of "message digest" under the recommended curve."""
    signature = der(
        integer("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"),
        integer("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"),
    )
    key = PublicKey.of_point(bytes.fromhex(PB))
    assert Software([]).verify(key, b"message digest", signature)
    assert not Software([]).verify(key, b"message digesT", signature)


def test_gb_t_32918_encryption() -> None:
    """GB/T 32918.5-2017, C.2: the ciphertext of "encryption standard", C1C3C2 in DER (GM/T 0009)."""
    ciphertext = der(
        integer("04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"),
        integer("E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"),
        octets("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"),
        octets("21886CA989CA9C7D58087307CA93092D651EFA"),
    )
    assert gmssl_pyx.sm2_decrypt(bytes.fromhex(DB), ciphertext) == b"encryption standard"


def test_rfc_8998_sm4_gcm() -> None:
    """RFC 8998, A.1, through the module: the same key, IV, associated data, ciphertext and tag."""
    own = keys.PrivateKey(PublicKey.of_point(bytes.fromhex(PB)), bytes.fromhex(DB))
    wrapped = gmssl_pyx.sm2_encrypt(own.public.point, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
    plain = bytes.fromhex("".join(c * 16 for c in "ABCDEFEA"))
    sealed = bytes.fromhex(
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    )
    iv, associated = bytes.fromhex("00001234567800000000ABCD"), "FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"
    cipher = Software([own]).unseal(own.public, wrapped, iv, bytes.fromhex(associated))
    assert cipher.update(sealed) == plain
    cipher.finish(bytes.fromhex("83DE3541E4C2B58177E065A9BF7B62EC"))


def test_gb_t_32905_sm3() -> None:
    assert sm3(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


# ---- key files -------------------------------------------------------------------------------------------------------


def openssl(*words: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


P256 = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
SM2 = ("genpkey", "-algorithm", "SM2")


def _off_by_one(der: bytes) -> bytes:
    """A point beside the curve, whatever the key."""
    return der[:-1] + bytes([der[-1] ^ 1])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("private", lambda: openssl(*SM2)),
        ("another curve", lambda: openssl("pkey", "-pubout", data=openssl(*P256))),
        ("compressed", lambda: openssl("ec", "-pubout", "-conv_form", "compressed", data=openssl(*SM2))),
        ("two", lambda: keys.new().public.pem + keys.new().public.pem),
        ("nothing", lambda: b""),
        ("DER", lambda: keys.new().public.der),
        ("off the curve", lambda: _pem(_off_by_one(keys.new().public.der))),
        ("at infinity", lambda: _pem(keys.new().public.der[:27] + bytes(64))),
    ],
)
def test_no_public_key(name: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(KeyFileError):
        keys.read_public(make())


def test_no_private_key() -> None:
    one, two = keys.new(), keys.new()
    for data in (one.public.pem, openssl(*P256), openssl(*SM2, "-aes256", "-pass", "pass:x"), b""):
        with pytest.raises(KeyFileError):
            keys.read_private(data)
    with pytest.raises(KeyFileError, match="public half"):
        keys.read_private(keys.PrivateKey(two.public, one.scalar).pem)


def test_a_private_key_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys.load(tmp_path) is None
    public = keys.generate(tmp_path)
    assert (tmp_path / "sm2.pem").stat().st_mode & 0o777 == 0o600
    made = keys.load(tmp_path)
    assert made is not None
    assert made.public == public
    assert made.scalar.hex() not in repr(made)
    with pytest.raises(KeyFileError, match="already"):
        keys.generate(tmp_path)
    (tmp_path / "sm2.pem").chmod(0o640)
    with pytest.raises(KeyFileError, match="open to others"):
        keys.load(tmp_path)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    given = keys.new()
    (credentials / keys.CREDENTIAL).write_bytes(given.pem)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert keys.load(tmp_path) == given


def _pem(der_bytes: bytes) -> bytes:
    return PublicKey(der_bytes).pem
