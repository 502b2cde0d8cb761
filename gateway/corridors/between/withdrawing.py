"""Withdrawing (撤回) what another gateway's list names as to be deleted: here, and at those who got it from here.

For each origin, and each on whose behalf it reported, the notice is taken in as a delivery of kind `void`: what nobody
has got yet is superseded, who has got something is told by a notice in the next batch. Then the packages themselves go:
sealed ones of ours, those in this node's own folder, and refused originals. Only after that may the acknowledgement say
that they are deleted.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath

from gateway import durable
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import IncomingRow, PackageRow, Place
from gateway.corridors.recording import Said, incoming_entry, of_incoming, of_parcel, parcel_entry
from gateway.corridors.submission import superseding
from gateway.lifecycle import PACKAGE, Event, PackageState, ParcelState
from gateway.lifecycle.package import GONE, WITHDRAWN
from gateway.node import Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome
from gateway.parcels import Kind, PackageId
from gateway.policy.facts import Facts, places
from gateway.stages import intake

CORRIDOR = "withdrawal"


def withdraw(node: Node, incoming: IncomingRow, now: datetime) -> Outcome[None]:
    """Do what a batch's withdrawals ask for; nothing where it has none, or when it was done before. Deferred 708 while
    something of the same origin is in work or on its way; Fault 900 where what counts here is not what is withdrawn."""
    with node.ledger.reading() as reading:
        named = [n for n in reading.incoming.named(incoming.id) if not n.included]
        digests = {reading.incoming.digest_of(incoming.sender, n.package) for n in named} - {""}
        done = reading.entries.get(f"{incoming.id}/{Event.ERASED}") is not None
    if not named or done:
        return Ok(None)
    facts = node.facts.current()
    try:
        with node.ledger.transaction(now) as tx:
            for origin, reported_for in _withdrawn(tx, incoming, digests):
                _void(tx, incoming, origin, reported_for, digests)
    except _Stopped as stopped:
        return stopped.outcome
    with node.ledger.reading() as reading:
        parcels = [p for d in sorted(digests) for p in reading.parcels.where(sender=incoming.sender, sha256=d)]
        packages = [package for p in parcels for package in reading.packages.where(parcel=p.id)]
    if any(package.state is PackageState.RELEASED for package in packages):
        return Deferred("708", {}, retry_after=5)  # on its way at this moment: it arrives, and is withdrawn then
    for package in packages:
        _delete(node, package, facts)
    for parcel in parcels:
        if parcel.state is ParcelState.REFUSED:
            shutil.rmtree(node.spool.quarantine / parcel.id, ignore_errors=True)
    _unreturn(node, places.returned_folder(facts, facts.parties[incoming.sender]), digests)
    with node.ledger.transaction(now) as tx:
        _gone(tx, incoming, packages)
    return Ok(None)


class _Stopped(Exception):
    """Leaves nothing of a withdrawal behind; carries the outcome, and never leaves this module."""

    def __init__(self, outcome: Deferred | Fault) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def _withdrawn(reading: Reading, incoming: IncomingRow, digests: set[str]) -> list[tuple[str, str]]:
    """Of whom what is withdrawn was taken in here, and on whose behalf: by what lies here, not by what a list says."""
    parcels = [p for d in sorted(digests) for p in reading.parcels.where(sender=incoming.sender, sha256=d)]
    nothing = (ParcelState.REFUSED, ParcelState.DUPLICATE)
    return sorted({(p.origin, p.reported_for) for p in parcels if p.state not in nothing})


def _void(tx: Transaction, incoming: IncomingRow, origin: str, reported_for: str, digests: set[str]) -> None:
    """Enter the withdrawal of one origin's deliveries, or of those on behalf of one, unless it is entered or nothing of
    it counts here. Raises `_Stopped`."""
    whose = f"{origin}/{reported_for}" if reported_for else origin
    identity = "w" + hashlib.sha256(f"{incoming.id}/{whose}".encode()).hexdigest()[:30]
    holders = tx.places.holders(origin, incoming.agreement, incoming.period)
    live = [holder for holder in intake.current(holders) if holder.reported_for == reported_for]
    if tx.parcels.get(identity) is not None or not live:
        return
    if any(holder.state is not ParcelState.ACCEPTED for holder in holders if holder.reported_for == reported_for):
        raise _Stopped(Deferred("708", {}, retry_after=5))
    if any(holder.sha256 not in digests for holder in live):
        raise _Stopped(Fault("900", {"stage": "withdrawing", "error": "OthersCount"}))
    revision = holders[-1].revision + 1
    tx.parcels.add(
        id=identity,
        corridor=CORRIDOR,
        sender=incoming.sender,
        origin=origin,
        reported_for=reported_for,
        agreement=incoming.agreement,
        state=ParcelState.ARRIVING,
        period=incoming.period,
        kind=Kind.VOID,
        revision=revision,
        stated=max(holder.stated for holder in live),
        sha256=incoming.list_sha256,
        facts=incoming.facts,
        received_at=incoming.listed_at,
        posted_at=tx.now,
    )
    if not tx.places.take(Place(origin, incoming.agreement, incoming.period, revision), identity):
        raise _Stopped(Deferred("708", {}, retry_after=5))
    parcel = tx.parcels.row(identity)
    said = Said({"records": 0, "code": 104}, {"list": incoming.list_sha256})
    superseding.enter(tx, parcel, [], parcel_entry(tx, parcel, Event.ACCEPTED, said))
    of_parcel(tx, parcel, Event.ACCEPTED, said)


def _delete(node: Node, package: PackageRow, facts: Facts) -> None:
    if not package.sha256:
        return
    sealed = node.spool.sealed(package.agreement, package.period, PackageId(package.id))
    agreement = facts.agreements.get(package.agreement)
    if package.receiver == facts.node.party and agreement is not None:
        own = facts.parties[facts.node.party]
        node.folders.remove(places.inbox_folder(facts, own, agreement), sealed.name)
    durable.remove(sealed)


def _unreturn(node: Node, folder: PurePosixPath, digests: set[str]) -> None:
    """Refused originals that lie in the sender's folder of returns."""
    for file in node.folders.files(folder):
        if node.folders.sha256(folder, file.name) in digests:
            node.folders.remove(folder, file.name)


def _gone(tx: Transaction, incoming: IncomingRow, packages: Sequence[PackageRow]) -> None:
    if tx.entries.get(f"{incoming.id}/{Event.ERASED}") is not None:
        return
    said = Said({"packages": len(packages)})
    entry = incoming_entry(tx, incoming, Event.ERASED, said)
    for package in packages:
        if package.state not in GONE:
            tx.packages.change(package.id, PACKAGE.apply(package.state, entry, WITHDRAWN))
    of_incoming(tx, incoming, Event.ERASED, said)
