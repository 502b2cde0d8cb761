"""What is open: for the operator, and for both sides on a page in their folder of receipts. Numbers of inquiries and
counts, no record's number: whoever asked, or was asked, has the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway import durable
from gateway.adapters.ledger.rows import InquiryRow
from gateway.adapters.ledger.transaction import Reading
from gateway.instants import SHANGHAI
from gateway.lifecycle import SETTLED, ObligationState
from gateway.node import Tools
from gateway.policy.facts.facts import Facts
from gateway.receipts.rendering import render
from gateway.receipts.words import Words

MODE = 0o660
_WAITING = frozenset(ObligationState) - SETTLED


def listed(tools: Tools, *, everything: bool = False, **equal: str) -> list[dict[str, Any]]:
    """Every inquiry that is open in its receiver's hands, or all of them."""
    facts = tools.facts.current()
    with tools.ledger.reading() as reading:
        inquiries = reading.inquiries(opened=None if everything else True, **equal)
        return [_line(reading, inquiry, facts) for inquiry in inquiries]


def one(tools: Tools, name: str) -> list[dict[str, Any]]:
    """The inquiries of that number (`110000-7`), one per class and receiver, with each record by its ordinal."""
    facts = tools.facts.current()
    origin, _, number = name.rpartition("-")
    found = []
    with tools.ledger.reading() as reading:
        for inquiry in reading.inquiries(origin=origin):
            if str(inquiry.number) == number:
                records = [
                    {"ordinal": d.ordinal, "area": d.area, "state": o.state, "due": o.due, "obligation": o.id}
                    for d, o in reading.dated_with_state(parcel=inquiry.parcel, receiver=inquiry.receiver)
                ]
                found.append({**_line(reading, inquiry, facts), "records": records})
    return found


def refresh(tools: Tools, parties: Iterable[str]) -> None:
    """Write the page of each of these parties anew. Raises `OSError` when a folder is away."""
    facts = tools.facts.current()
    for party in sorted(set(parties)):
        to = facts.parties.get(party)
        if to is None or party == facts.node.party:
            continue
        with tools.ledger.reading() as reading:
            asked = [_line(reading, i, facts) for i in reading.inquiries(opened=True, receiver=party)]
            asking = [_line(reading, i, facts) for i in reading.inquiries(opened=True, origin=party)]
        words = Words(to.language)
        page = render(
            "inquiries.html",
            to.language,
            party_name=to.name,
            node_name=facts.parties[facts.node.party].name,
            today=words.day(tools.clock.now().astimezone(SHANGHAI).date()),
            day=tools.clock.now().astimezone(SHANGHAI).date().isoformat(),
            asked=asked,
            asking=asking,
        )
        folder = tools.folder(to, facts.node.folders.receipts)
        durable.write_bytes(folder / f"{words('asked.title')}.html", page, MODE)


def _line(reading: Reading, inquiry: InquiryRow, facts: Facts) -> dict[str, Any]:
    found = [o for _, o in reading.dated_with_state(parcel=inquiry.parcel, receiver=inquiry.receiver)]
    waiting = [o for o in found if ObligationState(o.state) in _WAITING]
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
        "due": min((o.due for o in waiting), default=""),
        "dated_by": "、".join(sorted({_short(facts, o.dated_by) for o in waiting if o.dated_by})),
        "provisional": any(o.status == "provisional" for o in waiting),
        "delivered_at": inquiry.delivered_at,
        "closed_at": inquiry.closed_at,
        "states": dict(sorted(Counter(o.state for o in found).items())),
    }


def _short(facts: Facts, party: str) -> str:
    """A party's short name; of a party beyond our neighbours its id."""
    found = facts.parties.get(party)
    return (found.short or found.name) if found else party
