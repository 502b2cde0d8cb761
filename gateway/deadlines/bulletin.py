"""Punctuality (按月通报): what came in, what became of it, and what is open, counted like an account.

Over a span of time, for any set of records: carried over + received = answered on time + on time after correction
+ late + returned + transferred + void + open at the end. Everything is decided by instants before the end of the span,
so a bulletin made later says the same.

Published figures name a county only where none of its counts is 1 or 2, since a small count can point to a person. Such
counties are put together, with another one if a single one would be left, so that the figures still add up and no small
count follows by subtraction. Provinces are listed in full: their counts describe an office, not its residents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import lru_cache
from statistics import median

from gateway.deadlines.calendar import Calendar, in_shanghai
from gateway.lifecycle import ObligationState

SMALLEST = 3
OTHERS = ""
"""The area of what is put together."""

_COLUMN = {
    ObligationState.MET: "on_time",
    ObligationState.NIL: "on_time",
    ObligationState.MET_AFTER_CORRECTION: "corrected",
    ObligationState.MET_LATE: "late",
    ObligationState.RETURNED: "returned",
    ObligationState.TRANSFERRED: "transferred",
    ObligationState.VOID: "void",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record with a date of its own. `ended` is when it was settled, None while it is not; instants are aware."""

    party: str
    area: str
    began: datetime
    expires_at: datetime
    state: ObligationState
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Flow:
    """The account of a span; `overdue` are among `open`. `days`: the median of working days until the answer,
    of what was answered in the span. Construction raises `ValueError` where it does not add up."""

    carried: int = 0
    received: int = 0
    on_time: int = 0
    corrected: int = 0
    late: int = 0
    returned: int = 0
    transferred: int = 0
    void: int = 0
    open: int = 0
    overdue: int = 0
    days: float | None = None

    def __post_init__(self) -> None:
        if self.carried + self.received != self.settled + self.open or self.overdue > self.open:
            raise ValueError("the account does not add up")

    @property
    def answered(self) -> int:
        return self.on_time + self.corrected + self.late

    @property
    def settled(self) -> int:
        return self.answered + self.returned + self.transferred + self.void

    @property
    def punctual(self) -> float | None:
        """(on time + on time after correction) of what was answered or should have been; None of nothing."""
        owed = self.answered + self.overdue
        return (self.on_time + self.corrected) / owed if owed else None

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "days")


def flow(records: Iterable[Record], first: datetime, last: datetime, calendar: Calendar) -> Flow:
    """The account of [first, last). Records that began later are left out, as are those settled before `first`."""
    found: dict[str, int] = defaultdict(int)
    days: list[int] = []

    @lru_cache(None)
    def between(began: date, ended: date) -> int:
        return sum(1 for day in calendar.working_days(began, ended) if day > began)

    for record in records:
        if record.began >= last or (record.ended is not None and record.ended < first):
            continue
        found["carried" if record.began < first else "received"] += 1
        if record.ended is None or record.ended >= last:
            found["open"] += 1
            found["overdue"] += record.expires_at <= last
            continue
        column = _COLUMN[record.state]
        found[column] += 1
        if column in ("on_time", "corrected", "late"):
            days.append(between(in_shanghai(record.began).date(), in_shanghai(record.ended).date()))
    return Flow(**found, days=float(median(days)) if days else None)


def grouped(records: Iterable[Record], by: str) -> Mapping[str, list[Record]]:
    """Records by `party` or `area`."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[getattr(record, by)].append(record)
    return found


def publishable(areas: Mapping[str, Flow]) -> tuple[str, ...]:
    """The areas of one province that may be named; all others are put together. The caller leaves out empty accounts.
    Where no count is small every area is named."""
    small = {area for area, account in areas.items() if any(0 < count < SMALLEST for count in account.counts)}
    named = [area for area in sorted(areas) if area not in small]
    if len(small) == 1 and named:
        named.remove(min(named, key=lambda area: (areas[area].carried + areas[area].received, area)))
    return tuple(named)
