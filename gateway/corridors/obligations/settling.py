"""What is owed: entered once, judged by the instants at which deliveries were received, marked missed; each with its
entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway import deadlines
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import NewObligation, ObligationRow, ObligationValues, ParcelRow
from gateway.corridors import counting
from gateway.corridors.counting import collected
from gateway.corridors.obligations import entries
from gateway.corridors.obligations.entries import About
from gateway.corridors.recording import Said
from gateway.deadlines import Delivery, Obligation, reminders
from gateway.deadlines.obligations import Judgement, opens_at
from gateway.deadlines.reminders import Schedule
from gateway.instants import SHANGHAI
from gateway.lifecycle import OBLIGATION, OWED, SETTLED, Event, ObligationState, ParcelState
from gateway.lifecycle.obligation import COUNTED, HOW
from gateway.node import Terms
from gateway.parcels import AgreementId, Kind, PartyId
from gateway.policy.periods import Period
from gateway.receipts.receipt import DueDate, Timeliness

_TIMELINESS: Final[Mapping[ObligationState | None, Timeliness]] = {
    ObligationState.MET_LATE: "late",
    ObligationState.MISSED: "late",
    ObligationState.MET_AFTER_CORRECTION: "corrected",
}
Came = Iterable[tuple[ObligationRow, Sequence[Delivery]]]
"""Obligations, each with its deliveries."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A submission that came after its date: the date, and whether it is late or was corrected in time."""

    due: DueDate
    timeliness: Timeliness


def set_obligation(tx: Transaction, owed: Obligation, terms: Terms, source: str = "") -> bool:
    """Enter what is owed, once; False if it was entered before."""
    made = entries.entry(tx, entries.one(owed), Event.OWED, terms, Said(suffix="/set"))
    state = OBLIGATION.apply(None, made).state
    added = tx.obligations.add(**_new(owed, state, source, dated(tx, owed, terms)))
    if added:
        entries.log(tx, made)
    return added


def set_obligations(tx: Transaction, owed: Sequence[Obligation], terms: Terms, source: str) -> None:
    """Enter what one event set going, with one entry for each party: `source` is the parcel it came with, in whose
    history the entry stands. None of them was entered before (`IntegrityError`)."""
    made = {
        party: entries.entry(
            tx, entries.together(source, party), Event.OWED, terms, Said({"obligations": count}, suffix="/set")
        )
        for party, count in sorted(Counter(one.party for one in owed).items())
    }
    states = {party: OBLIGATION.apply(None, entry).state for party, entry in made.items()}
    known: dict[tuple[object, ...], ObligationValues] = {}  # what follows from equal dates is worked out once
    rows = []
    for one in owed:
        key = (one.opens_at, one.expires_at, one.status, one.edition)
        if key not in known:
            known[key] = dated(tx, one, terms)
        rows.append(_new(one, states[one.party], source, known[key]))
    tx.obligations.add_many(rows)
    for entry in made.values():
        entries.log(tx, entry)


def settle(
    tx: Transaction, owed: ObligationRow, deliveries: Iterable[Delivery], terms: Terms, parcel: str = ""
) -> None:
    """Judge one obligation by all its deliveries, and enter that it was met. Met is met: one that is settled stays as
    it is, and so does one of which not all came yet (a part), or that may still be corrected."""
    judged = _judge(tx, owed, deliveries, terms)
    if judged is None:
        return
    said = Said(_counts([judged.state]), suffix="/met", time=_met_at(tx, [judged]))
    entries.of_obligation(tx, owed, Event.MET, terms, said, parcel=parcel)


def settle_many(tx: Transaction, about: About, came: Came, terms: Terms, parcel: str) -> None:
    """The same of what one event set going and `parcel` met, all of it at one instant: one entry says how many were
    met, and how."""
    found: dict[ObligationState, list[ObligationRow]] = defaultdict(list)
    all_judged = []
    for owed, deliveries in came:
        judged = _judge(tx, owed, deliveries, terms)
        if judged is not None:
            found[judged.state].append(owed)
            all_judged.append(judged)
    if not all_judged:
        return
    counts = {"obligations": len(all_judged), **_counts([judged.state for judged in all_judged])}
    said = Said(counts, suffix=f"/met/{parcel}", time=_met_at(tx, all_judged))
    made = entries.entry(tx, about, Event.MET, terms, said)
    for state, owed_so in found.items():
        entries.change(tx, made, owed_so, HOW[state], parcel=parcel)
    entries.log(tx, made)


def settle_submission(tx: Transaction, parcel: ParcelRow, terms: Terms) -> None:
    """Judge the submission that this parcel answers, once it is accepted."""
    settle_period(tx, parcel.sender, parcel.agreement, parcel.period, terms, parcel.id)


def settle_period(tx: Transaction, party: str, agreement: str, period: str, terms: Terms, parcel: str = "") -> None:
    """Judge the submission of a period: a parcel was accepted, or a list has come that says that it is whole."""
    for owed in tx.obligations.where(agreement=agreement, party=party, period=period):
        settle(tx, owed, _deliveries(tx, owed), terms, parcel)


def overdue(tx: Transaction, parcel: ParcelRow, terms: Terms) -> Overdue | None:
    """What a receipt says of an accepted submission that came after its date; to be asked once it is settled. None for
    one that came in time, and for what was sent to a submission that was settled before."""
    if parcel.kind is Kind.VOID or not parcel.period:
        return None
    found = tx.obligations.where(
        kind="submission", agreement=parcel.agreement, party=parcel.sender, period=parcel.period
    )
    for owed in found:
        if owed.state in SETTLED:
            state = owed.state if owed.parcel == parcel.id else None
        else:  # a part, and others are missing
            state = deadlines.judge(read(owed), _deliveries(tx, owed), tx.now, terms.calendar).state
        if state in _TIMELINESS:
            limit = owed.expires_at.astimezone(SHANGHAI)
            return Overdue(DueDate("submission", owed.due, limit, owed.status, owed.edition), _TIMELINESS[state])
    return None


def owed_periods(reading: Reading, agreement: str, party: str, now: datetime) -> list[Period]:
    """The periods whose window is open and whose submission is still owed, oldest first."""
    rows = [read(row) for row in reading.obligations.where(agreement=agreement, party=party) if row.state in OWED]
    return sorted(Period.parse(owed.occasion) for owed in rows if owed.opens_at <= now)


def missed(tx: Transaction, overdue: Sequence[ObligationRow], terms: Terms) -> int:
    """Mark those missed that are, and say so in the log, once; what comes afterwards is late. Returns how many."""
    many: dict[tuple[About, str], list[ObligationRow]] = defaultdict(list)
    for owed in overdue:
        deliveries = _deliveries(tx, owed) if owed.kind == "submission" else []
        judged = deadlines.judge(read(owed), deliveries, tx.now, terms.calendar)
        if judged.state is ObligationState.MISSED:
            many[entries.alike([owed]), owed.due.isoformat()].append(owed)
    for (about, due), rows in sorted(many.items()):
        alone = not rows[0].source
        # A date that was moved after it had been missed can be missed a second time.
        first = alone and tx.entries.get(f"{about.name}/missed") is None
        suffix = "/missed" if first else f"/missed/{due}/{entries.free(tx, f'{about.name}/missed/{due}')}"
        counts = {} if alone else {"obligations": len(rows)}
        entries.of_many(tx, about, rows, Event.MISSED, terms, Said(counts, suffix=suffix))
    return sum(len(rows) for rows in many.values())


def read(owed: ObligationRow) -> Obligation:
    """A row as the rules know it."""
    return Obligation(
        id=owed.id,
        duty=owed.kind,
        party=PartyId(owed.party),
        agreement=AgreementId(owed.agreement),
        occasion=owed.subject or owed.period,
        opens_at=opened(owed.opens_at, owed.period),
        due=owed.due,
        expires_at=owed.expires_at.astimezone(SHANGHAI),
        status=owed.status,
        edition=owed.edition,
        rule=owed.rule,
    )


def opened(at: datetime | None, period: str) -> datetime:
    """When the window opened: where the ledger does not say it, as for every submission of the period."""
    return (at or opens_at(Period.parse(period))).astimezone(SHANGHAI)


def dated(tx: Transaction, owed: Obligation, terms: Terms) -> ObligationValues:
    """The columns that follow from an obligation's date."""
    schedule = Schedule.of(terms.facts.node.reminders)
    return {
        "due": owed.due,
        "expires_at": owed.expires_at,
        "status": owed.status,
        "edition": owed.edition,
        "remind_at": reminders.wakes_at(owed, (), tx.now, terms.calendar, schedule),
    }


def _judge(tx: Transaction, owed: ObligationRow, deliveries: Iterable[Delivery], terms: Terms) -> Judgement | None:
    """How it was met; None where it was not, and where it is settled already."""
    if owed.state in SETTLED:
        return None
    judged = deadlines.judge(read(owed), deliveries, tx.now, terms.calendar)
    return judged if judged.state in SETTLED else None


def _counts(states: Sequence[ObligationState]) -> Mapping[str, int]:
    """How many were late; and how many otherwise than in time, where any were."""
    counts = {COUNTED[state]: states.count(state) for state in COUNTED}
    return {"late": counts.pop("late"), **{name: count for name, count in counts.items() if count}}


def _met_at(tx: Transaction, all_judged: Sequence[Judgement]) -> datetime:
    """When what met it was received. Not after now: the clock may have been put back since, and no entry is logged
    before it happened."""
    return min(tx.now, max(judged.by.received_at for judged in all_judged if judged.by))


def _new(owed: Obligation, state: ObligationState, source: str, date_columns: ObligationValues) -> NewObligation:
    """A new row."""
    return {
        "id": owed.id,
        "kind": owed.duty,
        "agreement": owed.agreement,
        "party": owed.party,
        "subject": owed.occasion,
        "period": _period(owed.occasion),
        "source": source,
        "rule": owed.rule,
        "opens_at": owed.opens_at,
        "state": state,
        "due": date_columns["due"],
        "expires_at": date_columns["expires_at"],
        "status": date_columns["status"],
        "edition": date_columns["edition"],
        "remind_at": date_columns["remind_at"],
    }


def _period(occasion: str) -> str:
    """The period an occasion begins with (`2026Q3/1`), or nothing."""
    try:
        return str(Period.parse(occasion.partition("/")[0]))
    except ValueError:
        return ""


def _deliveries(tx: Transaction, owed: ObligationRow) -> list[Delivery]:
    """Everything the party sent for the period. What is still being checked is pending, so that nobody is late while
    the node is slow; parts count once, when the last of them is here; what it collects, once its list says that it is
    whole."""
    whole = collected.deliveries(tx, owed.party, owed.agreement, owed.period)
    parcels = tx.parcels.where(sender=owed.party, agreement=owed.agreement, period=owed.period)
    found = [
        _delivery(p)
        for p in parcels
        if p.state is not ParcelState.DUPLICATE and not (p.part and p.state is ParcelState.ACCEPTED)
    ]
    if whole is not None:
        return [*whole, *(one for one in found if one.outcome == "refused")]
    live = counting.counting(tx, owed.party, owed.agreement, owed.period)
    parts = [p.received_at for p in live if p.part]
    return [*found, Delivery(max(parts), "accepted")] if parts else found


def _delivery(parcel: ParcelRow) -> Delivery:
    if parcel.state is ParcelState.REFUSED:
        return Delivery(parcel.received_at, "refused", parcel.updated_at)
    if parcel.state is ParcelState.ACCEPTED:
        return Delivery(parcel.received_at, "nil" if parcel.kind is Kind.NIL else "accepted")
    return Delivery(parcel.received_at, "pending")
