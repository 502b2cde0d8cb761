"""Stating: by when an inquiry is to be answered, in a signed receipt for both sides, and anew whenever that moves.

The date is that of the node into whose receiver's channel the records went. Every node above takes it over from that
node's statement and states it to its own side, with whose date it is; so it goes up, tier by tier, each step under a
signature that the next one has pinned. Records are told apart by the area they are about: no two nodes share anything
else about a record.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.owing import OWED
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow
from gateway.corridors import recording
from gateway.corridors.inquiries.entering import own_id
from gateway.corridors.obligations import settling
from gateway.corridors.obligations.changes import redate
from gateway.corridors.recording.entries import instant
from gateway.deadlines import Calendar, Obligation
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event, ObligationState
from gateway.log import Entry
from gateway.node import ACTOR
from gateway.parcels import PackageId
from gateway.policy.facts import Facts
from gateway.receipts.receipt import Counts, DueDate, Receipt

STAGE = "delivered"
REPLY = "reply"
_Pair = tuple[DatedRow, ObligationRow]


def state(tx: Transaction, inquiry: InquiryRow, package: str, due: tuple[DueDate, ...], owed: int, facts: Facts,
          calendar: Calendar) -> None:  # fmt: skip
    """A receipt of what stands now, into the outbox for both sides."""
    before = len(tx.receipts(parcel=inquiry.parcel, stage=STAGE, about=inquiry.receiver))
    while tx.entry(_name(inquiry, before)) is not None:  # after a restore the log may know more than the ledger
        before += 1
    entry = tx.log(
        Entry(
            id=_name(inquiry, before),
            event=Event.RECEIPT,
            time=tx.now,
            actor=ACTOR,
            facts=facts.digest,
            parties=(inquiry.origin, inquiry.receiver),
            parcel=inquiry.parcel,
            package=package,
            counts={"records": inquiry.records, "obligations": owed},
        )
    )
    recording.issue(
        tx,
        recording.row(tx, inquiry.parcel),
        facts,
        STAGE,
        "100",
        entry,
        Counts(inquiry.records, inquiry.records),
        calendar=calendar,
        packages=(PackageId(package),) if package else (),
        detail={"inquiry": inquiry.name} | ({"again": before} if before else {}),
        due=due,
        receiver=inquiry.receiver,
        repeated=before,
    )


def _name(inquiry: InquiryRow, before: int) -> str:
    return f"{inquiry.parcel}/{inquiry.receiver}/{Event.RECEIPT}" + (f"/{before}" if before else "")


def restate(tx: Transaction, changed: Iterable[str], facts: Facts, calendar: Calendar) -> None:
    """Dates of answers moved: state each inquiry's anew, with the earliest date still owed in each area."""
    for parcel, receiver in sorted(tx.asked_under(sorted(changed))):
        for inquiry in tx.inquiries(opened=True, parcel=parcel, receiver=receiver):
            owed = [(d, o) for d, o in _own(tx, inquiry) if o.state in OWED]
            if owed:
                state(tx, inquiry, _package(tx, inquiry), dates(owed), len(owed), facts, calendar)


def dates(owed: Iterable[_Pair]) -> tuple[DueDate, ...]:
    """What is owed as a receipt's dates, each with its areas."""
    earliest: dict[str, ObligationRow] = {}
    for record, one in owed:
        known = earliest.get(record.area)
        if known is None or one.expires_at < known.expires_at:
            earliest[record.area] = one
    areas: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for area, one in sorted(earliest.items()):
        areas[one.due, one.expires_at, one.status, one.edition, one.dated_by].append(area)
    found = []
    for (day, expires_at, status, edition, by), these in sorted(areas.items()):
        standing = settling.standing(status)
        until = instant(expires_at).astimezone(SHANGHAI)
        given = tuple(area for area in these if area)
        found.append(DueDate(REPLY, date.fromisoformat(day), until, standing, edition, by, given))
    return tuple(found)


def copy(tx: Transaction, package: str, stated: Receipt, body: bytes, facts: Facts, calendar: Calendar) -> int:
    """Take over the dates of a believed statement about `package`, and state them to our own side. Answers how many
    obligations have another node's date now. A statement that is older than the one a date came from changes nothing,
    nor does a date outside our calendar."""
    sent = next(iter(tx.packages(id=package)), None)
    if sent is None or stated.stage != STAGE:
        return 0
    count = 0
    for inquiry in tx.inquiries(opened=True, parcel=sent.parcel, receiver=stated.issuer):
        pairs = _dated_by(tx, inquiry, stated)
        taken = _take(tx, pairs, stated, facts, calendar)
        for whose, many in sorted(taken.items()):
            _log(tx, inquiry, whose, len(many), stated, body, facts)
        if taken:
            ids = {identity for many in taken.values() for identity in many}
            owed = [(d, o) for d, o in _own(tx, inquiry) if o.id in ids]
            state(tx, inquiry, package, dates(owed), len(owed), facts, calendar)
            count += len(ids)
    return count


def _dated_by(tx: Transaction, inquiry: InquiryRow, stated: Receipt) -> list[tuple[ObligationRow, DueDate]]:
    by_area = {
        area: due for due in stated.due if due.what == REPLY and due.status != "refused" for area in due.areas
    }  # fmt: skip
    return [
        (owed, by_area[record.area])
        for record, owed in _own(tx, inquiry)
        if record.area in by_area and owed.state in OWED and owed.dated_seq < stated.log.seq
    ]


def _take(
    tx: Transaction, pairs: Iterable[tuple[ObligationRow, DueDate]], stated: Receipt, facts: Facts, calendar: Calendar
) -> Mapping[str, list[str]]:
    """Enter the dates; the obligations by whose date they have."""
    taken: dict[str, list[str]] = defaultdict(list)
    for owed, due in pairs:
        after = _after(settling.read(owed), due, calendar)
        if after is None:
            continue
        whose = due.by or stated.issuer
        redate(tx, owed, after, facts, calendar)
        again = (
            {"state": str(ObligationState.OPEN)}
            if owed.state == ObligationState.MISSED and after.expires_at > tx.now
            else {}
        )
        tx.update_obligation(owed.id, dated_by=whose, dated_seq=stated.log.seq, **again)
        taken[whose].append(owed.id)
    return taken


def _after(owed: Obligation, due: DueDate, calendar: Calendar) -> Obligation | None:
    after = replace(
        owed,
        due=due.date,
        expires_at=due.expires_at,
        status=settling.standing(due.status),
        edition=due.edition,
        rule="",
    )
    try:
        calendar.on_or_before(due.date)
    except ValueError:
        return None
    return after


def _log(
    tx: Transaction, inquiry: InquiryRow, whose: str, count: int, stated: Receipt, body: bytes, facts: Facts
) -> None:
    identity = f"{inquiry.parcel}/{inquiry.receiver}/{Event.COPIED}/{stated.number}/{whose}"
    if tx.entry(identity) is not None:  # after a restore
        return
    tx.log(
        Entry(
            id=identity,
            event=Event.COPIED,
            time=tx.now,
            actor=ACTOR,
            facts=facts.digest,
            parties=tuple(dict.fromkeys((inquiry.receiver, whose))),
            parcel=inquiry.parcel,
            counts={"obligations": count},
            digests={"statement": hashlib.sha256(body).hexdigest()},
        )
    )


def _own(tx: Transaction, inquiry: InquiryRow) -> list[_Pair]:
    """The records whose answer is owed under this inquiry, and not under another class that has them too."""
    found = tx.dated_with_state(parcel=inquiry.parcel, receiver=inquiry.receiver)
    return [(record, owed) for record, owed in found if owed.id == own_id(inquiry, record.ordinal)]


def _package(tx: Transaction, inquiry: InquiryRow) -> str:
    return next((p.id for p in tx.packages(parcel=inquiry.parcel, receiver=inquiry.receiver) if p.sha256), "")
