"""What the control socket answers. Reading is free; what changes something is logged with the peer's uid as actor."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import __version__, flow
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.control.server import Handler, NotFound, Rejected, Request
from gateway.corridors import recording
from gateway.corridors.between import countersigning
from gateway.corridors.distribution import four_eyes
from gateway.corridors.submission.steps import CONFIRMED
from gateway.corridors.telling import bulletins
from gateway.corridors.telling.reminders import letters
from gateway.corridors.views import inquiries, overview
from gateway.daemon import backing, metrics, owing
from gateway.lifecycle import Event
from gateway.outcomes import Refused, catalogue
from gateway.parcels import ParcelId
from gateway.policy.periods import Period

if TYPE_CHECKING:
    from gateway.daemon.process import Daemon


def routes(daemon: Daemon) -> Mapping[str, Handler]:
    """The routes of one daemon."""
    service = _Service(daemon)
    return {
        "GET health": service.health,
        "GET status": service.status,
        "GET view": service.view,
        "GET parcels": service.parcels,
        "POST retry": service.retry,
        "POST release": service.release,
        "POST confirm": service.confirm,
        "POST acknowledge": service.acknowledge,
        "POST reject": service.reject,
        "POST reload": service.reload,
        "POST remind": service.remind,
        "POST bulletin": service.bulletin,
        "GET inquiries": service.inquiries,
        **owing.routes(daemon),
        "POST backup": service.backup,
        **metrics.routes(daemon),
    }


class _Service:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def health(self, _request: Request) -> dict[str, Any]:
        daemon, node = self._daemon, self._daemon.node
        sources = node.inbox.health()
        down = sorted(folder for folder, state in sources.items() if state != "ok")
        return {
            "ok": not down and node.worker.is_up() and daemon.guard.open,
            "node": daemon.facts.node.name,
            "version": __version__,
            "rehearsal": daemon.facts.node.rehearsal is not None,
            "now": node.clock.now().isoformat(),
            "last_scan": daemon.last_scan.isoformat() if daemon.last_scan else None,
            "worker": {"pid": node.worker.pid, **node.worker.confinement},
            "sources": {"ok": len(sources) - len(down), "down": down},
            "collecting": daemon.collecting.health(),
            "disk_free_mb": node.spool.free_bytes() >> 20,
            "intake": {"open": daemon.guard.open, "resumes_at_mb": daemon.facts.node.intake.resume_at_mb},
            "facts": daemon.facts.digest,
            "log": daemon.publication.state(),
            "pid": os.getpid(),
        }

    def status(self, request: Request) -> dict[str, Any]:
        return {**self.health(request), **overview.standing(self._daemon.node)}

    def view(self, request: Request) -> dict[str, Any]:
        period = request.query.get("period")
        if period is not None:
            try:
                Period.parse(period)
            except ValueError:
                raise Rejected("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
        return overview.view(self._daemon.node, period, self._daemon.last_scan, self._daemon.started_at).to_json()

    def parcels(self, request: Request) -> Any:
        node = self._daemon.node
        if len(request.path) > 1:
            found = overview.parcel(node, request.path[1])
            if found is None:
                raise NotFound
            return found
        equal = {k: str(request.query[k]) for k in ("state", "sender", "agreement", "period") if k in request.query}
        with node.ledger.reading() as reading:
            return [overview.row(p) for p in reading.parcels(limit=int(request.query.get("limit", 200)), **equal)]

    def retry(self, request: Request) -> dict[str, Any]:
        """A stopped or waiting parcel (or batch) is tried again now."""
        node, identity = self._daemon.node, request.path[1]
        now = node.clock.now()
        with node.ledger.reading() as reading:
            waiting = (
                reading.parcel(identity)
                or next(iter(reading.deliveries(distribution=identity)), None)
                or reading.between.incoming(identity)
            )
        if waiting is not None and flow.alive(f"{identity}#{waiting.attempt}"):
            raise Rejected("it is in work: there is nothing to retry")
        with node.ledger.transaction(now) as tx:
            deliveries = tx.deliveries(distribution=identity)
            if (incoming := tx.between.incoming(identity)) is not None:
                if incoming.state == "answered":
                    raise Rejected("the batch is answered: there is nothing to retry")
                attempt = incoming.attempt + 1
                countersigning.retry(tx, incoming, request.actor)
                again = partial(flow.enqueue_answer, identity, incoming.sender, attempt)
            elif deliveries:
                batch, attempt = deliveries[0], deliveries[0].attempt + 1
                if batch.state not in ("released", "faulted"):
                    raise Rejected(f"the batch is {batch.state}: there is nothing to retry")
                tx.update_delivery(identity, state="released", attempt=attempt, next_attempt_at="", code="")
                recording.batch_retried(tx, identity, attempt, request.actor)
                again = partial(flow.enqueue_delivery, identity, batch.receiver, attempt)
            else:
                row = tx.parcel(identity)
                if row is None:
                    raise NotFound
                if row.settled:
                    raise Rejected(f"the parcel is {row.state}: there is nothing to retry")
                attempt = row.attempt + 1
                state = "arriving" if tx.progress(identity, "intake") is None else "received"
                tx.update_parcel(identity, state=state, attempt=attempt, next_attempt_at="", code="")
                current = recording.row(tx, identity)
                recording.parcel_event(tx, Event.RETRIED, current, suffix=f"/{attempt}", actor=request.actor)
                again = partial(flow.enqueue_parcel, identity, row.corridor, attempt)
        again()
        return {"retried": identity, "attempt": attempt}

    def acknowledge(self, request: Request) -> dict[str, Any]:
        """A person has the node sign for another gateway's batch that waits for a person."""
        node, identity = self._daemon.node, request.path[1]
        with node.ledger.transaction(node.clock.now()) as tx:
            row = tx.between.incoming(identity)
            if row is None:
                raise NotFound
            if row.state not in ("by_person", "incomplete"):
                raise Rejected(f"the batch is {row.state}: it does not wait for a person")
            countersigning.confirm(tx, row, request.actor)
        flow.enqueue_answer(identity, row.sender, row.attempt + 1)
        return {"acknowledged": identity}

    def confirm(self, request: Request) -> dict[str, Any]:
        """A person vouches for a held parcel: it goes on."""
        node, identity = self._daemon.node, request.path[1]
        with node.ledger.transaction(node.clock.now()) as tx:
            row = self._held(tx, identity)
            tx.set_progress(identity, CONFIRMED, request.actor)
            tx.update_parcel(identity, state="opened", code="", attempt=row.attempt + 1)
            recording.parcel_event(tx, Event.CONFIRMED, recording.row(tx, identity), actor=request.actor)
        flow.enqueue_parcel(identity, row.corridor, row.attempt + 1)
        return {"confirmed": identity}

    def reject(self, request: Request) -> dict[str, Any]:
        """A person does not: the held parcel is refused, with its code and a receipt."""
        node, identity = self._daemon.node, request.path[1]
        with node.ledger.transaction(node.clock.now()) as tx:
            row = self._held(tx, identity)
            facts = node.facts.at(row.facts)
            detail = {"records": row.records, **{k: v for k, v in row.details.items() if k != "decided_by"}}
            recording.refused(tx, ParcelId(identity), row.code, detail, facts, {}, node.facts.calendar())
            tx.update_parcel(identity, attempt=row.attempt + 1)
        flow.enqueue_parcel(identity, row.corridor, row.attempt + 1)
        return {"rejected": identity}

    @staticmethod
    def _held(tx: Transaction, identity: str) -> ParcelRow:
        row = tx.parcel(identity)
        if row is None:
            raise NotFound
        if row.state != "held":
            raise Rejected(f"the parcel is {row.state}: it does not wait for confirmation")
        return row

    def reload(self, _request: Request) -> dict[str, Any]:
        """The facts as they stand now; with a fault in them nothing changes."""
        found = self._daemon.reload()
        if found.faults:
            language = self._daemon.facts.node.language
            raise Rejected("\n".join(f"{f.file}:{f.line}: {f.text(language)}" for f in found.faults))
        return {"facts": self._daemon.facts.digest}

    def bulletin(self, request: Request) -> dict[str, Any]:
        """The bulletin of a month, a quarter or a half-year, made now."""
        try:
            made = bulletins.make(self._daemon.node, str(request.query.get("period", "")), request.actor)
        except ValueError:
            raise Rejected("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
        if isinstance(made, Refused):
            entry, language = catalogue()[made.code], self._daemon.facts.node.language
            raise Rejected(
                f"[{made.code}] {entry.sentence(language, made.detail)}{entry.remedy(language, made.detail)}"
            )
        return made

    def inquiries(self, request: Request) -> Any:
        """What was asked and how much of it is open; one inquiry with its records by ordinal."""
        if len(request.path) > 1:
            found = inquiries.one(self._daemon.node, request.path[1])
            if not found:
                raise NotFound
            return found
        equal = {k: str(request.query[k]) for k in ("origin", "receiver", "agreement") if k in request.query}
        return inquiries.listed(self._daemon.node, everything=bool(request.query.get("all")), **equal)

    def remind(self, request: Request) -> dict[str, Any]:
        """A letter to everybody who still owes for a period."""
        period, dry_run = str(request.query.get("period")), bool(request.query.get("dry_run"))
        try:
            done = letters.remind(
                self._daemon.node,
                period,
                agreement=request.query.get("agreement"),
                party=request.query.get("party"),
                dry_run=dry_run,
                actor=request.actor,
            )
        except ValueError:
            raise Rejected("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
        return {"period": period, "reminded": done, "dry_run": dry_run}

    def backup(self, request: Request) -> dict[str, Any]:
        """A moment of the node, encrypted to the offline key, into a file."""
        daemon = self._daemon
        return backing.make(daemon.node, daemon.publication.still(), Path(str(request.query.get("out"))), request.actor)

    def release(self, request: Request) -> dict[str, Any]:
        """An operator lets the held packages of an agreement and period go."""
        node = self._daemon.node
        agreement, period = str(request.query.get("agreement")), str(request.query.get("period"))
        facts = node.facts.current()
        if agreement not in facts.agreements:
            raise NotFound
        with node.ledger.reading() as reading:
            held = reading.packages(agreement=agreement, period=period, state="held")
            batch = reading.last_batch(agreement, period) + 1
        if not held:
            raise Rejected("there are no held packages of this agreement and period")
        told = {"agreement": agreement, "period": period, "batch": batch, "packages": len(held)}
        actor = request.actor
        if facts.agreements[agreement].four_eyes:
            signatures = [base64.b64decode(made) for made in request.query.get("signatures", [])]
            if not signatures:
                asked = four_eyes.request(node, agreement, period, batch, actor)
                return {**told, "released": False, "request": asked.decode()}
            try:
                actor = four_eyes.confirm(node, agreement, period, batch, signatures)
            except four_eyes.NotConfirmed as error:
                raise Rejected(str(error)) from None
        again = flow.next_attempt(flow.distribution_id(agreement, period, batch)) or 1
        flow.enqueue_distribution(agreement, period, batch, actor, again)
        return {**told, "released": True}
