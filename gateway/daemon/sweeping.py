"""Sweeping: what waits in the ledger for a time to come, and what should be moving and is not.

Nothing is decided here: the ledger says what is due, the stages say what is ripe. The sweep only enqueues, and the same
attempt enqueued twice is one workflow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from gateway import flow
from gateway.adapters.storage import backup
from gateway.corridors.between.countersigning import Countersigning
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.distribution.upwards import Upwards
from gateway.corridors.obligations import obliging
from gateway.corridors.upkeep import litter
from gateway.node import ACKNOWLEDGE, ACTOR, Node
from gateway.parcels import Claim

STUCK = timedelta(seconds=60)


def tidy(node: Node) -> None:
    """Once, before the first scan: a crash leaves half a claim, which names a file, or a folder in the spool without
    claim and content. The file itself was not touched; it is an arrival like any other. What a backup had gathered is
    removed: it may hold plain records. So are files that writes left half done, once they are surely of no write."""
    node.inbox.tidy()
    for parcel in list(node.spool.waiting()):
        if node.inbox.claim(parcel) is None and not node.spool.content(parcel).exists():
            node.inbox.forget(parcel)
    backup.forget(node.spool.state)
    litter.remove(node)


def take_up(node: Node, claims: Iterable[Claim]) -> Iterator[Claim]:
    """Hand claims on to their corridors, and tell each that was. Its turn is its place among all of its sender's that
    are claimed and not done."""
    before: Counter[str] = Counter(claim.sender for claim in node.inbox.pending())
    fresh = list(claims)
    before.subtract(claim.sender for claim in fresh)
    for claim in fresh:
        before[claim.sender] += 1
        corridor = "acknowledgement" if claim.agreement == ACKNOWLEDGE else "submission"
        flow.enqueue_parcel(claim.parcel, corridor, 1, max(before[claim.sender], 1))
        yield claim


def sweep(node: Node) -> None:
    """Once a second or so: second tries that are due, batches that are ripe."""
    now = node.clock.now()
    with node.ledger.reading() as reading:
        parcels, batches = reading.parcels.due(now), reading.batches.due(now)
    turns: Counter[str] = Counter()
    for parcel in parcels:
        turns[parcel.sender] += 1
        if not flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt, turns[parcel.sender]):
            continue  # an earlier attempt is just ending: the next sweep finds it due as well
        with node.ledger.transaction(now) as tx:
            tx.parcels.taken_up(parcel.id, parcel.attempt)
    for batch in batches:
        flow.enqueue_delivery(batch.id, batch.receiver, batch.attempt)
        with node.ledger.transaction(now) as tx:
            tx.batches.taken_up(batch.id, batch.attempt)
    for agreement, period, number in Releasing(node).ripe(now):
        flow.enqueue_distribution(agreement, period, number, ACTOR)
    for incoming in Countersigning(node).ripe(now):
        flow.enqueue_answer(incoming.id, incoming.sender, incoming.attempt)


def rouse(node: Node) -> None:
    """Every ten seconds: parcels, batches and releases that should be moving and have no workflow that could move them
    (its step met an error of ours, such as a database that was away). They get a new attempt."""
    now = node.clock.now()
    if forsaken := flow.forsake(node.facts.current().node.name):
        node.log.warning("forsaken", workflows=forsaken)
    _parcels(node, now)
    _batches(node, now)
    _incoming(node, now)
    _claims(node)
    Delivery(node).post_waiting()
    for release in flow.failed_distributions():
        flow.enqueue_distribution(*release)
    for agreement, period, number in Releasing(node).ripe(now):
        attempt = flow.next_attempt(flow.distribution_id(agreement, period, number))
        if attempt is not None:
            flow.enqueue_distribution(agreement, period, number, ACTOR, attempt)


class Collections:
    """What the level above is told of what is collected from others."""

    def __init__(self) -> None:
        self._upwards = Upwards()

    def round(self, node: Node) -> None:
        """Every half minute: lists that go up without a package."""
        for agreement, period, number in self._upwards.listable(node):
            attempt = flow.next_attempt(flow.distribution_id(agreement, period, number)) or 1
            flow.enqueue_distribution(agreement, period, number, ACTOR, attempt)


def _parcels(node: Node, now: datetime) -> None:
    with node.ledger.reading() as reading:
        still = [p for p in reading.parcels.unfinished() if p.updated_at < now - STUCK]
    for parcel in still:
        if flow.alive(f"{parcel.id}#{parcel.attempt}"):
            continue
        with node.ledger.transaction(now) as tx:
            tx.parcels.update(parcel.id, attempt=parcel.attempt + 1)
        flow.enqueue_parcel(parcel.id, parcel.corridor, parcel.attempt + 1)


def _batches(node: Node, now: datetime) -> None:
    with node.ledger.reading() as reading:
        still = [b for b in reading.batches.waiting() if b.released_at < now - STUCK]
    for batch in still:
        if flow.alive(f"{batch.id}#{batch.attempt}"):
            continue
        with node.ledger.transaction(now) as tx:
            tx.batches.update(batch.id, attempt=batch.attempt + 1)
        flow.enqueue_delivery(batch.id, batch.receiver, batch.attempt + 1)


def _incoming(node: Node, now: datetime) -> None:
    for incoming in Countersigning(node).ripe(now):
        if incoming.listed_at < now - STUCK and not flow.alive(f"{incoming.id}#{incoming.attempt}"):
            with node.ledger.transaction(now) as tx:
                tx.incoming.update(incoming.id, attempt=incoming.attempt + 1)
            flow.enqueue_answer(incoming.id, incoming.sender, incoming.attempt + 1)


def _claims(node: Node) -> None:
    """Claims whose very first transaction failed: only the spool knows of them."""
    with node.ledger.reading() as reading:
        unknown = [claim for claim in node.inbox.pending() if reading.parcels.get(claim.parcel) is None]
    for claim in unknown:
        corridor = "acknowledgement" if claim.agreement == ACKNOWLEDGE else "submission"
        attempt = flow.next_attempt(claim.parcel)
        if attempt is not None:
            flow.enqueue_parcel(claim.parcel, corridor, attempt)


def beat(node: Node) -> None:
    """Remember that the node runs: what is missing until its next start was an outage."""
    with node.ledger.transaction(node.clock.now()) as tx:
        tx.heartbeat.beat()


def oblige(node: Node) -> None:
    """Every half minute: what is owed for the periods that ended last is entered, what was missed is marked."""
    beat(node)
    obliging.enter(node)
