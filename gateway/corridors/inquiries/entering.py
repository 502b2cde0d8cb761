"""Entering: what is taken of each record while it is sealed. In the transaction that accepts the parcel."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import InquiryRow, ParcelRow
from gateway.adapters.storage.spool import Spool
from gateway.corridors import recording
from gateway.corridors.inquiries import fingerprints
from gateway.corridors.inquiries.fingerprints import Read, fingerprint
from gateway.deadlines import Calendar, Obligation
from gateway.lifecycle import SETTLED, ObligationState
from gateway.parcels import ParcelId, Sealed
from gateway.policy.facts.facts import Agreement, EventClock, Facts

EARLIEST = date(2007, 1, 1)
"""The calendar's first day: whatever is owed since longer ago is late by any clock."""


def enter(tx: Transaction, spool: Spool, parcel: ParcelRow, sealed: Sealed, facts: Facts, calendar: Calendar) -> None:
    """Enter the records of an inquiry, or of those that their sender owes. Others have no date of their own."""
    agreement = facts.agreements[parcel.agreement]
    if agreement.clock is None:
        return
    owed: list[Obligation] = []
    for receiver, part in sorted(sealed.sorted.parts.items()):
        path = spool.part(ParcelId(parcel.id), part.province)
        if agreement.clock.answered_by:
            _ask(tx, parcel, receiver, list(fingerprints.read(path)), agreement, facts)
        else:
            found = list(fingerprints.read(path, agreement.clock.starts))
            owed += _owe(tx, parcel, receiver, found, agreement.clock, calendar)
    if owed:
        recording.set_obligations(tx, owed, facts, calendar, source=parcel.id)


def own_id(inquiry: InquiryRow, ordinal: int) -> str:
    """The obligation to answer one record of an inquiry."""
    return f"reply:{inquiry.reply}:{inquiry.receiver}:{subject(inquiry, ordinal)}"


def subject(inquiry: InquiryRow, ordinal: int) -> str:
    """`110000-7/12`: the twelfth record of the inquiry's part in its receiver's hands."""
    return f"{inquiry.name}/{ordinal}"


def _ask(
    tx: Transaction, parcel: ParcelRow, receiver: str, records: list[Read], agreement: Agreement, facts: Facts
) -> None:
    assert agreement.clock is not None
    key = fingerprints.new_key()
    inquiry = InquiryRow(
        parcel=parcel.id,
        receiver=receiver,
        agreement=agreement.id,
        reply=agreement.clock.answered_by,
        origin=parcel.origin,
        number=parcel.revision,
        records=len(records),
        key=key,
        delivered_at="",
        closed_at="",
    )
    earlier = _earlier(tx, inquiry)
    tx.add_inquiry(**{name: getattr(inquiry, name) for name in InquiryRow.__dataclass_fields__})
    rows = []
    for ordinal, record in enumerate(records, 1):
        own = own_id(inquiry, ordinal)
        standing, covers = _among(earlier, record, agreement, facts)
        rows.append(
            {
                "parcel": parcel.id,
                "receiver": receiver,
                "ordinal": ordinal,
                "fingerprint": fingerprint(key, record.number),
                "area": record.area,
                "since": "",
                "obligation": standing or own,
                "covers": covers,
                "refused_at": "",
                "claimed": "",
            }
        )
    tx.add_dated(rows)


Earlier = list[tuple[InquiryRow, dict[str, str]]]
"""Inquiries of the same asker in the same hands that are not closed, each with fingerprint → obligation."""


def _earlier(tx: Transaction, inquiry: InquiryRow) -> Earlier:
    found = []
    for other in tx.inquiries(origin=inquiry.origin, receiver=inquiry.receiver, closed_at=""):
        states = {d.ordinal: o.state for d, o in tx.dated_with_state(parcel=other.parcel, receiver=other.receiver)}
        waiting = {
            record.fingerprint: record.obligation
            for record in tx.dated(other.parcel, other.receiver)
            if ObligationState(states.get(record.ordinal, ObligationState.OPEN)) not in SETTLED
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


def _owe(
    tx: Transaction, parcel: ParcelRow, receiver: str, records: list[Read], clock: EventClock, calendar: Calendar
) -> list[Obligation]:
    known: dict[str, Obligation] = defaultdict()
    rows, owed = [], []
    for ordinal, record in enumerate(records, 1):
        occasion = f"{parcel.origin}-{parcel.revision}/{receiver}/{ordinal}"
        since = deadlines.since_day(max(date.fromisoformat(record.since), EARLIEST))
        if record.since not in known:
            matter = deadlines.Matter("feedback", parcel.origin, parcel.agreement, occasion)
            known[record.since] = deadlines.owed(matter, since, clock.rule, calendar)
        one = deadlines.recurring(known[record.since], occasion)
        owed.append(one)
        rows.append(
            {
                "parcel": parcel.id,
                "receiver": receiver,
                "ordinal": ordinal,
                "fingerprint": "",
                "area": record.area,
                "since": record.since,
                "obligation": one.id,
                "covers": "",
                "refused_at": "",
                "claimed": "",
            }
        )
    tx.add_dated(rows)
    return owed
