"""Periods (期): the value, the windows, and what a file's name says."""

from gateway.policy.periods.naming import NamedKind, NamedPeriod, from_name, kind_from_name, read_period
from gateway.policy.periods.span import RHYTHMS, Period, Rhythm, for_rhythm, parse, windows

__all__ = [
    "RHYTHMS",
    "NamedKind",
    "NamedPeriod",
    "Period",
    "Rhythm",
    "for_rhythm",
    "from_name",
    "kind_from_name",
    "parse",
    "read_period",
    "windows",
]
