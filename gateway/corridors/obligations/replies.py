"""Replies: what is owed for each record of an inquiry, and the signed receipt that states by when to both sides; again,
whenever a date moves.

The date is that of the node into whose receiver's channel the records went; it is stated with the name of that party
where it was copied (`gateway.corridors.inquiries.stating`). Records are told apart by the area they are about: no two
nodes share anything else about a record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow
from gateway.corridors.recording import Issue, issue
from gateway.instants import SHANGHAI
from gateway.lifecycle import OWED, Event
from gateway.log import Entry
from gateway.node import ACTOR, Terms
from gateway.parcels import PackageId
from gateway.receipts.receipt import Counts, DueDate

STAGE: Final = "delivered"
REPLY: Final = "reply"
Pair = tuple[DatedRow, ObligationRow]


def own_id(inquiry: InquiryRow, ordinal: int) -> str:
    """The obligation to answer one record of an inquiry."""
    return f"reply:{inquiry.reply}:{inquiry.receiver}:{subject(inquiry, ordinal)}"


def subject(inquiry: InquiryRow, ordinal: int) -> str:
    """`110000-7/12`: the twelfth record of the inquiry's part in its receiver's hands."""
    return f"{inquiry.name}/{ordinal}"


def own(tx: Transaction, inquiry: InquiryRow) -> list[Pair]:
    """The records whose answer is owed under this inquiry, and not under another class that has them too."""
    found = tx.dated.with_obligations(parcel=inquiry.parcel, receiver=inquiry.receiver)
    return [(record, owed) for record, owed in found if owed.id == own_id(inquiry, record.ordinal)]


def state(tx: Transaction, inquiry: InquiryRow, package: str, due: Sequence[DueDate], owed: int, terms: Terms) -> None:
    """Issue the receipt of what holds now, for both sides. `owed`: for how many records an answer is. `package` may be
    empty, where a person passed the records on."""
    before = len(tx.receipts.where(parcel=inquiry.parcel, stage=STAGE, about=inquiry.receiver))
    while tx.entries.get(_name(inquiry, before)) is not None:  # after a restore the log may know more than the ledger
        before += 1
    entry = tx.log(
        Entry(
            id=_name(inquiry, before),
            event=Event.RECEIPT,
            time=tx.now,
            actor=ACTOR,
            facts=terms.facts.digest,
            parties=(inquiry.origin, inquiry.receiver),
            parcel=inquiry.parcel,
            package=package,
            counts={"records": inquiry.records, "obligations": owed},
        )
    )
    told = Issue(
        STAGE,
        "100",
        entry,
        Counts(inquiry.records, inquiry.records),
        packages=(PackageId(package),) if package else (),
        detail={"inquiry": inquiry.name} | ({"again": before} if before else {}),
        due=tuple(due),
        receiver=inquiry.receiver,
        repeated=before,
    )
    issue(tx, tx.parcels.row(inquiry.parcel), told, terms)


def restate(tx: Transaction, changed: Iterable[ObligationRow], terms: Terms) -> None:
    """Dates moved: state those of every inquiry that has one of these replies, with the earliest date still owed in
    each area."""
    for parcel, receiver in sorted(tx.dated.asked_under(sorted(owed.id for owed in changed if owed.kind == REPLY))):
        for inquiry in tx.inquiries.where(opened=True, parcel=parcel, receiver=receiver):
            owed = [(record, reply) for record, reply in own(tx, inquiry) if reply.state in OWED]
            if owed:
                state(tx, inquiry, _package(tx, inquiry), dates(owed), len(owed), terms)


def dates(owed: Iterable[Pair]) -> list[DueDate]:
    """What is owed as a receipt's dates, each with its areas."""
    earliest: dict[str, ObligationRow] = {}
    for record, one in owed:
        known = earliest.get(record.area)
        if known is None or one.expires_at < known.expires_at:
            earliest[record.area] = one
    areas: dict[DueDate, list[str]] = defaultdict(list)
    for area, one in sorted(earliest.items()):
        until = one.expires_at.astimezone(SHANGHAI)
        areas[DueDate(REPLY, one.due, until, one.status, one.edition, one.dated_by)].append(area)
    found = [replace(due, areas=tuple(filter(None, these))) for due, these in areas.items()]
    return sorted(found, key=lambda due: (due.date, due.expires_at, due.status, due.edition, due.by))


def _name(inquiry: InquiryRow, before: int) -> str:
    return f"{inquiry.parcel}/{inquiry.receiver}/{Event.RECEIPT}" + (f"/{before}" if before else "")


def _package(tx: Transaction, inquiry: InquiryRow) -> str:
    packages = tx.packages.where(parcel=inquiry.parcel, receiver=inquiry.receiver)
    return next((package.id for package in packages if package.sha256), "")
