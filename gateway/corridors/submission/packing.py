"""Packing: the parts of a sorted parcel become sealed packages, several at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from gateway import durable
from gateway.corridors.distribution import unsealing
from gateway.corridors.submission import superseding
from gateway.corridors.submission.steps import parcel_key
from gateway.node import Node
from gateway.outcomes import Ok, Outcome
from gateway.parcels import Sealed, SealedPackage, Sorted
from gateway.stages import sealing


def pack(node: Node, sorted_: Sorted, now: datetime) -> Outcome[Sealed]:
    """Every part into one package for its receiver; packages that an earlier run made are adopted."""
    arrival = sorted_.checked.opened.arrival
    parcel = arrival.parcel
    # Keys are those of today: a partner's new key must not wait for the parcels that began before it.
    facts = node.facts.current()
    agreement = facts.agreements[arrival.agreement]
    plain = agreement.profile == "plain-folder"
    key = parcel_key(node, parcel, now)
    paths = unsealing.members(node, sorted_, agreement, facts, key)
    files = {
        receiver: durable.sha256_file(path) if plain else (sorted_.parts[receiver].sha256, path.stat().st_size)
        for receiver, path in paths.items()
    }
    with node.ledger.reading() as reading:
        replaces = superseding.replaced(reading, reading.parcels.row(parcel))
    planned = sealing.plan(sorted_, files, replaces, facts, now, key)
    if not isinstance(planned, Ok):
        return planned

    def make(plan: sealing.Plan) -> Outcome[SealedPackage]:
        target = node.spool.sealed(arrival.agreement, arrival.period, plan.package, agreement.profile)
        if not target.exists():
            members: list[tuple[str, Path | bytes]] = [
                ("datapackage.json", plan.descriptor),
                (plan.member, paths[plan.receiver]),
            ]
            made = node.sealer.seal(members, plan.fingerprint, target)
            if not isinstance(made, Ok):
                return made
        # Committed to is what the receiver will hold: the sealed file, or the workbook that is in it.
        return Ok(sealing.sealed(plan, *(files[plan.receiver] if plain else durable.sha256_file(target))))

    packages = []
    with ThreadPoolExecutor(facts.node.limits.seal_parallel) as pool:
        for outcome in pool.map(make, planned.value):
            if not isinstance(outcome, Ok):
                return outcome
            packages.append(outcome.value)
    return Ok(Sealed(sorted_, tuple(packages)))
