"""What is written when something happened: the log entry, the receipt, the obligation, in the transaction of the state
change. One function per event, so that an auditor finds here what an entry means.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DistributionRow, ObligationRow, ParcelRow
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.adapters.ledger.transaction import dumps
from gateway.corridors import superseding
from gateway.corridors.tools import ACTOR
from gateway.deadlines import SHANGHAI, Calendar, Delivery, Obligation, State
from gateway.deadlines.obligations import CORRECTION, SETTLED, opens_at
from gateway.log import Entry, Event, rfc3339
from gateway.outcomes import Detail
from gateway.parcels import AgreementId, Kind, PackageId, ParcelId, PartyId, Sealed, Tally
from gateway.policy.model import Agreement, Facts
from gateway.policy.periods import Period
from gateway.receipts.receipt import Counts, DueDate, LogEntry, Receipt, number

NOTHING = hashlib.sha256(b"").hexdigest()


def commitment(value: str) -> tuple[str, str]:
    """`commit = SHA-256(salt ‖ value)` and the salt (hex), for a value that may be personal, such as a file's name."""
    salt = secrets.token_bytes(32)
    return hashlib.sha256(salt + value.encode("utf-8", "surrogateescape")).hexdigest(), salt.hex()


def parcel_event(
    tx: Transaction,
    event: Event,
    parcel: ParcelRow,
    *,
    suffix: str = "",
    time: datetime | None = None,
    counts: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
    commit: str = "",
    actor: str = ACTOR,
) -> Sequenced:
    """Log something that happened to one parcel. `suffix` tells repeated events apart (an attempt's number)."""
    return tx.log(
        Entry(
            id=f"{parcel.id}/{event}{suffix}",
            event=event,
            time=time or tx.now,
            actor=actor,
            facts=parcel.facts,
            parties=(parcel.sender,),
            parcel=parcel.id,
            package=address(parcel),
            counts=counts or {},
            digests=digests or {},
            commit=commit,
        )
    )


def address(parcel: ParcelRow) -> str:
    """`migrants-inflow/2026Q3/new/r1`: what a parcel answers, as far as it is known; `-` for what is not."""
    return "/".join((parcel.agreement or "-", parcel.period or "-", parcel.kind or "-", f"r{parcel.revision}"))


def row(tx: Transaction, parcel: str) -> ParcelRow:
    found = tx.parcel(parcel)
    assert found is not None, "a parcel that is recorded exists"
    return found


def refused(
    tx: Transaction,
    parcel: ParcelId,
    code: str,
    detail: Detail,
    facts: Facts,
    codes: Mapping[str, int],
    calendar: Calendar,
) -> None:
    """A parcel is refused: state, place given up, entry, receipt. Counts come with `detail` where rows were judged."""
    records = int(detail.get("records", 0))
    tx.update_parcel(
        parcel,
        state="refused",
        code=code,
        detail=_kept(row(tx, parcel), detail),
        records=records,
        accepted=0,
        refused=records,
        next_attempt_at="",
    )
    tx.free_place(parcel)
    done = row(tx, parcel)
    entry = parcel_event(
        tx, Event.REFUSED, done, counts={"records": records, "code": int(code)}, digests=_content(done)
    )
    issue(
        tx,
        done,
        facts,
        "refused",
        code,
        entry,
        Counts(records, 0, records),
        codes=codes,
        detail=detail,
        calendar=calendar,
    )


def duplicate(tx: Transaction, parcel: ParcelId, original: str) -> None:
    """The same bytes again: the original's receipt is posted again, no new one is issued."""
    tx.update_parcel(parcel, state="duplicate", code="220", original=original, next_attempt_at="")
    done = row(tx, parcel)
    parcel_event(tx, Event.DUPLICATE, done, digests=_content(done))


def deferred(tx: Transaction, parcel: ParcelRow, code: str, detail: Detail, wait: float) -> None:
    """Tried again after `wait` seconds. Every third entry would only repeat the last: first tries and each doubling
    are logged."""
    attempt = parcel.attempt + 1
    tx.update_parcel(
        parcel.id,
        code=code,
        detail=_kept(parcel, detail),
        attempt=attempt,
        next_attempt_at=rfc3339(tx.now + timedelta(seconds=wait)),
    )
    if attempt & (attempt - 1) == 0:
        parcel_event(tx, Event.DEFERRED, row(tx, parcel.id), suffix=f"/{attempt}", counts={"code": int(code)})


def faulted(tx: Transaction, parcel: ParcelRow, code: str, detail: Detail) -> None:
    """Stopped where it is; an operator looks and retries."""
    tx.update_parcel(parcel.id, state="faulted", code=code, detail=_kept(parcel, detail), next_attempt_at="")
    parcel_event(tx, Event.FAULTED, row(tx, parcel.id), suffix=f"/{parcel.attempt}", counts={"code": int(code)})


def batch_retried(tx: Transaction, distribution: str, attempt: int, actor: str) -> None:
    """A person had a batch delivered again."""
    batch = tx.distribution(distribution)
    assert batch is not None, "a batch that is retried was released"
    tx.log(
        Entry(
            id=f"{distribution}/{Event.RETRIED}/{attempt}",
            event=Event.RETRIED,
            time=tx.now,
            actor=actor,
            facts=batch.facts,
            parties=(batch.receiver,),
            parcel=distribution,
        )
    )


def accepted(tx: Transaction, parcel: ParcelId, sealed: Sealed, facts: Facts, calendar: Calendar) -> None:
    """Everything is sealed: packages, entries, the obligation met, the receipt."""
    checked = sealed.sorted.checked
    tally = checked.tally
    current = row(tx, parcel)
    missing = superseding.enter(tx, current, sealed.packages)
    parcel_event(
        tx,
        Event.SEALED,
        current,
        counts={"packages": len(sealed.packages), "records": tally.accepted},
        digests={package.package: package.sha256 for package in sealed.packages},
    )
    code = _accepted_code(current, tally, missing)
    detail: Detail = {}
    if missing:
        detail = {"part": current.part, "parts": current.parts, "missing": "、".join(map(str, missing))}
    tx.update_parcel(parcel, state="accepted", code=code, detail=_kept(current, detail), next_attempt_at="")
    tx.tally(parcel, tally)
    done = row(tx, parcel)
    out = _out(sealed, facts)
    entry = parcel_event(
        tx,
        Event.ACCEPTED,
        done,
        counts={
            "records": tally.records,
            "accepted": tally.accepted,
            "refused": tally.refused,
            "warned": tally.warned,
            **{f"out_{province}": records for province, records in out.items()},
        },
        digests={**_content(done), "records": checked.digest},
    )
    settle_obligation(tx, done, facts, calendar)
    counts = Counts(tally.records, tally.accepted, tally.refused, tally.warned, out)
    stage = "partly_refused" if tally.refused else "accepted"
    packages = tuple(package.package for package in sealed.packages)
    issue(
        tx,
        done,
        facts,
        stage,
        code,
        entry,
        counts,
        codes=checked.codes,
        packages=packages,
        detail=detail,
        calendar=calendar,
    )


def _accepted_code(parcel: ParcelRow, tally: Tally, missing: Sequence[int]) -> str:
    if tally.refused:
        return "101"
    if missing:
        return "103"
    return {Kind.NIL: "102", Kind.VOID: "104", Kind.REPLACE: "105"}.get(Kind(parcel.kind), "100")


def held(
    tx: Transaction, parcel: ParcelId, tally: Tally, code: str, detail: Detail, facts: Facts, calendar: Calendar
) -> None:
    """A parcel waits for a person's word: nothing of it is sealed, and its sender is told."""
    tx.update_parcel(parcel, state="held", code=code, detail=_kept(row(tx, parcel), detail), next_attempt_at="")
    tx.tally(parcel, tally)
    done = row(tx, parcel)
    entry = parcel_event(tx, Event.HELD, done, counts={"code": int(code), "accepted": tally.accepted})
    counts = Counts(tally.records, tally.accepted, tally.refused, tally.warned)
    issue(tx, done, facts, "held", code, entry, counts, detail=detail, calendar=calendar)


def acknowledged(tx: Transaction, parcel: ParcelId, batch: DistributionRow, facts: Facts, calendar: Calendar) -> None:
    """A receiver's signature was good: its batch is closed, and it gets a receipt for the signature."""
    agreement = facts.agreements[batch.agreement]
    tx.update_parcel(
        parcel, state="acknowledged", code="100", original=batch.id, period=batch.period, next_attempt_at=""
    )
    done = row(tx, parcel)
    entry = parcel_event(tx, Event.RECEIVED, done, time=_instant(done.received_at), digests=_content(done))
    packages = tuple(PackageId(package.id) for package in tx.packages(distribution=batch.id))
    issue(
        tx, done, facts, "acknowledged", "100", entry, Counts(), packages=packages, calendar=calendar, about=agreement
    )


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
) -> None:
    """A receipt into the outbox. It names the entry it rests on and never changes. `about`: the agreement it speaks of,
    where the parcel itself stands under none."""
    agreement = about or facts.agreements.get(parcel.agreement)
    issued = max(entry.logged_at, _instant(parcel.received_at)).astimezone(SHANGHAI)
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
        received_at=_instant(parcel.received_at).astimezone(SHANGHAI),
        issued_at=issued,
        log=LogEntry(facts.node.name, entry.seq, entry.leaf),
        facts=parcel.facts,
        packages=tuple(packages),
        due=_due(tx, parcel, counts, calendar),
        codes=dict(codes or {}),
        detail=detail or {},
    )
    tx.add_receipt(
        number=receipt.number,
        parcel=parcel.id,
        party=parcel.sender,
        stage=receipt.stage,
        code=code,
        body=receipt.to_json(),
        issued_at=rfc3339(issued),
    )


def settle_obligation(tx: Transaction, parcel: ParcelRow, facts: Facts, calendar: Calendar) -> None:
    """Judge the submission this parcel answers, by the receipts' instants, once it is accepted. Met is met."""
    owed = tx.obligations(agreement=parcel.agreement, party=parcel.sender, period=parcel.period)
    if not owed or owed[0].state in SETTLED:
        return
    judged = deadlines.judge(
        _obligation(owed[0]),
        _deliveries(tx, owed[0]),
        tx.now,
        calendar,
    )
    tx.update_obligation(owed[0].id, state=str(judged.state), parcel=parcel.id, met_at=parcel.received_at)
    if judged.state in SETTLED:
        tx.log(
            Entry(
                id=f"{owed[0].id}/met",
                event=Event.MET,
                time=tx.now,
                actor=ACTOR,
                facts=facts.digest,
                parties=(parcel.sender,),
                counts={"late": int(judged.state is State.MET_LATE)},
            )
        )


def missed(tx: Transaction, owed: ObligationRow, facts: Facts, calendar: Calendar) -> bool:
    """Mark an obligation missed if it is, and say so in the log; the arrival that comes after is marked late."""
    judged = deadlines.judge(_obligation(owed), _deliveries(tx, owed), tx.now, calendar)
    if judged.state is not State.MISSED:
        return False
    tx.update_obligation(owed.id, state=str(State.MISSED))
    tx.log(
        Entry(
            id=f"{owed.id}/missed",
            event=Event.MISSED,
            time=tx.now,
            actor=ACTOR,
            facts=facts.digest,
            parties=(owed.party,),
        )
    )
    return True


def set_obligation(tx: Transaction, owed: Obligation, facts: Facts) -> None:
    """Enter what is owed, once."""
    added = tx.add_obligation(
        id=owed.id,
        agreement=owed.agreement,
        party=owed.party,
        period=owed.occasion,
        due=owed.due.isoformat(),
        expires_at=rfc3339(owed.expires_at),
        status=owed.status,
        edition=owed.edition,
        state=str(State.OPEN),
    )
    if added:
        tx.log(
            Entry(
                id=f"{owed.id}/set",
                event=Event.OWED,
                time=tx.now,
                actor=ACTOR,
                facts=facts.digest,
                parties=(owed.party,),
            )
        )


def _obligation(owed: ObligationRow) -> Obligation:
    period = Period.parse(owed.period)
    return Obligation(
        id=owed.id,
        duty="submission",
        party=PartyId(owed.party),
        agreement=AgreementId(owed.agreement),
        occasion=owed.period,
        opens_at=opens_at(period),
        due=date.fromisoformat(owed.due),
        expires_at=_instant(owed.expires_at),
        status=_standing(owed.status),
        edition=owed.edition,
    )


def _deliveries(tx: Transaction, owed: ObligationRow) -> list[Delivery]:
    """Everything the party sent for the period. What is still being checked is pending, so that nobody is late while
    the node is slow; parts count once, when the last of them is here."""
    parcels = tx.parcels(sender=owed.party, agreement=owed.agreement, period=owed.period)
    found = [_delivery(p) for p in parcels if p.state != "duplicate" and not (p.part and p.state == "accepted")]
    live = superseding.counting(tx, owed.party, owed.agreement, owed.period)
    parts = [_instant(p.received_at) for p in live if p.part]
    return [*found, Delivery(max(parts), "accepted")] if parts else found


def _delivery(parcel: ParcelRow) -> Delivery:
    received = _instant(parcel.received_at)
    if parcel.state == "refused":
        return Delivery(received, "refused", _instant(parcel.updated_at))
    if parcel.state == "accepted":
        return Delivery(received, "nil" if parcel.kind == Kind.NIL else "accepted")
    return Delivery(received, "pending")


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
        expires_at = _instant(o.expires_at).astimezone(SHANGHAI)
        return (DueDate(what, date.fromisoformat(o.due), expires_at, _standing(o.status), o.edition),)
    try:
        limit = deadlines.due(tx.now, CORRECTION, calendar)
        day, expires_at = limit.settled
    except ValueError:
        return ()
    return (DueDate(what, day, expires_at, limit.status, limit.edition),)


def _out(sealed: Sealed, facts: Facts) -> dict[str, int]:
    """Records per two-digit province where they are routed; a fixed route has one part, under its receiver's id."""
    agreement = facts.agreements[sealed.sorted.checked.opened.arrival.agreement]
    parts = sealed.sorted.checked.parts
    if agreement.receivers == "routed":
        return {part.province: part.records for part in parts}
    return {"+".join(agreement.receivers): part.records for part in parts}


def _standing(status: str) -> Literal["final", "provisional"]:
    return "provisional" if status == "provisional" else "final"


def _kept(parcel: ParcelRow, detail: Detail) -> str:
    """The detail of a new state. What decided the period and the kind stays: the receipt says it at the end."""
    decided = parcel.details.get("decided_by")
    return dumps({**detail, "decided_by": decided} if decided else detail)


def _content(parcel: ParcelRow) -> dict[str, str]:
    return {"content": parcel.sha256} if parcel.sha256 else {}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
