"""What the control socket answers about deadlines: a list for everybody, changes with the peer's uid as actor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, get_args

from gateway.adapters.ledger.rows import ObligationEqual, ObligationRow
from gateway.control.server import Handler, NotFound, Rejected, Request
from gateway.corridors.inquiries import redirecting
from gateway.corridors.obligations import dating
from gateway.corridors.views import parcels
from gateway.daemon.refusals import rejected
from gateway.daemon.running import Running
from gateway.deadlines.calendar import Standing
from gateway.deadlines.obligations import Duty
from gateway.instants import rfc3339
from gateway.lifecycle import OWED, ObligationState
from gateway.outcomes import Ok, Outcome


def routes(daemon: Running) -> Mapping[str, Handler]:
    """The routes of one daemon."""
    owing = _Owing(daemon)
    return {"GET deadlines": owing.read, "POST deadlines": owing.change}


class _Owing:
    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon

    def read(self, request: Request) -> dict[str, Any]:
        return self._show(request.path[1]) if len(request.path) > 1 else self._list(request)

    def _list(self, request: Request) -> dict[str, Any]:
        """Those still owed, or in the states asked for, by date. `overdue` counts all that match, whatever `limit`."""
        node = self._daemon.node
        now = node.clock.now()
        states, extended = _states(request.query), bool(request.query.get("extended"))
        kind, equal, limit = _kind(request.query), _equal(request.query), int(request.query.get("limit", 200))
        with node.ledger.reading() as reading:
            owed = reading.obligations
            rows = owed.listed(limit=limit, kind=kind, states=states, extended=extended, **equal)
            counts = owed.count(kind=kind, states=states, extended=extended, **equal)
            late = owed.count_overdue(now, kind=kind, states=states, extended=extended, **equal)
        return {
            "obligations": [_told(row, now) for row in rows],
            "counts": {str(state): number for state, number in counts.items()},
            "total": sum(counts.values()),
            "overdue": late,
        }

    def _show(self, identity: str) -> dict[str, Any]:
        """One obligation and its history."""
        node = self._daemon.node
        with node.ledger.reading() as reading:
            row = reading.obligations.get(identity)
            if row is None:
                raise NotFound
            return {
                "obligation": _told(row, node.clock.now()),
                "changes": [parcels.row(change) for change in reading.obligations.changes(identity)],
                "reminders": [parcels.row(reminder) for reminder in reading.reminders.of(identity)],
                "log": [
                    {"seq": entry.seq, "event": str(entry.event), "logged_at": rfc3339(entry.logged_at)}
                    for entry in reading.entries.of(row.source or identity)
                ],
            }

    def change(self, request: Request) -> dict[str, Any]:
        query, node = request.query, self._daemon.node
        match request.path[1:]:
            case ("extend",):
                until = _day(query.get("until"))
                return self._done(dating.extend(node, self._chosen(query), until, _why(query), request.actor))
            case ("void",):
                return self._done(dating.void(node, self._chosen(query), _why(query), request.actor))
            case ("return",):
                return self._done(redirecting.give_back(node, self._chosen(query), _why(query), request.actor))
            case ("transfer",):
                ids, to = self._chosen(query), str(query.get("to", ""))
                return self._done(redirecting.pass_on(node, ids, to, _why(query), request.actor))
            case ("recompute",):
                return {"changed": dating.recompute(node, request.actor)}
            case ("outage",):
                began, ended = _instant(query.get("began")), _instant(query.get("ended"))
                return self._done(dating.enter_outage(node, began, ended, _why(query), request.actor))
        raise NotFound

    def _chosen(self, query: Mapping[str, Any]) -> list[str]:
        """The ids that are given, or every one still owed that the filters leave."""
        ids = [str(identity) for identity in query.get("ids", ())]
        kind, equal = _kind(query), _equal(query)
        if bool(ids) == bool(equal or kind):
            raise Rejected("give either ids or filters")
        if ids:
            return ids
        with self._daemon.node.ledger.reading() as reading:
            rows = reading.obligations.listed(limit=100_000, kind=kind, states=OWED, **equal)
        if not rows:
            raise NotFound
        return [row.id for row in rows]

    def _done(self, outcome: Outcome[Any]) -> dict[str, Any]:
        if isinstance(outcome, Ok):
            return {"changed": outcome.value}
        raise rejected(self._daemon.facts, outcome.code, outcome.detail)


def _told(row: ObligationRow, now: datetime) -> dict[str, Any]:
    ran_out = row.state is ObligationState.OPEN and row.expires_at <= now
    return {**parcels.row(row), "overdue": row.state is ObligationState.MISSED or ran_out}


def _states(query: Mapping[str, Any]) -> tuple[ObligationState, ...]:
    """The states asked for; those still owed unless told, none for all."""
    words = [word for word in str(query.get("state", ",".join(sorted(OWED)))).split(",") if word]
    if words == ["all"]:
        return ()
    try:
        return tuple(ObligationState(word) for word in words)
    except ValueError:
        raise Rejected("no such state: " + ", ".join(map(str, ObligationState)) + ", all") from None


def _kind(query: Mapping[str, Any]) -> Duty | None:
    kind = query.get("kind")
    found: Duty | None = next((duty for duty in get_args(Duty) if duty == kind), None)
    if kind is not None and found is None:
        raise Rejected("no such kind: " + ", ".join(get_args(Duty)))
    return found


def _equal(query: Mapping[str, Any]) -> ObligationEqual:
    """The filters by columns."""
    equal: ObligationEqual = {}
    if "party" in query:
        equal["party"] = str(query["party"])
    if "agreement" in query:
        equal["agreement"] = str(query["agreement"])
    if "period" in query:
        equal["period"] = str(query["period"])
    if "source" in query:
        equal["source"] = str(query["source"])
    if "subject" in query:
        equal["subject"] = str(query["subject"])
    if "status" in query:
        equal["status"] = _status(str(query["status"]))
    return equal


def _status(word: str) -> Standing:
    if word == "final":
        return "final"
    if word == "provisional":
        return "provisional"
    raise Rejected("no such status: final, provisional")


def _why(query: Mapping[str, Any]) -> str:
    return str(query.get("why", "")).strip()


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise Rejected("not a date: 2026-11-15 is expected") from None


def _instant(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Rejected("not an instant with a time zone: 2026-11-01T18:00:00+08:00 is expected")
    return found
