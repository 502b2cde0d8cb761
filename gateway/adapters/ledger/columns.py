"""The types of the ledger's columns: what a value is in the code, and how it is spelled in the database.

The spelling is the same on SQLite and PostgreSQL. A value that has no spelling is refused before it is written:
SQLAlchemy raises `StatementError` then, with the reason.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from gateway.instants import parse, rfc3339

T = TypeVar("T")


class _Spelled(TypeDecorator[T]):
    """Text in the database, or NULL for None."""

    __abstract__ = True
    cache_ok = True

    @abstractmethod
    def spell(self, value: T) -> str:
        """The text for a value."""

    @abstractmethod
    def reader(self) -> Callable[[str], T]:
        """What makes the value of the text."""

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - one for all
        return None if value is None else self.spell(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], T | None]:  # noqa: ARG002
        """In the place of `process_result_value`, which is two calls more for each value of each row: both drivers
        hand over text as it is."""
        read = self.reader()
        return lambda text: None if text is None else read(text)


class Instant(_Spelled[datetime]):
    """An aware datetime, as RFC 3339 text in UTC with microseconds (`gateway.instants.rfc3339`): equal instants are
    equal text, and text sorts as instants do. Raises `ValueError` for a naive one."""

    impl = String(32)
    cache_ok = True

    def spell(self, value: datetime) -> str:
        return rfc3339(value)

    def reader(self) -> Callable[[str], datetime]:
        return parse


class Day(_Spelled[date]):
    """A day without a time, as ISO 8601 text (`2026-10-31`). Raises `TypeError` for an instant, which is no day."""

    impl = String(10)
    cache_ok = True

    def spell(self, value: date) -> str:
        if isinstance(value, datetime):
            raise TypeError("an instant is no day")
        return value.isoformat()

    def reader(self) -> Callable[[str], date]:
        return date.fromisoformat


class Enumerated(_Spelled[StrEnum]):
    """A member of an enumeration, as its value. Raises `ValueError` for what is none, and `KeyError` where the database
    holds a value that the enumeration lacks."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[StrEnum], length: int) -> None:
        super().__init__(length)
        self.kind = kind

    def spell(self, value: StrEnum) -> str:
        return self.kind(value).value

    def reader(self) -> Callable[[str], StrEnum]:
        return {member.value: member for member in self.kind}.__getitem__


class Details(_Spelled[Mapping[str, Any]]):
    """Short facts by name, as JSON text with sorted names."""

    impl = Text
    cache_ok = True

    def spell(self, value: Mapping[str, Any]) -> str:
        return json.dumps(dict(value), ensure_ascii=False, sort_keys=True)

    def reader(self) -> Callable[[str], Mapping[str, Any]]:
        return json.loads


class Names(_Spelled[Sequence[str]]):
    """Ids, as text in which blanks separate them; no id holds one. Raises `TypeError` for one text, of which every
    letter would be an id."""

    impl = Text
    cache_ok = True

    def spell(self, value: Sequence[str]) -> str:
        if isinstance(value, str):
            raise TypeError("one text is no sequence of ids")
        return " ".join(value)

    def reader(self) -> Callable[[str], tuple[str, ...]]:
        return lambda text: tuple(text.split())
