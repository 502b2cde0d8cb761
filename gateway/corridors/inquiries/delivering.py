"""Delivering: a record that entered its receiver's channel sets the receiver's clock going, or ends its sender's.

In the transaction that records the delivery. The receipt that states the date is this node's: it is the one whose
channel the records entered; the node that passed them on to it copies the date.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import BatchRow, DatedRow, InquiryRow, ObligationRow, PackageRow
from gateway.corridors.obligations import entries, replies, settling
from gateway.corridors.obligations.replies import own_id, subject
from gateway.corridors.recording import Said
from gateway.deadlines import Delivery, Obligation
from gateway.instants import SHANGHAI
from gateway.lifecycle import INQUIRY, SETTLED, Event, Recorded
from gateway.lifecycle.obligation import TAKEN_OVER
from gateway.node import Terms
from gateway.policy.facts import EventClock
from gateway.receipts.receipt import DueDate


def delivered(tx: Transaction, batch: BatchRow, packages: Sequence[PackageRow], entry: Recorded, terms: Terms) -> None:
    """A batch is in its receiver's channel at `tx.now`, as `entry` says, which was just logged."""
    agreement = terms.facts.agreements.get(batch.agreement)
    if agreement is None or agreement.clock is None:
        return
    for package in packages:
        if not package.sha256:
            continue
        if agreement.clock.answered_by:
            for inquiry in tx.inquiries.where(parcel=package.parcel, receiver=batch.receiver):
                tx.inquiries.change(inquiry.parcel, inquiry.receiver, INQUIRY.apply(inquiry.state, entry))
                _starts(tx, inquiry, package, agreement.clock, terms)
        else:
            _ends(tx, package, terms)


def start(
    tx: Transaction, inquiry: InquiryRow, clock: EventClock, at: datetime, terms: Terms
) -> tuple[Obligation, list[DatedRow]]:
    """The receiver's clock goes from `at`: what it owes for each record whose date no other record's stands for. The
    entry of the delivery has opened the inquiry before. Returns its date, and the records."""
    mine = []
    for record in tx.dated.of(inquiry.parcel, inquiry.receiver):
        own = own_id(inquiry, record.ordinal)
        if record.obligation != own:
            standing = tx.obligations.get(record.obligation)
            if standing is None or standing.state not in SETTLED:
                continue  # the date of the record that stands for both
            tx.dated.update([(record.parcel, record.receiver, record.ordinal)], obligation=own)
        mine.append(record)
    matter = deadlines.Matter("reply", inquiry.receiver, inquiry.reply, "")
    first = deadlines.owed(matter, at, clock.rule, terms.calendar)
    owed = [deadlines.recurring(first, subject(inquiry, record.ordinal)) for record in mine]
    if owed:
        settling.set_obligations(tx, owed, terms, source=inquiry.parcel)
    _take_over(tx, inquiry, mine, at, terms)
    return first, mine


def _starts(tx: Transaction, inquiry: InquiryRow, package: PackageRow, clock: EventClock, terms: Terms) -> None:
    first, mine = start(tx, inquiry, clock, tx.now, terms)
    areas = tuple(sorted({record.area for record in mine if record.area}))
    until = first.expires_at.astimezone(SHANGHAI)
    due = DueDate(replies.REPLY, first.due, until, first.status, first.edition, areas=areas)
    replies.state(tx, inquiry, package.id, [due], len(mine), terms)


def _take_over(tx: Transaction, inquiry: InquiryRow, mine: Sequence[DatedRow], at: datetime, terms: Terms) -> None:
    """What was owed by the clock that yields is owed by this one from `at` on."""
    void: list[ObligationRow] = []
    for record in mine:
        before = tx.obligations.get(record.covers) if record.covers else None
        if before is None or before.state in SETTLED:
            continue
        void.append(before)
        tx.dated.point_to(before.id, own_id(inquiry, record.ordinal))
    if void:
        said = Said({"obligations": len(void)}, suffix="/taken-over", time=at)
        made = entries.entry(tx, entries.together(inquiry.parcel, inquiry.receiver), Event.VOIDED, terms, said)
        entries.change(tx, made, void, TAKEN_OVER)
        entries.log(tx, made)


def _ends(tx: Transaction, package: PackageRow, terms: Terms) -> None:
    arrived = [Delivery(tx.now, "accepted")]
    pairs = tx.dated.with_obligations(parcel=package.parcel, receiver=package.receiver)
    about = entries.together(f"{package.parcel}/{package.receiver}", package.origin)
    settling.settle_many(tx, about, [(owed, arrived) for _, owed in pairs], terms, package.parcel)
