"""Every pair of a state and an event, for every kind of thing: what the tables allow, and that it is all they allow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from support.entries import varieties

from gateway.adapters.ledger import rows
from gateway.lifecycle import (
    BATCH,
    INCOMING,
    INQUIRY,
    MACHINES,
    OBLIGATION,
    PACKAGE,
    PARCEL,
    SETTLED,
    STATEMENT,
    BatchState,
    Event,
    IncomingState,
    InquiryState,
    Machine,
    NoTransition,
    PackageState,
    ParcelState,
    StatementState,
)
from gateway.lifecycle.machine import Transition
from gateway.lifecycle.parcel import INITIAL
from gateway.log import Entry

ROWS: Mapping[str, type] = {
    PARCEL.name: rows.ParcelRow,
    PACKAGE.name: rows.PackageRow,
    BATCH.name: rows.BatchRow,
    INCOMING.name: rows.IncomingRow,
    STATEMENT.name: rows.StatementRow,
    OBLIGATION.name: rows.ObligationRow,
    INQUIRY.name: rows.InquiryRow,
}
ENDS: Mapping[str, frozenset[StrEnum]] = {
    PARCEL.name: frozenset(state for state in ParcelState if state.settled),
    PACKAGE.name: frozenset({PackageState.SUPERSEDED, PackageState.WITHDRAWN}),
    BATCH.name: frozenset({BatchState.ERASED}),
    INCOMING.name: frozenset({IncomingState.ANSWERED}),
    STATEMENT.name: frozenset(StatementState),
    OBLIGATION.name: SETTLED,
    INQUIRY.name: frozenset({InquiryState.CLOSED}),
}
ORDERED: Mapping[tuple[str, Event], str] = {
    (PARCEL.name, Event.RECEIVED): "a signature closes its batch, whatever else it speaks of",
    (PARCEL.name, Event.RETRIED): "an old entry of a signature says so by its address alone, as any old entry could",
}
"""Where the conditions of two rows may hold at once, and the first of them counts."""


def named(machine: Machine[Any]) -> str:
    return machine.name


each_machine = pytest.mark.parametrize("machine", MACHINES, ids=named)


def asked(machine: Machine[Any]) -> Iterator[tuple[Any, Event, str]]:
    """Every (state, event, role) there could be: those of the table, and every event that it does not know."""
    for state in (None, *machine.states):
        for event in Event:
            for role in {*machine.roles.get(event, ()), "", "a role that nothing has"}:
                yield state, event, role


def allowing(machine: Machine[Any], state: Any, event: Event, role: str) -> list[Transition[Any]]:
    return [row for row in machine.rows if (row.event, row.role) == (event, role) and state in row.before]


def fits(value: object, kind: Any) -> bool:
    """Is the value of a column's type? A text that is one of a few counts as text."""
    if get_origin(kind) in (Union, UnionType):
        return any(fits(value, each) for each in get_args(kind))
    if kind is NoneType:
        return value is None
    if kind is date:
        return type(value) is date
    if kind is datetime:
        return isinstance(value, datetime) and value.tzinfo is not None
    return type(value) is kind


@each_machine
def test_every_pair_leads_to_a_state_of_the_machine_or_is_refused_with_both_names(machine: Machine[Any]) -> None:
    columns = get_type_hints(ROWS[machine.name])
    for state, event, role in asked(machine):
        expected = allowing(machine, state, event, role)
        moved = False
        for entry in varieties(event):
            holding = [row for row in expected if row.when is None or row.when.holds(entry)]
            if not holding:
                with pytest.raises(NoTransition) as refused:
                    machine.apply(state, entry, role)
                assert str(event) in str(refused.value)
                assert str(state or "none") in str(refused.value)
                assert machine.name in str(refused.value)
                continue
            moved = True
            change = machine.apply(state, entry, role)
            assert type(change.state) is machine.states
            assert change.state is (holding[0].after or state)
            assert machine.after(state, entry, role) is change.state
            assert "state" not in change.values
            for column, value in change.values.items():
                assert column in columns, f"{event}: {column} is no column of {ROWS[machine.name].__name__}"
                assert fits(value, columns[column]), f"{event}: {column} is {columns[column]}, not {value!r}"
        assert moved == bool(expected), f"{event} ({role}) in {state}: a condition that no entry meets"


@each_machine
def test_the_pairs_that_a_machine_lists_are_those_of_its_rows(machine: Machine[Any]) -> None:
    pairs = list(machine.pairs())
    assert len(pairs) == len(set(pairs)) == (len(machine.states) + 1) * sum(map(len, machine.roles.values()))
    assert {(event, role) for _, event, role in pairs} == {(row.event, row.role) for row in machine.rows}
    assert all(machine.knows(event, role) for _, event, role in pairs)
    assert not machine.knows(Event.STARTED)


def leads(machine: Machine[Any]) -> dict[Any, set[Any]]:
    found: dict[Any, set[Any]] = defaultdict(set)
    for row in machine.rows:
        for state in row.before:
            found[state].add(row.next(state))
    return found


def reachable(start: Any, edges: Mapping[Any, set[Any]]) -> set[Any]:
    seen, waiting = {start}, [start]
    while waiting:
        for after in edges.get(waiting.pop(), set()) - seen:
            seen.add(after)
            waiting.append(after)
    return seen


@each_machine
def test_every_state_is_reached_from_the_beginning(machine: Machine[Any]) -> None:
    start = INITIAL if machine is PARCEL else None
    assert reachable(start, leads(machine)) - {None} == set(machine.states)


@each_machine
def test_the_states_that_nothing_leads_out_of_are_the_ends_and_all_others_lead_to_one(machine: Machine[Any]) -> None:
    edges, ends = leads(machine), ENDS[machine.name]
    assert {state for state in machine.states if edges[state] <= {state}} == ends
    for state in machine.states:
        assert reachable(state, edges) & ends, f"{state} has no way to an end"


@each_machine
def test_nothing_begins_twice(machine: Machine[Any]) -> None:
    for row in machine.rows:
        assert None not in row.before or row.before == {None}, f"{row.event} begins a thing, and moves one too"


@pytest.mark.parametrize("state", [state for state in ParcelState if state.settled])
def test_a_settled_parcel_is_moved_by_nothing_and_only_erased(state: ParcelState) -> None:
    for event in Event:
        for entry in varieties(event):
            if event is Event.ERASED:
                change = PARCEL.apply(state, entry)
                assert (change.state, change.values) == (state, {})
            else:
                with pytest.raises(NoTransition):
                    PARCEL.apply(state, entry)


@each_machine
def test_of_two_rows_of_one_event_one_holds_or_it_is_said_why_the_first_counts(machine: Machine[Any]) -> None:
    """A row without a condition is the last that is asked; those before it exclude each other, but for `ORDERED`."""
    both: set[tuple[str, Event]] = set()
    for state, event, role in machine.pairs():
        found = allowing(machine, state, event, role)
        assert all(row.when is not None for row in found[:-1]), f"{event} in {state}: a row that is never asked"
        for entry in varieties(event):
            holding = [row for row in found if row.when is not None and row.when.holds(entry)]
            if len({(row.next(state), row.carries) for row in holding}) > 1:
                both.add((machine.name, event))
    assert both == {where for where in ORDERED if where[0] == machine.name}


def test_in_a_row_of_several_the_first_that_holds_counts() -> None:
    both: Entry = next(e for e in varieties(Event.RECEIVED) if {"batch", "about"} <= set(e.digests))
    assert PARCEL.after(ParcelState.ARRIVING, both) is ParcelState.ACKNOWLEDGED
    old: Entry = next(
        e for e in varieties(Event.RETRIED) if "reached" not in e.counts and e.package.startswith("acknowledge/")
    )
    assert PARCEL.after(ParcelState.FAULTED, old) is ParcelState.ARRIVING
