"""What the control socket answers. Reading is free; what changes something is logged with the peer's uid as actor."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from gateway import __version__, flow
from gateway.adapters.ledger.rows import InquiryEqual, ParcelEqual
from gateway.control.server import Handler, NotFound, Rejected, Request
from gateway.corridors import operating
from gateway.corridors.telling import bulletins
from gateway.corridors.telling.reminders import letters
from gateway.corridors.views import counts, inquiries, parcels, status
from gateway.daemon import backing, deadlines, metrics, sharing, vitals
from gateway.daemon.refusals import rejected
from gateway.daemon.running import Running
from gateway.lifecycle import ParcelState
from gateway.node import Node
from gateway.outcomes import Refused
from gateway.policy.periods import Period

T = TypeVar("T")


def routes(daemon: Running) -> Mapping[str, Handler]:
    """The routes of one daemon."""
    service = _Service(daemon)
    return {
        "GET health": service.health,
        "GET status": service.status,
        "GET view": service.view,
        "GET parcels": service.parcels,
        "POST retry": service.retry,
        "POST close": service.close,
        "POST release": service.release,
        "POST confirm": service.confirm,
        "POST acknowledge": service.acknowledge,
        "POST reject": service.reject,
        "POST reload": service.reload,
        "POST remind": service.remind,
        "POST bulletin": service.bulletin,
        "GET inquiries": service.inquiries,
        **deadlines.routes(daemon),
        "POST backup": service.backup,
        **metrics.routes(daemon),
    }


_ON_PURPOSE = frozenset(("temporary", "subfolder", "marker", "sidecar", "waiting", sharing.SHARE))
"""Reasons why a file is left that ask nobody to look: hidden, in a folder, or only just come; what waits for its turn
is told by party (`queued`)."""


def _left(node: Node) -> dict[str, dict[str, int]]:
    """Files in the drop folders that should be taken and are not, by folder and reason."""
    left = node.inbox.left_alone()
    return {folder: {r: n for r, n in found.items() if r not in _ON_PURPOSE} for folder, found in left.items()}


class _Service:
    def __init__(self, daemon: Running) -> None:
        self._daemon = daemon

    def health(self, _request: Request) -> dict[str, Any]:
        daemon, node = self._daemon, self._daemon.node
        drops, down = node.inbox.health(), vitals.folders_down(node)
        return {
            "ok": not down and node.worker.is_up() and daemon.guard.open,
            "node": daemon.facts.node.name,
            "version": __version__,
            "rehearsal": daemon.facts.node.rehearsal is not None,
            "now": node.clock.now().isoformat(),
            "last_scan": daemon.last_scan.isoformat() if daemon.last_scan else None,
            "worker": {"pid": node.worker.pid, **node.worker.confinement},
            "sources": {
                "ok": sum(state == "ok" for state in drops.values()),
                "down": sorted(down),
                "reasons": dict(sorted(down.items())),
            },
            "unheard": daemon.unheard,
            "queued": sharing.queued(node),
            "left": {folder: found for folder, found in _left(node).items() if found},
            "collecting": daemon.collecting.health(),
            "disk_free_mb": node.spool.free_bytes() >> 20,
            "intake": {"open": daemon.guard.open, "resumes_at_mb": daemon.facts.node.intake.resume_at_mb},
            "facts": daemon.facts.digest,
            "log": daemon.publication.state(),
            "pid": os.getpid(),
        }

    def status(self, request: Request) -> dict[str, Any]:
        return {**self.health(request), **counts.standing(self._daemon.node)}

    def view(self, request: Request) -> dict[str, Any]:
        period = request.query.get("period")
        if period is not None:
            try:
                Period.parse(period)
            except ValueError:
                raise Rejected("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
        return status.view(
            self._daemon.node, period, self._daemon.last_scan, self._daemon.started_at, self._daemon.unheard
        ).to_json()

    def parcels(self, request: Request) -> Any:
        node = self._daemon.node
        if len(request.path) > 1:
            found = parcels.parcel(node, request.path[1])
            if found is None:
                raise NotFound
            return found
        with node.ledger.reading() as reading:
            rows = reading.parcels.where(limit=int(request.query.get("limit", 200)), **_chosen(request.query))
        return [parcels.row(row) for row in rows]

    def retry(self, request: Request) -> dict[str, Any]:
        """A stopped or waiting parcel (or batch) is tried again now."""
        node, identity = self._daemon.node, request.path[1]
        with node.ledger.reading() as reading:
            stands = operating.standing(reading, identity)
        if stands is not None and flow.alive(f"{identity}#{stands.attempt}"):
            raise rejected(self._daemon.facts, "639")
        again = _enqueued(node, lambda: operating.retry(node, identity, request.actor))
        return {"retried": identity, "attempt": again.attempt}

    def acknowledge(self, request: Request) -> dict[str, Any]:
        """A person has the node sign for another gateway's batch that waits for a person."""
        node, identity = self._daemon.node, request.path[1]
        _enqueued(node, lambda: operating.acknowledge(node, identity, request.actor))
        return {"acknowledged": identity}

    def confirm(self, request: Request) -> dict[str, Any]:
        """A person vouches for a parcel that waits: it goes on."""
        node, identity = self._daemon.node, request.path[1]
        _enqueued(node, lambda: operating.confirm(node, identity, request.actor))
        return {"confirmed": identity}

    def reject(self, request: Request) -> dict[str, Any]:
        """A person does not: it is refused, with its code and a receipt."""
        node, identity = self._daemon.node, request.path[1]
        _enqueued(node, lambda: operating.reject(node, identity, request.actor))
        return {"rejected": identity}

    def reload(self, _request: Request) -> dict[str, Any]:
        """The facts as they stand now; with a fault in them nothing changes."""
        found = self._daemon.reload()
        if found.stopping:
            language = self._daemon.facts.node.language
            raise Rejected("\n".join(f"{f.file}:{f.line}: {f.text(language)}" for f in found.stopping))
        return {"facts": self._daemon.facts.digest}

    def bulletin(self, request: Request) -> dict[str, Any]:
        """The bulletin of a month, a quarter or a half-year, made now."""
        try:
            made = bulletins.make(self._daemon.node, str(request.query.get("period", "")), request.actor)
        except ValueError:
            raise Rejected("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
        if isinstance(made, Refused):
            raise rejected(self._daemon.facts, made.code, made.detail)
        return made

    def inquiries(self, request: Request) -> Any:
        """What was asked and how much of it is open; one inquiry with its records by ordinal."""
        if len(request.path) > 1:
            found = inquiries.one(self._daemon.node, request.path[1])
            if not found:
                raise NotFound
            return found
        equal: InquiryEqual = {}
        if "origin" in request.query:
            equal["origin"] = str(request.query["origin"])
        if "receiver" in request.query:
            equal["receiver"] = str(request.query["receiver"])
        if "agreement" in request.query:
            equal["agreement"] = str(request.query["agreement"])
        return inquiries.listed(self._daemon.node, everything=bool(request.query.get("all")), **equal)

    def remind(self, request: Request) -> dict[str, Any]:
        """A letter to everybody who still owes for a period."""
        period, dry_run = str(request.query.get("period")), bool(request.query.get("dry_run"))
        try:
            done = letters.remind(
                self._daemon.node,
                period,
                request.actor,
                agreement=request.query.get("agreement"),
                party=request.query.get("party"),
                dry_run=dry_run,
            )
        except ValueError:
            raise Rejected("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
        return {"period": period, "reminded": done, "dry_run": dry_run}

    def backup(self, request: Request) -> dict[str, Any]:
        """A moment of the node, encrypted to the offline key, into a file."""
        daemon = self._daemon
        return backing.make(daemon.node, daemon.publication.still(), Path(str(request.query.get("out"))), request.actor)

    def close(self, request: Request) -> dict[str, Any]:
        """A person decides that a collection goes up without those that are missing."""
        node, query = self._daemon.node, request.query
        agreement, period = str(query.get("agreement")), str(query.get("period"))
        missing = _done(node, lambda: operating.close(node, agreement, period, request.actor))
        return {"agreement": agreement, "period": period, "missing": missing}

    def release(self, request: Request) -> dict[str, Any]:
        """An operator lets the held packages of an agreement and period go."""
        query, node = request.query, self._daemon.node
        signatures = [base64.b64decode(made) for made in query.get("signatures", [])]
        agreement, period = str(query.get("agreement")), str(query.get("period"))
        made = _done(node, lambda: operating.release(node, agreement, period, signatures, request.actor))
        told = {"agreement": agreement, "period": period, "batch": made.batch, "packages": made.packages}
        if made.request:
            return {**told, "released": False, "request": made.request}
        attempt = flow.next_attempt(flow.distribution_id(agreement, period, made.batch)) or 1
        flow.enqueue_distribution(agreement, period, made.batch, made.actor, attempt)
        return {**told, "released": True}


def _done(node: Node, act: Callable[[], T]) -> T:
    """What a person asked for, or why it cannot be."""
    try:
        return act()
    except operating.Unknown:
        raise NotFound from None
    except operating.CannotBe as error:
        raise rejected(node.facts.current(), error.refused.code, error.refused.detail) from None


def _enqueued(node: Node, act: Callable[[], operating.Again]) -> operating.Again:
    again = _done(node, act)
    match again.what:
        case "delivery":
            flow.enqueue_delivery(again.identity, again.lane, again.attempt)
        case "answer":
            flow.enqueue_answer(again.identity, again.lane, again.attempt)
        case "parcel":
            if not flow.enqueue_parcel(again.identity, again.lane, again.attempt):
                # The attempt that a person saw the end of is just ending: the sweep takes the next one up.
                now = node.clock.now()
                with node.ledger.transaction(now) as tx:
                    tx.parcels.update(again.identity, next_attempt_at=now)
    return again


def _chosen(query: Mapping[str, Any]) -> ParcelEqual:
    """The filters of a list of parcels."""
    equal: ParcelEqual = {}
    if "state" in query:
        try:
            equal["state"] = ParcelState(str(query["state"]))
        except ValueError:
            raise Rejected("no such state: " + ", ".join(map(str, ParcelState))) from None
    if "sender" in query:
        equal["sender"] = str(query["sender"])
    if "agreement" in query:
        equal["agreement"] = str(query["agreement"])
    if "period" in query:
        equal["period"] = str(query["period"])
    return equal
