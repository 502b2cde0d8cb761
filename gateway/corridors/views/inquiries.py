"""What is open: for the operator, and for both sides. Numbers of inquiries and counts, no record's number: the party
that asked, and the one that was asked, have the list."""

from __future__ import annotations

from collections import Counter
from typing import Any, Unpack

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import InquiryEqual, InquiryRow
from gateway.instants import rfc3339
from gateway.lifecycle import SETTLED
from gateway.node import Node
from gateway.policy.facts import Facts


def listed(node: Node, *, everything: bool = False, **equal: Unpack[InquiryEqual]) -> list[dict[str, Any]]:
    """Every inquiry that is open in its receiver's hands, or all of them."""
    facts = node.facts.current()
    with node.ledger.reading() as reading:
        inquiries = reading.inquiries.where(opened=None if everything else True, **equal)
        return [_line(reading, inquiry, facts) for inquiry in inquiries]


def one(node: Node, name: str) -> list[dict[str, Any]]:
    """The inquiries of that number (`110000-7`), one per class and receiver, with each record by its ordinal."""
    facts = node.facts.current()
    origin, _, number = name.rpartition("-")
    found = []
    with node.ledger.reading() as reading:
        for inquiry in reading.inquiries.where(origin=origin):
            if str(inquiry.number) == number:
                records = [
                    {
                        "ordinal": record.ordinal,
                        "area": record.area,
                        "state": owed.state.value,
                        "due": owed.due.isoformat(),
                        "obligation": owed.id,
                    }
                    for record, owed in reading.dated.with_obligations(parcel=inquiry.parcel, receiver=inquiry.receiver)
                ]
                found.append({**_line(reading, inquiry, facts), "records": records})
    return found


def _line(reading: Reading, inquiry: InquiryRow, facts: Facts) -> dict[str, Any]:
    found = [o for _, o in reading.dated.with_obligations(parcel=inquiry.parcel, receiver=inquiry.receiver)]
    waiting = [o for o in found if o.state not in SETTLED]
    agreement = facts.agreements.get(inquiry.agreement)
    names = {party: _short(facts, party) for party in (inquiry.origin, inquiry.receiver)}
    return {
        "number": inquiry.name,
        "agreement": inquiry.agreement,
        "label": agreement.label if agreement else inquiry.agreement,
        "origin": inquiry.origin,
        "origin_name": names[inquiry.origin],
        "receiver": inquiry.receiver,
        "receiver_name": names[inquiry.receiver],
        "count": inquiry.records,
        "open": len(waiting),
        "due": min((o.due.isoformat() for o in waiting), default=""),
        "dated_by": "、".join(sorted({_short(facts, o.dated_by) for o in waiting if o.dated_by})),
        "provisional": any(o.status == "provisional" for o in waiting),
        "delivered_at": rfc3339(inquiry.delivered_at) if inquiry.delivered_at else "",
        "closed_at": rfc3339(inquiry.closed_at) if inquiry.closed_at else "",
        "states": dict(sorted(Counter(o.state.value for o in found).items())),
    }


def _short(facts: Facts, party: str) -> str:
    """A party's short name; of a party beyond our neighbours its id."""
    found = facts.parties.get(party)
    return (found.short or found.name) if found else party
