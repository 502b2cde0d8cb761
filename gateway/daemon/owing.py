"""What the control socket answers about deadlines: a list for everybody, changes with the peer's uid as actor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from gateway.adapters.ledger.owing import OWED
from gateway.adapters.ledger.rows import ObligationRow
from gateway.control.server import Handler, NotFound, Rejected, Request
from gateway.corridors.inquiries import redirecting
from gateway.corridors.obligations import dating
from gateway.instants import rfc3339
from gateway.lifecycle import ObligationState
from gateway.outcomes import Ok, Outcome, catalogue

if TYPE_CHECKING:
    from gateway.daemon.process import Daemon

FILTERS = ("party", "agreement", "period", "kind", "source", "subject", "status")


def routes(daemon: Daemon) -> Mapping[str, Handler]:
    """The routes of one daemon."""
    owing = _Owing(daemon)
    return {"GET deadlines": owing.read, "POST deadlines": owing.change}


class _Owing:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def read(self, request: Request) -> dict[str, Any]:
        return self._show(request.path[1]) if len(request.path) > 1 else self._list(request)

    def _list(self, request: Request) -> dict[str, Any]:
        """Those still owed, or in the states asked for, by date. `overdue` counts all that match, whatever `limit`."""
        node = self._daemon.node
        now = node.clock.now()
        equal: dict[str, Any] = {key: str(request.query[key]) for key in FILTERS if key in request.query}
        states = tuple(filter(None, str(request.query.get("state", ",".join(OWED))).split(",")))
        if states == ("all",):
            states = ()
        if not set(states) <= {str(state) for state in ObligationState}:
            raise Rejected("no such state: " + ", ".join(map(str, ObligationState)) + ", all")
        extended = bool(request.query.get("extended"))
        with node.ledger.reading() as reading:
            rows = reading.list_obligations(
                limit=int(request.query.get("limit", 200)), states=states, extended=extended, **equal
            )
            counts = reading.count_obligations(states=states, extended=extended, **equal)
            late = reading.count_overdue(now, states=states, extended=extended, **equal)
        moment = rfc3339(now)
        return {
            "obligations": [_told(row, moment) for row in rows],
            "counts": counts,
            "total": sum(counts.values()),
            "overdue": late,
        }

    def _show(self, identity: str) -> dict[str, Any]:
        """One obligation and its history."""
        node = self._daemon.node
        with node.ledger.reading() as reading:
            row = reading.obligation(identity)
            if row is None:
                raise NotFound
            return {
                "obligation": _told(row, rfc3339(node.clock.now())),
                "changes": [asdict(change) for change in reading.changes(identity)],
                "reminders": [asdict(reminder) for reminder in reading.reminders(identity)],
                "log": [
                    {"seq": entry.seq, "event": entry.event, "logged_at": entry.logged_at}
                    for entry in reading.entries_of(row.source or identity)
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
        equal: dict[str, Any] = {key: str(query[key]) for key in FILTERS if key in query}
        if bool(ids) == bool(equal):
            raise Rejected("give either ids or filters")
        if ids:
            return ids
        with self._daemon.node.ledger.reading() as reading:
            rows = reading.list_obligations(limit=100_000, states=OWED, **equal)
        if not rows:
            raise NotFound
        return [row.id for row in rows]

    def _done(self, outcome: Outcome[Any]) -> dict[str, Any]:
        if isinstance(outcome, Ok):
            return {"changed": outcome.value}
        language, code = self._daemon.facts.node.language, catalogue()[outcome.code]
        told = code.sentence(language, outcome.detail), code.remedy(language, outcome.detail)
        raise Rejected(f"[{outcome.code}] {told[0]}\n  → {told[1]}")


def _told(row: ObligationRow, now: str) -> dict[str, Any]:
    overdue = row.state == ObligationState.MISSED or (row.state == ObligationState.OPEN and row.expires_at <= now)
    return {**asdict(row), "overdue": overdue}


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
