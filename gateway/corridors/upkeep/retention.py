"""Retention: what has been kept for as long as its agreement says is erased, and an entry says so."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

from gateway import durable
from gateway.corridors.comparing import repeating
from gateway.corridors.inquiries import closing
from gateway.corridors.recording import Said, erased, keeping, of_batch
from gateway.corridors.upkeep import litter
from gateway.lifecycle import BatchState, Event
from gateway.node import Node
from gateway.parcels import DistributionId, PackageId, ParcelId
from gateway.policy.facts import Facts, Retention, places


def erase(node: Node) -> None:
    """Once an hour or so. Each erasure is the removal first and its entry after, so that an entry never lies."""
    now, facts = node.clock.now(), node.facts.current()
    _quarantined(node, facts, now)
    _packages(node, facts, now)
    _returned(node, facts, now)
    litter.remove(node)
    closing.close_settled(node)
    repeating.destroy(node)


def _quarantined(node: Node, facts: Facts, now: datetime) -> None:
    """Refused originals, so many days after they were refused."""
    for folder in sorted(node.spool.quarantine.iterdir()):
        parcel = ParcelId(folder.name)
        with node.ledger.reading() as reading:
            row = reading.parcels.get(parcel)
        if row is None or row.updated_at > now - timedelta(days=keeping(facts, row.agreement).quarantine):
            continue
        with node.spool.removing():
            shutil.rmtree(folder, ignore_errors=True)
            durable.sync_folder(node.spool.quarantine)
        with node.ledger.transaction(now) as tx:
            erased(tx, tx.parcels.row(parcel))


def _packages(node: Node, facts: Facts, now: datetime) -> None:
    """Sealed packages, so many days after their receiver signed for them."""
    with node.ledger.reading() as reading:
        batches = reading.batches.where(state=BatchState.ACKNOWLEDGED)
    for batch in batches:
        limit = now - timedelta(days=keeping(facts, batch.agreement).packages)
        if batch.acknowledged_at is None or batch.acknowledged_at > limit:
            continue
        with node.ledger.reading() as reading:
            packages = reading.packages.where(distribution=batch.id)
        with node.spool.removing():
            for package in packages:
                durable.remove(node.spool.sealed(package.agreement, package.period, PackageId(package.id)))
            shutil.rmtree(node.spool.batch(DistributionId(batch.id)), ignore_errors=True)
        with node.ledger.transaction(now) as tx:
            of_batch(tx, batch, Event.ERASED, Said({"packages": len(packages)}))


def _returned(node: Node, facts: Facts, now: datetime) -> None:
    """Files in 退回: personal data that only wait for their sender. By their modification time, so that a list somebody
    still mends stays."""
    days = max((a.retention.returned for a in facts.agreements.values()), default=Retention().returned)
    limit = (now - timedelta(days=days)).timestamp()
    for party in facts.parties.values():
        if party.id == facts.node.party:
            continue
        folder = places.returned_folder(facts, party)
        try:
            for file in node.folders.files(folder):
                if file.modified_ns < limit * 1e9:
                    node.folders.remove(folder, file.name)
        except OSError as error:  # the folder is away: an hour later, and the others now
            node.log.warning("retention_waits", party=party.id, errno=error.errno)
