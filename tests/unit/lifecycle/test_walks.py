"""Random walks through the tables: whatever is said, some things happen once, and none before what it needs."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.entries import varieties

from gateway.lifecycle import (
    BATCH,
    INCOMING,
    INQUIRY,
    OBLIGATION,
    PACKAGE,
    PARCEL,
    SETTLED,
    Event,
    IncomingState,
    InquiryState,
    Machine,
    NoTransition,
    ObligationState,
    PackageState,
    ParcelState,
)
from gateway.lifecycle.parcel import INITIAL
from gateway.log import Entry

Steps = list[tuple[Any, Entry, Any]]
"""(state before, what was told, state after)."""


@cache
def allowed(machine: Machine[Any], state: Any) -> tuple[tuple[Entry, Any], ...]:
    """What can happen in a state, and the state after it: one entry for each event, role and outcome."""
    found: dict[tuple[Event, str, Any], tuple[Entry, Any]] = {}
    for event, roles in machine.roles.items():
        for role, entry in product(roles, varieties(event)):
            with suppress(NoTransition):
                after = machine.after(state, entry, role)
                found.setdefault((event, role, after), (entry, after))
    return tuple(found.values())


@st.composite
def walks(draw: st.DrawFn, machine: Machine[Any], start: Any = None) -> Steps:
    """A way through the table, of things that it allows one after the other."""
    steps: Steps = []
    state = start
    for _ in range(draw(st.integers(0, 25))):
        options = allowed(machine, state)
        if not options:
            break
        entry, after = draw(st.sampled_from(options))
        steps.append((state, entry, after))
        state = after
    return steps


def times(steps: Steps) -> Counter[Event]:
    return Counter(entry.event for _, entry, _ in steps)


@settings(deadline=None)
@given(walks(PACKAGE))
def test_a_package_is_released_delivered_and_acknowledged_once_each_and_in_this_order(steps: Steps) -> None:
    """Only of one that was given up as lost a person may say that it had arrived all the same."""
    moved = [(entry.event, after) for before, entry, after in steps if before is not after]
    once = [event for event, _ in moved if event in (Event.RELEASED, Event.DELIVERED, Event.ACKNOWLEDGED)]
    if any(before is PackageState.LOST for before, entry, _ in steps if entry.event is Event.DELIVERED):
        once = [Event.RELEASED, *(event for event in once if event is not Event.RELEASED)]
    assert once == [Event.RELEASED, Event.DELIVERED, Event.ACKNOWLEDGED][: len(once)]
    assert times(steps)[Event.RELEASED] <= 1
    assert Counter(after for _, after in moved)[PackageState.HELD] <= 1


@settings(deadline=None)
@given(walks(BATCH))
def test_a_batch_is_never_delivered_before_its_release_and_erased_only_once_it_was_signed_for(steps: Steps) -> None:
    events = [entry.event for _, entry, _ in steps]
    assert events[:1] in ([], [Event.RELEASED])
    for event, needed in {
        Event.UNCONFIRMED: Event.DELIVERED,
        Event.ACKNOWLEDGED: Event.DELIVERED,
        Event.ERASED: Event.ACKNOWLEDGED,
    }.items():
        assert event not in events or needed in events[: events.index(event)]
    found = times(steps)
    assert max(found[event] for event in (Event.RELEASED, Event.DELIVERED, Event.ACKNOWLEDGED, Event.ERASED)) <= 1
    if Event.DELIVERED in events:
        assert all(after.arrived for _, _, after in steps[events.index(Event.DELIVERED) :])


@settings(deadline=None)
@given(walks(PARCEL, INITIAL))
def test_a_parcel_settles_once_and_for_good(steps: Steps) -> None:
    settling = [number for number, (before, _, after) in enumerate(steps) if after.settled and not before.settled]
    assert len(settling) <= 1
    for number in settling:
        rest = steps[number + 1 :]
        assert {entry.event for _, entry, _ in rest} <= {Event.ERASED}
        assert {after for _, _, after in rest} <= {steps[number][2]}
    assert times(steps)[Event.ACCEPTED] <= 1


@settings(deadline=None)
@given(walks(PARCEL, INITIAL))
def test_nothing_is_accepted_that_was_not_sorted_unless_a_list_withdraws_it(steps: Steps) -> None:
    for before, entry, after in steps:
        if after is ParcelState.ACCEPTED and before is not after:
            assert before is ParcelState.SORTED or "list" in entry.digests


@settings(deadline=None)
@given(walks(OBLIGATION))
def test_an_obligation_is_met_once_and_then_stays_as_it_is(steps: Steps) -> None:
    assert times(steps)[Event.MET] <= 1
    ended = [number for number, (_, _, after) in enumerate(steps) if after in SETTLED]
    assert ended in ([], [len(steps) - 1])
    owed_again = {
        entry.event
        for before, entry, after in steps
        if (before, after) == (ObligationState.MISSED, ObligationState.OPEN)
    }
    assert owed_again <= {Event.MOVED, Event.COPIED}


@settings(deadline=None)
@given(walks(INCOMING))
def test_another_gateway_s_batch_is_signed_for_once_and_nothing_follows(steps: Steps) -> None:
    answered = [number for number, (_, _, after) in enumerate(steps) if after is IncomingState.ANSWERED]
    assert answered in ([], [len(steps) - 1])


@settings(deadline=None)
@given(walks(INQUIRY))
def test_an_inquiry_opens_once_and_nothing_follows_its_end(steps: Steps) -> None:
    states = [after for _, _, after in steps]
    assert max(Counter(states).values(), default=0) <= 1
    assert InquiryState.CLOSED not in states[:-1]
