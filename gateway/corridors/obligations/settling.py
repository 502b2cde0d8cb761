"""What is owed: entered once, judged by the receipts' instants, marked missed; each with its entry.

One entry speaks for many where one event set many of them off (`source`: an inquiry of many records), and for one
otherwise. An entry stands in the history (`parcel`) of the obligation, or of their source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, cast, get_args

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.owing import OWED
from gateway.adapters.ledger.rows import ObligationRow, ParcelRow
from gateway.adapters.ledger.transaction import Reading
from gateway.corridors.recording.entries import instant
from gateway.corridors.submission import superseding
from gateway.deadlines import Calendar, Delivery, Obligation, reminders
from gateway.deadlines.obligations import Duty, opens_at
from gateway.deadlines.reminders import Schedule
from gateway.instants import SHANGHAI, rfc3339
from gateway.lifecycle import SETTLED, Event, ObligationState
from gateway.log import Entry
from gateway.node import ACTOR
from gateway.parcels import AgreementId, Kind, PartyId
from gateway.policy.facts import Facts
from gateway.policy.periods import Period


def set_obligation(tx: Transaction, owed: Obligation, facts: Facts, calendar: Calendar, *, source: str = "") -> bool:
    """Enter what is owed, once; False if it was entered before."""
    added = tx.add_obligation(**_values(owed, tx, facts, calendar, source))
    if added:
        obligation_event(tx, Event.OWED, owed.id, owed.party, facts, "set")
    return added


def set_obligations(
    tx: Transaction, owed: Sequence[Obligation], facts: Facts, calendar: Calendar, *, source: str
) -> None:
    """Enter what one event set going, with one entry for each party: `source` is the parcel it came with, in whose
    history the entry stands. None of them was entered before (`IntegrityError`)."""
    known: dict[tuple[object, ...], dict[str, str]] = {}
    tx.add_obligations([_values(one, tx, facts, calendar, source, known) for one in owed])
    for party, count in sorted(_by_party(one.party for one in owed).items()):
        counts = {"obligations": count}
        obligation_event(tx, Event.OWED, f"{source}/{party}", party, facts, "set", counts=counts, history=source)


def settle(
    tx: Transaction,
    owed: ObligationRow,
    deliveries: Iterable[Delivery],
    facts: Facts,
    calendar: Calendar,
    *,
    parcel: str = "",
    quiet: bool = False,
) -> ObligationState:
    """Judge one obligation by all its deliveries, and enter what became of it. Met is met: one that is settled stays as
    it is. `quiet`: the caller logs for many (`settled_many`)."""
    if ObligationState(owed.state) in SETTLED:
        return ObligationState(owed.state)
    judged = deadlines.judge(read(owed), deliveries, tx.now, calendar)
    met_at = rfc3339(judged.by.received_at) if judged.by else ""
    if judged.state not in SETTLED:
        # What came is not all of it yet (a part), or may still be corrected: a missed one stays missed.
        return ObligationState(owed.state)
    tx.update_obligation(owed.id, state=str(judged.state), parcel=parcel, met_at=met_at, remind_at="")
    if not quiet:
        late = {"late": int(judged.state is ObligationState.MET_LATE)}
        obligation_event(tx, Event.MET, owed.id, owed.party, facts, "met", counts=late)
    return judged.state


def settled_many(
    tx: Transaction, states: Iterable[ObligationState], party: str, facts: Facts, *, parcel: str, source: str
) -> None:
    """One entry for what a parcel of answers settled of `source`: how many, and how many of them late."""
    found = [state for state in states if state in SETTLED]
    if found:
        counts = {"obligations": len(found), "late": sum(state is ObligationState.MET_LATE for state in found)}
        name = f"{source}/{party}"
        obligation_event(tx, Event.MET, name, party, facts, f"met/{parcel}", counts=counts, history=source)


def owed_periods(reading: Reading, agreement: str, party: str, now: datetime) -> list[Period]:
    """The periods whose window is open and whose submission is still owed, oldest first."""
    rows = [read(row) for row in reading.obligations(agreement=agreement, party=party) if row.state in OWED]
    return sorted(Period.parse(owed.occasion) for owed in rows if owed.opens_at <= now)


def settle_obligation(tx: Transaction, parcel: ParcelRow, facts: Facts, calendar: Calendar) -> None:
    """Judge the submission this parcel answers, by the receipts' instants, once it is accepted."""
    for owed in tx.obligations(agreement=parcel.agreement, party=parcel.sender, period=parcel.period):
        settle(tx, owed, _deliveries(tx, owed), facts, calendar, parcel=parcel.id)


def missed(tx: Transaction, overdue: Sequence[ObligationRow], facts: Facts, calendar: Calendar) -> int:
    """Mark those missed that are, and say so in the log, once; what comes after is marked late. Answers how many."""
    many: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for owed in overdue:
        deliveries = _deliveries(tx, owed) if owed.kind == "submission" else []
        if deadlines.judge(read(owed), deliveries, tx.now, calendar).state is not ObligationState.MISSED:
            continue
        many[owed.source or owed.id, owed.party, owed.due].append(owed.id)
    for (source, party, due), ids in sorted(many.items()):
        tx.update_obligations(ids, state=str(ObligationState.MISSED))
        alone = ids == [source]
        name = source if alone else f"{source}/{party}"
        # A date that was moved after it had been missed can be missed a second time.
        suffix = "missed" if alone and tx.entry(f"{name}/missed") is None else f"missed/{due}/{_count(tx, name, due)}"
        counts = {} if alone else {"obligations": len(ids)}
        obligation_event(tx, Event.MISSED, name, party, facts, suffix, counts=counts, history=source)
    return sum(len(ids) for ids in many.values())


def obligation_event(
    tx: Transaction,
    event: Event,
    name: str,
    party: str,
    facts: Facts,
    suffix: str,
    *,
    actor: str = ACTOR,
    counts: Mapping[str, int] | None = None,
    history: str = "",
    commit: str = "",
    time: Any = None,
) -> int:
    """Log what became of one obligation, or of those of one source; answers the entry's number."""
    entry = Entry(
        id=f"{name}/{suffix}",
        event=event,
        time=time or tx.now,
        actor=actor,
        facts=facts.digest,
        parties=(party,),
        parcel=history or name,
        counts=counts or {},
        commit=commit,
    )
    known = tx.entry(entry.id)  # after a restore the log may know what the ledger has forgotten
    return tx.log(entry).seq if known is None else known.seq


def read(owed: ObligationRow) -> Obligation:
    """A row as the rules know it."""
    opens = instant(owed.opens_at) if owed.opens_at else opens_at(Period.parse(owed.period))
    return Obligation(
        id=owed.id,
        duty=duty(owed.kind),
        party=PartyId(owed.party),
        agreement=AgreementId(owed.agreement),
        occasion=owed.subject or owed.period,
        opens_at=opens.astimezone(SHANGHAI),
        due=date.fromisoformat(owed.due),
        expires_at=instant(owed.expires_at).astimezone(SHANGHAI),
        status=standing(owed.status),
        edition=owed.edition,
        rule=owed.rule,
    )


def dated(owed: Obligation, tx: Transaction, facts: Facts, calendar: Calendar) -> dict[str, str]:
    """The columns that follow from an obligation's date."""
    wakes = reminders.wakes_at(owed, (), tx.now, calendar, Schedule.of(facts.node.reminders))
    return {
        "due": owed.due.isoformat(),
        "expires_at": rfc3339(owed.expires_at),
        "status": owed.status,
        "edition": owed.edition,
        "remind_at": rfc3339(wakes) if wakes else "",
    }


def standing(status: str) -> Literal["final", "provisional"]:
    return "provisional" if status == "provisional" else "final"


def duty(kind: str) -> Duty:
    if kind not in get_args(Duty):
        raise ValueError("no such kind of obligation")
    return cast(Duty, kind)


def _values(
    owed: Obligation,
    tx: Transaction,
    facts: Facts,
    calendar: Calendar,
    source: str,
    known: dict[tuple[object, ...], dict[str, str]] | None = None,
) -> dict[str, str]:
    """A new row. `known`: what follows from equal dates is worked out once."""
    known = {} if known is None else known
    key = (owed.opens_at, owed.expires_at, owed.status, owed.edition)
    if key not in known:
        known[key] = dated(owed, tx, facts, calendar)
    return {
        "id": owed.id,
        "kind": owed.duty,
        "agreement": owed.agreement,
        "party": owed.party,
        "subject": owed.occasion,
        "period": _period(owed.occasion),
        "source": source,
        "rule": owed.rule,
        "opens_at": rfc3339(owed.opens_at),
        "state": str(ObligationState.OPEN),
        **known[key],
    }


def _period(occasion: str) -> str:
    """The period an occasion begins with (`2026Q3/1`), or nothing."""
    try:
        return str(Period.parse(occasion.partition("/")[0]))
    except ValueError:
        return ""


def _by_party(parties: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for party in parties:
        found[party] += 1
    return found


def _count(tx: Transaction, name: str, due: str) -> int:
    """The number of the next entry of its kind."""
    number = 1
    while tx.entry(f"{name}/missed/{due}/{number}") is not None:
        number += 1
    return number


def _deliveries(tx: Transaction, owed: ObligationRow) -> list[Delivery]:
    """Everything the party sent for the period. What is still being checked is pending, so that nobody is late while
    the node is slow; parts count once, when the last of them is here."""
    parcels = tx.parcels(sender=owed.party, agreement=owed.agreement, period=owed.period)
    found = [_delivery(p) for p in parcels if p.state != "duplicate" and not (p.part and p.state == "accepted")]
    live = superseding.counting(tx, owed.party, owed.agreement, owed.period)
    parts = [instant(p.received_at) for p in live if p.part]
    return [*found, Delivery(max(parts), "accepted")] if parts else found


def _delivery(parcel: ParcelRow) -> Delivery:
    received = instant(parcel.received_at)
    if parcel.state == "refused":
        return Delivery(received, "refused", instant(parcel.updated_at))
    if parcel.state == "accepted":
        return Delivery(received, "nil" if parcel.kind == Kind.NIL else "accepted")
    return Delivery(received, "pending")
