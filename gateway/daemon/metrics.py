"""`/healthz`, `/readyz` and `/metrics`: for the service manager and Prometheus. Ids and counts, no names."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gateway import __version__
from gateway.adapters.sealing.key_health import key_states
from gateway.control.server import Handler, Response
from gateway.corridors.views.counts import counts
from gateway.daemon import sharing, vitals
from gateway.daemon.running import Running
from gateway.lifecycle import BatchState, ObligationState
from gateway.node import Node

TEXT = "text/plain; version=0.0.4; charset=utf-8"
Samples = Iterable[tuple[Mapping[str, str], float]]


def routes(daemon: Running) -> Mapping[str, Handler]:
    """The routes that are open to monitors."""
    return {
        "GET healthz": lambda _: health(daemon),
        "GET readyz": lambda _: ready(daemon),
        "GET metrics": lambda _: Response(200, "".join(render(daemon)), TEXT),
    }


def health(daemon: Running) -> Response:
    """Alive: its own parts come round. What is away outside is no reason to start it again."""
    stuck = daemon.vitals.stuck()
    return Response(503 if stuck else 200, {"ok": not stuck, "stuck": stuck})


def ready(daemon: Running) -> Response:
    """Ready: it can take, check and deliver."""
    reasons = vitals.unready(daemon)
    return Response(503 if reasons else 200, {"ok": not reasons, "reasons": reasons})


def render(daemon: Running) -> Iterator[str]:
    """The text format of Prometheus."""
    for name, what, samples in _families(daemon):
        yield f"# HELP gateway_{name} {what}\n# TYPE gateway_{name} gauge\n"
        for labels, value in samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"gateway_{name}{{{inside}}} {value:.10g}\n" if inside else f"gateway_{name} {value:.10g}\n"


def _folders(node: Node) -> Iterator[tuple[str, str, Samples]]:
    well, away = [*node.inbox.health().values()].count("ok"), len(vitals.folders_down(node))
    yield "sources", "Folders of parties.", [({"state": "ok"}, well), ({"state": "down"}, away)]
    left_alone: Counter[str] = sum(map(Counter, node.inbox.left_alone().values()), Counter())
    by_reason = [({"reason": reason}, count) for reason, count in sorted(left_alone.items())]
    yield "left_in_folders", "Files that the last scan left where they lie.", by_reason
    queued = [({"party": party}, number) for party, number in sharing.queued(node).items()]
    yield "queued_in_folders", "Files that wait for others of their party, by party.", queued


def _families(daemon: Running) -> Iterator[tuple[str, str, Samples]]:
    node, facts = daemon.node, daemon.facts
    now = node.clock.now()
    yield "info", "The node and its version.", [({"node": facts.node.name, "version": __version__}, 1)]
    yield "alive", "1 while the daemon's own parts come round.", [({}, not daemon.vitals.stuck())]
    yield "ready", "1 while it can do all of its work.", [({}, not vitals.unready(daemon))]
    ages = daemon.vitals.ages()
    yield "round_age_seconds", "Since a part came round.", [({"part": part}, age) for part, age in ages.items()]
    for kind, states in counts(node).items():
        yield kind, f"How many {kind} stand in each state.", [({"state": s}, n) for s, n in sorted(states.items())]
    with node.ledger.reading() as reading:
        unsettled = reading.parcels.unsettled()
        owed = reading.obligations.where(state=ObligationState.OPEN)
        released, delivered = (
            reading.batches.where(state=state) for state in (BatchState.RELEASED, BatchState.DELIVERED)
        )
    oldest: dict[str, float] = {}
    for parcel in unsettled:
        oldest[parcel.state] = max(oldest.get(parcel.state, 0.0), _age(parcel.received_at, now))
    ages_by_state = [({"state": state}, age) for state, age in oldest.items()]
    yield "parcels_oldest_seconds", "Age of the oldest parcel in work, by state.", ages_by_state
    waiting = [({"queue": "parcels"}, sum(bool(p.next_attempt_at) for p in unsettled))]
    waiting += [({"queue": "deliveries"}, sum(bool(d.next_attempt_at) for d in released))]
    yield "waiting", "What waits for its next try.", waiting
    oldest_batch = max((_age(d.released_at, now) for d in released), default=0.0)
    yield "deliveries_oldest_seconds", "Age of the oldest batch that is not delivered.", [({}, oldest_batch)]
    unread = max((_age(d.delivered_at, now) for d in delivered if d.delivered_at), default=0.0)
    yield "unacknowledged_oldest_seconds", "Since the oldest delivery nobody signed for.", [({}, unread)]
    due: dict[str, float] = {}
    for row in owed:
        left = -_age(row.expires_at, now)
        due[row.agreement] = min(due.get(row.agreement, left), left)
    yield "deadline_seconds", "Until the next deadline, by agreement.", [({"agreement": a}, s) for a, s in due.items()]
    yield from _folders(node)
    endpoints = daemon.collecting.health()
    closed = [({"party": str(party)}, found["state"] == "closed") for party, found in endpoints.items()]
    yield "endpoint_up", "Partners that are collected from; 0 while their breaker is open.", closed
    yield "worker_up", "1 while files can be read.", [({}, node.worker.is_up())]
    usage = shutil.disk_usage(node.spool.state)
    yield "disk_free_bytes", "Free where the state lies.", [({}, usage.free)]
    yield "disk_total_bytes", "Size of that disk.", [({}, usage.total)]
    yield "folders_heard", "0 while a limit of the system leaves folders to the scan.", [({}, not daemon.unheard)]
    yield "intake_open", "1 while there is room to take files in.", [({}, daemon.guard.open)]
    keys = [
        ({"party": k.party, "profile": k.profile, "slot": k.slot}, (k.expires - now).total_seconds())
        for k in key_states(facts, now, private=False)
        if k.expires is not None
    ]
    yield "key_expiry_seconds", "Until a pinned key runs out; negative when it has.", keys
    log = daemon.publication.state()
    yield "log_size", "Entries under the last checkpoint.", [({}, log["size"])]
    yield "log_witnessed", "Size of the newest checkpoint that witnesses signed.", [({}, log["witnessed"])]
    yield "log_alarm", "1 while something is wrong with the log.", [({}, bool(log["alarm"] or log["failure"]))]
    with node.ledger.notices() as waiting_notices:
        told = [row.channel for row in waiting_notices.waiting()]
    by_channel = [({"channel": channel}, told.count(channel)) for channel in sorted({*told})]
    yield "notices_waiting", "Notices that were not sent yet.", by_channel


def _age(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
