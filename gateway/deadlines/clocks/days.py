"""The result of a clock: the date, and every day that was counted on the way to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from gateway.deadlines.calendar import Calendar, DayKind, OutsideCalendar, Standing
from gateway.instants import SHANGHAI

Role = Literal["received", "waiting", "counted", "skipped", "rolled", "due"]
Status = Literal["final", "provisional", "refused"]
# Fields are called `date`, which hides the type inside their classes.
Day = date
_ONE = timedelta(days=1)


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


class Trace:
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
        """The result: due on `last`, until `cutoff` of that day or to its end."""
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
