"""Clocks: when something received now is due, and why, day by day.

Rules: the day of receipt does not count, and a period ends at 24:00 of its last day (民法典 201, 203); working days
follow the State Council's arrangement, make-up days included; a period of natural days that ends on a rest day ends on
the first working day after (民法典 203). Fixed dates ("X日前" includes day X) do not move, except where no working day
lies between the period's end and the date.

`expires_at` is exclusive: the midnight that ends the last day (00:00 +08:00 of the next day), so that a receipt at
23:59:59.999999 is in time and one at 00:00:00 is not, at any resolution of the clock.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from gateway.deadlines.calendar import Calendar, DayKind, OutsideCalendar, Standing, in_shanghai
from gateway.instants import SHANGHAI
from gateway.policy.facts import Deadline
from gateway.policy.periods import Period

Roll = Literal["none", "forward", "backward"]
Unit = Literal["workdays", "days"]
Role = Literal["received", "waiting", "counted", "skipped", "rolled", "due"]
Status = Literal["final", "provisional", "refused"]
Day = date
LONGEST = 3650
_ONE = timedelta(days=1)
_RULE = re.compile(r"(workdays|days):([1-9][0-9]{0,3})((?:,[a-z-]+=[a-z0-9:]+)*)", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class RuleError(ValueError):
    """A rule that cannot be read, or a deadline without a date for the period: code 603."""

    code = "603"


@dataclass(frozen=True, slots=True)
class Rule:
    """`workdays:N` or `days:N`, with options after commas.

    `roll=none|forward|backward` (`days` only, default forward): what happens when the last day is a rest day.
    `cutoff=HH:MM`: the last day ends then and not at 24:00 (民法典 203, 有业务时间的). `after-hours=HH:MM`: what
    arrives at that time or later, or on a rest day, counts as received on the next working day.
    """

    unit: Unit
    count: int
    roll: Roll = "forward"
    cutoff: time | None = None
    after_hours: time | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= LONGEST:
            raise RuleError(f"a period lasts 1 to {LONGEST} days")

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Raises `RuleError`."""
        match = _RULE.fullmatch(text)
        if match is None:
            raise RuleError("expected workdays:N or days:N")
        unit: Unit = "workdays" if match[1] == "workdays" else "days"
        rule = cls(unit, int(match[2]))
        seen: set[str] = set()
        for option in match[3].split(",")[1:]:
            key, _, value = option.partition("=")
            if key in seen:
                raise RuleError("an option is given twice")
            seen.add(key)
            rule = rule._with(key, value)
        return rule

    def _with(self, key: str, value: str) -> Rule:
        if key == "roll" and self.unit == "days":
            for roll in _ROLLS:
                if value == roll:
                    return replace(self, roll=roll)
        elif key in ("cutoff", "after-hours") and _TIME.fullmatch(value):
            clock = time.fromisoformat(value)
            return replace(self, cutoff=clock) if key == "cutoff" else replace(self, after_hours=clock)
        raise RuleError("an option is unknown or has no such value")

    def __str__(self) -> str:
        text = f"{self.unit}:{self.count}"
        if self.roll != "forward":
            text += f",roll={self.roll}"
        if self.cutoff:
            text += f",cutoff={self.cutoff:%H:%M}"
        if self.after_hours:
            text += f",after-hours={self.after_hours:%H:%M}"
        return text


_ROLLS: tuple[Roll, ...] = ("none", "forward", "backward")


@dataclass(frozen=True, slots=True)
class DayTrace:
    """One day of the explanation. `count` is the number the day has in the period (working days, or natural days for
    `days:N`), None where it is not counted. Roles: `received` (day 0), `waiting` (before an after-hours receipt
    counts), `counted`, `skipped` (a rest day), `rolled` (the date moved off this day), `due`."""

    date: Day
    kind: DayKind
    count: int | None
    role: Role
    edition: str
    status: Standing

    @property
    def working(self) -> bool:
        return self.kind in (DayKind.WORKDAY, DayKind.MAKEUP)

    def document(self) -> dict[str, object]:
        """The day for JSON; `weekday` is 1 (Monday) to 7."""
        return {
            "date": self.date.isoformat(),
            "weekday": self.date.isoweekday(),
            "kind": self.kind.value,
            "working": self.working,
            "count": self.count,
            "role": self.role,
            "edition": self.edition,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class Due:
    """When something is due. `edition` names every edition the date rests on, joined by `+`, in order of days; `status`
    is provisional when any of these days is. `refused`: outside the calendar (601); then there is no date."""

    date: Day | None
    expires_at: datetime | None
    status: Status
    edition: str
    days: tuple[DayTrace, ...]

    @property
    def settled(self) -> tuple[Day, datetime]:
        """Date and expiry. Raises `OutsideCalendar` when the period was refused."""
        if self.date is None or self.expires_at is None:
            raise OutsideCalendar("no due date: outside the calendar")
        return self.date, self.expires_at

    def document(self) -> dict[str, object]:
        """The public shape: `due expires_at status edition days[]`."""
        return {
            "due": self.date.isoformat() if self.date else None,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "status": self.status,
            "edition": self.edition,
            "days": [day.document() for day in self.days],
        }


REFUSED = Due(None, None, "refused", "", ())


def due(received_at: datetime, rule: str | Rule, calendar: Calendar) -> Due:
    """When something received at `received_at` (aware; its Shanghai calendar day does not count) is due under `rule`.

    Raises `NaiveInstant` for an instant without a time zone, `RuleError` for a rule that cannot be read. A receipt
    before 2007, or a date beyond 2199, gives a `Due` with status `refused`.
    """
    parsed = rule if isinstance(rule, Rule) else Rule.parse(rule)
    try:
        local = in_shanghai(received_at)
        return _from_receipt(local, parsed, calendar)
    except OutsideCalendar:
        return REFUSED


def _from_receipt(local: datetime, rule: Rule, calendar: Calendar) -> Due:
    trace = _Trace(calendar)
    received = local.date()
    trace.add(received, 0, "received")
    start = received
    late = rule.after_hours is not None and local.time() >= rule.after_hours
    if rule.after_hours is not None and (late or not calendar.is_working(received)):
        start = calendar.next_working(received)
        trace.fill(start, "waiting")
    # With after-hours, the receipt's own day decides too: a rest day would have moved the start.
    if rule.unit == "workdays":
        trace.deciding = 0 if rule.after_hours else 1
        last = _count_working(start, rule.count, trace)
    else:
        target = start + rule.count * _ONE
        for number in range(1, rule.count + 1):
            trace.add(start + number * _ONE, number, "counted")
        trace.deciding = 0 if rule.after_hours else len(trace.days) - 1
        last = _rolled(target, rule.roll, start, trace)
    return trace.due(last, rule.cutoff)


def _count_working(start: date, count: int, trace: _Trace) -> date:
    day, number = start, 0
    while number < count:
        day += _ONE
        if trace.calendar.is_working(day):
            number += 1
            trace.add(day, number, "counted")
        else:
            trace.add(day, None, "skipped")
    return day


def _rolled(target: date, roll: Roll, after: date, trace: _Trace) -> date:
    """`target`, moved off a rest day. Backward never reaches `after` or earlier: then it is the first working day after
    `target`, for no period may end before it began."""
    calendar = trace.calendar
    if roll == "none" or calendar.is_working(target):
        return target
    if roll == "backward":
        last = target
        while last > after and not calendar.is_working(last):
            trace.mark(last, "rolled")
            last -= _ONE
        if last > after:
            return last
    trace.mark(target, "rolled")
    last = calendar.next_working(target)
    trace.fill(last, "rolled")
    return last


def fixed(period: Period, deadline: Deadline, calendar: Calendar) -> Due:
    """The fixed date that `deadline` sets for `period`, to 24:00 of that day.

    Where no working day lies after the period's end up to and including the date, it is the first working day after
    (8 October in some years); otherwise `deadline.roll` decides. The trace starts the day after the period's end, or,
    for a date within the period, with its first day; its counts are working days. Raises `RuleError` when the deadline
    names no date for this kind of period.
    """
    target = fixed_date(period, deadline)
    try:
        trace = _Trace(calendar)
        number = 0
        day = before = period.start - _ONE if deadline.within else period.end
        while day < target:
            day += _ONE
            working = calendar.is_working(day)
            number += working
            trace.add(day, number if working else None, "counted" if working else "skipped")
        if number == 0:
            trace.deciding = 0
            trace.mark(target, "rolled")
            last = calendar.next_working(target)
            trace.fill(last, "rolled")
        else:
            trace.deciding = len(trace.days) - 1
            last = _rolled(target, deadline.roll, before, trace)
        return trace.due(last, None)
    except OutsideCalendar:
        return REFUSED


def fixed_date(period: Period, deadline: Deadline) -> date:
    """The date as it stands in the agreement: the first MM-DD after the period's end, or, for a date within the period,
    that of its own year. For months, MM counts months: `01-08` is the 8th of the first month after. A day the month
    does not have is the month's last."""
    key = period.key
    text = deadline.due.get(key)
    if text is None:
        raise RuleError(f"the deadline names no date for {key}")
    month, day = int(text[:2]), int(text[3:])
    if key == "M":
        months = period.end.year * 12 + period.end.month - 1 + month
        return _day_of_month(months // 12, months % 12 + 1, day)
    this_year = _day_of_month(period.end.year, month, day)
    if deadline.within:
        return this_year
    return this_year if this_year > period.end else _day_of_month(period.end.year + 1, month, day)


def _day_of_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


class _Trace:
    """Gathers the days of one computation. The date rests on the days from index `deciding` on."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.days: list[DayTrace] = []
        self.deciding = 0

    def add(self, day: date, count: int | None, role: Role) -> None:
        calendar = self.calendar
        self.days.append(DayTrace(day, calendar.kind(day), count, role, calendar.edition(day), calendar.status(day)))

    def fill(self, last: date, role: Role) -> None:
        """Add the days after the last one up to `last`."""
        day = self.days[-1].date
        while day < last:
            day += _ONE
            self.add(day, None, role)

    def mark(self, day: date, role: Role) -> None:
        index = (day - self.days[0].date).days
        self.days[index] = replace(self.days[index], role=role)
        self.deciding = min(self.deciding, index)

    def due(self, last: date, cutoff: time | None) -> Due:
        self.mark(last, "due")
        deciding = self.days[self.deciding :]
        expires = (
            datetime.combine(last, cutoff, SHANGHAI) if cutoff else datetime.combine(last + _ONE, time.min, SHANGHAI)
        )
        provisional = any(day.status == "provisional" for day in deciding)
        status: Status = "provisional" if provisional else "final"
        return Due(last, expires, status, _editions(deciding), tuple(self.days))


def _editions(days: Sequence[DayTrace]) -> str:
    return "+".join(dict.fromkeys(day.edition for day in days))
