"""Batches with their delivery, and receipts, in the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from sqlalchemy import func, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, equals, written
from gateway.adapters.ledger.rows import (
    BatchEqual,
    BatchRow,
    BatchValues,
    NewBatch,
    NewReceipt,
    ReceiptEqual,
    ReceiptRow,
)
from gateway.lifecycle import BatchState, Change, StatementState

_BATCHES = select(t.distributions)
_RECEIPTS = select(t.receipts)


class BatchReadings(Queries):
    """Readings."""

    def get(self, distribution: str) -> BatchRow | None:
        return self._one(BatchRow, _BATCHES.where(t.distributions.c.id == distribution))

    def row(self, distribution: str) -> BatchRow:
        """The same of a batch that exists: `LookupError` otherwise."""
        found = self.get(distribution)
        if found is None:
            raise LookupError(f"no batch {distribution}")
        return found

    def where(self, **equal: Unpack[BatchEqual]) -> list[BatchRow]:
        """Batches whose columns equal what is given, by number and receiver."""
        d = t.distributions.c
        query = _BATCHES.where(*equals(t.distributions, equal))
        return self._all(BatchRow, query.order_by(d.batch, d.receiver, d.id))

    def due(self, now: datetime) -> list[BatchRow]:
        """Batches whose next attempt at delivery has come."""
        d = t.distributions.c
        return self._all(BatchRow, _BATCHES.where(d.next_attempt_at <= now).order_by(d.id))

    def waiting(self) -> list[BatchRow]:
        """Released and not delivered, and not waiting for a time."""
        d = t.distributions.c
        query = _BATCHES.where(d.state == BatchState.RELEASED, d.next_attempt_at.is_(None))
        return self._all(BatchRow, query.order_by(d.id))

    def last(self, agreement: str, period: str) -> int:
        """The number of the last batch; 0 before the first."""
        d = t.distributions.c
        query = select(func.max(d.batch)).where(d.agreement == agreement, d.period == period)
        return self._connection.execute(query).scalar_one() or 0

    def counts(self) -> dict[BatchState, int]:
        """How many batches are in each state."""
        return self._counts(t.distributions.c.state)


class Batches(BatchReadings, Writings):
    """The same with writings."""

    def add(self, **values: Unpack[NewBatch]) -> None:
        self._connection.execute(insert(t.distributions).values(**values))

    def update(self, distribution: str, **values: Unpack[BatchValues]) -> None:
        mine = t.distributions.c.id == distribution
        self._connection.execute(update(t.distributions).where(mine).values(**values))

    def change(self, distribution: str, change: Change[BatchState], **values: Unpack[BatchValues]) -> None:
        """Its new state, the columns that follow from the entry, and `values` beside them."""
        mine = t.distributions.c.id == distribution
        self._connection.execute(update(t.distributions).where(mine).values(written(change, values)))

    def taken_up(self, distribution: str, attempt: int) -> None:
        """As `Parcels.taken_up`, for a delivery."""
        here = t.distributions.c.id == distribution, t.distributions.c.attempt == attempt
        self._connection.execute(update(t.distributions).where(*here).values(next_attempt_at=None))


class ReceiptReadings(Queries):
    """Readings."""

    def where(self, **equal: Unpack[ReceiptEqual]) -> list[ReceiptRow]:
        """Receipts whose columns equal what is given, by number. `written_at=None`: those nobody has yet."""
        return self._all(ReceiptRow, _RECEIPTS.where(*equals(t.receipts, equal)).order_by(t.receipts.c.number))

    def untold(self, receiver: str, stage: str, limit: int = 200) -> list[ReceiptRow]:
        """Receipts of one stage for `receiver` that were not pushed to it as statements, oldest first."""
        r, s = t.receipts.c, t.statements.c
        mine = s.receiver == receiver, s.number == r.number, s.kind == "receipt", s.state == StatementState.SENT
        query = _RECEIPTS.where(r.party == receiver, r.stage == stage, ~select(s.id).where(*mine).exists())
        return self._all(ReceiptRow, query.order_by(r.number).limit(limit))


class Receipts(ReceiptReadings, Writings):
    """The same with writings."""

    def add(self, **values: Unpack[NewReceipt]) -> None:
        """Issue a receipt. `IntegrityError` if this one was issued before."""
        self._connection.execute(insert(t.receipts).values(**values))

    def written(self, number: str) -> None:
        """It is in the party's folder."""
        self._connection.execute(update(t.receipts).where(t.receipts.c.number == number).values(written_at=self.now))
