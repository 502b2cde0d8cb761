"""What a publication of the log reads and writes: entries in order, checkpoints that were signed, what witnesses and
time-stamping authorities said of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.instants import parse
from gateway.log import leaf_hash


@dataclass(frozen=True, slots=True)
class SignedRow:
    """A checkpoint as it was signed: the note's bytes never change."""

    size: int
    note: bytes
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class OwedProof:
    """A receipt that was written and has no proof beside it."""

    number: str
    party: str
    body: bytes
    seq: int


class PublicationTables:
    """Readings and writings on one connection; the transaction is the caller's."""

    def __init__(self, connection: Connection, *, lock_rows: bool) -> None:
        self._connection, self._lock_rows = connection, lock_rows

    def lock(self) -> int:
        """Hold the sequencer's lock for the rest of the transaction; returns the number of entries."""
        query = select(t.log_head.c.seq).where(t.log_head.c.id == 1)
        return int(self._connection.execute(query.with_for_update() if self._lock_rows else query).scalar_one()) + 1

    def head(self) -> tuple[int, datetime]:
        """The number of entries, and `logged_at` of the last."""
        row = self._connection.execute(select(t.log_head.c.seq, t.log_head.c.logged_at)).one()
        return int(row[0]) + 1, row[1]

    def bodies(self, start: int, stop: int, chunk: int = 4096) -> Iterator[bytes]:
        """The canonical bytes of the entries [start, stop), in order. `LookupError` when one is missing."""
        while start < stop:
            end = min(stop, start + chunk)
            query = (
                select(t.log_entries.c.seq, t.log_entries.c.body)
                .where(t.log_entries.c.seq >= start, t.log_entries.c.seq < end)
                .order_by(t.log_entries.c.seq)
            )
            rows = self._connection.execute(query).all()
            if len(rows) != end - start or rows[0][0] != start or rows[-1][0] != end - 1:
                raise LookupError("the ledger lacks entries")
            yield from (bytes(row[1]) for row in rows)
            start = end

    def signed(self, size: int | None = None) -> SignedRow | None:
        """The checkpoint of this size, or the newest."""
        query = select(t.checkpoints)
        query = query.where(t.checkpoints.c.size == size) if size is not None else query
        row = self._connection.execute(query.order_by(t.checkpoints.c.size.desc()).limit(1)).first()
        return None if row is None else SignedRow(int(row.size), bytes(row.note), row.signed_at)

    def sign(self, size: int, note: bytes, at: datetime) -> None:
        """The commit point. `IntegrityError` when the size was signed before."""
        self._connection.execute(insert(t.checkpoints).values(size=size, note=note, signed_at=at))

    def adopt(self, bodies: Sequence[bytes]) -> None:
        """Enter what the log is known to hold and this database has forgotten: published entries, as they are, in
        their order, behind the last one here. `ValueError` when the first is not the next."""
        count, _ = self.head()
        rows = []
        for seq, body in enumerate(bodies, count):
            entry = json.loads(body)
            if entry["seq"] != seq:
                raise ValueError("not the next entry")
            columns = {name: entry[name] for name in ("id", "event", "parcel")}
            at = parse(entry["logged_at"])
            rows.append({"seq": seq, "body": body, "leaf": leaf_hash(body), "logged_at": at, **columns})
        if rows:
            self._connection.execute(insert(t.log_entries), rows)
            head = {"seq": rows[-1]["seq"], "logged_at": rows[-1]["logged_at"]}
            self._connection.execute(update(t.log_head).where(t.log_head.c.id == 1).values(**head))

    def cosignatures(self, size: int) -> list[str]:
        query = select(t.cosignatures.c.line).where(t.cosignatures.c.size == size).order_by(t.cosignatures.c.witness)
        return [str(line) for line in self._connection.execute(query).scalars()]

    def newest_cosignatures(self) -> dict[str, tuple[int, int]]:
        """Witness -> (size, time) of the largest tree it cosigned."""
        query = select(t.cosignatures.c.witness, t.cosignatures.c.size, t.cosignatures.c.time)
        found: dict[str, tuple[int, int]] = {}
        for witness, size, time in self._connection.execute(query.order_by(t.cosignatures.c.size)):
            found[str(witness)] = (int(size), int(time))
        return found

    def add_cosignature(self, size: int, witness: str, time: int, line: str) -> bool:
        """Keep a witness's line; False when its line over this size is known."""
        mine = (t.cosignatures.c.size == size) & (t.cosignatures.c.witness == witness)
        if self._connection.execute(select(t.cosignatures.c.time).where(mine)).first():
            return False
        self._connection.execute(insert(t.cosignatures).values(size=size, witness=witness, time=time, line=line))
        return True

    def last_timestamp(self) -> tuple[int, datetime] | None:
        """(size, time) of the newest token."""
        query = select(t.timestamps.c.size, t.timestamps.c.time).order_by(t.timestamps.c.size.desc()).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else (int(row[0]), row[1])

    def add_timestamp(self, size: int, time: datetime, token: bytes) -> None:
        self._connection.execute(insert(t.timestamps).values(size=size, time=time, token=token))

    def archived(self) -> Sequence[tuple[int, bytes | None]]:
        """Every size with a cosignature or token, and the token."""
        tokens = {int(size): bytes(token) for size, _, token in self._connection.execute(select(t.timestamps))}
        sizes = {int(size) for size in self._connection.execute(select(t.cosignatures.c.size)).scalars()}
        return [(size, tokens.get(size)) for size in sorted(sizes | set(tokens))]

    def owed_proofs(self, size: int, limit: int = 500) -> list[OwedProof]:
        """Receipts that people have, whose entries the tree of `size` covers, and that have no proof yet. A receipt's
        number ends with its entry's `seq`."""
        query = (
            select(t.receipts.c.number, t.receipts.c.party, t.receipts.c.body)
            .outerjoin(t.receipt_proofs, t.receipt_proofs.c.number == t.receipts.c.number)
            .where(t.receipts.c.written_at.is_not(None), t.receipt_proofs.c.number.is_(None))
            .order_by(t.receipts.c.number)
            .limit(limit)
        )
        rows = [
            OwedProof(str(r.number), str(r.party), bytes(r.body), int(str(r.number).rpartition("-")[2]))
            for r in self._connection.execute(query)
        ]
        return [row for row in rows if row.seq < size]

    def proof_written(self, number: str, size: int) -> None:
        self._connection.execute(insert(t.receipt_proofs).values(number=number, size=size))
