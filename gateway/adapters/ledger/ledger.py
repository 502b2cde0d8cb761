"""The ledger as the rest of the house sees it: transactions that race safely, and readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine

from gateway.adapters.ledger import sequencing
from gateway.adapters.ledger.availability import LedgerCorrupt, available
from gateway.adapters.ledger.engine import make_engine, migrate, watch
from gateway.adapters.ledger.notices import Notices
from gateway.adapters.ledger.publication import PublicationTables
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.adapters.ledger.transaction import Reading, Transaction
from gateway.log import Entry


class Ledger:
    """`url` is a SQLAlchemy URL. Two engines on SQLite: the writing one begins IMMEDIATE, the reading one waits for
    nobody (WAL). Every access raises `LedgerAway` where the database cannot do it now, and `LedgerCorrupt` from the
    moment on at which anybody, the workflow engine too, met damage in it: `corrupt` says so."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.corrupt = False
        self._writer: Engine = watch(make_engine(url), self.distrust)
        self._reader = self._writer
        if url.startswith("sqlite"):
            self._reader = watch(make_engine(url, immediate=False), self.distrust)
        self._lock_rows = not url.startswith("sqlite")

    def distrust(self) -> None:
        """It is damaged: nothing is read or written any more."""
        self.corrupt = True

    def migrate(self) -> None:
        with self._available():
            migrate(self._writer)

    @contextmanager
    def _available(self) -> Iterator[None]:
        if self.corrupt:
            raise LedgerCorrupt
        with available():
            yield

    @contextmanager
    def transaction(self, now: datetime) -> Iterator[Transaction]:
        """One transaction at one instant. An exception leaves nothing behind."""
        with self._available(), self._writer.begin() as connection:
            yield Transaction(connection, now, lock_rows=self._lock_rows)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        with self._available(), self._reader.connect() as connection:
            yield Reading(connection)

    @contextmanager
    def notices(self) -> Iterator[Notices]:
        """One transaction on the notices that wait to be sent."""
        with self._available(), self._writer.begin() as connection:
            yield Notices(connection)

    @contextmanager
    def publishing(self) -> Iterator[PublicationTables]:
        """One transaction on what a publication of the log writes."""
        with self._available(), self._writer.begin() as connection:
            yield PublicationTables(connection, lock_rows=self._lock_rows)

    @contextmanager
    def restoring(self, now: datetime) -> Iterator[tuple[Transaction, PublicationTables]]:
        """One transaction on everything: what the log says and what follows from it are restored together."""
        with self._available(), self._writer.begin() as connection:
            tables = PublicationTables(connection, lock_rows=self._lock_rows)
            yield Transaction(connection, now, lock_rows=self._lock_rows), tables

    @contextmanager
    def published(self) -> Iterator[PublicationTables]:
        """The same for reading; it waits for nobody."""
        with self._available(), self._reader.connect() as connection:
            yield PublicationTables(connection, lock_rows=False)

    def append(self, entries: Sequence[Entry], now: datetime) -> list[Sequenced]:
        """Log many entries in one transaction of their own."""
        with self._available(), self._writer.begin() as connection:
            return sequencing.append(connection, entries, now, lock_rows=self._lock_rows)

    def workflow_engine(self) -> Engine:
        """An engine of its own for the workflow engine's tables, on the same database."""
        return watch(make_engine(self.url, immediate=False), self.distrust)

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()
