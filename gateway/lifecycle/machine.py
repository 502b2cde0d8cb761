"""What a table of transitions is, and how an entry of the exchange log moves a thing through it.

A machine is data: rows of (event, states before, state after, what the entry carries). The running corridors, the
restore and the verifier of the log ask the same rows, so that a restored node cannot differ from one that never
stopped, and an entry that no row allows is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from gateway.lifecycle.events import Event

S = TypeVar("S", bound=StrEnum)
Value = str | int | date | datetime | None
Values = Mapping[str, Value]


class Recorded(Protocol):
    """An entry of the log, before it is written or read again: `gateway.log.Entry` is one."""

    @property
    def id(self) -> str: ...
    @property
    def event(self) -> Event: ...
    @property
    def time(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def parties(self) -> Sequence[str]: ...
    @property
    def parcel(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def digests(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Change(Generic[S]):
    """What an entry makes of one thing. `values` are columns of its row in the ledger that follow from the entry."""

    state: S
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """What tells two rows of one event apart: a question to the entry, and how a reader of the table reads it."""

    name: str
    holds: Callable[[Recorded], bool]


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """One row. `before` holds None where the event begins a thing. `after` is None where it leaves the state as it is.
    `role` tells in which way the event concerns the thing, where one event concerns several (`Machine.roles`)."""

    event: Event
    before: frozenset[S | None]
    after: S | None
    carries: tuple[Callable[[Recorded], Values], ...] = ()
    when: Condition | None = None
    role: str = ""

    def next(self, state: S | None) -> S:
        """The state that follows `state`, which is in `before`."""
        if self.after is not None:
            return self.after
        assert state is not None, "what begins a thing names its state"
        return state


class NoTransition(Exception):
    """An event that the lifecycle does not allow in this state: a fault of ours while running, a finding in a log."""

    def __init__(self, thing: str, state: str | None, event: str, role: str = "") -> None:
        what = f"{event} ({role})" if role else event
        super().__init__(f"{thing}: {what} in state {state or 'none'}")
        self.thing, self.state, self.event, self.role = thing, state, event, role


class Machine(Generic[S]):
    """The table of one kind of thing."""

    def __init__(self, name: str, states: type[S], rows: Sequence[Transition[S]]) -> None:
        self.name, self.states, self.rows = name, states, tuple(rows)
        self._by: dict[tuple[Event, str], list[Transition[S]]] = {}
        for row in rows:
            self._by.setdefault((row.event, row.role), []).append(row)

    @property
    def roles(self) -> Mapping[Event, Sequence[str]]:
        """The ways in which each event concerns a thing of this kind."""
        found: dict[Event, list[str]] = {}
        for event, role in self._by:
            found.setdefault(event, []).append(role)
        return found

    def knows(self, event: Event, role: str = "") -> bool:
        """Does the event do anything to a thing of this kind?"""
        return (event, role) in self._by

    def apply(self, state: S | None, entry: Recorded, role: str = "") -> Change[S]:
        """What the entry makes of a thing in `state` (None: not there yet). Raises `NoTransition`."""
        row = self._row(state, entry, role)
        values: dict[str, Value] = {}
        for carried in row.carries:
            values.update(carried(entry))
        return Change(row.next(state), values)

    def after(self, state: S | None, entry: Recorded, role: str = "") -> S:
        """The next state alone. Raises `NoTransition`."""
        return self._row(state, entry, role).next(state)

    def _row(self, state: S | None, entry: Recorded, role: str) -> Transition[S]:
        for row in self._by.get((entry.event, role), ()):
            if state in row.before and (row.when is None or row.when.holds(entry)):
                return row
        raise NoTransition(self.name, state, entry.event, role)

    def pairs(self) -> Iterator[tuple[S | None, Event, str]]:
        """Every (state, event, role) that could be asked for."""
        for state in (None, *self.states):
            for event, role in self._by:
                yield state, event, role
