"""Profile `plain-folder`: what a department without tools gets leaves as a workbook, into its own folder.

Until its release it lies sealed for this node itself, as everything does. It is opened only while it is handed over,
and only into a folder that nobody else can read.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from gateway import digests, durable
from gateway.adapters.ledger.rows import PackageRow
from gateway.adapters.sealing import keyring
from gateway.node import Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome
from gateway.packages import Descriptor
from gateway.parcels import DistributionId, PackageId, PartyId, Sorted
from gateway.policy.facts import Agreement, Facts, Party, places
from gateway.records import schema
from gateway.records.plain import write_workbook


def members(node: Node, sorted_: Sorted, agreement: Agreement, facts: Facts, key: str) -> dict[PartyId, Path]:
    """By receiver, the file that goes into its package: the part, the document, or, under this profile, the part as a
    workbook, made here with the key of that part, out of the parcel's `key`."""
    spool, parcel = node.spool, sorted_.checked.opened.arrival.parcel
    if sorted_.checked.opened.content == "document":
        return dict.fromkeys(sorted_.parts, spool.table(parcel))
    if agreement.profile != "plain-folder":
        return {receiver: spool.part(parcel, part.province) for receiver, part in sorted_.parts.items()}
    version = agreement.version_for(sorted_.checked.opened.arrival.period)
    rules = schema.load(facts.schemas, agreement.dataset, version).only(agreement.columns)
    found = {}
    for receiver, part in sorted_.parts.items():
        found[receiver] = spool.workbook(parcel, part.province)
        durable.make_folder(found[receiver].parent)
        write_workbook(found[receiver], spool.part(parcel, part.province), rules, digests.part_key(key, part.province))
    return found


def reachable(node: Node, receiver: Party) -> Deferred | None:
    """Deferred 710 while others than owner and group can look into the receiver's folder."""
    if node.folders.open_to_others(places.party_folder(receiver)):
        return Deferred("710", {"receiver": receiver.id}, 3600)
    return None


def unseal(node: Node, batch: str, packages: Sequence[PackageRow], facts: Facts) -> Outcome[dict[str, Path]]:
    """Package -> workbook, called as it will be in the receiver's folder. `forget` removes them all."""
    forget(node, batch)
    folder = _folder(node, batch)
    own = keyring.own_fingerprints(facts.path(facts.node.private))
    found = {}
    for package in packages:
        if not package.sha256:
            continue
        sealed = node.spool.sealed(package.agreement, package.period, PackageId(package.id))
        opened = node.opener.open(sealed, folder / package.id, *own, accept=lambda _: None)
        if not isinstance(opened, Ok):
            # We sealed it for ourselves: whatever is wrong with it, nobody else can mend it.
            return opened if isinstance(opened, Deferred) else Fault("902", {"reason": "our own package"})
        described: Descriptor = opened.value.descriptor
        member = folder / package.id / described.resources[0].path
        target = folder / f"{package.id}{member.suffix}"
        member.rename(target)
        found[package.id] = target
    return Ok(found)


def forget(node: Node, batch: str) -> None:
    shutil.rmtree(_folder(node, batch), ignore_errors=True)


def _folder(node: Node, batch: str) -> Path:
    return node.spool.batch(DistributionId(batch)) / ".plain"
