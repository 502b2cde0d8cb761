"""Due dates derived by hand from the notices: each case says the date and every day on the way to it.

A line of a trace is `DAYS [sign] [= counts]`: DAYS a day or `first..last`; sign 休 (announced rest day), 班 (make-up
workday), 末 (weekend), none (plain working day); counts `n` or `first..last`, none for a day that is not counted.
"""

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from gateway.deadlines import Calendar, due
from gateway.deadlines.calendar import DayKind

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
KINDS = {"休": DayKind.HOLIDAY, "班": DayKind.MAKEUP, "末": DayKind.WEEKEND, "": DayKind.WORKDAY}


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return Calendar.load(HERE.parents[2] / "config" / "calendar")


def expanded(line: str) -> Iterator[tuple[date, DayKind, int | None]]:
    left, _, counts = line.partition("=")
    days, _, sign = left.strip().partition(" ")
    first, _, last = days.partition("..")
    low, _, high = counts.strip().partition("..")
    start, end = date.fromisoformat(first), date.fromisoformat(last or first)
    length = (end - start).days + 1
    assert length > 0, line
    if low:
        assert int(high or low) - int(low) + 1 == length, f"the case miscounts: {line}"
    for offset in range(length):
        yield start + timedelta(days=offset), KINDS[sign], int(low) + offset if low else None


def test_there_are_cases() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, calendar: Calendar) -> None:
    case = tomllib.loads((HERE / name / "case.toml").read_text("utf-8"))
    expect = case["expect"]
    if "known_on" in case:
        calendar = calendar.as_known_on(case["known_on"])
    result = due(datetime.fromisoformat(case["received"]), case["rule"], calendar)
    trace = [entry for line in expect["trace"] for entry in expanded(line)]
    assert [(day.date, day.kind, day.count) for day in result.days] == trace
    assert result.date == expect["due"]
    assert result.expires_at is not None
    assert result.expires_at.isoformat() == expect["expires_at"]
    assert (result.status, result.edition) == (expect["status"], expect["edition"])
    assert [day.date for day in result.days if day.role == "due"] == [expect["due"]]
