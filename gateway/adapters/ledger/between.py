"""Between gateways: the batches that others listed for this node, and what was stated to and by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from gateway.adapters.ledger import between_tables as b
from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.rows import ParcelRow, ReceiptRow


@dataclass(frozen=True, slots=True)
class IncomingRow:
    """A batch of another gateway's. `id` is `<sender>/<distribution>`."""

    id: str
    sender: str
    distribution: str
    agreement: str
    period: str
    state: str
    code: str
    list_sha256: str
    listed_at: str
    answered_at: str
    attempt: int
    next_attempt_at: str
    facts: str


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A package that such a batch names: `included`, or `withdrawn` by it (and then without its digest)."""

    incoming: str
    package: str
    origin: str
    sha256: str
    state: str


@dataclass(frozen=True, slots=True)
class StatementRow:
    """What one gateway stated to another. `kind`: `receipt`, `list`, `acknowledgement`; `state`: `verified`, `refused`,
    or `sent` where it is our own."""

    id: str
    issuer: str
    receiver: str
    kind: str
    state: str
    code: str
    stage: str
    number: str
    about: str
    package: str
    leaf: str
    signature_sha256: str
    body: bytes
    signature: bytes
    proof: bytes
    at: str


class Between:
    """Readings and writings on one connection; the transaction is the caller's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- batches that came -------------------------------------------------------------------------------------------

    def incoming(self, identity: str) -> IncomingRow | None:
        return next(iter(self._incoming(select(b.incoming).where(b.incoming.c.id == identity))), None)

    def open(self) -> list[IncomingRow]:
        """Batches that are not answered, oldest first."""
        query = select(b.incoming).where(b.incoming.c.state.not_in(("answered", "faulted")))
        return self._incoming(query.order_by(b.incoming.c.listed_at, b.incoming.c.id))

    def named(self, identity: str) -> list[NamedRow]:
        query = select(b.incoming_packages).where(b.incoming_packages.c.incoming == identity)
        rows = self._connection.execute(query.order_by(b.incoming_packages.c.package)).mappings()
        return [NamedRow(**row) for row in rows]

    def digest_of(self, sender: str, package: str) -> str:
        """The digest under which a package of this sender's was listed; empty where none was."""
        query = (
            select(b.incoming_packages.c.sha256)
            .join(b.incoming, b.incoming.c.id == b.incoming_packages.c.incoming)
            .where(
                b.incoming.c.sender == sender,
                b.incoming_packages.c.package == package,
                b.incoming_packages.c.state == "included",
            )
        )
        return str(self._connection.execute(query).scalars().first() or "")

    def arrived(self, identity: str) -> list[ParcelRow]:
        """Parcels from the batch's sender, under its agreement, that have the bytes of a package it includes."""
        query = (
            select(t.parcels)
            .join(b.incoming_packages, b.incoming_packages.c.sha256 == t.parcels.c.sha256)
            .join(b.incoming, b.incoming.c.id == b.incoming_packages.c.incoming)
            .where(
                b.incoming.c.id == identity,
                b.incoming_packages.c.state == "included",
                t.parcels.c.agreement == b.incoming.c.agreement,
                t.parcels.c.sender == b.incoming.c.sender,
                t.parcels.c.corridor == "submission",
            )
            .order_by(t.parcels.c.received_at, t.parcels.c.id)
        )
        return [ParcelRow(**row) for row in self._connection.execute(query).mappings()]

    def add_incoming(self, named: Sequence[dict[str, str]], **values: object) -> None:
        self._connection.execute(insert(b.incoming).values(**values))
        if named:
            self._connection.execute(insert(b.incoming_packages), [{"incoming": values["id"], **row} for row in named])

    def update_incoming(self, identity: str, **values: object) -> None:
        self._connection.execute(update(b.incoming).where(b.incoming.c.id == identity).values(**values))

    # -- statements --------------------------------------------------------------------------------------------------

    def statement(self, identity: str) -> StatementRow | None:
        return next(iter(self.statements(id=identity)), None)

    def statements(self, **equal: str) -> list[StatementRow]:
        query = select(b.statements).filter_by(**equal).order_by(b.statements.c.at, b.statements.c.id)
        return [StatementRow(**row) for row in self._connection.execute(query).mappings()]

    def untold(self, receiver: str, stage: str, limit: int = 200) -> list[ReceiptRow]:
        """Receipts of one stage for `receiver` that were not pushed to it as statements, oldest first."""
        r, s = t.receipts.c, b.statements.c
        sent = select(s.id).where(s.receiver == receiver, s.number == r.number, s.kind == "receipt", s.state == "sent")
        query = select(t.receipts).where(r.party == receiver, r.stage == stage, ~sent.exists())
        rows = self._connection.execute(query.order_by(r.number).limit(limit)).mappings()
        return [ReceiptRow(**row) for row in rows]

    def add_statement(self, **values: object) -> None:
        self._connection.execute(insert(b.statements).values(**values))

    def set_proof(self, identity: str, proof: bytes) -> None:
        self._connection.execute(update(b.statements).where(b.statements.c.id == identity).values(proof=proof))

    def _incoming(self, query: Select[Any]) -> list[IncomingRow]:
        return [IncomingRow(**row) for row in self._connection.execute(query).mappings()]
