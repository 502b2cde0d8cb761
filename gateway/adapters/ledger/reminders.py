"""Reminders in the ledger, when the node was down, and when it last ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Unpack

from sqlalchemy import delete, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, chunks, values_of
from gateway.adapters.ledger.rows import NewOutage, OutageRow, ReminderRow

_REMINDERS = select(t.reminders)


class ReminderReadings(Queries):
    """Readings."""

    def of(self, obligation: str) -> list[ReminderRow]:
        """Steps that were sent or stood for, under every date it ever had."""
        r = t.reminders.c
        return self._all(ReminderRow, _REMINDERS.where(r.obligation == obligation).order_by(r.at, r.step))

    def sent(self, obligations: Sequence[str]) -> dict[tuple[str, date], set[int]]:
        """Steps that were sent or stood for, by obligation and date."""
        r, found = t.reminders.c, dict[tuple[str, date], set[int]]()
        for some in chunks(obligations):
            query = select(r.obligation, r.due, r.step).where(r.obligation.in_(some))
            for obligation, due, step in self._connection.execute(query):
                found.setdefault((obligation, due), set()).add(step)
        return found

    def unwritten(self, letters: int = 500) -> list[ReminderRow]:
        """Logged as sent, and not in anybody's hands yet: those of one letter stand together, whole."""
        r, waits = t.reminders.c, t.reminders.c.written_at.is_(None)
        first = select(r.seq).where(waits).distinct().order_by(r.seq).limit(letters)
        return self._all(ReminderRow, _REMINDERS.where(waits, r.seq.in_(first)).order_by(r.seq, r.obligation))


class Reminders(ReminderReadings, Writings):
    """The same with writings."""

    def add(self, rows: Sequence[ReminderRow]) -> None:
        """Steps sent or stood for. `IntegrityError` if one was before: nothing is sent twice."""
        if rows:
            self._connection.execute(insert(t.reminders), [values_of(row) for row in rows])

    def written(self, seq: int) -> None:
        """The letter that the entry `seq` tells of is in the party's hands."""
        mine = t.reminders.c.seq == seq, t.reminders.c.written_at.is_(None)
        self._connection.execute(update(t.reminders).where(*mine).values(written_at=self.now))


class OutageReadings(Queries):
    """Readings."""

    def all(self) -> list[OutageRow]:
        return self._all(OutageRow, select(t.outages).order_by(t.outages.c.began))


class Outages(OutageReadings, Writings):
    """The same with writings."""

    def add(self, **values: Unpack[NewOutage]) -> bool:
        """Enter an outage; False if it was entered before."""
        if self._connection.execute(select(t.outages.c.id).where(t.outages.c.id == values["id"])).first():
            return False
        self._connection.execute(insert(t.outages).values(**values))
        return True


class HeartbeatReadings(Queries):
    """Readings."""

    def last(self) -> datetime | None:
        """When the node was last known to run; None before its first run."""
        return self._connection.execute(select(t.heartbeat.c.at)).scalar_one_or_none()


class Heartbeat(HeartbeatReadings, Writings):
    """The same with writings."""

    def beat(self) -> None:
        """The node runs at `now`."""
        self._connection.execute(delete(t.heartbeat))
        self._connection.execute(insert(t.heartbeat).values(id=1, at=self.now))
