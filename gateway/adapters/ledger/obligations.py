"""What is owed, in the ledger.

There may be a million open obligations: what comes round by itself goes through an index and takes what is due, never
all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Unpack

from sqlalchemy import ColumnElement, func, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, chunks, equals, some_of, values_of, written
from gateway.adapters.ledger.rows import (
    ChangeRow,
    Dated,
    NewChange,
    NewObligation,
    ObligationEqual,
    ObligationRow,
    ObligationValues,
)
from gateway.deadlines.obligations import Duty
from gateway.lifecycle import Change, ObligationState

OWED = (ObligationState.OPEN, ObligationState.MISSED)
_OBLIGATIONS = select(t.obligations)


def _matching(
    kind: Duty | None, states: Collection[ObligationState], extended: bool, equal: Mapping[str, object]
) -> list[ColumnElement[bool]]:
    found = equals(t.obligations, equal)
    if kind is not None:
        found.append(t.obligations.c.kind == kind)
    if states:
        found.append(t.obligations.c.state.in_(states))
    if extended:
        found.append(t.obligations.c.extended_until.is_not(None))
    return found


class ObligationReadings(Queries):
    """Readings."""

    def get(self, obligation: str) -> ObligationRow | None:
        return self._one(ObligationRow, _OBLIGATIONS.where(t.obligations.c.id == obligation))

    def where(self, *, kind: Duty | None = "submission", **equal: Unpack[ObligationEqual]) -> list[ObligationRow]:
        """Of one kind, by party and agreement; submissions unless told. `kind=None`: of all."""
        query = _OBLIGATIONS.where(*_matching(kind, (), False, equal))
        return self._all(ObligationRow, query.order_by(t.obligations.c.party, t.obligations.c.agreement))

    def periods(self, agreement: str) -> list[str]:
        """The periods for which submissions were ever owed under an agreement."""
        o = t.obligations.c
        query = select(o.period).where(o.agreement == agreement, o.kind == "submission", o.period != "").distinct()
        return sorted(self._connection.execute(query).scalars())

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these were set before."""
        found: set[str] = set()
        for some in chunks(ids):
            found.update(
                self._connection.execute(select(t.obligations.c.id).where(t.obligations.c.id.in_(some))).scalars()
            )
        return found

    def overdue(self, now: datetime, limit: int = 10_000) -> list[ObligationRow]:
        """Open ones whose date has run out, the oldest first."""
        o = t.obligations.c
        query = _OBLIGATIONS.where(o.state == ObligationState.OPEN, o.expires_at <= now)
        return self._all(ObligationRow, query.order_by(o.expires_at).limit(limit))

    def running_out(self, after: datetime, until: datetime) -> list[ObligationRow]:
        """Those still owed whose date is our own and ran out after `after` and up to `until`."""
        o = t.obligations.c
        query = _OBLIGATIONS.where(o.state.in_(OWED), o.expires_at > after, o.expires_at <= until, o.dated_by == "")
        return self._all(ObligationRow, query.order_by(o.expires_at, o.id))

    def to_remind(self, now: datetime, limit: int = 10_000) -> list[ObligationRow]:
        """Those still owed of which a reminder may be due."""
        o = t.obligations.c
        query = _OBLIGATIONS.where(o.state.in_(OWED), o.remind_at <= now)
        return self._all(ObligationRow, query.order_by(o.remind_at, o.id).limit(limit))

    def listed(
        self,
        *,
        limit: int,
        kind: Duty | None = None,
        states: Collection[ObligationState] = (),
        extended: bool = False,
        **equal: Unpack[ObligationEqual],
    ) -> list[ObligationRow]:
        """By date, for a list; `states` empty: all. `extended`: those only that a person put off."""
        o, found = t.obligations.c, []
        # State by state: so each is read in the order of the index, and a million rows are not sorted.
        for state in states or ObligationState:
            query = _OBLIGATIONS.where(*_matching(kind, (state,), extended, equal))
            found += self._all(ObligationRow, query.order_by(o.expires_at, o.id).limit(limit))
        return sorted(found, key=lambda row: (row.expires_at, row.id))[:limit]

    def count(
        self,
        *,
        kind: Duty | None = None,
        states: Collection[ObligationState] = (),
        extended: bool = False,
        **equal: Unpack[ObligationEqual],
    ) -> dict[ObligationState, int]:
        """How many of a list's obligations are in each state."""
        state = t.obligations.c.state
        query = select(state, func.count()).where(*_matching(kind, states, extended, equal)).group_by(state)
        return {value: int(number) for value, number in self._connection.execute(query)}

    def count_overdue(
        self,
        now: datetime,
        *,
        kind: Duty | None = None,
        states: Collection[ObligationState] = (),
        extended: bool = False,
        **equal: Unpack[ObligationEqual],
    ) -> int:
        """How many of a list's obligations are late and still owed."""
        o = t.obligations.c
        late = (o.state == ObligationState.MISSED) | ((o.state == ObligationState.OPEN) & (o.expires_at <= now))
        query = select(func.count()).select_from(t.obligations)
        return int(self._connection.execute(query.where(*_matching(kind, states, extended, equal), late)).scalar_one())

    def open_dates(self, now: datetime) -> list[Dated]:
        """Every way in which the date of something open came about and stands, once, however many share it; not of what
        has run out."""
        o = t.obligations.c
        query = some_of(t.obligations, Dated).where(o.state == ObligationState.OPEN, o.expires_at > now)
        return self._all(Dated, query.distinct())

    def dated_so(self, dated: Dated) -> list[ObligationRow]:
        """The open ones that share all of it."""
        query = _OBLIGATIONS.where(
            t.obligations.c.state == ObligationState.OPEN, *equals(t.obligations, values_of(dated))
        )
        return self._all(ObligationRow, query.order_by(t.obligations.c.id))

    def changes(self, obligation: str) -> list[ChangeRow]:
        """What people did to it, in order."""
        c = t.obligation_changes.c
        query = select(t.obligation_changes).where(c.obligation == obligation)
        return self._all(ChangeRow, query.order_by(c.number))


class Obligations(ObligationReadings, Writings):
    """The same with writings, in the transaction of what they belong to."""

    def add(self, **values: Unpack[NewObligation]) -> bool:
        """Set an obligation; False if it was set before."""
        if self.known([values["id"]]):
            return False
        self._connection.execute(insert(t.obligations).values(**values))
        return True

    def add_many(self, rows: Sequence[NewObligation]) -> None:
        """Set many at once, which give the same columns. `IntegrityError` if one was set before."""
        for some in chunks(rows):
            self._connection.execute(insert(t.obligations), [dict(row) for row in some])

    def update(self, obligation: str, **values: Unpack[ObligationValues]) -> None:
        self._write((obligation,), dict(values))

    def update_many(self, obligations: Sequence[str], **values: Unpack[ObligationValues]) -> None:
        """The same values for many."""
        self._write(obligations, dict(values))

    def change(self, obligation: str, change: Change[ObligationState], **values: Unpack[ObligationValues]) -> None:
        """Its new state, the columns that follow from the entry, and `values` beside them."""
        self._write((obligation,), written(change, values))

    def change_many(
        self, obligations: Sequence[str], change: Change[ObligationState], **values: Unpack[ObligationValues]
    ) -> None:
        """The same change for many."""
        self._write(obligations, written(change, values))

    def add_change(self, obligation: str, **values: Unpack[NewChange]) -> None:
        """What a person did, after what was done before."""
        c = t.obligation_changes.c
        count = select(func.count()).select_from(t.obligation_changes).where(c.obligation == obligation)
        number = self._connection.execute(count).scalar_one() + 1
        row = insert(t.obligation_changes).values(obligation=obligation, number=number, at=self.now, **values)
        self._connection.execute(row)

    def _write(self, obligations: Sequence[str], values: dict[str, object]) -> None:
        for some in chunks(obligations):
            self._connection.execute(update(t.obligations).where(t.obligations.c.id.in_(some)).values(values))
