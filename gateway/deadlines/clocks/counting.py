"""Counting days: from a receipt by a rule, and to the fixed date of a period."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta

from gateway.deadlines.calendar import Calendar, OutsideCalendar, in_shanghai
from gateway.deadlines.clocks.days import REFUSED, Due, Trace
from gateway.deadlines.clocks.rule import Roll, Rule, RuleError
from gateway.policy.facts import Deadline
from gateway.policy.periods import Period

_ONE = timedelta(days=1)


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
    trace = Trace(calendar)
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


def _count_working(start: date, count: int, trace: Trace) -> date:
    day, number = start, 0
    while number < count:
        day += _ONE
        if trace.calendar.is_working(day):
            number += 1
            trace.add(day, number, "counted")
        else:
            trace.add(day, None, "skipped")
    return day


def _rolled(target: date, roll: Roll, after: date, trace: Trace) -> date:
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
        trace = Trace(calendar)
        number = 0
        day = before = period.start - _ONE if deadline.falls_within(period.key) else period.end
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
    if deadline.falls_within(key):
        return this_year
    return this_year if this_year > period.end else _day_of_month(period.end.year + 1, month, day)


def _day_of_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))
