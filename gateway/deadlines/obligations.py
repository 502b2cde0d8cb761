"""Obligations (限办事项): who owes what by when, and what became of it.

Nothing is stored here: the ledger keeps obligations and deliveries and passes them in. What holds:

- *Late* is decided by the instant of receipt alone, so a judgement does not depend on when it is made, on a clock that
  jumps, or on the order in which deliveries are read; `now` only tells an open obligation from a missed one.
- Met is met: a later correction, or a later refusal, never undoes it.
- Refused in time and corrected within 3 working days after the refusal counts as 按时（更正）, in a column of its own;
  until these days are over the obligation is open.
- A window never closes: what comes late is accepted, and marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Literal, NamedTuple

from gateway.deadlines.calendar import Calendar, Standing, in_shanghai
from gateway.deadlines.clocks import Due, Rule, due, fixed
from gateway.deadlines.rules import fixed_rule
from gateway.instants import SHANGHAI
from gateway.lifecycle import ObligationState
from gateway.parcels import AgreementId, PartyId
from gateway.policy.facts import Agreement, Facts, dates
from gateway.policy.periods import Period

CORRECTION = Rule("workdays", 3)
Duty = Literal["submission", "reply", "feedback", "collection", "distribution"]


class Matter(NamedTuple):
    """What is owed by whom, without its date. `occasion` tells it from others under the agreement: a period, or the
    number of the inquiry or distribution that started the clock."""

    duty: Duty
    party: str
    agreement: str
    occasion: str

    @property
    def id(self) -> str:
        """The obligation's id: the same matter is one obligation, however often it is entered."""
        return f"{self.duty}:{self.agreement}:{self.party}:{self.occasion}"


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something owed by a date. `id` is that of its matter. `opens_at`: no reminder is sent before; `expires_at` is
    exclusive; `edition` and `status` are those of the calendar the date was computed with, and `rule` is what it was
    computed by (`gateway.deadlines.rules`)."""

    id: str
    duty: Duty
    party: PartyId
    agreement: AgreementId
    occasion: str
    opens_at: datetime
    due: date
    expires_at: datetime
    status: Standing
    edition: str
    rule: str = ""

    @property
    def matter(self) -> Matter:
        return Matter(self.duty, self.party, self.agreement, self.occasion)

    @property
    def provisional(self) -> bool:
        return self.status == "provisional"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery under an obligation and what the node made of it. `received_at`: when its final content was first
    seen complete; `decided_at`: when a refusal was issued, if that was another day. Both aware. A parcel of which
    some records were refused and the rest accepted is `accepted`; one that is still being checked is `pending`."""

    received_at: datetime
    outcome: Literal["accepted", "refused", "nil", "pending"]
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state, and the delivery that settled it. `correctable_until` (exclusive) is set while a refusal that came in
    time can still be corrected."""

    state: ObligationState
    by: Delivery | None = None
    correctable_until: datetime | None = None

    @property
    def overdue(self) -> bool:
        return self.state is ObligationState.MISSED


def expected(facts: Facts, period: Period, calendar: Calendar) -> list[Obligation]:
    """Every submission owed for `period`: by agreement, then by the party's area code.

    Each party by its own frequency and dates where it has any. Nothing is owed in another rhythm, without a date for
    this period, before the agreement's first period, or where its basis is in force on no day of the window up to the
    date (nothing may travel under it: code 222). Raises `OutsideCalendar` for dates outside the calendar.
    """
    found = []
    for agreement in sorted(facts.agreements.values(), key=lambda a: a.id):
        if not facts.receivers(agreement):
            continue  # a tier that has no party yet: what goes to nobody is owed by nobody
        if agreement.first_period and period.end < Period.parse(agreement.first_period).end:
            continue
        limits: dict[str, Due] = {}
        for party in facts.senders(agreement):
            deadline = dates.deadline(agreement, party.id)
            if dates.rhythm(agreement, party.id) != period.rhythm or deadline is None or period.key not in deadline.due:
                continue
            key = fixed_rule(period, deadline)
            if key not in limits:
                limits[key] = fixed(period, deadline, calendar)
            limit = limits[key]
            opening = dates.opens(agreement, party.id, period)
            if _in_force(agreement, opening, limit.settled[0]):
                opens = since_day(opening)
                matter = Matter("submission", party.id, agreement.id, str(period))
                found.append(_obligation(matter, opens, limit, key))
    return found


def owed(matter: Matter, since: datetime, rule: str | Rule, calendar: Calendar) -> Obligation:
    """An obligation whose clock an event starts: a reply runs from the inquiry's entry into the recipient's channel, a
    collection from the release, the node's own distribution from the deadline. Raises `NaiveInstant` for a `since`
    without a time zone, `RuleError` for a rule that cannot be read, `OutsideCalendar` where there is no date."""
    return _obligation(matter, in_shanghai(since), due(since, rule, calendar), str(rule))


def recurring(obligation: Obligation, occasion: str) -> Obligation:
    """The same for another occasion: where one event starts the clock of many records, they have one date."""
    return replace(obligation, id=obligation.matter._replace(occasion=occasion).id, occasion=occasion)


def since_day(day: date) -> datetime:
    """The instant that stands for a day without a time, such as a date of registration (登记日期): the clock counts
    from the day after it."""
    return datetime.combine(day, time.min, SHANGHAI)


def opens_at(period: Period) -> datetime:
    """The window opens at 00:00 (Shanghai) of the day after the as-of date and never closes."""
    return since_day(period.opens)


def recomputed(obligation: Obligation, limit: Due) -> Obligation:
    """The same obligation under another edition of the calendar."""
    return _obligation(obligation.matter, obligation.opens_at, limit, obligation.rule)


def _obligation(matter: Matter, opens: datetime, limit: Due, rule: str) -> Obligation:
    day, expires_at = limit.settled
    return Obligation(
        id=matter.id,
        duty=matter.duty,
        party=PartyId(matter.party),
        agreement=AgreementId(matter.agreement),
        occasion=matter.occasion,
        opens_at=opens,
        due=day,
        expires_at=expires_at,
        status="provisional" if limit.status == "provisional" else "final",
        edition=limit.edition,
        rule=rule,
    )


def _in_force(agreement: Agreement, first: date, last: date) -> bool:
    basis = agreement.basis
    return basis.valid_from <= last and (basis.valid_until is None or first <= basis.valid_until)


def judge(obligation: Obligation, deliveries: Iterable[Delivery], now: datetime, calendar: Calendar) -> Judgement:
    """What became of `obligation`, from all its deliveries in any order.

    The first accepted (or nil) delivery decides. In time: `met` or `nil`. Else, when a delivery was refused that had
    been received in time, and the accepted one was received within 3 working days after the refusal:
    `met_after_correction`. Else `met_late`. With none accepted: `open` until the expiry, until the days for correcting
    are over, and while something received in time is still being checked; then `missed`. Raises `NaiveInstant` when
    `now` or a delivery has no time zone.
    """
    moment = in_shanghai(now)
    accepted: Delivery | None = None
    pending = False
    refused: list[Delivery] = []
    for delivery in deliveries:
        in_time = in_shanghai(delivery.received_at) < obligation.expires_at
        if delivery.outcome == "pending":
            pending = pending or in_time
        elif delivery.outcome == "refused":
            if in_time:
                refused.append(delivery)
        elif accepted is None or delivery.received_at < accepted.received_at:
            accepted = delivery
    if accepted is not None and accepted.received_at < obligation.expires_at:
        return Judgement(ObligationState.NIL if accepted.outcome == "nil" else ObligationState.MET, accepted)
    correctable = _correctable_until(refused, calendar)
    if accepted is not None:
        corrected = correctable is not None and accepted.received_at < correctable
        return Judgement(ObligationState.MET_AFTER_CORRECTION if corrected else ObligationState.MET_LATE, accepted)
    if moment < obligation.expires_at or pending:
        return Judgement(ObligationState.OPEN)
    if correctable is not None and moment < correctable:
        return Judgement(ObligationState.OPEN, correctable_until=correctable)
    return Judgement(ObligationState.MISSED)


def _correctable_until(refused: Sequence[Delivery], calendar: Calendar) -> datetime | None:
    """The end of the days for correcting, counted from the last refusal of something received in time."""
    if not refused:
        return None
    last = max(delivery.decided_at or delivery.received_at for delivery in refused)
    return due(last, CORRECTION, calendar).settled[1]
