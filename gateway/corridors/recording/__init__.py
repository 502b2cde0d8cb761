"""What is written when something happened: the log entry, the receipt, the obligation, in the transaction of the state
change. One function per event, so that an auditor finds here what an entry means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DistributionRow, ParcelRow
from gateway.adapters.ledger.transaction import dumps
from gateway.corridors.obligations.duties import closed, collected, delivered, distributed
from gateway.corridors.obligations.settling import (
    missed,
    owed_periods,
    set_obligation,
    set_obligations,
    settle,
    settle_obligation,
    settled_many,
)
from gateway.corridors.recording.entries import (
    KEEP,
    address,
    batch_event,
    commitment,
    content,
    instant,
    keeping,
    parcel_event,
    row,
)
from gateway.corridors.recording.issuing import issue, out_of
from gateway.corridors.submission import superseding
from gateway.deadlines import Calendar
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.outcomes import Detail
from gateway.parcels import Kind, PackageId, ParcelId, Sealed, Tally
from gateway.policy.facts import Facts
from gateway.receipts.receipt import Counts

__all__ = [
    "KEEP",
    "accepted",
    "acknowledged",
    "address",
    "batch_event",
    "batch_retried",
    "closed",
    "collected",
    "commitment",
    "deferred",
    "delivered",
    "distributed",
    "duplicate",
    "faulted",
    "held",
    "issue",
    "keeping",
    "missed",
    "noted",
    "owed_periods",
    "parcel_event",
    "refused",
    "row",
    "set_obligation",
    "set_obligations",
    "settle",
    "settled_many",
]


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
    kept = keeping(facts, done.agreement).quarantine
    counts = {"records": records, "code": int(code), KEEP: kept}
    entry = parcel_event(tx, Event.REFUSED, done, counts=counts, digests=content(done))
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
    parcel_event(tx, Event.DUPLICATE, done, digests=content(done))


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
        counts={
            "packages": len(sealed.packages),
            "records": tally.accepted,
            **{f"bytes_{package.receiver}": package.size for package in sealed.packages},
        },
        digests={package.package: package.sha256 for package in sealed.packages},
    )
    code = _accepted_code(current, tally, missing)
    detail: Detail = {}
    if missing:
        detail = {"part": current.part, "parts": current.parts, "missing": "、".join(map(str, missing))}
    tx.update_parcel(parcel, state="accepted", code=code, detail=_kept(current, detail), next_attempt_at="")
    tx.tally(parcel, tally)
    done = row(tx, parcel)
    out = out_of(sealed, facts)
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
        digests={**content(done), "records": checked.digest},
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
        checked=checked,
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
    entry = parcel_event(tx, Event.RECEIVED, done, time=instant(done.received_at), digests=content(done))
    packages = tuple(PackageId(package.id) for package in tx.packages(distribution=batch.id))
    issue(
        tx, done, facts, "acknowledged", "100", entry, Counts(), packages=packages, calendar=calendar, about=agreement
    )


def noted(tx: Transaction, parcel: ParcelId, about: str) -> None:
    """Another gateway's receipt or list was taken in: `about` is the batch it speaks of. No receipt for a receipt."""
    tx.update_parcel(parcel, state="noted", code="100", detail=dumps({"about": about}), next_attempt_at="")
    done = row(tx, parcel)
    parcel_event(tx, Event.RECEIVED, done, time=instant(done.received_at), digests=content(done))


def _kept(parcel: ParcelRow, detail: Detail) -> str:
    """The detail of a new state. What decided the period and the kind stays: the receipt says it at the end."""
    decided = parcel.details.get("decided_by")
    return dumps({**detail, "decided_by": decided} if decided else detail)
