"""What is drawn of a table: transitions that share a line are one arrow; what leaves a state as it is stands beside it.

The main row holds the longest way through the machine; an arrow that leads off from many states (what a fault or a
refusal does) is no step of that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from gateway.lifecycle import Machine

State: TypeAlias = StrEnum | None
"""None is where nothing is there yet: the dot from which a machine begins."""
MANY: Final = 5
"""An arrow from so many states is none of the way's steps."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One line: from any of `sources` to one of `targets`, by any of `events`; `note` is the condition or role."""

    sources: tuple[State, ...]
    targets: tuple[StrEnum, ...]
    events: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """`main` and `aside` are the two rows of states, each in the order of the enumeration. `loops`: events that leave a
    state as it is. `final`: states that nothing leads out of. `told`: does an entry tell of the beginning?"""

    main: tuple[StrEnum, ...]
    aside: tuple[StrEnum, ...]
    arrows: tuple[Arrow, ...]
    loops: Mapping[StrEnum, tuple[str, ...]]
    final: frozenset[StrEnum]
    told: bool


def of(machine: Machine[Any]) -> Graph:
    """The picture's parts, from the rows of the machine."""
    arrows = _arrows(machine)
    main = _way(machine, arrows)
    loops: dict[StrEnum, list[str]] = {}
    for row in machine.rows:
        for state in _ordered(machine, row.before):
            if state is not None and row.after is None and row.event not in loops.setdefault(state, []):
                loops[state].append(str(row.event))
    leaving = {source for arrow in arrows for source in arrow.sources if set(arrow.targets) != {source}}
    return Graph(
        main=main,
        aside=tuple(state for state in _states(machine) if state not in main),
        arrows=arrows,
        loops={state: tuple(events) for state, events in loops.items()},
        final=frozenset(state for state in _states(machine) if state not in leaving),
        told=any(None in row.before for row in machine.rows),
    )


def _states(machine: Machine[Any]) -> list[StrEnum]:
    states: type[StrEnum] = machine.states
    return list(states)


def _ordered(machine: Machine[Any], states: frozenset[State]) -> tuple[State, ...]:
    return tuple(state for state in (None, *_states(machine)) if state in states)


def _arrows(machine: Machine[Any]) -> tuple[Arrow, ...]:
    """Rows of one event from the same several states are one arrow with several targets; so are several events with the
    same states at both ends."""
    by_event: dict[tuple[str, tuple[State, ...], State], tuple[list[StrEnum], set[str]]] = {}
    for row in machine.rows:
        if row.after is not None:
            before = _ordered(machine, row.before)
            only = row.after if len(before) == 1 else None
            targets, notes = by_event.setdefault((str(row.event), before, only), ([], set()))
            if row.after not in targets:
                targets.append(row.after)
            notes.add(row.role or (row.when.name if row.when else ""))
    by_ends: dict[tuple[tuple[State, ...], tuple[StrEnum, ...]], tuple[list[str], set[str]]] = {}
    for (event, sources, _only), (targets, notes) in by_event.items():
        events, said = by_ends.setdefault((sources, tuple(targets)), ([], set()))
        if event not in events:
            events.append(event)
        said |= notes
    return tuple(
        Arrow(sources, targets, tuple(events), said.pop() if len(said) == 1 else "")
        for (sources, targets), (events, said) in by_ends.items()
    )


def _way(machine: Machine[Any], arrows: tuple[Arrow, ...]) -> tuple[StrEnum, ...]:
    """The longest way that follows the order of the enumeration; of two, the one with the earlier states."""
    order = _states(machine)
    longest: dict[StrEnum, list[StrEnum]] = {}
    for state in reversed(order):
        ways = [
            longest[target]
            for arrow in arrows
            if state in arrow.sources and len(arrow.sources) < MANY and len(arrow.targets) == 1
            for target in arrow.targets
            if order.index(target) > order.index(state)
        ]
        longest[state] = [state, *_best(ways, order)]
    return tuple(_best(longest.values(), order))


def _best(ways: Iterable[list[StrEnum]], order: Sequence[StrEnum]) -> list[StrEnum]:
    return min(ways, key=lambda way: (-len(way), [order.index(state) for state in way]), default=[])
