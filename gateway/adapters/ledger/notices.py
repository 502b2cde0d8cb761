"""Notices that wait to be sent, in the ledger. They know parties and events; addresses stay in the facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, some_of, values_of


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notice. `about` holds ids, counts and dates."""

    id: str
    channel: str
    party: str
    event: str
    about: Mapping[str, Any]
    created_at: datetime
    attempt: int


_WAITING = some_of(t.notices, Waiting).where(t.notices.c.sent_at.is_(None))


class Notices(Queries):
    """Readings and writings on one connection; the transaction is the caller's."""

    def cursor(self) -> int | None:
        """The last entry that was looked at; None before the first time."""
        return self._connection.execute(select(t.notice_cursor.c.seq)).scalar_one_or_none()

    def set_cursor(self, seq: int) -> None:
        self._connection.execute(delete(t.notice_cursor))
        self._connection.execute(insert(t.notice_cursor).values(id=1, seq=seq))

    def add(self, rows: Iterable[Waiting]) -> None:
        """Put notices in; one that is there already stays as it is."""
        for row in rows:
            known = select(t.notices.c.id).where(t.notices.c.id == row.id)
            if self._connection.execute(known).first() is None:
                self._connection.execute(insert(t.notices).values(values_of(row) | {"attempt": 0}))

    def waiting(self) -> list[Waiting]:
        """What was not sent, oldest first."""
        return self._all(Waiting, _WAITING.order_by(t.notices.c.created_at, t.notices.c.id))

    def due(self, now: datetime) -> list[Waiting]:
        """What was not sent and does not wait for its next try."""
        at = t.notices.c.next_attempt_at
        return self._all(Waiting, _WAITING.where(or_(at.is_(None), at <= now)).order_by(t.notices.c.created_at))

    def sent(self, rows: Iterable[Waiting], now: datetime) -> None:
        self._update(rows, sent_at=now)

    def failed(self, rows: Iterable[Waiting], attempt: int, again: datetime) -> None:
        """They were not sent, for the `attempt`-th time; the next try is at `again`."""
        self._update(rows, attempt=attempt, next_attempt_at=again)

    def forget(self, before: datetime) -> None:
        """Notices sent, or given up, long ago."""
        self._connection.execute(delete(t.notices).where(t.notices.c.created_at < before))

    def _update(self, rows: Iterable[Waiting], **values: object) -> None:
        chosen = t.notices.c.id.in_([row.id for row in rows])
        self._connection.execute(update(t.notices).where(chosen).values(**values))
