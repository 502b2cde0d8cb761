"""The published form of a small log, byte for byte: a change of format must be meant (and gets a new version)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from support.logs import START, parcel_entries

from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import Publisher
from gateway.log import verify
from gateway.log.note import Signer, VerifierKey, read_checkpoint
from gateway.log.proof import Proof, check, prove
from gateway.log.tiles import TileTree

LOGS = Path(__file__).parents[2] / "golden" / "log"
GOLDEN, BEFORE = LOGS / "two-bundles", LOGS / "version-1"
SIGNER = Signer("golden", bytes(range(32)))


def publish(home: Path) -> Path:
    """38 parcels: a full bundle and ten entries."""
    ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
    ledger.migrate()
    publisher = Publisher(ledger, home / "log", "golden", lambda: [SIGNER])
    for number in range(38):
        ledger.append(parcel_entries(number, START), START)
    publisher.publish(START)
    ledger.close()
    return home / "log"


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    lines = "".join(f"{digest}  {name}\n" for name, digest in files(folder).items())
    assert lines == (GOLDEN / "sha256sums").read_text("utf-8")
    assert (folder / "checkpoint").read_bytes() == (GOLDEN / "checkpoint").read_bytes()
    assert TileTree(folder, 266).entry(4) == (GOLDEN / "entry-4.json").read_bytes()


def test_the_golden_key_and_proof_hold(tmp_path: Path) -> None:
    key = VerifierKey.parse((GOLDEN / "log.vkey").read_text("utf-8"))
    assert key == SIGNER.verifier
    proof = (GOLDEN / "entry-4.tlog-proof").read_bytes()
    checkpoint, entry = check(Proof.parse(proof), key)
    assert (checkpoint.size, entry["event"], entry["seq"]) == (266, "accepted", 4)

    folder = publish(tmp_path)
    note, _ = read_checkpoint((folder / "checkpoint").read_bytes())
    assert prove(TileTree(folder, 266), 4, note).to_bytes() == proof
    assert verify(folder, [key]).ok


def test_what_version_1_published_holds() -> None:
    """Its proof as it was handed out; whole logs of that version are those of the played node."""
    key = VerifierKey.parse((BEFORE / "log.vkey").read_text("utf-8"))
    _, entry = check(Proof.parse((BEFORE / "entry-4.tlog-proof").read_bytes()), key)
    assert (entry["v"], entry["event"], entry["seq"]) == (1, "accepted", 4)
