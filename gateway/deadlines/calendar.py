"""The working-day calendar: which days are worked, by which edition of the State Council's arrangement, and whether
that is settled.

Working days exclude the statutory rest days and include make-up Saturdays and Sundays (行政许可法 82). Beyond the last
settled day a date is provisional: plain weekdays, no holiday is ever guessed. Before 2007 there are no facts, and
`OutsideCalendar` is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from gateway.deadlines.editions import FIRST_YEAR, CalendarError, Edition, read_folder
from gateway.instants import SHANGHAI

FIRST_DAY = date(FIRST_YEAR, 1, 1)
LAST_DAY = date(2199, 12, 31)
UNPUBLISHED = "unpublished"
_ONE = timedelta(days=1)

Standing = Literal["final", "provisional"]


class OutsideCalendar(ValueError):
    """A day before 2007-01-01 or after 2199-12-31: refused, code 601."""

    code = "601"


class DayKind(StrEnum):
    """Why a day is worked or not."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKEUP = "makeup"


_WORKED = frozenset({DayKind.WORKDAY, DayKind.MAKEUP})


@dataclass(frozen=True, slots=True)
class Calendar:
    """Immutable. `editions` holds superseded ones too; in force are those not superseded, or, in a calendar made by
    `as_known_on`, those in force on `known_on`. `published_through` is the last day that is settled."""

    editions: tuple[Edition, ...]
    settled_through: date
    known_on: date | None = None
    published_through: date = field(init=False, compare=False)
    _named: Mapping[date, tuple[DayKind, str]] = field(init=False, repr=False, compare=False)
    _years: Mapping[int, Edition] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        years: dict[int, Edition] = {}
        for year in sorted({e.year for e in self.editions}):
            chosen = self._in_force(year)
            if chosen is not None:
                years[year] = chosen
        named: dict[date, tuple[DayKind, str]] = {}
        # In order of years: where two notices name one day, the later notice holds.
        for edition in years.values():
            named.update((day, (DayKind.HOLIDAY, edition.id)) for day in edition.rest_days())
            named.update((day, (DayKind.MAKEUP, edition.id)) for day in edition.work)
        object.__setattr__(self, "_years", MappingProxyType(years))
        object.__setattr__(self, "_named", MappingProxyType(named))
        unknown = min((e.year for e in self.editions if e.year not in years), default=LAST_DAY.year)
        # The last three days of a year were moved by the next year's notice before.
        object.__setattr__(self, "published_through", min(self.settled_through, date(unknown - 1, 12, 28)))

    @classmethod
    def load(cls, folder: Path) -> Calendar:
        """The calendar in `folder`. Raises `CalendarError` with every fault of its files."""
        editions, published, faults = read_folder(folder)
        if faults or published is None:
            raise CalendarError(faults)
        return cls(tuple(editions), published)

    def as_known_on(self, day: date) -> Calendar:
        """The calendar as it stood on `day`: to explain a date that was computed then.

        An amendment counts from its own date (`superseded_until` of the edition before it). A notice whose date is
        unknown counts as known from 31 December before its year: every one of them had appeared by then.
        """
        return Calendar(self.editions, self.settled_through, day)

    def is_working(self, day: date) -> bool:
        return self.kind(day) in _WORKED

    def kind(self, day: date) -> DayKind:
        """Why `day` is worked or not."""
        _check(day)
        found = self._named.get(day)
        if found is not None:
            return found[0]
        return DayKind.WORKDAY if day.isoweekday() < 6 else DayKind.WEEKEND

    def status(self, day: date) -> Standing:
        """`final` up to the last settled day, `provisional` after it."""
        _check(day)
        return "final" if day <= self.published_through and day.year in self._years else "provisional"

    def edition(self, day: date) -> str:
        """The edition that says what `day` is: the one that names it, else its year's, else `unpublished`."""
        _check(day)
        found = self._named.get(day)
        if found is not None:
            return found[1]
        edition = self._years.get(day.year)
        return edition.id if edition else UNPUBLISHED

    def in_force(self) -> tuple[Edition, ...]:
        """The editions in force, by year."""
        return tuple(self._years.values())

    def next_working(self, day: date) -> date:
        """The first working day after `day`."""
        day += _ONE
        while not self.is_working(day):
            day += _ONE
        return day

    def previous_working(self, day: date) -> date:
        """The last working day before `day`."""
        day -= _ONE
        while not self.is_working(day):
            day -= _ONE
        return day

    def on_or_after(self, day: date) -> date:
        return day if self.is_working(day) else self.next_working(day)

    def on_or_before(self, day: date) -> date:
        """`day` itself, or the last working day before it: what a reminder names when a fixed date is a rest day."""
        return day if self.is_working(day) else self.previous_working(day)

    def shift(self, day: date, working_days: int) -> date:
        """`working_days` working days after (before, when negative) `day`; 0 is `day` itself."""
        for _ in range(abs(working_days)):
            day = self.next_working(day) if working_days > 0 else self.previous_working(day)
        return day

    def working_days(self, first: date, last: date) -> Iterator[date]:
        """The working days from `first` to `last`, both included."""
        while first <= last:
            if self.is_working(first):
                yield first
            first += _ONE

    def _in_force(self, year: int) -> Edition | None:
        chain = sorted((e for e in self.editions if e.year == year), key=lambda e: e.superseded_until or date.max)
        if self.known_on is None:
            return chain[-1] if chain[-1].superseded_until is None else None
        issued: date | None = None
        for edition in chain:
            issued = edition.issued or issued or date(year - 1, 12, 31)
            if edition.superseded_until is None or edition.superseded_until > self.known_on:
                return edition if issued <= self.known_on else None
            issued = edition.superseded_until
        return None


def in_shanghai(instant: datetime) -> datetime:
    """An aware instant as Shanghai's clock shows it. Raises `NaiveInstant` when it has no time zone."""
    if instant.utcoffset() is None:
        raise NaiveInstant
    try:
        return instant.astimezone(SHANGHAI)
    except OverflowError as error:
        raise OutsideCalendar from error


class NaiveInstant(ValueError):
    """An instant without a time zone, of which the day is not known. Code 602."""

    code = "602"

    def __init__(self) -> None:
        super().__init__("an instant needs a time zone")


def _check(day: date) -> None:
    if isinstance(day, datetime):
        raise TypeError("a calendar day, not an instant: its day depends on the time zone")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise OutsideCalendar(f"{day.year}: outside the calendar")
