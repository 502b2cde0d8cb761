"""Dates that move: outages of the node, and what people change."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from gateway.deadlines import Calendar, Matter, NaiveInstant, Obligation, owed
from gateway.deadlines.changes import Act, Change, extend, return_record, transfer, void
from gateway.deadlines.outages import Outage, moved
from gateway.instants import SHANGHAI
from gateway.lifecycle import ObligationState as State
from gateway.outcomes import Ok, Outcome, Refused


def at(text: str) -> datetime:
    """`2026-11-01 16:20` on Shanghai's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


NOW = at("2026-11-21 09:00")


@pytest.fixture
def reply(calendar: Calendar) -> Obligation:
    """Arrived Wednesday 2026-09-23; working days 09-24, 09-28, 09-29, 09-30, 10-08: due Thursday 10-08."""
    return owed(Matter("reply", "440000", "reply-15wd", "X-1"), at("2026-09-23 10:00"), "workdays:5", calendar)


def test_the_case_is_as_derived(reply: Obligation) -> None:
    assert (reply.due, reply.expires_at) == (date(2026, 10, 8), at("2026-10-09 00:00"))


@pytest.mark.parametrize(
    ("outages", "expected", "because"),
    [
        ([], "2026-10-08", ()),
        ([("a", "2026-10-08 20:00", "2026-10-08 23:59:59")], "2026-10-08", ()),
        ([("a", "2026-10-08 20:00", "2026-10-09 00:00")], "2026-10-09", ("a",)),
        ([("a", "2026-10-09 00:00", "2026-10-09 08:00")], "2026-10-08", ()),
        ([("a", "2026-10-08 20:00", "2026-10-09 02:00")], "2026-10-09", ("a",)),
        # Over the whole Friday: the next working day is the worked Saturday 10-10; over that too: Monday 10-12.
        ([("a", "2026-10-08 20:00", "2026-10-10 06:00")], "2026-10-10", ("a",)),
        ([("a", "2026-10-08 20:00", "2026-10-11 06:00")], "2026-10-12", ("a",)),
        (
            [("a", "2026-10-08 20:00", "2026-10-09 02:00"), ("b", "2026-10-09 22:00", "2026-10-10 01:00")],
            "2026-10-10",
            ("a", "b"),
        ),
        # It lasts until now, Saturday 11-21 09:00: Friday's 24:00 is inside, Monday 11-23 is not.
        ([("a", "2026-10-08 20:00", None)], "2026-11-23", ("a",)),
    ],
)
def test_outages_move_a_date_they_swallow(
    reply: Obligation,
    calendar: Calendar,
    outages: list[tuple[str, str, str | None]],
    expected: str,
    because: tuple[str, ...],
) -> None:
    made = [Outage(name, at(began), at(ended) if ended else None) for name, began, ended in outages]
    for order in permutations(made):
        result = moved(reply, order, NOW, calendar)
        assert (str(result.obligation.due), result.because) == (expected, because)
        assert result.obligation.id == reply.id


def test_an_outage_at_the_years_end_names_both_editions(calendar: Calendar) -> None:
    due_at_new_year = owed(Matter("reply", "1", "a", "x"), at("2025-12-30 10:00"), "workdays:1", calendar)
    outage = Outage("a", at("2025-12-31 12:00"), at("2026-01-01 12:00"))
    after = moved(due_at_new_year, [outage], NOW, calendar).obligation
    assert (due_at_new_year.due, due_at_new_year.edition) == (date(2025, 12, 31), "2025")
    assert (after.due, after.edition, after.status) == (date(2026, 1, 4), "2025+2026", "final")


def test_an_outage_into_unpublished_days_makes_the_date_provisional(calendar: Calendar) -> None:
    last = owed(Matter("reply", "1", "a", "x"), at("2026-12-25 10:00"), "workdays:1", calendar)
    after = moved(last, [Outage("a", at("2026-12-28 12:00"), at("2026-12-29 12:00"))], NOW, calendar).obligation
    assert (last.due, last.status) == (date(2026, 12, 28), "final")
    assert (after.due, after.status) == (date(2026, 12, 29), "provisional")


def test_an_outage_needs_zones_and_order(reply: Obligation) -> None:
    with pytest.raises(ValueError):
        Outage("a", at("2026-10-08 20:00"), at("2026-10-08 19:00"))
    with pytest.raises(NaiveInstant):
        Outage("a", datetime(2026, 10, 8), datetime(2026, 10, 9))


def code(outcome: Outcome[Change]) -> str:
    return outcome.code if isinstance(outcome, Refused) else "ok"


def change(outcome: Outcome[Change]) -> Change:
    assert isinstance(outcome, Ok)
    return outcome.value


@pytest.mark.parametrize(
    ("until", "when", "by", "why", "state", "expected"),
    [
        ("2026-10-16", "2026-10-08 23:59:59", "u", "flood", State.OPEN, "ok"),
        ("2026-10-16", "2026-10-09 00:00:00", "u", "flood", State.MISSED, "606"),
        ("2026-10-08", "2026-10-01 09:00:00", "u", "flood", State.OPEN, "606"),
        ("2026-10-16", "2026-10-01 09:00:00", "u", "flood", State.MET, "607"),
        ("2026-10-16", "2026-10-01 09:00:00", " ", "flood", State.OPEN, "608"),
        ("2026-10-16", "2026-10-01 09:00:00", "u", "", State.OPEN, "608"),
    ],
)
def test_extending(
    reply: Obligation,
    calendar: Calendar,
    until: str,
    when: str,
    by: str,
    why: str,
    state: State,
    expected: str,
) -> None:
    outcome = extend(reply, state, date.fromisoformat(until), Act(by, why, at(when)), calendar)
    assert code(outcome) == expected


def test_an_extended_obligation_runs_to_the_end_of_its_new_day(reply: Obligation, calendar: Calendar) -> None:
    act = Act("u", "flood", at("2026-10-08 12:00"))
    after = change(extend(reply, State.OPEN, date(2026, 10, 16), act, calendar)).after
    assert after is not None
    assert (after.id, after.due, after.expires_at) == (reply.id, date(2026, 10, 16), at("2026-10-17 00:00"))


def test_a_void_obligation_owes_nothing(reply: Obligation) -> None:
    act = Act("u", "entered twice", NOW)
    made = change(void(reply, State.MISSED, act))
    assert (made.obligation, made.after) == (reply.id, None)
    assert code(void(reply, State.MET_LATE, act)) == "607"


def test_a_record_of_another_area_goes_back_within_three_working_days(reply: Obligation, calendar: Calendar) -> None:
    # Arrived Wednesday 09-23: working days 09-24, 09-28 (25 to 27 rest), 09-29.
    in_time, late = at("2026-09-29 23:59:59"), at("2026-09-30 00:00:00")
    assert code(return_record(reply, State.OPEN, Act("u", "not here", in_time), calendar)) == "ok"
    assert code(return_record(reply, State.OPEN, Act("u", "not here", late), calendar)) == "609"
    assert code(return_record(reply, State.OPEN, Act("u", "not here", late.astimezone(UTC)), calendar)) == "609"


def test_a_transfer_starts_a_new_clock_at_the_next_place(reply: Obligation, calendar: Calendar) -> None:
    when = at("2026-09-28 10:00")
    act = Act("u", "moved", when)
    after = change(transfer(reply, State.OPEN, "450000", "workdays:5", act, calendar)).after
    assert after is not None
    # 09-29, 09-30, 10-08, 10-09, and the worked Saturday 10-10.
    assert (after.party, after.due) == ("450000", date(2026, 10, 10))
    assert after.id != reply.id
    voided = change(void(after, State.OPEN, Act("u", "answered by telephone", when)))
    assert voided.obligation == after.id, "a later change is of the new place's obligation"
    assert code(transfer(reply, State.OPEN, reply.party, "workdays:5", act, calendar)) == "608"
