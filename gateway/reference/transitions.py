"""A machine's table as people read it: one line for each of its rows, with what the entry carries.

What an entry carries is found by letting the row read an entry that has everything, and noting what it asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from gateway.lifecycle import Event, Machine, Recorded
from gateway.lifecycle.machine import Transition, Values
from gateway.reference.markdown import code

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, each cell as Markdown."""

    event: str
    role: str
    before: str
    after: str
    condition: str
    carries: str


def rows(machine: Machine[Any]) -> Iterator[Row]:
    """Every row, in the order in which they are asked."""
    for row in machine.rows:
        yield Row(
            event=str(row.event),
            role=row.role,
            before=_before(machine, row),
            after=code(row.after) if row.after is not None else "as it is",
            condition=row.when.name if row.when else "",
            carries="; ".join(_carried(carried, row.event) for carried in row.carries),
        )


def following(machine: Machine[Any], state: StrEnum) -> list[StrEnum]:
    """The states that one row leads to from `state`, but for itself, in the order of the enumeration."""
    found = {row.after for row in machine.rows if state in row.before}
    return [after for after in machine.states if after in found and after is not state]


def _before(machine: Machine[Any], row: Transition[Any]) -> str:
    named = [code(state) for state in machine.states if state in row.before]
    return ", ".join(["–"] * (None in row.before) + named)


def _carried(carried: Callable[[Recorded], Values], event: Event) -> str:
    """`code` from `counts.code`: the columns it sets, and what it reads of the entry."""
    entry = _Everything(event)
    values = carried(entry)
    columns = ", ".join(map(code, values))
    if entry.asked:
        return f"{columns} from {', '.join(map(code, dict.fromkeys(entry.asked)))}"
    set_to = {value for value in values.values() if value not in (None, "")}
    return f"{columns} = {', '.join(code(str(value)) for value in set_to)}" if set_to else f"{columns} empty"


class _Noted(Mapping[str, T]):
    """A mapping that has whatever is asked for, and notes the question."""

    def __init__(self, name: str, values: Mapping[str, T], other: T, asked: list[str]) -> None:
        self._name, self._values, self._other, self._asked = name, values, other, asked

    def __getitem__(self, key: str) -> T:
        self._asked.append(f"{self._name}.{key}")
        return self._values.get(key, self._other)

    def __contains__(self, key: object) -> bool:
        self[str(key)]
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(slots=True)
class _Everything:
    """An entry that has every count, digest and number."""

    event: Event
    asked: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        self.asked.append("id")
        return "x/tried/7"

    @property
    def time(self) -> datetime:
        self.asked.append("time")
        return datetime(2026, 11, 1, tzinfo=UTC)

    @property
    def actor(self) -> str:
        return "operator"

    @property
    def parties(self) -> tuple[str, ...]:
        return ()

    @property
    def parcel(self) -> str:
        return "x"

    @property
    def package(self) -> str:
        return ""

    @property
    def counts(self) -> Mapping[str, int]:
        return _Noted("counts", {"due": 20261101}, 1, self.asked)

    @property
    def digests(self) -> Mapping[str, str]:
        return _Noted("digests", {}, "0" * 64, self.asked)
