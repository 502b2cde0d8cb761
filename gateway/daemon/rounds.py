"""What the daemon does again and again beside its scan. Jobs only wake: what is due stands in the ledger, and the
heartbeat mends a clock that jumped forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apscheduler.schedulers.background import BackgroundScheduler

from gateway.corridors.between import dates_up
from gateway.corridors.between.gathering import Gathering
from gateway.corridors.distribution import chasing
from gateway.corridors.inquiries.showing import Showing
from gateway.corridors.telling import laying, notices
from gateway.corridors.telling.bulletins import issuing
from gateway.corridors.telling.reminders import automatic
from gateway.corridors.upkeep import keywatch, retention, templates
from gateway.daemon import damaged, publication, sweeping, witnessing
from gateway.daemon.publication import Publication
from gateway.instants import SHANGHAI
from gateway.node import Node
from gateway.policy.facts import Facts

Job = Callable[[Node], object]

SWEEP_SECONDS, GATHER_SECONDS, HOLD_SECONDS, ROUSE_SECONDS, NOTICE_SECONDS, HEARTBEAT_SECONDS = 1.0, 2, 2, 10, 10, 30
KEYS_SECONDS, HOUR = 300, 3600


def scheduler(
    guarded: Callable[[Job], None], facts: Facts, published: Publication, own: Sequence[Job]
) -> BackgroundScheduler:
    """Not started yet. `guarded` runs a job and survives its failure; `own`: the daemon's, that it still holds its
    ledger and what there is to be told of itself."""
    made = BackgroundScheduler(
        timezone=SHANGHAI,
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
    )
    for job, seconds in _jobs(facts, published, own):
        made.add_job(guarded, "interval", (job,), seconds=seconds)
    return made


def _jobs(facts: Facts, published: Publication, own: Sequence[Job]) -> list[tuple[Job, float]]:
    """Each with how often."""
    keep, look = own
    # Retention goes by the node's clock, which runs faster in a rehearsal.
    speed = facts.node.rehearsal.speed if facts.node.rehearsal else 1.0
    return [
        (sweeping.sweep, SWEEP_SECONDS),
        (Gathering().round, GATHER_SECONDS),
        (dates_up.tell, GATHER_SECONDS),
        (published.round, publication.SECONDS),
        (published.ask, publication.ASK_SECONDS),
        (published.stamp, publication.STAMP_SECONDS),
        (witnessing.answer, witnessing.SECONDS),
        (keep, HOLD_SECONDS),
        (sweeping.rouse, ROUSE_SECONDS),
        (sweeping.Collections().round, HEARTBEAT_SECONDS),
        (sweeping.oblige, HEARTBEAT_SECONDS),
        (Showing().round, HEARTBEAT_SECONDS),
        (automatic.prompt, HEARTBEAT_SECONDS),
        (chasing.chase, HEARTBEAT_SECONDS),
        (issuing.issue, HEARTBEAT_SECONDS),
        (laying.lay_waiting, HEARTBEAT_SECONDS),
        (notices.post, NOTICE_SECONDS),
        (look, NOTICE_SECONDS),
        (keywatch.warn, KEYS_SECONDS),
        (templates.write, HOUR),
        (retention.erase, max(HOUR / speed, SWEEP_SECONDS)),
        (damaged.examine, damaged.WEEK),
    ]
