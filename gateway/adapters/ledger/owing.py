"""What is owed, in the ledger: obligations, what people did to them, reminders, outages.

There may be a million open ones: whatever comes round by itself goes through an index and takes what is due, never all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries
from gateway.adapters.ledger.rows import ChangeRow, ObligationRow, OutageRow, ReminderRow
from gateway.instants import rfc3339

OWED = ("open", "missed")
# What a date came from, and what it came to.
DATED = (
    "agreement", "period", "rule", "opens_at", "extended_until", "due", "expires_at", "status", "edition", "dated_by"
)  # fmt: skip
_CHUNK = 500


def _matching(states: Sequence[str], extended: bool, equal: Mapping[str, str]) -> list[ColumnElement[bool]]:
    found = [t.obligations.c[column] == value for column, value in equal.items()]
    if states:
        found.append(t.obligations.c.state.in_(states))
    if extended:
        found.append(t.obligations.c.extended_until != "")
    return found


class Owing(Queries):
    """Readings."""

    def obligations(self, *, kind: str = "submission", **equal: str) -> list[ObligationRow]:
        """Of one kind, by party and agreement; submissions unless told. `kind=""`: of all."""
        query = select(t.obligations).filter_by(**equal, **({"kind": kind} if kind else {}))
        return self._all(ObligationRow, query.order_by(t.obligations.c.party, t.obligations.c.agreement))

    def obligation(self, obligation: str) -> ObligationRow | None:
        return self._one(ObligationRow, select(t.obligations).where(t.obligations.c.id == obligation))

    def known_obligations(self, ids: Sequence[str]) -> set[str]:
        """Which of these were set before."""
        found: set[str] = set()
        for at in range(0, len(ids), _CHUNK):
            query = select(t.obligations.c.id).where(t.obligations.c.id.in_(ids[at : at + _CHUNK]))
            found.update(self._connection.execute(query).scalars())
        return found

    def overdue(self, now: datetime, limit: int = 10_000) -> list[ObligationRow]:
        """Open ones whose date has run out, the oldest first."""
        query = select(t.obligations).where(t.obligations.c.state == "open", t.obligations.c.expires_at <= rfc3339(now))
        return self._all(ObligationRow, query.order_by(t.obligations.c.expires_at).limit(limit))

    def running_out(self, after: str, until: str) -> list[ObligationRow]:
        """Those still owed whose date is our own and ran out after `after` and up to `until`."""
        at, own = t.obligations.c.expires_at, t.obligations.c.dated_by == ""
        query = select(t.obligations).where(t.obligations.c.state.in_(OWED), at > after, at <= until, own)
        return self._all(ObligationRow, query.order_by(at, t.obligations.c.id))

    def to_remind(self, now: datetime, limit: int = 10_000) -> list[ObligationRow]:
        """Those still owed of which a reminder may be due."""
        at = t.obligations.c.remind_at
        query = select(t.obligations).where(t.obligations.c.state.in_(OWED), at != "", at <= rfc3339(now))
        return self._all(ObligationRow, query.order_by(at, t.obligations.c.id).limit(limit))

    def list_obligations(
        self, *, limit: int, states: Sequence[str] = (), extended: bool = False, **equal: str
    ) -> list[ObligationRow]:
        """By date, for a list; `states` empty: all. `extended`: those only that a person put off."""
        at, found = t.obligations.c.expires_at, []
        # State by state: so each is read in the order of the index, and a million rows are not sorted.
        for state in states or tuple(self._states()):
            query = select(t.obligations).where(*_matching((state,), extended, equal))
            found += self._all(ObligationRow, query.order_by(at, t.obligations.c.id).limit(limit))
        return sorted(found, key=lambda row: (row.expires_at, row.id))[:limit]

    def _states(self) -> list[str]:
        return [str(state) for state in self._connection.execute(select(t.obligations.c.state).distinct()).scalars()]

    def count_obligations(self, *, states: Sequence[str] = (), extended: bool = False, **equal: str) -> dict[str, int]:
        """How many of a list's obligations stand in each state."""
        state = t.obligations.c.state
        query = select(state, func.count()).where(*_matching(states, extended, equal)).group_by(state)
        return {str(value): int(number) for value, number in self._connection.execute(query)}

    def count_overdue(self, now: datetime, *, states: Sequence[str] = (), extended: bool = False, **equal: str) -> int:
        """How many of a list's obligations are late and still owed."""
        state, at = t.obligations.c.state, t.obligations.c.expires_at
        query = select(func.count()).where(
            *_matching(states, extended, equal), (state == "missed") | ((state == "open") & (at <= rfc3339(now)))
        )
        return int(self._connection.execute(query.select_from(t.obligations)).scalar_one())

    def open_dates(self, now: datetime) -> list[Mapping[str, str]]:
        """Every way in which the date of something open came about and stands, once, however many share it; not of what
        has run out."""
        columns = [t.obligations.c[name] for name in DATED]
        query = select(*columns).where(t.obligations.c.state == "open", t.obligations.c.expires_at > rfc3339(now))
        return [dict(row) for row in self._connection.execute(query.distinct()).mappings()]

    def dated_so(self, dated: Mapping[str, str]) -> list[ObligationRow]:
        """The open ones that share all of it."""
        query = select(t.obligations).filter_by(state="open", **dated)
        return self._all(ObligationRow, query.order_by(t.obligations.c.id))

    def changes(self, obligation: str) -> list[ChangeRow]:
        """What people did to it, in order."""
        mine = t.obligation_changes.c.obligation == obligation
        return self._all(ChangeRow, select(t.obligation_changes).where(mine).order_by(t.obligation_changes.c.number))

    def reminders(self, obligation: str) -> list[ReminderRow]:
        """Steps that were sent or stood for, under every date it ever had."""
        mine = t.reminders.c.obligation == obligation
        return self._all(ReminderRow, select(t.reminders).where(mine).order_by(t.reminders.c.at, t.reminders.c.step))

    def steps_sent(self, obligations: Sequence[str]) -> dict[tuple[str, str], set[int]]:
        """Steps that were sent or stood for, by obligation and date."""
        found: dict[tuple[str, str], set[int]] = {}
        columns = (t.reminders.c.obligation, t.reminders.c.due, t.reminders.c.step)
        for at in range(0, len(obligations), _CHUNK):
            query = select(*columns).where(columns[0].in_(obligations[at : at + _CHUNK]))
            for obligation, due, step in self._connection.execute(query):
                found.setdefault((str(obligation), str(due)), set()).add(int(step))
        return found

    def unwritten_reminders(self, letters: int = 500) -> list[ReminderRow]:
        """Logged as sent, and not in anybody's hands yet: those of one letter stand together, whole."""
        seq, waits = t.reminders.c.seq, t.reminders.c.written_at == ""
        first = select(seq).where(waits).distinct().order_by(seq).limit(letters)
        query = select(t.reminders).where(waits, seq.in_(first))
        return self._all(ReminderRow, query.order_by(seq, t.reminders.c.obligation))

    def outages(self) -> list[OutageRow]:
        return self._all(OutageRow, select(t.outages).order_by(t.outages.c.began))

    def last_heartbeat(self) -> str:
        """When the node was last known to run; empty before its first run."""
        return str(self._connection.execute(select(t.heartbeat.c.at)).scalar_one_or_none() or "")


class OwingWrites(Queries):
    """Writings, in the transaction of what they belong to."""

    now: datetime

    def add_obligation(self, **values: object) -> bool:
        """Set an obligation; False if it was set before."""
        if self._connection.execute(select(t.obligations.c.id).where(t.obligations.c.id == values["id"])).first():
            return False
        self._connection.execute(insert(t.obligations).values(**values))
        return True

    def add_obligations(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Set many at once. `IntegrityError` if one was set before."""
        for at in range(0, len(rows), _CHUNK):
            self._connection.execute(insert(t.obligations), [dict(row) for row in rows[at : at + _CHUNK]])

    def update_obligation(self, obligation: str, **values: object) -> None:
        self._connection.execute(update(t.obligations).where(t.obligations.c.id == obligation).values(**values))

    def update_obligations(self, obligations: Sequence[str], **values: object) -> None:
        """The same values for many."""
        for at in range(0, len(obligations), _CHUNK):
            these = t.obligations.c.id.in_(obligations[at : at + _CHUNK])
            self._connection.execute(update(t.obligations).where(these).values(**values))

    def add_change(self, obligation: str, **values: object) -> None:
        """What a person did, after what was done before."""
        mine = t.obligation_changes.c.obligation == obligation
        count = self._connection.execute(
            select(func.count()).select_from(t.obligation_changes).where(mine)
        ).scalar_one()
        row = {"obligation": obligation, "number": count + 1, "at": rfc3339(self.now), **values}
        self._connection.execute(insert(t.obligation_changes).values(**row))

    def add_reminders(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Steps sent or stood for. `IntegrityError` if one was before: nothing is sent twice."""
        if rows:
            self._connection.execute(insert(t.reminders), [dict(row) for row in rows])

    def reminder_written(self, seq: int) -> None:
        mine = t.reminders.c.seq == seq, t.reminders.c.written_at == ""
        self._connection.execute(update(t.reminders).where(*mine).values(written_at=rfc3339(self.now)))

    def add_outage(self, **values: object) -> bool:
        """Enter an outage; False if it was entered before."""
        if self._connection.execute(select(t.outages.c.id).where(t.outages.c.id == values["id"])).first():
            return False
        self._connection.execute(insert(t.outages).values(**values))
        return True

    def beat(self) -> None:
        """The node runs at `now`."""
        self._connection.execute(delete(t.heartbeat))
        self._connection.execute(insert(t.heartbeat).values(id=1, at=rfc3339(self.now)))
