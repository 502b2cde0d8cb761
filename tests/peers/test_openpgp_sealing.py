"""Sealing against real gpg: stock tools open what we seal, and nothing is sealed wrongly or left half done."""

import hashlib
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import gnupg
import pytest
from support.openpgp_peers import StockGpg
from support.packed import members

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp import OpenPGP
from gateway.outcomes import Deferred, Fault, Ok, Refused

MEMBERS = [("datapackage.json", b'{"a":1}'), ("data/cases.csv", b"name,code\r\n" + b"MARKER,0\r\n" * 2000)]
PAST = "20240101T000000!"


@dataclass
class Stage:
    folder: Path
    private: Path
    stock: StockGpg
    fingerprints: dict[str, str]
    node: OpenPGP

    def __getitem__(self, name: str) -> str:
        return self.fingerprints[name]

    def engine(self, parallel: int = 4) -> OpenPGP:
        return OpenPGP(self.private, self.node._partners, parallel=parallel)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("sealing")
    stock = StockGpg(folder / "stock")
    private = folder / "private"
    names = {"node": keyring.generate(private, "国家节点")}
    names |= {name: stock.generate(name) for name in ("partner", "revoked")}
    names["expired"] = stock.generate("expired", when=PAST, expires="1y")
    status = stock.run("--status-fd", "1", "--passphrase", "", "--quick-gen-key", "signs", "ed25519", "sign", "1y")
    names["signs"] = next(line.split()[3] for line in status.decode().splitlines() if "KEY_CREATED" in line)
    stock.revoke(names["revoked"])
    stock.run("--import", data=keyring.public_key(private))
    partners = {fingerprint: folder / f"{name}.asc" for name, fingerprint in names.items() if name != "node"}
    for fingerprint, file in partners.items():
        file.write_bytes(stock.public(fingerprint))
    node = OpenPGP(private, partners)
    yield Stage(folder, private, stock, names, node)
    node.close()
    stock.close()


def test_a_partner_opens_it_with_stock_tools_alone(stage: Stage, tmp_path: Path) -> None:
    target = tmp_path / "package.tar.zst.gpg"
    source = tmp_path / "source.csv"
    source.write_bytes(MEMBERS[1][1])
    assert stage.node.seal([MEMBERS[0], ("data/cases.csv", source)], stage["partner"], target) == Ok(None)
    source.unlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [target.name]
    opened = tmp_path / "opened"
    opened.mkdir()
    script = 'gpg --batch --trust-model always -d -o p.tar.zst "$1" && zstd -dqc p.tar.zst | tar x'
    environment = {**os.environ, "GNUPGHOME": str(stage.stock.home)}
    done = subprocess.run(["sh", "-ec", script, "-", str(target)], cwd=opened, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"Good signature" in done.stderr
    assert (opened / "datapackage.json").read_bytes() == MEMBERS[0][1]
    assert (opened / "data/cases.csv").read_bytes() == MEMBERS[1][1]
    assert sorted(p.name for p in opened.iterdir()) == ["data", "datapackage.json", "p.tar.zst"]


def test_one_recipient_one_signature_aes256_no_openpgp_compression(stage: Stage, tmp_path: Path) -> None:
    target = tmp_path / "package.gpg"
    assert stage.node.seal(MEMBERS, stage["partner"], target) == Ok(None)
    status = stage.stock.run("--status-fd", "1", "-o", "/dev/null", "-d", str(target)).decode()
    assert status.count("ENC_TO ") == 1
    assert status.count("VALIDSIG ") == 1
    assert f" 22 8 00 {stage['node']}" in status
    assert "DECRYPTION_INFO 2 9" in status
    packets = stage.stock.run("--list-packets", str(target)).decode()
    assert ":compressed packet:" not in packets
    assert packets.count(":pubkey enc packet:") == packets.count(":signature packet:") == 1


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [("expired", "expired"), ("revoked", "revoked"), ("signs", "unusable"), ("unknown", "missing")],
)
def test_an_unusable_recipient_waits(stage: Stage, tmp_path: Path, recipient: str, reason: str) -> None:
    fingerprint = stage.fingerprints.get(recipient, "0123456789ABCDEF0123456789ABCDEF01234567")
    outcome = stage.node.seal(MEMBERS, fingerprint, tmp_path / "package.gpg")
    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.detail) == ("707", {"reason": reason})
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_key_than_the_pinned_one_is_no_key(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "wrong.asc"
    file.write_bytes(stage.stock.public(stage["signs"]))
    node = OpenPGP(stage.private, {stage["partner"]: file})
    outcome = node.seal(MEMBERS, "F" * 40, tmp_path / "package.gpg")
    assert isinstance(outcome, Deferred)
    ring = keyring.partner_keyring(stage.private, file, "F" * 40)
    assert ring is None
    assert [p.name for p in tmp_path.iterdir()] == ["wrong.asc"]


def test_an_operation_sees_the_one_partner_only(stage: Stage) -> None:
    ring = keyring.partner_keyring(stage.private, stage.folder / "partner.asc", stage["partner"])
    listed = stage.stock.run("--no-default-keyring", "--keyring", str(ring), "--with-colons", "--list-keys").decode()
    assert listed.count("pub:") == 1
    assert stage["partner"] in listed


def test_a_prolonged_key_is_taken_when_its_file_changes(stage: Stage, tmp_path: Path) -> None:
    stock, file = stage.stock, tmp_path / "late.asc"
    late = stock.generate("late", when=PAST, expires="1y")
    file.write_bytes(stock.public(late))
    node = OpenPGP(stage.private, {late: file})
    assert node.seal(MEMBERS, late, tmp_path / "package.gpg").code == "707"
    stock.run("--quick-set-expire", late, "1y")
    subkey = keyring.info(file)[0].subkeys[0].fingerprint
    stock.run("--quick-set-expire", late, "1y", subkey)
    file.write_bytes(stock.public(late))
    assert node.seal(MEMBERS, late, tmp_path / "package.gpg") == Ok(None)
    rings = [p.name for p in (stage.private / "keyrings").iterdir() if p.name.startswith(late)]
    assert len(rings) == 1, "the old keyring is gone"


@pytest.fixture
def two_keys(stage: Stage, tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """A node whose pinned key has expired, with another good secret key in the same home."""
    private = tmp_path / "private"
    good = keyring.generate(private, "another")
    expired = stage.stock.generate("node of old", when=PAST, expires="1y")
    secret = stage.stock.run("--armor", "--export-secret-keys", expired)
    command = ["gpg", "--homedir", str(keyring.home(private)), "--batch", "--pinentry-mode", "loopback"]
    command += ["--passphrase-file", str(private / "passphrase"), "--import"]
    subprocess.run(command, input=secret, check=True, capture_output=True)
    (private / "fingerprint").write_text(expired)
    yield private, expired, good
    keyring.stop_agent(private)


def test_an_expired_own_key_never_signs_with_another(
    stage: Stage, two_keys: tuple[Path, str, str], tmp_path: Path
) -> None:
    private, _, _ = two_keys
    node = OpenPGP(private, {stage["partner"]: stage.folder / "partner.asc"})
    outcome = node.seal(MEMBERS, stage["partner"], tmp_path / "package.gpg")
    assert outcome == Fault("902", {"reason": "the node's key is expired"})
    assert node.sign(b"data") == Fault("902", {"reason": "the node's key is expired"})
    assert not (tmp_path / "package.gpg").exists()


def test_a_missing_own_key_never_signs_with_another(
    stage: Stage, two_keys: tuple[Path, str, str], tmp_path: Path
) -> None:
    private, _, _ = two_keys
    (private / "fingerprint").write_text("0123456789ABCDEF0123456789ABCDEF01234567")
    node = OpenPGP(private, {stage["partner"]: stage.folder / "partner.asc"})
    assert node.seal(MEMBERS, stage["partner"], tmp_path / "package.gpg").code == "902"
    assert node.sign(b"data").code == "902"


def test_the_naive_call_signs_with_another_key(two_keys: tuple[Path, str, str]) -> None:
    """Why `sign=<fingerprint>` of python-gnupg is not used. When this fails, that library has changed: look again."""
    private, expired, good = two_keys
    naive = gnupg.GPG(gnupghome=str(keyring.home(private)))
    result = naive.sign("data", keyid=expired, passphrase=(private / "passphrase").read_text().strip())
    assert result.status == "signature created"
    assert result.fingerprint == good


def test_a_member_that_is_missing_or_shrinks_gives_no_package(stage: Stage, tmp_path: Path) -> None:
    target = tmp_path / "package.gpg"
    assert stage.node.seal([("data/x", tmp_path / "none")], stage["partner"], target).code == "902"
    assert stage.node.seal([("data/x", Path("/proc/self/maps"))], stage["partner"], target).code == "902"
    assert stage.node.seal([("../x", b"")], stage["partner"], target).code == "902"
    assert stage.node.seal([("x", b""), ("x", b"")], stage["partner"], target).code == "902"
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
from pathlib import Path
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp import OpenPGP
private, ring, recipient, folder, limit = sys.argv[1:]
node = OpenPGP(Path(private), {recipient: Path(ring)})
folder = Path(folder)
(folder / "big").write_bytes(__import__("os").urandom(3_000_000))
node.sign(b"warm")
keyring.partner_keyring(Path(private), Path(ring), recipient)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
outcome = node.seal([("data/big", folder / "big")], recipient, folder / "out" / "package.gpg")
print(outcome.outcome, getattr(outcome, "code", ""))
"""


@pytest.mark.parametrize("limit", [0, 100_000, 2_999_000])
def test_no_space_defers_and_leaves_nothing(stage: Stage, tmp_path: Path, limit: int) -> None:
    """A write error at the start, in the middle and in the last blocks: gpg reports success on its status stream."""
    (tmp_path / "out").mkdir()
    arguments = [str(stage.private), str(stage.folder / "partner.asc"), stage["partner"], str(tmp_path), str(limit)]
    done = subprocess.run([sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["deferred", "702"], done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_no_space_while_opening_defers_and_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    own = OpenPGP(stage.private, {stage["node"]: tmp_path / "node.asc"})
    (tmp_path / "node.asc").write_bytes(keyring.public_key(stage.private))
    assert own.seal(members(content), stage["node"], tmp_path / "p.gpg") == Ok(None)
    (tmp_path / "place").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        outcome = own.open(tmp_path / "p.gpg", tmp_path / "place/out", stage["node"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "702"
    assert list((tmp_path / "place").iterdir()) == []


def test_sixty_at_once(stage: Stage, tmp_path: Path) -> None:
    node = stage.engine(parallel=60)
    targets = [tmp_path / f"{number}.gpg" for number in range(60)]
    with ThreadPoolExecutor(60) as pool:
        outcomes = list(pool.map(lambda target: node.seal(MEMBERS, stage["partner"], target), targets))
    assert outcomes == [Ok(None)] * 60
    assert sorted(tmp_path.iterdir()) == sorted(targets)


def test_sixty_rsa_operations_at_once(stage: Stage, tmp_path: Path) -> None:
    """Parallel RSA decryptions ran out of the agent's secure memory (`auto-expand-secmem`)."""
    private = tmp_path / "rsa"
    own = keyring.generate(private, "rsa", algorithm="rsa3072")
    (tmp_path / "rsa.asc").write_bytes(keyring.public_key(private))
    node = OpenPGP(private, {own: tmp_path / "rsa.asc"}, parallel=60)
    try:
        sealed = tmp_path / "one.gpg"
        assert node.seal(members(), own, sealed) == Ok(None)
        with ThreadPoolExecutor(60) as pool:
            outcomes = list(pool.map(lambda number: node.open(sealed, tmp_path / f"out{number}", own), range(60)))
        assert [outcome.value.signer for outcome in outcomes if isinstance(outcome, Ok)] == [own] * 60
    finally:
        node.close()


def test_an_agent_killed_in_mid_run(stage: Stage, tmp_path: Path) -> None:
    """Every outcome is a package that opens, or a deferral that leaves nothing."""
    done = threading.Event()
    ask = ["gpg-connect-agent", "--homedir", str(keyring.home(stage.private)), "--no-autostart"]

    def kill() -> None:
        for _ in range(6):
            asked = subprocess.run([*ask, "getinfo pid", "/bye"], capture_output=True, text=True, check=False)
            words = asked.stdout.split()
            if words[:1] == ["D"]:
                os.kill(int(words[1]), signal.SIGKILL)
            if done.wait(0.1):
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        targets = [tmp_path / f"{number}.gpg" for number in range(40)]
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(lambda target: stage.node.seal(MEMBERS, stage["partner"], target), targets))
            signatures = list(pool.map(lambda _: stage.node.sign(b"data"), range(20)))
    finally:
        done.set()
        killer.join()
    for outcome, target in zip(outcomes, targets, strict=True):
        if isinstance(outcome, Ok):
            stage.stock.run("-o", "/dev/null", "-d", str(target))
        else:
            assert isinstance(outcome, Deferred)
            assert outcome.code == "706"
            assert not target.exists()
    for signature in signatures:
        if isinstance(signature, Ok):
            assert stage.node.verify(b"data", signature.value, stage["node"]) == Ok(None)
        else:
            assert signature.code == "706"
    assert any(isinstance(outcome, Ok) for outcome in outcomes)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_private_key_out_of_reach_defers(stage: Stage, tmp_path: Path) -> None:
    private = tmp_path / "private"
    own = keyring.generate(private, "node")
    (tmp_path / "own.asc").write_bytes(keyring.public_key(private))
    node = OpenPGP(private, {own: tmp_path / "own.asc", stage["partner"]: stage.folder / "partner.asc"})
    assert node.seal(MEMBERS, own, tmp_path / "own.gpg") == Ok(None)
    node.close()
    (private / "gnupg/private-keys-v1.d").rename(private / "away")
    assert node.seal(MEMBERS, stage["partner"], tmp_path / "package.gpg").code == "706"
    assert node.sign(b"data").code == "706"
    outcome = node.open(tmp_path / "own.gpg", tmp_path / "into", own)
    assert isinstance(outcome, Deferred), "our own trouble refuses no sender"
    assert outcome.code == "706"
    assert not (tmp_path / "into").exists()
    node.close()
    (private / "gnupg/private-keys-v1.d").rmdir()
    (private / "away").rename(private / "gnupg/private-keys-v1.d")
    assert node.seal(MEMBERS, stage["partner"], tmp_path / "package.gpg") == Ok(None)
    node.close()


def test_a_wrong_passphrase_defers_and_blames_nobody(tmp_path: Path) -> None:
    private = tmp_path / "private"
    own = keyring.generate(private, "node")
    (tmp_path / "own.asc").write_bytes(keyring.public_key(private))
    node = OpenPGP(private, {own: tmp_path / "own.asc"})
    assert node.seal(MEMBERS, own, tmp_path / "own.gpg") == Ok(None)
    node.close()
    (private / "passphrase").write_text("another\n")
    try:
        assert node.sign(b"data").code == "706"
        outcome = node.open(tmp_path / "own.gpg", tmp_path / "into", own)
        assert not isinstance(outcome, Ok | Refused)
    finally:
        node.close()


def test_a_home_deep_in_the_tree(stage: Stage, tmp_path: Path) -> None:
    private = tmp_path.joinpath(*["a-long-name-of-a-folder"] * 6) / "private"
    own = keyring.generate(private, "deep")
    assert len(str(private / "gnupg")) > 150
    assert len(str(keyring.home(private))) < 80
    node = OpenPGP(private, {stage["partner"]: stage.folder / "partner.asc"})
    try:
        assert node.seal(MEMBERS, stage["partner"], tmp_path / "package.gpg") == Ok(None)
        keyring.home(private).unlink()
        assert node.sign(b"data").outcome == "ok", "the short way is made again"
        assert keyring.own_info(private).fingerprint == own
    finally:
        node.close()
        keyring.home(private).unlink()


MEMORY = """
import hashlib, resource, sys
from pathlib import Path
from gateway.adapters.sealing.openpgp import OpenPGP
private, ring, recipient, big, target = sys.argv[1:]
node = OpenPGP(Path(private), {recipient: Path(ring)})
assert node.seal([("data/x", b"x")], recipient, Path(target)).outcome == "ok"
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert node.seal([("data/x", Path(big))], recipient, Path(target)).outcome == "ok"
own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_does_not_grow_with_size(stage: Stage, tmp_path: Path) -> None:
    """200 MiB of data that does not compress; KiB above the start, and KiB of the largest child."""
    big = tmp_path / "big"
    block = os.urandom(1 << 20)
    with big.open("wb") as stream:
        for number in range(200):
            stream.write(hashlib.sha256(b"%d" % number).digest() + block[32:])
    arguments = [str(stage.private), str(stage.folder / "partner.asc"), stage["partner"], str(big), str(tmp_path / "p")]
    done = subprocess.run([sys.executable, "-c", MEMORY, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    own, child = (int(word) for word in done.stdout.split())
    assert own < 32 << 10
    assert child < 64 << 10
