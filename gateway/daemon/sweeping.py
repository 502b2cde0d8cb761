"""Sweeping: what waits in the ledger for a time to come, and what should be moving and is not.

Nothing is decided here: the ledger says what is due, the stages say what is ripe. The sweep only enqueues, and the same
attempt enqueued twice is one workflow.
"""

from __future__ import annotations

from datetime import timedelta

from dbos import DBOS

from gateway import deadlines, flow
from gateway.corridors import recording
from gateway.corridors.distribution import Distribution
from gateway.corridors.tools import ACTOR, Tools
from gateway.log import rfc3339
from gateway.policy.periods import for_rhythm

STUCK = timedelta(seconds=60)
_ALIVE = ("PENDING", "ENQUEUED", "DELAYED")


def sweep(tools: Tools) -> None:
    """Once a second or so: second tries that are due, batches that are ripe."""
    now = tools.clock.now()
    with tools.ledger.reading() as reading:
        parcels, deliveries = reading.due_parcels(now), reading.due_deliveries(now)
    for parcel in parcels:
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt)
        with tools.ledger.transaction(now) as tx:
            tx.update_parcel(parcel.id, next_attempt_at="")
    for late in deliveries:
        flow.enqueue_delivery(late.distribution, late.receiver, late.attempt)
        with tools.ledger.transaction(now) as tx:
            tx.update_delivery(late.distribution, next_attempt_at="")
    for agreement, period, batch in Distribution(tools).ripe(now):
        flow.enqueue_distribution(agreement, period, batch, ACTOR)


def rouse(tools: Tools) -> None:
    """Every half minute: parcels and batches that should be moving and have no workflow that could move them (its step
    met an error of ours, such as a database that was away). They get a new attempt."""
    now = tools.clock.now()
    before = rfc3339(now - STUCK)
    with tools.ledger.reading() as reading:
        parcels = [p for p in reading.unfinished() if p.updated_at < before]
        batches = [d for d in reading.waiting_deliveries() if d.released_at < before]
    for parcel in parcels:
        if _alive(f"{parcel.id}#{parcel.attempt}"):
            continue
        with tools.ledger.transaction(now) as tx:
            tx.update_parcel(parcel.id, attempt=parcel.attempt + 1)
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt + 1)
    for batch in batches:
        if _alive(f"{batch.distribution}#{batch.attempt}"):
            continue
        with tools.ledger.transaction(now) as tx:
            tx.update_delivery(batch.distribution, attempt=batch.attempt + 1)
        flow.enqueue_delivery(batch.distribution, batch.receiver, batch.attempt + 1)


def oblige(tools: Tools) -> None:
    """Enter what is owed for the periods that ended last, and mark what was missed."""
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    rhythms = {a.rhythm for a in facts.agreements.values() if a.rhythm != "event"}
    expected = [
        owed
        for rhythm in sorted(rhythms)
        for owed in deadlines.expected(facts, for_rhythm(rhythm, now.date()), calendar)
    ]
    with tools.ledger.reading() as reading:
        known = {o.id for o in reading.obligations()}
        overdue = [o for o in reading.obligations(state="open") if o.expires_at <= rfc3339(now)]
    fresh = [owed for owed in expected if owed.id not in known]
    if not fresh and not overdue:
        return
    with tools.ledger.transaction(now) as tx:
        for owed in fresh:
            recording.set_obligation(tx, owed, facts)
        for late in overdue:
            recording.missed(tx, late, facts, calendar)


def _alive(workflow: str) -> bool:
    status = DBOS.get_workflow_status(workflow)
    return status is not None and status.status in _ALIVE
