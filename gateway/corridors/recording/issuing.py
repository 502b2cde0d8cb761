"""Receipts, in the transaction of what they state; they are posted afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from gateway import deadlines, digests
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.corridors.recording.entries import address, content_salt
from gateway.deadlines import Calendar
from gateway.deadlines.obligations import CORRECTION
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event, ParcelState
from gateway.log import Entry
from gateway.log.entry import KEYED
from gateway.node import ACTOR, Terms
from gateway.outcomes import Detail
from gateway.parcels import AgreementId, Checked, Decider, PackageId, ParcelId, PartyId
from gateway.policy.facts import Agreement, Facts
from gateway.reading import Reading
from gateway.receipts.headline import NOTHING_TO_ADD
from gateway.receipts.receipt import Counts, DueDate, LogEntry, Receipt, Stage, number, parse

NOTHING = hashlib.sha256(b"").hexdigest()
Reconciled = Mapping[str, Sequence[tuple[str, int, int]]]


@dataclass(frozen=True, slots=True)
class Issue:
    """What one receipt states. `entry` is the one it rests on. `about`: the agreement it speaks of, where the parcel
    itself stands under none. `due`: the dates it sets, where they are not those of a correction; `passed`: the one that
    an accepted submission came after. `receiver`: whose delivery it states; `repeated`: how often that was stated
    before. `reading`: how the table of a refused file was read."""

    stage: Stage
    code: str
    entry: Sequenced
    counts: Counts
    codes: Mapping[str, int] = field(default_factory=dict)
    packages: Sequence[PackageId] = ()
    detail: Detail = field(default_factory=dict)
    about: Agreement | None = None
    checked: Checked | None = None
    reconciled: Reconciled = field(default_factory=dict)
    due: tuple[DueDate, ...] | None = None
    passed: tuple[DueDate, ...] = ()
    receiver: str = ""
    repeated: int = 0
    reading: Reading = field(default_factory=Reading)


def issue(tx: Transaction, parcel: ParcelRow, told: Issue, terms: Terms) -> None:
    """Enter a receipt, and its digest into the log. It names the entry it rests on and never changes."""
    receipt = _receipt(tx, parcel, told, terms)
    body = receipt.to_json()
    tx.receipts.add(
        number=receipt.number,
        parcel=parcel.id,
        party=parcel.sender,
        stage=receipt.stage,
        code=told.code,
        body=body,
        issued_at=receipt.issued_at,
        about=told.receiver,
        issue=told.repeated,
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


def _receipt(tx: Transaction, parcel: ParcelRow, told: Issue, terms: Terms) -> Receipt:
    facts, entry = terms.facts, told.entry
    agreement = told.about or facts.agreements.get(parcel.agreement)
    issued = max(entry.logged_at, parcel.received_at).astimezone(SHANGHAI)
    checked = told.checked
    return Receipt(
        number=number(issued.date(), entry.seq),
        stage=told.stage,
        code=told.code,
        issuer=PartyId(facts.node.party),
        parcel=ParcelId(parcel.id),
        sha256=_sha256(tx, parcel, told),
        size=parcel.size,
        sender=PartyId(parcel.sender),
        receivers=tuple(dict.fromkeys(PartyId(package.split("_")[2]) for package in told.packages)),
        agreement=AgreementId(agreement.id if agreement else parcel.agreement),
        label=_label(agreement, facts),
        counts=told.counts,
        period=parcel.period,
        kind=parcel.kind,
        revision=parcel.revision,
        decided_by=cast("Decider | None", parcel.detail.get("decided_by")),
        received_at=parcel.received_at.astimezone(SHANGHAI),
        issued_at=issued,
        log=LogEntry(facts.node.name, entry.seq, entry.leaf),
        facts=parcel.facts,
        packages=tuple(told.packages),
        due=told.passed + (_due(tx, parcel, told, terms.calendar) if told.due is None else told.due),
        codes=dict(told.codes),
        detail=told.detail,
        quality=checked.measures if checked else {},
        fields=checked.fields if checked else {},
        reconciled={cases: tuple(found) for cases, found in told.reconciled.items()},
        salt=_salt(tx, parcel, told),
        reading=checked.reading if checked else told.reading,
    )


def _sha256(tx: Transaction, parcel: ParcelRow, told: Issue) -> str:
    """The digest of the file, for its sender. A receiver of some of its records could find the others by it: what it
    gets too says the digest only where the log shows it. Empty as well where a restored node does not know it."""
    arrived = tx.entries.get(f"{parcel.id}/{Event.RECEIVED}")
    keyed = arrived is not None and KEYED in Entry.parse(arrived.body).digests
    if keyed and (told.receiver or not parcel.sha256):
        return ""
    return parcel.sha256 or NOTHING


def _salt(tx: Transaction, parcel: ParcelRow, told: Issue) -> str:
    """What the log's digest of the file is keyed with, which receipts go on to say when the key is destroyed. Where
    nobody knows it, and where a receiver gets the receipt too, one of its own: the log has the receipt's digest, and
    without a salt all else in it could be tried."""
    if told.receiver:
        return digests.new_key()
    key = tx.secrets.key(parcel.id)
    if key:
        return content_salt(key)
    before = (parse(one.body).salt for one in tx.receipts.where(parcel=parcel.id, about=""))
    return next(filter(None, before), "") or digests.new_key()


def _label(agreement: Agreement | None, facts: Facts) -> str:
    return agreement.label if agreement else facts.node.folders.acknowledge


def _due(tx: Transaction, parcel: ParcelRow, told: Issue, calendar: Calendar) -> tuple[DueDate, ...]:
    """When the returned rows, or the whole file, should come back: by the submission's own date while that has not
    passed, else within the three working days that count as corrected in time. A supplement without a record need not
    come back."""
    counts = told.counts
    if told.code == NOTHING_TO_ADD or (not counts.refused and parcel.state is not ParcelState.REFUSED):
        return ()
    what = "supplement" if counts.accepted else "resubmission"
    owed = (
        tx.obligations.where(agreement=parcel.agreement, party=parcel.sender, period=parcel.period)
        if parcel.period
        else []
    )
    if owed and owed[0].expires_at > tx.now:
        o = owed[0]
        return (DueDate(what, o.due, o.expires_at.astimezone(SHANGHAI), o.status, o.edition),)
    try:
        limit = deadlines.due(tx.now, CORRECTION, calendar)
        day, expires_at = limit.settled
    except ValueError:
        return ()
    return (DueDate(what, day, expires_at, limit.status, limit.edition),)
