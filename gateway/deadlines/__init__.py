"""Deadlines: the working-day calendar, the clocks, who owes what by when, and when to remind them.

Public and stable: `due(received_at, rule, calendar) -> Due`. No clock is asked here and nothing is kept: the caller
passes the time in and stores the results.
"""

from gateway.deadlines.calendar import Calendar, NaiveInstant, OutsideCalendar
from gateway.deadlines.clocks import DayTrace, Due, Rule, RuleError, due, fixed
from gateway.deadlines.editions import CalendarError
from gateway.deadlines.obligations import (
    Delivery,
    Judgement,
    Matter,
    Obligation,
    expected,
    judge,
    opens_at,
    owed,
    recomputed,
    recurring,
    since_day,
)

__all__ = [
    "Calendar",
    "CalendarError",
    "DayTrace",
    "Delivery",
    "Due",
    "Judgement",
    "Matter",
    "NaiveInstant",
    "Obligation",
    "OutsideCalendar",
    "Rule",
    "RuleError",
    "due",
    "expected",
    "fixed",
    "judge",
    "opens_at",
    "owed",
    "recomputed",
    "recurring",
    "since_day",
]
