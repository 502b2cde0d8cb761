"""Between gateways, in the ledger: the batches that others listed for this node, and what was stated to and by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from sqlalchemy import insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, equals, written
from gateway.adapters.ledger.rows import (
    IncomingEqual,
    IncomingRow,
    IncomingValues,
    NamedRow,
    NewIncoming,
    NewNamed,
    NewStatement,
    ParcelRow,
    StatementEqual,
    StatementRow,
)
from gateway.lifecycle import Change, IncomingState, StatementState

_INCOMING = select(t.incoming)
_STATEMENTS = select(t.statements)
_DONE = (IncomingState.ANSWERED, IncomingState.FAULTED)


class IncomingReadings(Queries):
    """Readings."""

    def get(self, batch: str) -> IncomingRow | None:
        return self._one(IncomingRow, _INCOMING.where(t.incoming.c.id == batch))

    def where(self, **equal: Unpack[IncomingEqual]) -> list[IncomingRow]:
        """Batches whose columns equal what is given, oldest first."""
        query = _INCOMING.where(*equals(t.incoming, equal))
        return self._all(IncomingRow, query.order_by(t.incoming.c.listed_at, t.incoming.c.id))

    def open(self) -> list[IncomingRow]:
        """Batches that are neither signed for nor stopped, oldest first."""
        query = _INCOMING.where(t.incoming.c.state.not_in(_DONE))
        return self._all(IncomingRow, query.order_by(t.incoming.c.listed_at, t.incoming.c.id))

    def named(self, batch: str) -> list[NamedRow]:
        """The packages that a batch names."""
        p = t.incoming_packages.c
        return self._all(NamedRow, select(t.incoming_packages).where(p.incoming == batch).order_by(p.package))

    def digest_of(self, sender: str, package: str) -> str:
        """The digest under which a package of this sender's was listed; empty where none was."""
        i, p = t.incoming.c, t.incoming_packages.c
        query = (
            select(p.sha256)
            .join(t.incoming, i.id == p.incoming)
            .where(i.sender == sender, p.package == package, p.state == "included")
        )
        return str(self._connection.execute(query).scalars().first() or "")

    def arrived(self, batch: str) -> list[ParcelRow]:
        """Parcels from the batch's sender, under its agreement, that have the bytes of a package it includes."""
        i, p, parcel = t.incoming.c, t.incoming_packages.c, t.parcels.c
        query = (
            select(t.parcels)
            .join(t.incoming_packages, p.sha256 == parcel.sha256)
            .join(t.incoming, i.id == p.incoming)
            .where(
                i.id == batch,
                p.state == "included",
                parcel.agreement == i.agreement,
                parcel.sender == i.sender,
                parcel.corridor == "submission",
            )
            .order_by(parcel.received_at, parcel.id)
        )
        return self._all(ParcelRow, query)

    def counts(self) -> dict[IncomingState, int]:
        """How many batches are in each state."""
        return self._counts(t.incoming.c.state)


class Incoming(IncomingReadings, Writings):
    """The same with writings."""

    def add(self, named: Sequence[NewNamed], **values: Unpack[NewIncoming]) -> None:
        """A batch that was listed for us, and the packages it names."""
        self._connection.execute(insert(t.incoming).values(**values))
        if named:
            rows = [{"incoming": values["id"], **row} for row in named]
            self._connection.execute(insert(t.incoming_packages), rows)

    def update(self, batch: str, **values: Unpack[IncomingValues]) -> None:
        self._connection.execute(update(t.incoming).where(t.incoming.c.id == batch).values(**values))

    def change(self, batch: str, change: Change[IncomingState], **values: Unpack[IncomingValues]) -> None:
        """Its new state, the columns that follow from the entry, and `values` beside them."""
        mine = update(t.incoming).where(t.incoming.c.id == batch)
        self._connection.execute(mine.values(written(change, values)))


class StatementReadings(Queries):
    """Readings."""

    def get(self, statement: str) -> StatementRow | None:
        return self._one(StatementRow, _STATEMENTS.where(t.statements.c.id == statement))

    def where(self, **equal: Unpack[StatementEqual]) -> list[StatementRow]:
        """Statements whose columns equal what is given, oldest first."""
        query = _STATEMENTS.where(*equals(t.statements, equal))
        return self._all(StatementRow, query.order_by(t.statements.c.at, t.statements.c.id))

    def counts(self) -> dict[StatementState, int]:
        """How many statements are in each state."""
        return self._counts(t.statements.c.state)


class Statements(StatementReadings, Writings):
    """The same with writings."""

    def add(self, **values: Unpack[NewStatement]) -> None:
        self._connection.execute(insert(t.statements).values(**values))

    def set_proof(self, statement: str, proof: bytes) -> None:
        """Keep the proof of inclusion of the entry that a receipt rests on."""
        self._connection.execute(update(t.statements).where(t.statements.c.id == statement).values(proof=proof))
