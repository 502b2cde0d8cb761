"""Reminders (催报): when to remind whom, so that each is sent once and none comes too early or at night.

Steps are counted in working days: 10, 5 and 2 before, on the day, 1, 5 and 10 after. Where a fixed date is a rest day
they are counted from the last working day before it, which is also the day a reminder names. What was missed while the
node was down merges into one reminder, for the latest step.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gateway.deadlines.calendar import Calendar, in_shanghai
from gateway.deadlines.obligations import Obligation
from gateway.instants import SHANGHAI
from gateway.lifecycle import SETTLED, ObligationState
from gateway.policy.facts import Reminders


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps in working days relative to the date; from `escalates_at` on they go to the next level too. `at`: the hour
    of a step. Quiet are all rest days, and the hours from `quiet_from` to `quiet_until` (Shanghai's clock).
    Construction raises `ValueError` for steps out of order, or an hour that is quiet."""

    steps: tuple[int, ...] = (-10, -5, -2, 0, 1, 5, 10)
    escalates_at: int = 5
    at: time = time(9, 0)
    quiet_from: time = time(18, 0)
    quiet_until: time = time(8, 30)

    @classmethod
    def of(cls, facts: Reminders) -> Schedule:
        """The schedule of the node's facts. Raises `ValueError` where they contradict each other."""
        hours = (time.fromisoformat(text) for text in (facts.at, facts.quiet_from, facts.quiet_until))
        return cls(facts.steps, facts.escalates_at, *hours)

    def __post_init__(self) -> None:
        if list(self.steps) != sorted(set(self.steps)):
            raise ValueError("steps are in order, each once")
        if not self.quiet_until <= self.at < self.quiet_from:
            raise ValueError("reminders go out between the end of quiet hours and their beginning")


USUAL = Schedule()


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder to send. `step` is the latest that is due, `covers` all steps it stands for: once it is sent, none
    of them is sent again. `level` 0 is the responsible contact, 1 the next level. `names` is the day the text gives:
    the date itself, or the last working day before it while that is still to come."""

    obligation: str
    step: int
    covers: tuple[int, ...]
    level: int
    planned: datetime
    names: date


def plan(obligation: Obligation, calendar: Calendar, schedule: Schedule = USUAL) -> tuple[tuple[int, datetime], ...]:
    """Every step with its instant, in order; none before the window opens."""
    anchor = calendar.on_or_before(obligation.due)
    found = []
    for step in schedule.steps:
        day = calendar.shift(obligation.due if step > 0 else anchor, step)
        instant = datetime.combine(day, schedule.at, SHANGHAI)
        if instant >= obligation.opens_at:
            found.append((step, instant))
    return tuple(found)


def reminder(
    obligation: Obligation,
    state: ObligationState,
    sent: Collection[int],
    now: datetime,
    calendar: Calendar,
    schedule: Schedule = USUAL,
) -> Reminder | None:
    """What to send now, if anything. `sent` holds every step that was sent or covered. Nothing is sent for a settled
    obligation, nor in quiet hours; a clock that jumps back sends nothing twice. Raises `NaiveInstant` when `now` has no
    time zone."""
    moment = in_shanghai(now)
    if state in SETTLED or quiet(moment, calendar, schedule):
        return None
    passed = [(step, instant) for step, instant in plan(obligation, calendar, schedule) if instant <= moment]
    latest = max(sent, default=None)
    missing = tuple(step for step, _ in passed if step not in sent and (latest is None or step > latest))
    if not missing:
        return None
    step, planned = next(pair for pair in reversed(passed) if pair[0] == missing[-1])
    anchor = calendar.on_or_before(obligation.due)
    names = anchor if moment.date() <= anchor else obligation.due
    return Reminder(obligation.id, step, missing, int(step >= schedule.escalates_at), planned, names)


def quiet(now: datetime, calendar: Calendar, schedule: Schedule = USUAL) -> bool:
    """Whether `now` is on a rest day or in a quiet hour."""
    moment = in_shanghai(now)
    return not (schedule.quiet_until <= moment.time() < schedule.quiet_from and calendar.is_working(moment.date()))


def wakes_at(
    obligation: Obligation, sent: Collection[int], now: datetime, calendar: Calendar, schedule: Schedule = USUAL
) -> datetime | None:
    """When to look again: the first instant from `now` on at which `reminder` may have something, None after the last
    step."""
    moment = in_shanghai(now)
    latest = max(sent, default=None)
    left = [at for step, at in plan(obligation, calendar, schedule) if latest is None or step > latest]
    if not left:
        return None
    candidate = max(moment, left[0])
    if not quiet(candidate, calendar, schedule):
        return candidate
    day = candidate.date()
    if candidate.time() >= schedule.quiet_until or not calendar.is_working(day):
        day = calendar.on_or_after(day + timedelta(days=1))
    return datetime.combine(day, schedule.quiet_until, SHANGHAI)
