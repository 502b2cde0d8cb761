"""Entering: what is taken of each record while it is sealed. In the transaction that accepts the parcel."""

from __future__ import annotations

from datetime import date

from gateway import deadlines
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ParcelRow
from gateway.corridors.inquiries import fingerprints
from gateway.corridors.inquiries.fingerprints import Read, fingerprint
from gateway.corridors.obligations import settling
from gateway.corridors.obligations.replies import own_id
from gateway.corridors.recording import parcel_entry
from gateway.deadlines import Obligation
from gateway.lifecycle import INQUIRY, SETTLED, Event, InquiryState, ObligationState
from gateway.node import Terms
from gateway.parcels import ParcelId, Sealed
from gateway.policy.facts import Agreement, EventClock, Facts
from gateway.ports import Storage

EARLIEST = date(2007, 1, 1)
"""The calendar's first day: whatever is owed since longer ago is late by any clock."""


def enter(tx: Transaction, spool: Storage, parcel: ParcelRow, sealed: Sealed, terms: Terms) -> None:
    """Enter the records of an inquiry, or of those that their sender owes. Others have no date of their own."""
    agreement = terms.facts.agreements[parcel.agreement]
    if agreement.clock is None:
        return
    owed: list[Obligation] = []
    for receiver, part in sorted(sealed.sorted.parts.items()):
        path = spool.part(ParcelId(parcel.id), part.province)
        if agreement.clock.answered_by:
            _ask(tx, parcel, receiver, list(fingerprints.read(path)), terms.facts)
        else:
            found = list(fingerprints.read(path, agreement.clock.starts))
            owed += _owe(tx, parcel, receiver, found, terms)
    if owed:
        settling.set_obligations(tx, owed, terms, source=parcel.id)


def _ask(tx: Transaction, parcel: ParcelRow, receiver: str, records: list[Read], facts: Facts) -> None:
    agreement = facts.agreements[parcel.agreement]
    assert agreement.clock is not None, "an inquiry has a clock"
    key = fingerprints.new_key()
    inquiry = InquiryRow(
        parcel=parcel.id,
        receiver=receiver,
        agreement=agreement.id,
        reply=agreement.clock.answered_by,
        origin=parcel.origin,
        number=parcel.revision,
        state=INQUIRY.apply(None, parcel_entry(tx, parcel, Event.ACCEPTED)).state,
        records=len(records),
        key=key,
    )
    earlier = _earlier(tx, inquiry)
    tx.inquiries.add(inquiry)
    rows = []
    for ordinal, record in enumerate(records, 1):
        standing, covers = _among(earlier, record, agreement, facts)
        rows.append(
            DatedRow(
                parcel.id,
                receiver,
                ordinal,
                record.area,
                fingerprint=fingerprint(key, record.number),
                obligation=standing or own_id(inquiry, ordinal),
                covers=covers,
            )
        )
    tx.dated.add(rows)


Earlier = list[tuple[InquiryRow, dict[str, str]]]
"""Inquiries of the same asker in the same hands that are not closed, each with fingerprint → obligation."""


def _earlier(reading: Reading, inquiry: InquiryRow) -> Earlier:
    found = []
    for other in reading.inquiries.where(origin=inquiry.origin, receiver=inquiry.receiver):
        if other.state is InquiryState.CLOSED:
            continue
        pairs = reading.dated.with_obligations(parcel=other.parcel, receiver=other.receiver)
        states = {record.ordinal: owed.state for record, owed in pairs}
        waiting = {
            record.fingerprint: record.obligation
            for record in reading.dated.of(other.parcel, other.receiver)
            if states.get(record.ordinal, ObligationState.OPEN) not in SETTLED
        }
        found.append((other, waiting))
    return found


def _among(earlier: Earlier, record: Read, agreement: Agreement, facts: Facts) -> tuple[str, str]:
    """(the obligation that stands for this record, the obligation that this record takes the place of).

    Asking again for what is open sets no second clock. In two classes, the one that the other yields to stands.
    """
    covers = ""
    for other, waiting in earlier:
        obligation = waiting.get(fingerprint(other.key, record.number))
        if obligation is None:
            continue
        clock = facts.agreements[other.agreement].clock if other.agreement in facts.agreements else None
        if other.agreement == agreement.id or (agreement.clock and agreement.clock.yields_to == other.agreement):
            return obligation, ""
        if clock is not None and clock.yields_to == agreement.id:
            covers = obligation
    return "", covers


def _owe(tx: Transaction, parcel: ParcelRow, receiver: str, records: list[Read], terms: Terms) -> list[Obligation]:
    clock = terms.facts.agreements[parcel.agreement].clock
    assert clock is not None, "what is owed by a date of the record has a clock"
    known: dict[date | None, Obligation] = {}
    rows, owed = [], []
    for ordinal, record in enumerate(records, 1):
        occasion = f"{parcel.origin}-{parcel.revision}/{receiver}/{ordinal}"
        if record.since not in known:
            known[record.since] = _first(parcel, occasion, record.since, clock, terms)
        one = deadlines.recurring(known[record.since], occasion)
        owed.append(one)
        rows.append(DatedRow(parcel.id, receiver, ordinal, record.area, since=record.since, obligation=one.id))
    tx.dated.add(rows)
    return owed


def _first(parcel: ParcelRow, occasion: str, since: date | None, clock: EventClock, terms: Terms) -> Obligation:
    assert since is not None, "the rules refused a record without its day"
    began = deadlines.since_day(max(since, EARLIEST))
    matter = deadlines.Matter("feedback", parcel.origin, parcel.agreement, occasion)
    return deadlines.owed(matter, began, clock.rule, terms.calendar)
