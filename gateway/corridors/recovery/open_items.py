"""What a restore leaves open, one item each, and what a person may decide.

- `batch:<id>`: released, and neither the log nor the receiver's folder shows that it arrived. `deliver` or `delivered`.
- `parcel:<id>`: brought further than the backup knows, and not to an end. `refuse`: its sender sends it again (906).
- `package:<id>`: sealed after the backup, not delivered, its file gone. `lost`: its origin is asked for a replacement.
- `receipt:<number>`: a party holds a receipt whose entry nobody published. `noted`.
- `inquiry:<parcel>/<receiver>`: its key was lost, or nobody knows which of its records were answered. `void`, `keep`.
- `dates:<parcel>`: records of it have dates that nobody can tell any more. `noted`.
- `statement:<id>`: what a partner stated is in the log, and its bytes are nowhere. `noted`.

Nothing that might be there already is delivered without somebody's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import BatchRow, PackageRow
from gateway.corridors import recording
from gateway.corridors.distribution import composing
from gateway.corridors.recording import Said
from gateway.corridors.recovery import asked, stated
from gateway.corridors.recovery.rolling import Report
from gateway.instants import rfc3339
from gateway.lifecycle import PACKAGE, BatchState, Event, PackageState
from gateway.log import Entry
from gateway.node import Node
from gateway.outcomes import Ok, Refused
from gateway.parcels import DistributionId, PackageId
from gateway.policy.facts import FolderChannel, places

CODE = "906"
_BESIDE = 64 << 20
"""Bytes: what lies beside the packages of a batch is far smaller."""
_UNSENT = (PackageState.HELD, PackageState.WAITING, PackageState.RELEASED)


@dataclass(frozen=True, slots=True)
class Item:
    """`kind:name`, whom it concerns, what may be decided."""

    kind: str
    name: str
    party: str
    decisions: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.name}"


def items(node: Node, report: Report, decided: Sequence[str]) -> list[Item]:
    """What is still open, after what was `decided`. Packages that a receiver's folder has are taken from there."""
    found = []
    with node.ledger.reading() as reading:
        for parcel in report.interrupted:
            row = reading.parcels.get(parcel)
            if row is not None and not row.settled:
                found.append(Item("parcel", parcel, row.sender, ("refuse",)))
        packages = reading.packages.where()
        batches = reading.batches.where(state=BatchState.RELEASED)
        asking = asked.waiting(reading, report.unclear)
    unsent = [p for p in packages if p.state in _UNSENT and p.sha256]
    found += [Item("package", p.id, p.origin, ("lost",)) for p in unsent if not _whole(node, p)]
    found += [Item("batch", b.id, b.receiver, ("deliver", "delivered")) for b in batches]
    found += [Item("receipt", number, parcel, ("noted",)) for number, parcel in report.unlogged]
    found += [Item("inquiry", f"{i.parcel}/{i.receiver}", i.origin, may) for i, may in asking]
    found += [Item("dates", parcel, party, ("noted",)) for parcel, party in report.undated]
    found += [Item("statement", name, party, ("noted",)) for name, party in stated.missing(node, report.stated)]
    return [item for item in found if item.id not in decided]


def adopt_arrived(node: Node) -> list[str]:
    """Batches that lie whole in their receiver's folder were delivered, whatever the log had time to say."""
    with node.ledger.reading() as reading:
        batches = reading.batches.where(state=BatchState.RELEASED)
    arrived = [b.id for b in batches if _arrived(node, b)]
    with node.ledger.transaction(node.clock.now()) as tx:
        for batch in arrived:
            _delivered(tx, batch)
    return arrived


def decide(node: Node, item: Item, decision: str, actor: str) -> None:
    """Carry out what a person decided. `ValueError` for a decision that this item does not know."""
    if decision not in item.decisions:
        raise ValueError(f"{item.id}: {' | '.join(item.decisions)}")
    now = node.clock.now()
    decided = Entry(
        id=f"restore/{item.id}/{rfc3339(now)}",
        event=Event.OPERATED,
        time=now,
        actor=actor,
        facts=node.facts.current().digest,
        parcel=item.name if item.kind in ("parcel", "batch") else "",
        digests={"decision": decision, "item": item.id},
    )
    with node.ledger.transaction(now) as tx:
        if decision == "refuse":
            _refuse(tx, node, item.name)
        elif decision == "lost":
            package = tx.packages.get(item.name)
            assert package is not None, "a package that is given up is known"
            tx.packages.change(package.id, PACKAGE.apply(package.state, decided))
        elif decision == "delivered":
            _delivered(tx, item.name)
        elif item.kind == "inquiry" and decision == "void":
            parcel, _, receiver = item.name.partition("/")
            asked.void(tx, node, parcel, receiver, decided)
        tx.log(decided)


def _refuse(tx: Transaction, node: Node, parcel: str) -> None:
    """Its sender sends it again; the receipt is posted as after any other refusal, by one more attempt."""
    row = tx.parcels.row(parcel)
    recording.refuse(tx, row, Refused(CODE), node.terms())
    tx.parcels.update(parcel, attempt=row.attempt + 1, next_attempt_at=tx.now, posted_at=None)


def _delivered(tx: Transaction, distribution: str) -> None:
    batch = tx.batches.row(distribution)
    recording.of_batch(tx, batch, Event.DELIVERED, Said({"packages": batch.packages, "attempts": 0}))


def _whole(node: Node, package: PackageRow) -> bool:
    """Its file is in the node's storage, or was found in its receiver's folder and is there now."""
    path = node.spool.sealed(package.agreement, package.period, PackageId(package.id))
    if path.exists():
        if durable.sha256_file(path)[0] == package.sha256:
            return True
        durable.remove(path)  # sealed again under the same name; what was committed is another file
    folder = _channel(node, package.receiver, package.agreement)
    return folder is not None and node.folders.fetch(folder, path.name, path, package.sha256)


def _arrived(node: Node, batch: BatchRow) -> bool:
    """The receiver's folder holds every package of the batch, and the list, which is laid down last: to deliver it
    adopts what is there."""
    with node.ledger.reading() as reading:
        packages = [p for p in reading.packages.where(distribution=batch.id) if p.sha256]
    folder = _channel(node, batch.receiver, batch.agreement)
    if folder is None:
        return False
    beside = compose(node, batch.id)
    if beside is None:
        return False
    names = {node.spool.sealed(p.agreement, p.period, PackageId(p.id)).name: p.sha256 for p in packages}
    names |= {name: sha256 for name, (_, sha256) in beside.items() if composing.is_list(Path(name))}
    return all(node.folders.sha256(folder, name) == sha256 for name, sha256 in names.items())


def compose(node: Node, distribution: str) -> dict[str, tuple[Path, str]] | None:
    """The documents of a batch that was released: those that are there, else made again; None where they cannot be."""
    facts = node.facts.current()
    with node.ledger.reading() as reading:
        batch = reading.batches.get(distribution)
    if batch is None or batch.receiver not in facts.parties or batch.agreement not in facts.agreements:
        return None
    receiver, agreement = facts.parties[batch.receiver], facts.agreements[batch.agreement]
    try:
        made = composing.compose(node, batch, receiver, agreement, facts)
    except ValueError:  # what is known of its packages makes no list
        return None
    folder = _channel(node, batch.receiver, batch.agreement)
    if not isinstance(made, Ok) or folder is None:
        return made.value if isinstance(made, Ok) else None
    for name, (path, _) in made.value.items():
        # A signature made again has other bytes: what the receiver got already is what counts.
        laid = None if composing.is_list(path) else node.folders.read(folder, name, _BESIDE)
        if laid is not None:
            durable.write_bytes(path, laid, 0o640)
    return {name: (path, durable.sha256_file(path)[0]) for name, (path, _) in made.value.items()}


def recompose(node: Node) -> list[str]:
    """Make the documents of delivered batches that the backup has not, so that their signatures are known when they
    come. Answers the batches whose list comes out otherwise than it was delivered."""
    with node.ledger.reading() as reading:
        batches = reading.batches.where(state=BatchState.DELIVERED)
    differing = []
    for batch in batches:
        if (node.spool.batch(DistributionId(batch.id)) / ".whole").exists():
            continue
        made = compose(node, batch.id)
        listed = next((d for p, d in made.values() if composing.is_list(p)), "") if made else ""
        if batch.list_sha256 and listed != batch.list_sha256:
            differing.append(batch.id)
    return differing


def _channel(node: Node, receiver: str, agreement: str) -> PurePosixPath | None:
    """The receiver's folder for an agreement's batches; None where it is not on this node's exchange root, or cannot be
    entered."""
    facts = node.facts.current()
    party, found = facts.parties.get(receiver), facts.agreements.get(agreement)
    if party is None or found is None or not isinstance(party.channel, FolderChannel) or not node.folders.is_up():
        return None
    folder = places.inbox_folder(facts, party, found)
    if node.folders.obstacles([folder]):
        node.log.warning("batches_not_read", party=party.id)
        return None
    return folder
