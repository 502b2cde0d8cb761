"""Sweeping: what waits in the ledger for a time to come, and what should be moving and is not.

Nothing is decided here: the ledger says what is due, the stages say what is ripe. The sweep only enqueues, and the same
attempt enqueued twice is one workflow.
"""

from __future__ import annotations

from datetime import timedelta

from gateway import flow
from gateway.adapters.storage import backup
from gateway.corridors.between.countersigning import Answering
from gateway.corridors.distribution.steps import Distribution
from gateway.corridors.obligations import obliging
from gateway.instants import rfc3339
from gateway.node import ACKNOWLEDGE, ACTOR, Tools

STUCK = timedelta(seconds=60)


def tidy(tools: Tools) -> None:
    """Once, before the first scan: a crash leaves half a claim, which names a file, or a folder in the spool without
    claim and content. The file itself was not touched; it is an arrival like any other. What a backup had gathered is
    removed: it may hold plain records."""
    tools.inbox.tidy()
    for parcel in list(tools.spool.waiting()):
        if tools.inbox.claim(parcel) is None and not tools.spool.content(parcel).exists():
            tools.inbox.forget(parcel)
    backup.forget(tools.spool.state)


def sweep(tools: Tools) -> None:
    """Once a second or so: second tries that are due, batches that are ripe."""
    now = tools.clock.now()
    with tools.ledger.reading() as reading:
        parcels, deliveries = reading.due_parcels(now), reading.due_deliveries(now)
    for parcel in parcels:
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt)
        with tools.ledger.transaction(now) as tx:
            tx.parcel_taken_up(parcel.id, parcel.attempt)
    for late in deliveries:
        flow.enqueue_delivery(late.distribution, late.receiver, late.attempt)
        with tools.ledger.transaction(now) as tx:
            tx.delivery_taken_up(late.distribution, late.attempt)
    for agreement, period, batch in Distribution(tools).ripe(now):
        flow.enqueue_distribution(agreement, period, batch, ACTOR)
    for incoming in Answering(tools).ripe(now):
        flow.enqueue_answer(incoming.id, incoming.sender, incoming.attempt)


def rouse(tools: Tools) -> None:
    """Every half minute: parcels, batches and releases that should be moving and have no workflow that could move them
    (its step met an error of ours, such as a database that was away). They get a new attempt."""
    now = tools.clock.now()
    before = rfc3339(now - STUCK)
    with tools.ledger.reading() as reading:
        parcels = [p for p in reading.unfinished() if p.updated_at < before]
        unknown = [c for c in tools.inbox.pending() if reading.parcel(c.parcel) is None]
        batches = [d for d in reading.waiting_deliveries() if d.released_at < before]
    for parcel in parcels:
        if flow.alive(f"{parcel.id}#{parcel.attempt}"):
            continue
        with tools.ledger.transaction(now) as tx:
            tx.update_parcel(parcel.id, attempt=parcel.attempt + 1)
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt + 1)
    for batch in batches:
        if flow.alive(f"{batch.distribution}#{batch.attempt}"):
            continue
        with tools.ledger.transaction(now) as tx:
            tx.update_delivery(batch.distribution, attempt=batch.attempt + 1)
        flow.enqueue_delivery(batch.distribution, batch.receiver, batch.attempt + 1)
    for incoming in Answering(tools).ripe(now):
        if incoming.listed_at < before and not flow.alive(f"{incoming.id}#{incoming.attempt}"):
            with tools.ledger.transaction(now) as tx:
                tx.between.update_incoming(incoming.id, attempt=incoming.attempt + 1)
            flow.enqueue_answer(incoming.id, incoming.sender, incoming.attempt + 1)
    for claim in unknown:  # its very first transaction failed: only the spool knows of it
        corridor = "acknowledgement" if claim.agreement == ACKNOWLEDGE else "submission"
        attempt = flow.next_attempt(claim.parcel)
        if attempt is not None:
            flow.enqueue_parcel(claim.parcel, corridor, attempt)
    Distribution(tools).post_waiting()
    for agreement, period, number in Distribution(tools).ripe(now):
        attempt = flow.next_attempt(flow.distribution_id(agreement, period, number))
        if attempt is not None:
            flow.enqueue_distribution(agreement, period, number, ACTOR, attempt)


def beat(tools: Tools) -> None:
    """Remember that the node runs: what is missing until its next start was an outage."""
    with tools.ledger.transaction(tools.clock.now()) as tx:
        tx.beat()


def oblige(tools: Tools) -> None:
    """Every half minute: what is owed for the periods that ended last is entered, what was missed is marked."""
    beat(tools)
    obliging.enter(tools)
