"""Closing: when the last record of an inquiry is settled, the key of its fingerprints goes, and the fingerprints."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import InquiryRow
from gateway.lifecycle import INQUIRY, SETTLED, Event
from gateway.log import Entry
from gateway.node import ACTOR, Node
from gateway.policy.facts import Facts


def close(tx: Transaction, obligations: Iterable[str], facts: Facts) -> None:
    """Close the inquiries of which these obligations were the last."""
    for parcel, receiver in sorted(tx.dated.asked_under(sorted(obligations))):
        for inquiry in tx.inquiries.where(opened=True, parcel=parcel, receiver=receiver):
            _close(tx, inquiry, facts)


def close_settled(node: Node) -> None:
    """The same for what people settled by a command. Once an hour or so."""
    with node.ledger.reading() as reading:
        opened = reading.inquiries.where(opened=True)
    with node.ledger.transaction(node.clock.now()) as tx:
        for inquiry in opened:
            _close(tx, inquiry, node.facts.current())


def _close(tx: Transaction, inquiry: InquiryRow, facts: Facts) -> None:
    found = tx.dated.with_obligations(parcel=inquiry.parcel, receiver=inquiry.receiver)
    if len(found) != inquiry.records or any(owed.state not in SETTLED for _, owed in found):
        return
    name = f"inquiry:{inquiry.agreement}:{inquiry.name}:{inquiry.receiver}"
    entry = Entry(
        id=f"{name}/{Event.ERASED}",
        event=Event.ERASED,
        time=tx.now,
        actor=ACTOR,
        facts=facts.digest,
        parties=(inquiry.origin, inquiry.receiver),
        parcel=name,
        counts={"keys": 1, "fingerprints": inquiry.records},
    )
    tx.inquiries.change(inquiry.parcel, inquiry.receiver, INQUIRY.apply(inquiry.state, entry))
    tx.log(entry)
