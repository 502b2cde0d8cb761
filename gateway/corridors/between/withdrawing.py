"""Withdrawing (撤回) what another gateway's list names as to be deleted: here, and from whoever got it from here.

For each origin the notice is taken in as a delivery of kind `void`: what nobody has got yet is superseded, who has got
something is told by a notice in the next batch. Then the packages themselves go: sealed ones of ours, those in this
node's own folder, and refused originals. Only after that may the acknowledgement say that they are deleted.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.between import IncomingRow
from gateway.adapters.ledger.rows import PackageRow
from gateway.corridors import recording
from gateway.corridors.submission import superseding
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import ACTOR, Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome
from gateway.parcels import Kind, PackageId
from gateway.policy.facts import Facts
from gateway.stages import intake

CORRIDOR = "withdrawal"


def withdraw(node: Node, incoming: IncomingRow, now: datetime) -> Outcome[None]:
    """Do what a batch's withdrawals ask for; nothing where it has none, or when it was done before. Deferred 708 while
    something of the same origin is in work or on its way; Fault 900 where what counts here is not what is withdrawn."""
    with node.ledger.reading() as reading:
        named = [n for n in reading.between.named(incoming.id) if n.state == "withdrawn"]
        digests = {reading.between.digest_of(incoming.sender, n.package) for n in named} - {""}
        done = reading.entry(f"{incoming.id}/{Event.ERASED}") is not None
    if not named or done:
        return Ok(None)
    facts = node.facts.current()
    try:
        with node.ledger.transaction(now) as tx:
            for origin in sorted({n.origin for n in named}):
                _void(tx, incoming, origin, digests, facts)
    except _Stopped as stopped:
        return stopped.outcome
    with node.ledger.reading() as reading:
        parcels = [p for d in sorted(digests) for p in reading.parcels(sender=incoming.sender, sha256=d)]
        packages = [package for p in parcels for package in reading.packages(parcel=p.id)]
    if any(package.state == "released" for package in packages):
        return Deferred("708", {}, retry_after=5)  # on its way at this moment: it arrives, and is withdrawn then
    for package in packages:
        _delete(node, package, facts)
    for parcel in parcels:
        if parcel.state == "refused":
            shutil.rmtree(node.spool.quarantine / parcel.id, ignore_errors=True)
    _unreturn(node.folder(facts.parties[incoming.sender], facts.node.folders.returned), digests)
    with node.ledger.transaction(now) as tx:
        _gone(tx, incoming, packages)
    return Ok(None)


class _Stopped(Exception):
    """Leaves nothing of a withdrawal behind; carries the outcome, and never leaves this module."""

    def __init__(self, outcome: Deferred | Fault) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def _void(tx: Transaction, incoming: IncomingRow, origin: str, digests: set[str], facts: Facts) -> None:
    """Enter the withdrawal of one origin's deliveries, unless it is entered or nothing of it counts here. Raises
    `_Stopped`."""
    identity = "w" + hashlib.sha256(f"{incoming.id}/{origin}".encode()).hexdigest()[:30]
    holders = tx.places(origin, incoming.agreement, incoming.period)
    live = intake.current(holders)
    if tx.parcel(identity) is not None or not live:
        return
    if any(holder.state != "accepted" for holder in holders):
        raise _Stopped(Deferred("708", {}, retry_after=5))
    if any(holder.sha256 not in digests for holder in live):
        raise _Stopped(Fault("900", {"stage": "withdrawing", "error": "OthersCount"}))
    revision = holders[-1].revision + 1
    tx.add_parcel(
        id=identity,
        corridor=CORRIDOR,
        sender=incoming.sender,
        origin=origin,
        agreement=incoming.agreement,
        state="accepted",
        code="104",
        period=incoming.period,
        kind=str(Kind.VOID),
        revision=revision,
        sha256=incoming.list_sha256,
        facts=facts.digest,
        received_at=incoming.listed_at,
        posted_at=rfc3339(tx.now),
    )
    if not tx.take_place(origin, incoming.agreement, incoming.period, revision, identity):
        raise _Stopped(Deferred("708", {}, retry_after=5))
    parcel = recording.row(tx, identity)
    superseding.enter(tx, parcel, [])
    recording.parcel_event(tx, Event.ACCEPTED, parcel, counts={"records": 0}, digests={"list": incoming.list_sha256})


def _delete(node: Node, package: PackageRow, facts: Facts) -> None:
    if not package.sha256:
        return
    sealed = node.spool.sealed(package.agreement, package.period, PackageId(package.id))
    agreement = facts.agreements.get(package.agreement)
    if package.receiver == facts.node.party and agreement is not None:
        own = facts.parties[facts.node.party]
        durable.remove(node.folder(own, facts.node.folders.inbox, agreement.label) / sealed.name)
    durable.remove(sealed)


def _unreturn(folder: Path, digests: set[str]) -> None:
    """Refused originals that lie in the sender's folder of returns."""
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.is_file() and not file.is_symlink() and durable.sha256_file(file)[0] in digests:
            durable.remove(file)


def _gone(tx: Transaction, incoming: IncomingRow, packages: Sequence[PackageRow]) -> None:
    if tx.entry(f"{incoming.id}/{Event.ERASED}") is not None:
        return
    for package in packages:
        if package.state not in superseding.GONE:
            tx.update_package(package.id, state="withdrawn")
    tx.log(
        Entry(
            id=f"{incoming.id}/{Event.ERASED}",
            event=Event.ERASED,
            time=tx.now,
            actor=ACTOR,
            facts=incoming.facts,
            parties=(incoming.sender,),
            parcel=incoming.id,
            counts={"packages": len(packages)},
        )
    )
