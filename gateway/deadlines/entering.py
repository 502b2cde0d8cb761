"""Entering a State Council notice: next year's arrangement, or the amendment of one that is in force.

Files are written in an order that leaves a valid calendar after each: the superseded edition, the new one, the last
settled day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from gateway import durable
from gateway.deadlines.calendar import Calendar
from gateway.deadlines.editions import (
    PUBLISHED,
    CalendarError,
    CalendarFault,
    Edition,
    judge_editions,
    published_text,
    read_edition,
    read_folder,
)

_READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Entered:
    """What an import did: the files written, the days that are worked or not worked now and were not before, and the
    calendar in force from here on. Without files nothing had changed."""

    edition: Edition
    files: tuple[str, ...]
    changed: tuple[date, ...]
    calendar: Calendar


def enter(folder: Path, file: Path, amended_on: date | None = None) -> Entered:
    """Check the notice in `file` and add it to the calendar in `folder`.

    A year that is there already and differs is an amendment: `amended_on` is its date, and the old edition is kept as
    superseded until then. Raises `CalendarError` with every fault, and then nothing is written.
    """
    notice, faults = read_edition(file)
    editions, published, there = read_folder(folder)
    faults += there
    if notice is not None and (notice.superseded_until or notice.id != str(notice.year)):
        faults.append(CalendarFault("614", file.name, 0, {"edition": notice.id}))
    if notice is None or published is None or faults:
        raise CalendarError(faults)
    old = next((e for e in editions if e.year == notice.year and e.superseded_until is None), None)
    before = Calendar(tuple(editions), published)
    if old is not None and (old.off, set(old.work), old.document) == (notice.off, set(notice.work), notice.document):
        return Entered(notice, (), (), before)
    kept = [e for e in editions if e is not old]
    writes: list[tuple[str, bytes]] = []
    if old is not None:
        superseded = _superseded(old, amended_on or notice.issued, kept, file.name)
        kept.append(superseded)
        writes.append((f"{superseded.id}.toml", superseded.as_toml().encode()))
    kept.append(notice)
    writes.append((f"{notice.id}.toml", file.read_bytes()))
    through = max(published, date(notice.year, 12, 28))
    if through != published:
        writes.append((PUBLISHED, published_text(folder, through).encode()))
    faults = judge_editions(kept, through, {notice.id: file.name})
    if faults:
        raise CalendarError(faults)
    kept.sort(key=lambda e: (e.year, e.superseded_until or date.max))
    after = Calendar(tuple(kept), through)
    for name, data in writes:
        durable.write_bytes(folder / name, data, _READABLE)
    return Entered(notice, tuple(name for name, _ in writes), _changed(before, after, notice), after)


def _superseded(old: Edition, until: date | None, others: list[Edition], file: str) -> Edition:
    earlier = [e.superseded_until for e in others if e.year == old.year and e.superseded_until]
    if until is None or any(until <= day for day in earlier) or (old.issued is not None and until <= old.issued):
        raise CalendarError([CalendarFault("620", file, 0, {"year": old.year})])
    issued = old.issued or max(earlier, default=None)
    name = f"{old.year}@{issued}" if issued else f"{old.year}@before-{until}"
    return replace(old, id=name, superseded_until=until, issued=issued)


def _changed(before: Calendar, after: Calendar, notice: Edition) -> tuple[date, ...]:
    first, last = date(notice.year - 1, 12, 1), date(notice.year + 1, 1, 31)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1) if first.year >= 2007)
    return tuple(day for day in days if before.is_working(day) != after.is_working(day))
