"""The ledger as the rest of the house sees it: transactions that race safely, and readings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from gateway.adapters.ledger.engine import make_engine, migrate
from gateway.adapters.ledger.transaction import Reading, Transaction


class Ledger:
    """`url` is a SQLAlchemy URL. Two engines on SQLite: the writing one begins IMMEDIATE, the reading one waits for
    nobody (WAL)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._writer: Engine = make_engine(url)
        self._reader: Engine = make_engine(url, immediate=False) if url.startswith("sqlite") else self._writer
        self._lock_rows = not url.startswith("sqlite")

    def migrate(self) -> None:
        migrate(self._writer)

    @contextmanager
    def transaction(self, now: datetime) -> Iterator[Transaction]:
        """One transaction at one instant. An exception leaves nothing behind."""
        with self._writer.begin() as connection:
            yield Transaction(connection, now, lock_rows=self._lock_rows)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        with self._reader.connect() as connection:
            yield Reading(connection)

    def workflow_engine(self) -> Engine:
        """An engine of its own for the workflow engine's tables, on the same database."""
        return make_engine(self.url, immediate=False)

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()
