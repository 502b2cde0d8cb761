"""A person vouches for a parcel that waits for a word, or does not."""

from __future__ import annotations

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.operating.again import Again, CannotBe, Unknown
from gateway.corridors.recording import Said, of_parcel, refuse
from gateway.corridors.submission.checking import CONFIRMED
from gateway.lifecycle import Event, ParcelState
from gateway.node import Node
from gateway.outcomes import Refused


def confirm(node: Node, identity: str, actor: str) -> Again:
    """It goes on. Raises `Unknown`, and `CannotBe` where it does not wait."""
    with node.ledger.transaction(node.clock.now()) as tx:
        row = _awaiting(tx, identity)
        tx.progress.set(identity, CONFIRMED, actor)
        of_parcel(tx, row, Event.CONFIRMED, Said(actor=actor))
        return _again(tx, row)


def reject(node: Node, identity: str, actor: str) -> Again:  # noqa: ARG001 - the refusal names its code
    """It is refused with the code it waits under, and its sender gets a receipt. Raises as `confirm`."""
    with node.ledger.transaction(node.clock.now()) as tx:
        row = _awaiting(tx, identity)
        detail = {name: value for name, value in row.detail.items() if name != "decided_by"}
        refuse(tx, row, Refused(row.code, {"records": row.records, **detail}), node.terms(row.facts))
        return _again(tx, row)


def _awaiting(tx: Transaction, identity: str) -> ParcelRow:
    row = tx.parcels.get(identity)
    if row is None:
        raise Unknown
    if row.state is not ParcelState.AWAITING:
        raise CannotBe("640", state=str(row.state))
    return row


def _again(tx: Transaction, row: ParcelRow) -> Again:
    tx.parcels.update(row.id, attempt=row.attempt + 1)
    return Again("parcel", row.id, row.corridor, row.attempt + 1)
