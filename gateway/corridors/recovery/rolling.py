"""Rolling forward: the newest published log's entries into the ledger, and the state that follows from each; one
transaction, so that a crash in the middle leaves the ledger as it was restored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.corridors.recovery.histories import History, receipts
from gateway.corridors.recovery.replay import Replay
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.log.entry import is_content
from gateway.log.note import BadNote, VerifierKey, read_checkpoint
from gateway.log.tiles import ARCHIVE
from gateway.node import Node
from gateway.outcomes import Ok
from gateway.parcels import DistributionId, PackageId, ParcelId
from gateway.receipts.receipt import Receipt

_PAIRS = ("unlogged", "unclear", "undated", "stated")


@dataclass(slots=True)
class Report:
    """What was taken over. `interrupted`: parcels that the lost node had brought further than the backup knows and not
    to an end; `unlogged`: receipts that people hold and whose entries nobody published (number, parcel); `unclear`:
    inquiries of which nobody knows which records were answered, and `undated`: parcels of whose records the dates are
    not known (parcel, party); `stated`: what partners stated (statement, party)."""

    entries: int = 0
    size: int = 0
    receipts: int = 0
    interrupted: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    unlogged: list[tuple[str, str]] = field(default_factory=list)
    unclear: list[tuple[str, str]] = field(default_factory=list)
    undated: list[tuple[str, str]] = field(default_factory=list)
    stated: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, loaded: dict[str, Any]) -> Report:
        return cls(**{**loaded, **{name: [(str(n), str(p)) for n, p in loaded.get(name, ())] for name in _PAIRS}})


def roll(
    node: Node, history: History | None, keys: Sequence[VerifierKey], own: Sequence[str], restored_at: str
) -> Report:
    """Take over what `history` says beyond the ledger, and the receipts of it that parties hold. `own`: the node's key
    fingerprints, which its receipts are signed by. It is done once per restore; asked again, it answers the same."""
    now = node.clock.now()
    name = f"restore/{restored_at}"
    with node.ledger.reading() as reading:
        before = reading.progress.get(name, "report")
    if before is not None:
        return Report.from_json(json.loads(before))
    with node.ledger.published() as tables:
        count, _ = tables.head()
    bodies = history.bodies(count) if history is not None else []
    report = Report(entries=len(bodies), size=max(count, history.size if history else 0))
    replay = Replay(node)
    held = [(r, data) for r, data, signature in receipts(node, count) if _signed(node, data, signature, own)]
    with node.ledger.restoring(now) as (tx, tables):
        tables.adopt(bodies)
        if history is not None:
            for size, note in _notes(history, keys):
                if tables.signed(size) is None:
                    tables.sign(size, note, now)
        replay.follow(tx, [Entry.parse(body) for body in bodies])
        for erased in replay.erased:
            tx.secrets.destroy(erased)
            tx.progress.strip(erased)
        report.interrupted = sorted(replay.interrupted)
        report.differing = sorted(replay.differing)
        report.unclear, report.undated = sorted(replay.asked.unclear), replay.asked.undated(tx)
        report.stated = [*replay.stated.known.items()]
        for receipt, data in held:
            if receipt.log.seq < report.size:
                report.receipts += _keep(tx, receipt, data, now)
            else:
                report.unlogged.append((receipt.number, receipt.parcel))
        tx.progress.set(name, "report", json.dumps(report.to_json()))
    _forget(node, replay.erased)
    if history is not None:
        _archive(history, node.facts.current().path(node.facts.current().node.log))
    return report


def _forget(node: Node, erased: set[str]) -> None:
    """Remove what the log says was erased and the archive has brought back: originals, packages of closed batches."""
    with node.ledger.reading() as reading, node.spool.removing():
        for name in sorted(erased):
            if name.startswith("d-"):
                for package in reading.packages.where(distribution=name):
                    durable.remove(node.spool.sealed(package.agreement, package.period, PackageId(package.id)))
                shutil.rmtree(node.spool.batch(DistributionId(name)), ignore_errors=True)
            elif ParcelId(name) == Path(name).name:
                shutil.rmtree(node.spool.quarantine / name, ignore_errors=True)


def _notes(history: History, keys: Sequence[VerifierKey]) -> list[tuple[int, bytes]]:
    """Every checkpoint that the copy shows as signed: none of these sizes is ever signed again."""
    found = [(history.size, history.note.to_bytes())]
    for path in (history.folder / ARCHIVE).glob("*"):
        if path.name.isdigit():
            try:
                note, checkpoint = read_checkpoint(path.read_bytes())
            except (BadNote, OSError):
                continue
            whole = 0 < checkpoint.size <= history.size and history.root_at(checkpoint.size) == checkpoint.root
            if whole and any(note.signed_by(key) for key in keys):
                found.append((checkpoint.size, note.to_bytes()))
    return found


def _archive(history: History, log: Path) -> None:
    """Cosigned checkpoints and tokens that the copy has and the node has not."""
    source = history.folder / ARCHIVE
    if source.is_dir() and history.folder.resolve() != log.resolve():
        durable.make_folder(log / ARCHIVE, 0o750)
        for path in sorted(source.iterdir()):
            if not (log / ARCHIVE / path.name).exists():
                shutil.copyfile(path, log / ARCHIVE / path.name)
        durable.sync_folder(log / ARCHIVE)


def _signed(node: Node, data: bytes, signature: bytes, own: Sequence[str]) -> bool:
    return isinstance(node.verifier.verify(data, signature, *own), Ok)


def _know(tx: Transaction, receipt: Receipt) -> None:
    """What the log shows keyed its sender's receipt says plainly: by it the same file is known when it comes again."""
    row, arrived = tx.parcels.get(receipt.parcel), tx.entries.get(f"{receipt.parcel}/{Event.RECEIVED}")
    if row is None or row.sha256 or arrived is None or not receipt.sha256:
        return
    if is_content(Entry.parse(arrived.body).digests, receipt.sha256, receipt.salt):
        tx.parcels.update(receipt.parcel, sha256=receipt.sha256)


def _keep(tx: Transaction, receipt: Receipt, data: bytes, now: datetime) -> int:
    """A receipt that its party has: entered as written. One whose entry is another's is no receipt of this log."""
    entry = next(iter(tx.entries.after(receipt.log.seq - 1, 1)), None)
    if entry is None or entry.leaf != receipt.log.hash:
        return 0
    _know(tx, receipt)
    about = str(receipt.receivers[0]) if receipt.stage == "delivered" and receipt.receivers else ""
    same = (receipt.stage, about, int(receipt.detail.get("again", 0)))
    known = tx.receipts.where(parcel=receipt.parcel)
    if any(r.number == receipt.number or (r.stage, r.about, r.issue) == same for r in known):
        return 0
    tx.receipts.add(
        number=receipt.number,
        parcel=receipt.parcel,
        party=receipt.sender,
        stage=receipt.stage,
        code=receipt.code,
        body=data,
        issued_at=receipt.issued_at,
        written_at=now,
        about=about,
        issue=same[2],
    )
    return 1
