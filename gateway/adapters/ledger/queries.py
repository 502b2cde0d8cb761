"""What every reading of the ledger is made of."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select

Row = TypeVar("Row")


class Queries:
    """Rows as values, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _all(self, kind: type[Row], query: Select[Any]) -> list[Row]:
        return [kind(**row) for row in self._connection.execute(query).mappings()]

    def _one(self, kind: type[Row], query: Select[Any]) -> Row | None:
        row: RowMapping | None = self._connection.execute(query).mappings().first()
        return None if row is None else kind(**row)
