"""A stopped or waiting parcel, batch, or batch of another gateway's is tried again now."""

from __future__ import annotations

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import BatchRow, IncomingRow, ParcelRow
from gateway.corridors.operating.again import Again, CannotBe, Unknown
from gateway.corridors.recording import Said, of_batch, of_incoming, of_parcel
from gateway.lifecycle import BatchState, Event, IncomingState, ParcelState
from gateway.lifecycle.parcel import REACHED
from gateway.node import Node


def standing(reading: Reading, identity: str) -> ParcelRow | BatchRow | IncomingRow | None:
    """What the name means."""
    return reading.parcels.get(identity) or reading.batches.get(identity) or reading.incoming.get(identity)


def retry(node: Node, identity: str, actor: str) -> Again:
    """Whether its last attempt is still at work is for the caller to know. Raises `Unknown`, and `CannotBe` where
    nothing is left to try."""
    with node.ledger.transaction(node.clock.now()) as tx:
        match standing(tx, identity):
            case ParcelRow() as parcel:
                return _parcel(tx, parcel, actor)
            case BatchRow() as batch:
                return _batch(tx, batch, actor)
            case IncomingRow() as incoming:
                return _incoming(tx, incoming, actor)
            case _:
                raise Unknown


def _parcel(tx: Transaction, row: ParcelRow, actor: str) -> Again:
    if row.settled:
        raise CannotBe("638", state=str(row.state))
    attempt = row.attempt + 1
    counts = {"reached": REACHED.index(reached(tx, row))}
    of_parcel(tx, row, Event.RETRIED, Said(counts, suffix=f"/{attempt}", actor=actor))
    return Again("parcel", row.id, row.corridor, attempt)


def reached(reading: Reading, row: ParcelRow) -> ParcelState:
    """The state in which a parcel goes on, by what its steps have kept."""
    if reading.progress.get(row.id, "sorting") is not None:
        return ParcelState.SORTED
    if reading.progress.get(row.id, "checking") is not None:
        return ParcelState.CHECKED
    known = reading.entries.get(f"{row.id}/{Event.RECEIVED}") is not None
    return ParcelState.RECEIVED if known else ParcelState.ARRIVING


def _batch(tx: Transaction, row: BatchRow, actor: str) -> Again:
    if row.state not in (BatchState.RELEASED, BatchState.FAULTED):
        raise CannotBe("638", state=str(row.state))
    attempt = row.attempt + 1
    of_batch(tx, row, Event.RETRIED, Said(suffix=f"/{attempt}", actor=actor))
    return Again("delivery", row.id, row.receiver, attempt)


def _incoming(tx: Transaction, row: IncomingRow, actor: str) -> Again:
    if row.state is IncomingState.ANSWERED:
        raise CannotBe("638", state=str(row.state))
    attempt = row.attempt + 1
    of_incoming(tx, row, Event.RETRIED, Said(suffix=f"/{attempt}", actor=actor))
    return Again("answer", row.id, row.sender, attempt)
