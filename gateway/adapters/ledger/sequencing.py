"""The sequencer: gives entries their place in the log, one writer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.instants import rfc3339
from gateway.log import Entry, leaf_hash


@dataclass(frozen=True, slots=True)
class Sequenced:
    """Where an entry stands in the log."""

    seq: int
    leaf: str
    logged_at: datetime


def append(connection: Connection, entries: Sequence[Entry], now: datetime, *, lock_rows: bool) -> list[Sequenced]:
    """Append entries in their order: dense `seq`, `logged_at = max(last, now)`, `prev` of the same parcel.

    One transaction at a time: the head's row is the lock (on SQLite the transaction already is), held to its end, so
    that a reader who sees an entry sees every earlier one. Raises `IntegrityError` if an id was used before.
    """
    query = select(t.log_head.c.seq, t.log_head.c.logged_at).where(t.log_head.c.id == 1)
    head = connection.execute(query.with_for_update() if lock_rows else query).one()
    seq = int(head.seq)
    logged_at = max(head.logged_at, now)
    stamp = rfc3339(logged_at)
    last = _last_leaves(connection, sorted({entry.parcel for entry in entries if entry.parcel}))
    rows, placed = [], []
    for entry in entries:
        seq += 1
        body = entry.canonical(seq, logged_at, last.get(entry.parcel, ""))
        leaf = leaf_hash(body)
        if entry.parcel:
            last[entry.parcel] = leaf
        rows.append(
            {
                "seq": seq,
                "id": entry.id,
                "logged_at": stamp,
                "event": str(entry.event),
                "parcel": entry.parcel,
                "body": body,
                "leaf": leaf,
            }
        )
        placed.append(Sequenced(seq, leaf, logged_at))
    _insert(connection, rows)
    connection.execute(update(t.log_head).where(t.log_head.c.id == 1).values(seq=seq, logged_at=logged_at))
    return placed


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """By the driver itself, values as they are spelled in the database: SQLAlchemy's work per row would cost as much as
    the entry's hash and canonical form."""
    compiled = insert(t.log_entries).compile(dialect=connection.dialect)
    if compiled.positional:
        names = compiled.positiontup or ()
        connection.exec_driver_sql(str(compiled), [tuple(row[name] for name in names) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), rows)


def _last_leaves(connection: Connection, parcels: Sequence[str]) -> dict[str, str]:
    """The leaf hash of each parcel's last entry."""
    found: dict[str, str] = {}
    for at in range(0, len(parcels), 500):
        newest = (
            select(func.max(t.log_entries.c.seq))
            .where(t.log_entries.c.parcel.in_(parcels[at : at + 500]))
            .group_by(t.log_entries.c.parcel)
        )
        query = select(t.log_entries.c.parcel, t.log_entries.c.leaf).where(t.log_entries.c.seq.in_(newest))
        found.update({str(parcel): str(leaf) for parcel, leaf in connection.execute(query)})
    return found
