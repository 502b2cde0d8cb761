from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from gateway.deadlines import (
    Calendar,
    Delivery,
    Matter,
    NaiveInstant,
    Obligation,
    expected,
    fixed,
    judge,
    owed,
    recomputed,
    since_day,
)
from gateway.instants import SHANGHAI
from gateway.lifecycle import ObligationState as State
from gateway.policy import loading
from gateway.policy.facts import Facts
from gateway.policy.periods import Period

Q3 = Period.parse("2026Q3")


def at(text: str) -> datetime:
    """`2026-11-01 16:20` on Shanghai's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.fixture(scope="module")
def facts() -> Facts:
    return loading.load(Path(__file__).parents[3])


@pytest.fixture
def obligation(facts: Facts, calendar: Calendar) -> Obligation:
    """Beijing's inflow cases of 2026Q3: due Sunday 2026-11-01, 24:00."""
    return next(o for o in expected(facts, Q3, calendar) if o.party == "110000" and o.agreement == "migrants-inflow")


def test_every_province_owes_every_quarterly_agreement(facts: Facts, calendar: Calendar) -> None:
    found = expected(facts, Q3, calendar)
    quarterly = [a for a in facts.agreements.values() if a.rhythm == "quarterly" and a.deadline]
    assert len(found) == 32 * len(quarterly)
    assert len({o.id for o in found}) == len(found)
    first = found[0]
    assert (first.party, first.occasion, first.due) == ("110000", "2026Q3", date(2026, 11, 1))
    assert first.opens_at == at("2026-10-01 00:00")
    assert first.expires_at == at("2026-11-02 00:00")
    assert (first.status, first.edition) == ("final", "2026")
    assert facts.node.party not in {o.party for o in found}


def test_other_rhythms_owe_nothing(facts: Facts, calendar: Calendar) -> None:
    assert {owed.agreement for owed in expected(facts, Period.parse("2026-10"), calendar)} == {"bulletin-monthly"}
    quarterly = {a for a, agreement in facts.agreements.items() if agreement.rhythm == "quarterly"}
    assert {owed.agreement for owed in expected(facts, Q3, calendar)} <= quarterly


@pytest.mark.parametrize(
    ("change", "owing"),
    [
        ({"valid_until": date(2026, 9, 30)}, False),
        ({"valid_until": date(2026, 10, 1)}, True),
        ({"valid_from": date(2026, 11, 1)}, True),
        ({"valid_from": date(2026, 11, 2)}, False),
    ],
)
def test_without_a_basis_in_force_nothing_is_owed(
    facts: Facts, calendar: Calendar, change: dict[str, date], owing: bool
) -> None:
    agreement = facts.agreements["migrants-inflow"]
    changed = agreement.model_copy(update={"basis": agreement.basis.model_copy(update=change)})
    only = Facts(facts.home, facts.digest, facts.node, facts.parties, {changed.id: changed})
    assert bool(expected(only, Q3, calendar)) is owing


def test_before_the_first_period_nothing_is_owed(facts: Facts, calendar: Calendar) -> None:
    changed = facts.agreements["migrants-inflow"].model_copy(update={"first_period": "2026Q4"})
    only = Facts(facts.home, facts.digest, facts.node, facts.parties, {changed.id: changed})
    assert expected(only, Q3, calendar) == []
    assert len(expected(only, Period.parse("2026Q4"), calendar)) == 32


# 2026-11-01 is a Sunday. Refused on Friday 10-30: the three working days for correcting are Monday 11-02 to Wednesday
# 11-04. Refused on Sunday 11-01: the same three.
JUST_BEFORE = "2026-11-01 23:59:59.999999"
EXPIRY = "2026-11-02 00:00"
LATER = "2027-03-01 00:00"


@pytest.mark.parametrize(
    ("deliveries", "now", "state"),
    [
        ([], "2026-10-15 09:00", State.OPEN),
        ([], JUST_BEFORE, State.OPEN),
        ([], EXPIRY, State.MISSED),
        ([("2026-10-15 09:00", "accepted")], LATER, State.MET),
        ([("2026-10-15 09:00", "nil")], LATER, State.NIL),
        ([(JUST_BEFORE, "accepted")], LATER, State.MET),
        ([(EXPIRY, "accepted")], LATER, State.MET_LATE),
        ([(EXPIRY, "nil")], LATER, State.MET_LATE),
        ([("2026-10-15 09:00", "refused")], "2026-10-16 09:00", State.OPEN),
        ([("2026-10-15 09:00", "refused"), ("2026-10-20 09:00", "accepted")], LATER, State.MET),
        ([("2026-10-30 09:00", "refused")], EXPIRY, State.OPEN),
        ([("2026-10-30 09:00", "refused")], "2026-11-04 23:59:59", State.OPEN),
        ([("2026-10-30 09:00", "refused")], "2026-11-05 00:00", State.MISSED),
        (
            [("2026-10-30 09:00", "refused"), ("2026-11-04 23:59:59", "accepted")],
            LATER,
            State.MET_AFTER_CORRECTION,
        ),
        (
            [("2026-10-30 09:00", "refused"), ("2026-11-04 23:59:59", "nil")],
            LATER,
            State.MET_AFTER_CORRECTION,
        ),
        ([("2026-10-30 09:00", "refused"), ("2026-11-05 00:00", "accepted")], LATER, State.MET_LATE),
        ([("2026-10-20 09:00", "refused"), ("2026-11-02 09:00", "accepted")], LATER, State.MET_LATE),
        ([(EXPIRY, "refused"), ("2026-11-02 09:00", "accepted")], LATER, State.MET_LATE),
        ([(EXPIRY, "refused")], "2026-11-02 09:00", State.MISSED),
        ([("2026-10-15 09:00", "accepted"), ("2026-12-01 09:00", "accepted")], LATER, State.MET),
        ([("2026-10-15 09:00", "accepted"), ("2026-10-20 09:00", "refused")], LATER, State.MET),
        ([("2026-12-01 09:00", "accepted"), ("2026-12-02 09:00", "refused")], LATER, State.MET_LATE),
        ([(JUST_BEFORE, "pending")], "2026-11-02 00:10", State.OPEN),
        ([(EXPIRY, "pending")], "2026-11-02 00:10", State.MISSED),
    ],
)
def test_judgements(
    obligation: Obligation, calendar: Calendar, deliveries: list[tuple[str, str]], now: str, state: State
) -> None:
    made = [Delivery(at(when), outcome) for when, outcome in deliveries]  # type: ignore[arg-type]
    for order in permutations(made):
        assert judge(obligation, order, at(now), calendar).state is state


def test_the_days_for_correcting_start_when_the_refusal_is_issued(obligation: Obligation, calendar: Calendar) -> None:
    slow = Delivery(at("2026-10-30 23:00"), "refused", decided_at=at("2026-11-03 08:00"))
    judged = judge(obligation, [slow], at("2026-11-06 23:59"), calendar)
    assert judged.state is State.OPEN
    assert judged.correctable_until == at("2026-11-07 00:00")


def test_a_settled_state_does_not_depend_on_the_clock(obligation: Obligation, calendar: Calendar) -> None:
    late = [Delivery(at("2026-11-02 00:00"), "accepted")]
    jumps = [at("2020-01-01 00:00"), at("2026-10-01 00:00"), at("2026-11-01 23:59"), at("2036-01-01 00:00")]
    assert {judge(obligation, late, now, calendar).state for now in jumps} == {State.MET_LATE}


def test_instants_in_other_zones_are_the_same_instants(obligation: Obligation, calendar: Calendar) -> None:
    now = at(LATER)
    before = Delivery(datetime(2026, 11, 1, 15, 59, 59, tzinfo=UTC), "accepted")
    after = Delivery(datetime(2026, 11, 1, 16, 0, 0, tzinfo=UTC), "accepted")
    assert judge(obligation, [before], now, calendar).state is State.MET
    assert judge(obligation, [after], now, calendar).state is State.MET_LATE


def test_naive_instants_are_errors(obligation: Obligation, calendar: Calendar) -> None:
    with pytest.raises(NaiveInstant):
        judge(obligation, [], datetime(2026, 11, 1), calendar)
    with pytest.raises(NaiveInstant):
        judge(obligation, [Delivery(datetime(2026, 11, 1), "refused")], at(LATER), calendar)


def test_an_event_sets_a_reply_going(calendar: Calendar) -> None:
    since = at("2026-09-24 16:00")
    first = Matter("reply", "440000", "reply-15wd", "X-0001")
    reply = owed(first, since, "workdays:15", calendar)
    assert (reply.due, reply.opens_at, reply.status) == (date(2026, 10, 22), since, "final")
    again = owed(first, since + timedelta(days=1), "workdays:15", calendar)
    assert again.id == reply.id
    other = owed(first._replace(occasion="X-0002"), since, "workdays:15", calendar)
    assert other.id != reply.id


def test_a_day_without_a_time_is_not_counted(calendar: Calendar) -> None:
    # Registered on Thursday 2026-09-24: the same 15 working days.
    birth = Matter("feedback", "1", "births-elsewhere", "B-1")
    births = owed(birth, since_day(date(2026, 9, 24)), "workdays:15", calendar)
    assert births.due == date(2026, 10, 22)


def test_another_edition_moves_the_date_and_nothing_else(calendar: Calendar, facts: Facts) -> None:
    then, now = calendar.as_known_on(date(2020, 1, 22)), calendar
    since = at("2020-01-22 17:00")
    matter = Matter("reply", "440000", "reply-15wd", "X-1")
    before, after = (owed(matter, since, "workdays:3", edition) for edition in (then, now))
    assert (before.due, before.edition) == (date(2020, 2, 1), "2020@2019-11-21")
    assert (after.due, after.edition) == (date(2020, 2, 4), "2020")
    deadline = facts.agreements["migrants-inflow"].deadline
    assert deadline is not None
    first = expected(facts, Q3, calendar)[0]
    assert recomputed(first, fixed(Q3, deadline, calendar)) == first


def test_provisional_dates_say_so(facts: Facts, calendar: Calendar) -> None:
    found = expected(facts, Period.parse("2026Q4"), calendar)
    assert {(o.due, o.status, o.edition) for o in found} == {(date(2027, 2, 1), "provisional", "unpublished")}
