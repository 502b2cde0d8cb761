from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.deadlines import Calendar, Obligation, expected
from gateway.deadlines.reminders import Schedule, plan, quiet, reminder, wakes_at
from gateway.instants import SHANGHAI
from gateway.lifecycle import ObligationState as State
from gateway.policy import loading
from gateway.policy.periods import Period


def at(text: str) -> datetime:
    """`2026-11-01 16:20` on Shanghai's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.fixture
def obligation(calendar: Calendar) -> Obligation:
    """Due Sunday 2026-11-01; the window opened on 10-01."""
    return expected(loading.load(Path(__file__).parents[3]), Period.parse("2026Q3"), calendar)[0]


# Counted by hand back from Friday 10-30, the last working day: 29, 28 | 27, 26, 23 | 22, 21, 20, 19, 16.
# And on from Sunday 11-01: 2 | 3, 4, 5, 6 | 9, 10, 11, 12, 13.
STEPS = [
    (-10, "2026-10-16"),
    (-5, "2026-10-23"),
    (-2, "2026-10-28"),
    (0, "2026-10-30"),
    (1, "2026-11-02"),
    (5, "2026-11-06"),
    (10, "2026-11-13"),
]


def test_the_steps_of_a_date_on_a_sunday(obligation: Obligation, calendar: Calendar) -> None:
    assert plan(obligation, calendar) == tuple((step, at(f"{day} 09:00")) for step, day in STEPS)


def test_none_before_the_window_opens(obligation: Obligation, calendar: Calendar) -> None:
    # Due on the 8th after the holiday, open since 10-01: every step before would have been in September.
    eighth = replace(obligation, due=date(2026, 10, 8), expires_at=at("2026-10-09 00:00"))
    assert [step for step, _ in plan(eighth, calendar)] == [0, 1, 5, 10]
    assert reminder(eighth, State.OPEN, (), at("2026-09-30 10:00"), calendar) is None


def test_a_year_of_sweeps_sends_each_step_once(obligation: Obligation, calendar: Calendar) -> None:
    now, sent, log = at("2026-10-01 00:00"), set[int](), list[tuple[int, date]]()
    while now < at("2027-10-01 00:00"):
        found = reminder(
            obligation,
            State.OPEN if now < obligation.expires_at else State.MISSED,
            sent,
            now,
            calendar,
        )
        if found:
            log.append((found.step, now.date()))
            sent |= set(found.covers)
        now += timedelta(minutes=30)
    assert log == [(step, date.fromisoformat(day)) for step, day in STEPS]


def test_missed_steps_merge_into_the_latest(obligation: Obligation, calendar: Calendar) -> None:
    found = reminder(obligation, State.OPEN, (-10,), at("2026-10-29 10:00"), calendar)
    assert found is not None
    assert (found.step, found.covers, found.level) == (-2, (-5, -2), 0)
    assert found.names == date(2026, 10, 30), "the last working day before a Sunday"
    again = reminder(obligation, State.OPEN, (-10, *found.covers), at("2026-10-29 10:30"), calendar)
    assert again is None


def test_a_clock_that_jumps_back_sends_nothing_twice(obligation: Obligation, calendar: Calendar) -> None:
    assert reminder(obligation, State.OPEN, (0,), at("2026-10-23 10:00"), calendar) is None


@pytest.mark.parametrize("state", [State.MET, State.NIL, State.MET_LATE, State.MET_AFTER_CORRECTION])
def test_nothing_is_sent_once_it_is_settled(obligation: Obligation, calendar: Calendar, state: State) -> None:
    assert reminder(obligation, state, (), at("2026-11-13 10:00"), calendar) is None


@pytest.mark.parametrize(
    ("now", "is_quiet"),
    [
        ("2026-10-30 08:29:59", True),
        ("2026-10-30 08:30", False),
        ("2026-10-30 17:59:59", False),
        ("2026-10-30 18:00", True),
        ("2026-10-31 10:00", True),  # a Saturday
        ("2026-10-10 10:00", False),  # a worked Saturday
        ("2026-10-05 10:00", True),  # a Monday in the holiday
    ],
)
def test_quiet_hours(calendar: Calendar, now: str, is_quiet: bool) -> None:
    assert quiet(at(now), calendar) is is_quiet


def test_what_falls_into_quiet_hours_waits_for_their_end(obligation: Obligation, calendar: Calendar) -> None:
    now = at("2026-10-30 19:00")
    assert reminder(obligation, State.OPEN, (-10, -5, -2), now, calendar) is None
    wake = wakes_at(obligation, (-10, -5, -2), now, calendar)
    assert wake == at("2026-11-02 08:30")
    found = reminder(obligation, State.MISSED, (-10, -5, -2), wake, calendar)
    assert found is not None
    assert (found.step, found.covers, found.names) == (0, (0,), date(2026, 11, 1))


def test_it_wakes_for_the_next_step_and_not_after_the_last(obligation: Obligation, calendar: Calendar) -> None:
    assert wakes_at(obligation, (), at("2026-10-01 00:00"), calendar) == at("2026-10-16 09:00")
    assert wakes_at(obligation, (-10,), at("2026-10-16 09:05"), calendar) == at("2026-10-23 09:00")
    assert wakes_at(obligation, (), at("2026-10-16 07:00"), calendar) == at("2026-10-16 09:00")
    assert wakes_at(obligation, (10,), at("2026-11-13 09:05"), calendar) is None


def test_later_steps_go_to_the_next_level(obligation: Obligation, calendar: Calendar) -> None:
    levels = []
    for step, day in STEPS:
        found = reminder(obligation, State.OPEN, [s for s, _ in STEPS if s < step], at(f"{day} 09:00"), calendar)
        assert found is not None
        levels.append((found.step, found.level))
    assert levels == [(-10, 0), (-5, 0), (-2, 0), (0, 0), (1, 0), (5, 1), (10, 1)]


def test_a_schedule_that_would_never_send_is_an_error() -> None:
    with pytest.raises(ValueError):
        Schedule(at=time(20, 0))
    with pytest.raises(ValueError):
        Schedule(steps=(0, -2))
