"""Periods (期): the value, and what a file's name says."""

from gateway.policy.periods.naming import WITHOUT_RECORDS, NamedKind, NamedPeriod, kind_from_name, read_period
from gateway.policy.periods.span import RHYTHMS, Period, Rhythm, for_rhythm

__all__ = [
    "RHYTHMS",
    "WITHOUT_RECORDS",
    "NamedKind",
    "NamedPeriod",
    "Period",
    "Rhythm",
    "for_rhythm",
    "kind_from_name",
    "read_period",
]
