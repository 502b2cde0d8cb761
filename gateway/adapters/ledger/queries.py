"""What every store of the ledger is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from itertools import starmap
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, func, select

from gateway.lifecycle import Change

Row = TypeVar("Row")
Item = TypeVar("Item")
S = TypeVar("S", bound=StrEnum)
CHUNK = 500
"""How many values one statement carries: SQLite's limit lies higher, its planner's patience does not."""


def some_of(table: Table, kind: type[Any]) -> Select[Any]:
    """Rows of a table with those columns alone that `kind` has fields for, as `_all` takes them."""
    return select(*(table.c[field.name] for field in fields(kind)))


def equals(table: Table, equal: Mapping[str, object]) -> list[ColumnElement[bool]]:
    """Columns equal these values; None is NULL."""
    return [table.c[name] == value for name, value in equal.items()]


def written(change: Change[S], values: Mapping[str, object] | None = None) -> dict[str, object]:
    """The columns that a change writes: what follows from the entry, and `values` beside it, which stand where both
    name a column."""
    return {**change.values, **(values or {}), "state": change.state}


def values_of(row: Any) -> dict[str, Any]:
    """A row's columns by name."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in their order, `CHUNK` at a time."""
    return (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))


class Queries:
    """Rows as values, on one connection; the transaction is the caller's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _all(self, kind: type[Row], query: Select[Any]) -> list[Row]:
        """Rows of `kind`. Values are taken by position, so a row's fields have the order of its table's columns: a
        mapping of each row took half the time of a long list."""
        return list(starmap(kind, self._connection.execute(query)))

    def _one(self, kind: type[Row], query: Select[Any]) -> Row | None:
        row = self._connection.execute(query).first()
        return None if row is None else kind(*row)

    def _counts(self, column: Column[Any]) -> dict[Any, int]:
        """How many rows have each value of a column."""
        found = self._connection.execute(select(column, func.count()).group_by(column))
        return {value: int(number) for value, number in found}


class Writings(Queries):
    """The same with writings, at one instant (`now`)."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__(connection)
        self.now = now
