"""What holds of every due date, over 2007–2026: against an implementation written another way, and its own rules.

The other implementation knows no editions and no traces: it takes the notices as sets of days, lists all working days
once, and finds due dates by bisection.
"""

import tomllib
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.deadlines import Calendar, due
from gateway.instants import SHANGHAI

FOLDER = Path(__file__).parents[2] / "config" / "calendar"
FIRST, LAST = date(2007, 1, 1), date(2026, 12, 31)
ALL_DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


@cache
def calendar() -> Calendar:
    return Calendar.load(FOLDER)


@cache
def working_days() -> list[date]:
    rest: set[date] = set()
    work: set[date] = set()
    for path in FOLDER.glob("2*.toml"):
        notice = tomllib.loads(path.read_text("utf-8"))
        if "superseded_until" in notice:
            continue
        work |= {date.fromisoformat(text) for text in notice["work"]}
        for text in notice["off"]:
            first, last = (date.fromisoformat(part).toordinal() for part in text.split("/"))
            rest |= {date.fromordinal(n) for n in range(first, last + 1)}
    weekdays = {day for day in ALL_DAYS if day.weekday() not in (5, 6)}
    return sorted(((weekdays - rest) | work) & set(ALL_DAYS))


def other(received_at: datetime, unit: str, count: int, roll: str = "forward") -> date:
    day = (received_at.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=8)).date()
    listed = working_days()
    if unit == "workdays":
        return listed[bisect_right(listed, day) + count - 1]
    target = day + timedelta(days=count)
    if roll == "none":
        return target
    after = listed[bisect_left(listed, target)]
    before = listed[bisect_right(listed, target) - 1]
    return before if roll == "backward" and before > day else after


zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2007, 1, 2), datetime(2026, 8, 1), timezones=zones)
counts = st.integers(1, 60)
rules = st.one_of(
    counts.map(lambda n: f"workdays:{n}"),
    st.tuples(counts, st.sampled_from(["", ",roll=none", ",roll=backward"])).map(lambda p: f"days:{p[0]}{p[1]}"),
    counts.map(lambda n: f"workdays:{n},after-hours=17:30,cutoff=17:30"),
    counts.map(lambda n: f"days:{n},after-hours=12:00"),
)


def test_every_day_agrees_with_chinesecalendar() -> None:
    assert len(ALL_DAYS) == 7305
    differing = [day for day in ALL_DAYS if calendar().is_working(day) != chinese_calendar.is_workday(day)]
    assert differing == []


def test_every_day_agrees_with_the_list_of_working_days() -> None:
    listed = set(working_days())
    assert [day for day in ALL_DAYS if calendar().is_working(day) != (day in listed)] == []


@pytest.mark.parametrize("rule", [("workdays", 15), ("workdays", 1), ("days", 30)])
def test_every_receipt_day_agrees_with_the_other_implementation(rule: tuple[str, int]) -> None:
    unit, count = rule
    for day in ALL_DAYS[:-60]:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
        assert due(noon, f"{unit}:{count}", calendar()).date == other(noon, unit, count), day


@settings(max_examples=300, deadline=None)
@given(instants, counts, st.sampled_from(["workdays", "days"]), st.sampled_from(["forward", "none", "backward"]))
def test_two_implementations_agree(received: datetime, count: int, unit: str, roll: str) -> None:
    rule = f"{unit}:{count}" + (f",roll={roll}" if unit == "days" else "")
    assert due(received, rule, calendar()).date == other(received, unit, count, roll)


@settings(max_examples=200, deadline=None)
@given(instants, rules)
def test_never_due_before_the_day_after_receipt(received: datetime, rule: str) -> None:
    result = due(received, rule, calendar())
    day, expires_at = result.settled
    assert day > received.astimezone(SHANGHAI).date()
    assert expires_at > received
    assert result.days[-1].date >= day


@settings(max_examples=200, deadline=None)
@given(instants, st.timedeltas(timedelta(0), timedelta(days=40)), rules)
def test_received_later_is_never_due_earlier(received: datetime, later: timedelta, rule: str) -> None:
    first = due(received, rule, calendar()).settled
    second = due(received + later, rule, calendar()).settled
    assert first <= second


@settings(max_examples=200, deadline=None)
@given(instants, counts)
def test_one_more_is_one_working_day_more(received: datetime, count: int) -> None:
    day, _ = due(received, f"workdays:{count}", calendar()).settled
    more, _ = due(received, f"workdays:{count + 1}", calendar()).settled
    listed = working_days()
    assert bisect_left(listed, more) - bisect_left(listed, day) == 1


@settings(max_examples=200, deadline=None)
@given(instants, counts, zones)
def test_the_zone_an_instant_is_written_in_changes_nothing(received: datetime, count: int, zone: timezone) -> None:
    assert due(received, f"workdays:{count}", calendar()) == due(
        received.astimezone(zone), f"workdays:{count}", calendar()
    )


@settings(max_examples=100, deadline=None)
@given(instants, rules)
def test_the_trace_is_without_gaps_and_counts_to_the_end(received: datetime, rule: str) -> None:
    result = due(received, rule, calendar())
    days = [day.date for day in result.days]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    counted = [day.count for day in result.days if day.count]
    assert counted == list(range(1, int(rule.split(":")[1].split(",")[0]) + 1))
