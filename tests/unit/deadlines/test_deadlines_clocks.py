import time
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.deadlines import Calendar, NaiveInstant, OutsideCalendar, Rule, RuleError, due, fixed
from gateway.instants import SHANGHAI
from gateway.policy.facts import Deadline
from gateway.policy.periods import Period

EIGHTH = Deadline(due={"Q1": "04-08", "Q2": "07-08", "Q3": "10-08", "Q4": "01-08"})
FIRST_OF_MONTH = {"Q1": "05-01", "Q2": "08-01", "Q3": "11-01", "Q4": "02-01"}


def test_a_naive_instant_is_an_error(calendar: Calendar) -> None:
    with pytest.raises(NaiveInstant):
        due(datetime(2026, 6, 30, 12), "workdays:15", calendar)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "UTC"])
def test_the_hosts_time_zone_changes_nothing(calendar: Calendar, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        result = due(datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC), "workdays:1", calendar)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert result.date == date(2026, 7, 1)
    assert result.expires_at == datetime(2026, 7, 1, 16, tzinfo=UTC)
    assert result.expires_at.isoformat() == "2026-07-02T00:00:00+08:00"


def test_before_2007_is_refused(calendar: Calendar) -> None:
    result = due(datetime(2006, 12, 31, 23, 59, 59, tzinfo=SHANGHAI), "workdays:15", calendar)
    assert (result.status, result.date, result.expires_at, result.days) == ("refused", None, None, ())
    with pytest.raises(OutsideCalendar):
        _ = result.settled


def test_the_first_instant_of_2007_is_not_refused(calendar: Calendar) -> None:
    # Rest 01-01..01-03: Thursday the 4th is the first working day.
    assert due(datetime(2007, 1, 1, tzinfo=SHANGHAI), "workdays:1", calendar).date == date(2007, 1, 4)


@pytest.mark.parametrize("instant", [datetime.min, datetime.max, datetime(2199, 12, 20)])
def test_ends_of_time_are_refused_and_do_not_crash(calendar: Calendar, instant: datetime) -> None:
    assert due(instant.replace(tzinfo=UTC), "workdays:15", calendar).status == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "workdays:15",
        "days:30",
        "days:30,roll=none",
        "days:30,roll=backward",
        "workdays:3,cutoff=17:30",
        "days:3,roll=none,cutoff=17:30,after-hours=18:00",
    ],
)
def test_a_rule_reads_as_it_is_written(text: str) -> None:
    assert str(Rule.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "workdays",
        "workdays:0",
        "workdays:-1",
        "workdays:015",
        "workdays:１５",
        "workdays: 15",
        "workdays:15\n",
        "workdays:3651",
        "weeks:2",
        "days:30,roll=sideways",
        "workdays:15,roll=none",
        "days:30,roll=none,roll=none",
        "days:30,cutoff=24:00",
        "days:30,",
    ],
)
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(RuleError):
        Rule.parse(text)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("2009Q3", "2009-10-09"),  # rest 10-01..10-08; the 9th is a Friday
        ("2017Q3", "2017-10-09"),  # rest 10-01..10-08; a Monday
        ("2020Q3", "2020-10-09"),  # rest 10-01..10-08; a Friday
        ("2025Q3", "2025-10-09"),  # rest 10-01..10-08; a Thursday
        ("2026Q3", "2026-10-08"),  # rest to 10-07: the 8th itself is a working day
        ("2011Q3", "2011-10-08"),  # the 8th is a worked Saturday
        ("2023Q3", "2023-10-08"),  # a worked Sunday, and the 7th a worked Saturday
        ("2026Q1", "2026-04-08"),
        ("2025Q4", "2026-01-08"),
    ],
)
def test_the_eighth_after_a_long_holiday(calendar: Calendar, period: str, expected: str) -> None:
    assert str(fixed(Period.parse(period), EIGHTH, calendar).date) == expected


@pytest.mark.parametrize(
    ("period", "roll", "expected"),
    [
        ("2026Q3", "none", "2026-11-01"),  # a Sunday: "X日前" does not move
        ("2026Q3", "forward", "2026-11-02"),
        ("2026Q3", "backward", "2026-10-30"),
        ("2026Q1", "none", "2026-05-01"),  # rest 05-01..05-05
        ("2026Q1", "forward", "2026-05-06"),
        ("2026Q1", "backward", "2026-04-30"),
        ("2025Q4", "none", "2026-02-01"),
        ("2025Q3", "backward", "2025-10-31"),  # 11-01 is a Saturday
    ],
)
def test_fixed_dates_move_only_where_the_agreement_says(
    calendar: Calendar, period: str, roll: str, expected: str
) -> None:
    deadline = Deadline.model_validate({"due": FIRST_OF_MONTH, "roll": roll})
    result = fixed(Period.parse(period), deadline, calendar)
    assert str(result.date) == expected
    assert result.expires_at is not None
    assert result.date is not None
    assert result.expires_at == datetime.combine(result.date + timedelta(1), datetime.min.time(), SHANGHAI)
    assert result.status == "final"


@pytest.mark.parametrize(
    ("period", "key", "month_day", "expected"),
    [
        ("2026-10", "M", "01-08", "2026-11-08"),
        ("2026-12", "M", "01-08", "2027-01-08"),
        ("2026-11", "M", "02-10", "2027-01-10"),
        ("2026-01", "M", "01-31", "2026-02-28"),
        ("2024-01", "M", "01-31", "2024-02-29"),
        ("2026H1", "H1", "08-05", "2026-08-05"),
        ("2025H2", "H2", "01-15", "2026-01-15"),
        ("2025", "Y", "02-29", "2026-02-28"),
    ],
)
def test_dates_of_other_rhythms(calendar: Calendar, period: str, key: str, month_day: str, expected: str) -> None:
    assert str(fixed(Period.parse(period), Deadline(due={key: month_day}), calendar).date) == expected


def test_a_deadline_without_a_date_for_the_period_is_an_error(calendar: Calendar) -> None:
    with pytest.raises(RuleError):
        fixed(Period.parse("2026H1"), EIGHTH, calendar)


def test_a_fixed_date_beyond_the_notices_is_provisional(calendar: Calendar) -> None:
    result = fixed(Period.parse("2026Q4"), Deadline(due=FIRST_OF_MONTH), calendar)
    assert (str(result.date), result.status, result.edition) == ("2027-02-01", "provisional", "unpublished")


def test_the_public_shape_has_these_keys_and_no_others(calendar: Calendar) -> None:
    document = due(datetime(2026, 6, 30, tzinfo=SHANGHAI), "workdays:1", calendar).document()
    assert list(document) == ["due", "expires_at", "status", "edition", "days"]
    assert document["due"] == "2026-07-01"
