"""Delivering: a record that entered its receiver's channel sets the receiver's clock going, or ends its sender's.

In the transaction that records the delivery. The receipt that states the date is this node's: it is the one whose
channel the records entered; whoever passed them on to it copies the date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DatedRow, DistributionRow, InquiryRow, ObligationRow, PackageRow
from gateway.corridors import recording
from gateway.corridors.inquiries import stating
from gateway.corridors.inquiries.entering import own_id, subject
from gateway.corridors.obligations import settling
from gateway.deadlines import Calendar, Delivery, Obligation
from gateway.instants import SHANGHAI, rfc3339
from gateway.lifecycle import SETTLED, Event, ObligationState
from gateway.policy.facts.facts import EventClock, Facts
from gateway.receipts.receipt import DueDate


def delivered(
    tx: Transaction, batch: DistributionRow, packages: Sequence[PackageRow], facts: Facts, calendar: Calendar
) -> None:
    """A batch is in its receiver's channel at `tx.now`."""
    agreement = facts.agreements.get(batch.agreement)
    if agreement is None or agreement.clock is None:
        return
    for package in packages:
        if not package.sha256:
            continue
        if agreement.clock.answered_by:
            for inquiry in tx.inquiries(parcel=package.parcel, receiver=batch.receiver):
                _starts(tx, inquiry, package, agreement.clock, facts, calendar)
        else:
            _ends(tx, package, facts, calendar)


def start(
    tx: Transaction, inquiry: InquiryRow, clock: EventClock, at: datetime, facts: Facts, calendar: Calendar
) -> tuple[Obligation, list[DatedRow]]:
    """The receiver's clock goes from `at`: what it owes for each record whose date no other record's stands for.
    Answers its date, and the records."""
    mine = []
    for record in tx.dated(inquiry.parcel, inquiry.receiver):
        own = own_id(inquiry, record.ordinal)
        if record.obligation != own:
            standing = tx.obligation(record.obligation)
            if standing is None or ObligationState(standing.state) not in SETTLED:
                continue  # the date of the record that stands for both
            tx.update_dated([(record.parcel, record.receiver, record.ordinal)], obligation=own)
        mine.append(record)
    matter = deadlines.Matter("reply", inquiry.receiver, inquiry.reply, "")
    first = deadlines.owed(matter, at, clock.rule, calendar)
    owed = [deadlines.recurring(first, subject(inquiry, record.ordinal)) for record in mine]
    tx.update_inquiry(inquiry.parcel, inquiry.receiver, delivered_at=rfc3339(at))
    if owed:
        recording.set_obligations(tx, owed, facts, calendar, source=inquiry.parcel)
    _take_over(tx, inquiry, mine, facts)
    return first, mine


def _starts(
    tx: Transaction, inquiry: InquiryRow, package: PackageRow, clock: EventClock, facts: Facts, calendar: Calendar
) -> None:
    first, mine = start(tx, inquiry, clock, tx.now, facts, calendar)
    areas = tuple(sorted({record.area for record in mine if record.area}))
    until = first.expires_at.astimezone(SHANGHAI)
    due = DueDate(stating.REPLY, first.due, until, first.status, first.edition, areas=areas)
    stating.state(tx, inquiry, package.id, (due,), len(mine), facts, calendar)


def _take_over(tx: Transaction, inquiry: InquiryRow, mine: Sequence[DatedRow], facts: Facts) -> None:
    """What was owed by the clock that yields is owed by this one from here on."""
    void = 0
    for record in mine:
        before = tx.obligation(record.covers) if record.covers else None
        if before is None or ObligationState(before.state) in SETTLED:
            continue
        tx.update_obligation(before.id, state=str(ObligationState.VOID), met_at=rfc3339(tx.now), remind_at="")
        tx.point_to(before.id, own_id(inquiry, record.ordinal))
        void += 1
    if void:
        name = f"{inquiry.parcel}/{inquiry.receiver}"
        counts = {"obligations": void}
        settling.obligation_event(
            tx, Event.VOIDED, name, inquiry.receiver, facts, "taken-over", counts=counts, history=inquiry.parcel
        )


def _ends(tx: Transaction, package: PackageRow, facts: Facts, calendar: Calendar) -> None:
    came = Delivery(tx.now, "accepted")
    states = [
        settling.settle(tx, owed, [came], facts, calendar, parcel=package.parcel, quiet=True)
        for owed in _owed(tx, package)
    ]
    source = f"{package.parcel}/{package.receiver}"
    settling.settled_many(tx, states, package.origin, facts, parcel=package.parcel, source=source)


def _owed(tx: Transaction, package: PackageRow) -> list[ObligationRow]:
    found = tx.dated_with_state(parcel=package.parcel, receiver=package.receiver)
    return [owed for _, owed in found]
