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
from gateway.node import ACKNOWLEDGE, ACTOR, Node

STUCK = timedelta(seconds=60)


def tidy(node: Node) -> None:
    """Once, before the first scan: a crash leaves half a claim, which names a file, or a folder in the spool without
    claim and content. The file itself was not touched; it is an arrival like any other. What a backup had gathered is
    removed: it may hold plain records."""
    node.inbox.tidy()
    for parcel in list(node.spool.waiting()):
        if node.inbox.claim(parcel) is None and not node.spool.content(parcel).exists():
            node.inbox.forget(parcel)
    backup.forget(node.spool.state)


def sweep(node: Node) -> None:
    """Once a second or so: second tries that are due, batches that are ripe."""
    now = node.clock.now()
    with node.ledger.reading() as reading:
        parcels, deliveries = reading.due_parcels(now), reading.due_deliveries(now)
    for parcel in parcels:
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt)
        with node.ledger.transaction(now) as tx:
            tx.parcel_taken_up(parcel.id, parcel.attempt)
    for late in deliveries:
        flow.enqueue_delivery(late.distribution, late.receiver, late.attempt)
        with node.ledger.transaction(now) as tx:
            tx.delivery_taken_up(late.distribution, late.attempt)
    for agreement, period, batch in Distribution(node).ripe(now):
        flow.enqueue_distribution(agreement, period, batch, ACTOR)
    for incoming in Answering(node).ripe(now):
        flow.enqueue_answer(incoming.id, incoming.sender, incoming.attempt)


def rouse(node: Node) -> None:
    """Every half minute: parcels, batches and releases that should be moving and have no workflow that could move them
    (its step met an error of ours, such as a database that was away). They get a new attempt."""
    now = node.clock.now()
    before = rfc3339(now - STUCK)
    with node.ledger.reading() as reading:
        parcels = [p for p in reading.unfinished() if p.updated_at < before]
        unknown = [c for c in node.inbox.pending() if reading.parcel(c.parcel) is None]
        batches = [d for d in reading.waiting_deliveries() if d.released_at < before]
    for parcel in parcels:
        if flow.alive(f"{parcel.id}#{parcel.attempt}"):
            continue
        with node.ledger.transaction(now) as tx:
            tx.update_parcel(parcel.id, attempt=parcel.attempt + 1)
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt + 1)
    for batch in batches:
        if flow.alive(f"{batch.distribution}#{batch.attempt}"):
            continue
        with node.ledger.transaction(now) as tx:
            tx.update_delivery(batch.distribution, attempt=batch.attempt + 1)
        flow.enqueue_delivery(batch.distribution, batch.receiver, batch.attempt + 1)
    for incoming in Answering(node).ripe(now):
        if incoming.listed_at < before and not flow.alive(f"{incoming.id}#{incoming.attempt}"):
            with node.ledger.transaction(now) as tx:
                tx.between.update_incoming(incoming.id, attempt=incoming.attempt + 1)
            flow.enqueue_answer(incoming.id, incoming.sender, incoming.attempt + 1)
    for claim in unknown:  # its very first transaction failed: only the spool knows of it
        corridor = "acknowledgement" if claim.agreement == ACKNOWLEDGE else "submission"
        attempt = flow.next_attempt(claim.parcel)
        if attempt is not None:
            flow.enqueue_parcel(claim.parcel, corridor, attempt)
    Distribution(node).post_waiting()
    for agreement, period, number in Distribution(node).ripe(now):
        attempt = flow.next_attempt(flow.distribution_id(agreement, period, number))
        if attempt is not None:
            flow.enqueue_distribution(agreement, period, number, ACTOR, attempt)


def beat(node: Node) -> None:
    """Remember that the node runs: what is missing until its next start was an outage."""
    with node.ledger.transaction(node.clock.now()) as tx:
        tx.beat()


def oblige(node: Node) -> None:
    """Every half minute: what is owed for the periods that ended last is entered, what was missed is marked."""
    beat(node)
    obliging.enter(node)
