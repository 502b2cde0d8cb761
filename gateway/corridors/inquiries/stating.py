"""Stating: the date of another node, taken over from its statement, and stated to our own side with whose date it is.

By when records are to be answered is decided by the node into whose receiver's channel they went. Every node above
takes the date over and states it (`gateway.corridors.obligations.replies`); so it goes up, tier by tier, each step
under a signature that the next one has pinned.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import InquiryRow, ObligationRow
from gateway.corridors.obligations import entries, replies, settling
from gateway.corridors.obligations.changes import redated
from gateway.deadlines import Calendar, Obligation
from gateway.deadlines.calendar import Standing
from gateway.lifecycle import OWED, Event, ObligationState
from gateway.lifecycle.obligation import TO_COME
from gateway.log import Entry
from gateway.node import ACTOR, Terms
from gateway.receipts.receipt import DueDate, Receipt

STAGE: Final = replies.STAGE
_Dated = tuple[ObligationRow, Obligation]


class _Statement(NamedTuple):
    """What another node stated; `digest` is that of its bytes."""

    receipt: Receipt
    digest: str


def copy(tx: Transaction, package: str, stated: Receipt, body: bytes, terms: Terms) -> int:
    """Take over the dates of a believed statement about `package`, and state them to our own side. Returns how many
    obligations have another node's date now. A statement that is older than the one a date came from changes nothing,
    nor does a date outside our calendar."""
    sent = tx.packages.get(package)
    if sent is None or stated.stage != STAGE:
        return 0
    statement, count = _Statement(stated, hashlib.sha256(body).hexdigest()), 0
    for inquiry in tx.inquiries.where(opened=True, parcel=sent.parcel, receiver=stated.issuer):
        taken = _taken(tx, inquiry, stated, terms.calendar)
        for whose, many in sorted(taken.items(), key=lambda item: item[0]):
            _take(tx, inquiry, whose, many, statement, terms)
        if taken:
            ids = {owed.id for many in taken.values() for owed, _ in many}
            pairs = [(record, owed) for record, owed in replies.own(tx, inquiry) if owed.id in ids]
            replies.state(tx, inquiry, package, replies.dates(pairs), len(pairs), terms)
            count += len(ids)
    return count


def _taken(tx: Transaction, inquiry: InquiryRow, stated: Receipt, calendar: Calendar) -> dict[str, list[_Dated]]:
    """What is still owed with the date that is stated for its area, by the party whose date it is."""
    by_area = {
        area: due for due in stated.due if due.what == replies.REPLY and due.status != "refused" for area in due.areas
    }
    taken: dict[str, list[_Dated]] = defaultdict(list)
    for record, owed in replies.own(tx, inquiry):
        due = by_area.get(record.area)
        if due is None or owed.state not in OWED or owed.dated_seq >= stated.log.seq:
            continue
        after = _after(settling.read(owed), due, calendar)
        if after is not None:
            taken[due.by or stated.issuer].append((owed, after))
    return taken


def _after(owed: Obligation, due: DueDate, calendar: Calendar) -> Obligation | None:
    """The obligation with that date; None where it lies outside our calendar."""
    try:
        calendar.on_or_before(due.date)
    except ValueError:
        return None
    status: Standing = "provisional" if due.status == "provisional" else "final"
    return replace(owed, due=due.date, expires_at=due.expires_at, status=status, edition=due.edition, rule="")


def _take(
    tx: Transaction, inquiry: InquiryRow, whose: str, many: Sequence[_Dated], statement: _Statement, terms: Terms
) -> None:
    """Enter the dates of one party, with one entry. What was missed is owed again where its new date is to come."""
    receipt = statement.receipt
    entry = Entry(
        id=f"{inquiry.parcel}/{inquiry.receiver}/{Event.COPIED}/{receipt.number}/{whose}",
        event=Event.COPIED,
        time=tx.now,
        actor=ACTOR,
        facts=terms.facts.digest,
        parties=tuple(dict.fromkeys((inquiry.receiver, whose))),
        parcel=inquiry.parcel,
        counts={"obligations": len(many)},
        digests={"statement": statement.digest},
    )
    for owed, after in many:
        again = owed.state is ObligationState.MISSED and after.expires_at > tx.now
        columns = redated(tx, owed, after, terms)
        columns["dated_by"], columns["dated_seq"] = whose, receipt.log.seq
        entries.change(tx, entry, [owed], TO_COME if again else "", **columns)
    entries.log(tx, entry)
