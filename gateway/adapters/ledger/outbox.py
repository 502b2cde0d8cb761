"""The outbox of notices, in the ledger. It knows parties and events; addresses stay in the facts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from gateway.adapters.ledger.tables import metadata
from gateway.instants import rfc3339

# `id` is the entry's (or the condition's), the channel and the party: one notice each, however often it is gathered.
notices = Table(
    "notices",
    metadata,
    Column("id", String(320), primary_key=True),
    Column("channel", String(8), nullable=False),
    Column("party", String(48), nullable=False),
    Column("event", String(32), nullable=False),
    Column("about", Text, nullable=False, default="{}"),
    Column("created_at", String(32), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("next_attempt_at", String(32), nullable=False, default=""),
    Column("sent_at", String(32), nullable=False, default=""),
    Index("ix_notices_outbox", "sent_at", "channel", "party"),
)

# One row: the log entry up to which notices were gathered. The log itself is what makes them certain.
notice_cursor = Table(
    "notice_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notice. `about` holds ids, counts and dates."""

    id: str
    channel: str
    party: str
    event: str
    about: Mapping[str, Any]
    created_at: str
    attempt: int


class Outbox:
    """Within one transaction of the ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cursor(self) -> int | None:
        """The last entry that was looked at; None before the first time."""
        return self._connection.execute(select(notice_cursor.c.seq)).scalar_one_or_none()

    def set_cursor(self, seq: int) -> None:
        self._connection.execute(delete(notice_cursor))
        self._connection.execute(insert(notice_cursor).values(id=1, seq=seq))

    def add(self, rows: Iterable[Waiting]) -> None:
        """Put notices in; one that is there already stays as it is."""
        for row in rows:
            known = select(notices.c.id).where(notices.c.id == row.id)
            if self._connection.execute(known).first() is None:
                values = {"channel": row.channel, "party": row.party, "event": row.event, "created_at": row.created_at}
                about = json.dumps(dict(row.about), ensure_ascii=False, sort_keys=True)
                self._connection.execute(insert(notices).values(id=row.id, about=about, **values))

    def waiting(self) -> list[Waiting]:
        """What was not sent, oldest first."""
        query = select(notices).where(notices.c.sent_at == "").order_by(notices.c.created_at, notices.c.id)
        return [_waiting(row) for row in self._connection.execute(query).mappings()]

    def due(self, now: datetime) -> list[Waiting]:
        """What was not sent and does not wait for its next try."""
        at = notices.c.next_attempt_at
        query = select(notices).where(notices.c.sent_at == "", (at == "") | (at <= rfc3339(now)))
        return [_waiting(row) for row in self._connection.execute(query.order_by(notices.c.created_at)).mappings()]

    def sent(self, rows: Iterable[Waiting], now: datetime) -> None:
        self._update(rows, sent_at=rfc3339(now))

    def failed(self, rows: Iterable[Waiting], attempt: int, again: datetime) -> None:
        self._update(rows, attempt=attempt, next_attempt_at=rfc3339(again))

    def forget(self, before: datetime) -> None:
        """Notices sent, or given up, long ago."""
        self._connection.execute(delete(notices).where(notices.c.created_at < rfc3339(before)))

    def _update(self, rows: Iterable[Waiting], **values: object) -> None:
        chosen = notices.c.id.in_([row.id for row in rows])
        self._connection.execute(update(notices).where(chosen).values(**values))


def _waiting(row: RowMapping) -> Waiting:
    kept = ("id", "channel", "party", "event", "created_at", "attempt")
    return Waiting(about=json.loads(row["about"]), **{name: row[name] for name in kept})
