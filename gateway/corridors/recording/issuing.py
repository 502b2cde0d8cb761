"""Receipts into the outbox, in the transaction of what they state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.corridors.comparing import statistics
from gateway.corridors.obligations.settling import standing
from gateway.corridors.recording.entries import address, instant
from gateway.deadlines import Calendar
from gateway.deadlines.obligations import CORRECTION
from gateway.instants import SHANGHAI, rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import ACTOR
from gateway.outcomes import Detail
from gateway.parcels import AgreementId, Checked, Kind, PackageId, ParcelId, PartyId, Sealed
from gateway.policy.facts import Agreement, Facts
from gateway.receipts.receipt import Counts, DueDate, LogEntry, Receipt, number

NOTHING = hashlib.sha256(b"").hexdigest()


def issue(
    tx: Transaction,
    parcel: ParcelRow,
    facts: Facts,
    stage: Any,
    code: str,
    entry: Sequenced,
    counts: Counts,
    *,
    calendar: Calendar,
    codes: Mapping[str, int] | None = None,
    packages: Sequence[PackageId] = (),
    detail: Detail | None = None,
    about: Agreement | None = None,
    checked: Checked | None = None,
    due: tuple[DueDate, ...] | None = None,
    receiver: str = "",
    repeated: int = 0,
) -> None:
    """A receipt into the outbox, and its digest into the log. It names the entry it rests on and never changes.
    `about`: the agreement it speaks of, where the parcel itself stands under none. `due`: the dates it sets, where they
    are not those of a correction. `receiver`: whose delivery it states; `repeated`: how often that was
    stated before."""
    agreement = about or facts.agreements.get(parcel.agreement)
    issued = max(entry.logged_at, instant(parcel.received_at)).astimezone(SHANGHAI)
    receivers = tuple(dict.fromkeys(PartyId(package.split("_")[2]) for package in packages))
    receipt = Receipt(
        number=number(issued.date(), entry.seq),
        stage=stage,
        code=code,
        issuer=PartyId(facts.node.party),
        parcel=ParcelId(parcel.id),
        sha256=parcel.sha256 or NOTHING,
        size=parcel.size,
        sender=PartyId(parcel.sender),
        receivers=receivers,
        agreement=AgreementId(agreement.id if agreement else parcel.agreement),
        label=agreement.label if agreement else facts.node.folders.acknowledge,
        counts=counts,
        period=parcel.period,
        kind=Kind(parcel.kind) if parcel.kind else None,
        revision=parcel.revision,
        decided_by=parcel.details.get("decided_by"),
        received_at=instant(parcel.received_at).astimezone(SHANGHAI),
        issued_at=issued,
        log=LogEntry(facts.node.name, entry.seq, entry.leaf),
        facts=parcel.facts,
        packages=tuple(packages),
        due=_due(tx, parcel, counts, calendar) if due is None else due,
        codes=dict(codes or {}),
        detail=detail or {},
        quality=checked.measures if checked else {},
        fields=checked.fields if checked else {},
        reconciled=_reconciled(tx, parcel, agreement, checked) if checked and agreement else {},
    )
    body = receipt.to_json()
    tx.add_receipt(
        number=receipt.number,
        parcel=parcel.id,
        party=parcel.sender,
        stage=receipt.stage,
        code=code,
        body=body,
        issued_at=rfc3339(issued),
        about=receiver,
        issue=repeated,
    )
    tx.log(
        Entry(
            id=f"receipt/{receipt.number}",
            event=Event.RECEIPT,
            time=tx.now,
            actor=ACTOR,
            facts=parcel.facts,
            parties=(parcel.sender,),
            package=address(parcel),
            digests={"receipt": hashlib.sha256(body).hexdigest()},
        )
    )


def _reconciled(
    tx: Transaction, parcel: ParcelRow, agreement: Agreement, checked: Checked
) -> dict[str, tuple[tuple[str, int, int], ...]]:
    compared = statistics.compare(tx, agreement, parcel.origin, parcel.period, checked.sums)
    return {cases: tuple((d.province, d.stated, d.held) for d in found) for cases, found in compared.items()}


def _due(tx: Transaction, parcel: ParcelRow, counts: Counts, calendar: Calendar) -> tuple[DueDate, ...]:
    """When the returned rows, or the whole file, should come back: by the submission's own date while that has not
    passed, else within the three working days that count as corrected in time."""
    if not counts.refused and parcel.state != "refused":
        return ()
    what = "supplement" if counts.accepted else "resubmission"
    owed = (
        tx.obligations(agreement=parcel.agreement, party=parcel.sender, period=parcel.period) if parcel.period else []
    )
    if owed and owed[0].expires_at > rfc3339(tx.now):
        o = owed[0]
        expires_at = instant(o.expires_at).astimezone(SHANGHAI)
        return (DueDate(what, date.fromisoformat(o.due), expires_at, standing(o.status), o.edition),)
    try:
        limit = deadlines.due(tx.now, CORRECTION, calendar)
        day, expires_at = limit.settled
    except ValueError:
        return ()
    return (DueDate(what, day, expires_at, limit.status, limit.edition),)


def out_of(sealed: Sealed, facts: Facts) -> dict[str, int]:
    """Records per two-digit province, or per receiver's id where other parties are routed to; a fixed route has one
    part, under its receiver's id."""
    agreement = facts.agreements[sealed.sorted.checked.opened.arrival.agreement]
    parts = sealed.sorted.checked.parts
    if agreement.receivers == "routed" and agreement.routes == "province":
        return {part.province: part.records for part in parts}
    if agreement.receivers == "routed":
        routes = facts.routes(agreement)
        return {routes[part.province].id: part.records for part in parts}
    return {"+".join(agreement.receivers): part.records for part in parts}
