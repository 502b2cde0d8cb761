"""What a delivery does to the packages of those before it: a replacement and a withdrawal take the place of what its
origin sent, a part waits for the others.

Packages that nobody has got yet are `superseded` and never leave. Packages that were released are named by what
replaces them, or, for a receiver that gets nothing instead, by a withdrawal notice (撤回通知): a row without a file,
which travels in the next batch and is acknowledged as deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import PackageRow, ParcelRow
from gateway.adapters.ledger.transaction import Reading
from gateway.parcels import Kind, PartyId, SealedPackage
from gateway.stages import intake

UNSEEN = ("held", "waiting", "lost")
GONE = ("superseded", "withdrawn")


def before(reading: Reading, parcel: ParcelRow) -> list[ParcelRow]:
    """The deliveries that count for the period without this one."""
    holders = reading.places(parcel.origin, parcel.agreement, parcel.period)
    return intake.current([holder for holder in holders if holder.revision < parcel.revision])


def counting(reading: Reading, origin: str, agreement: str, period: str) -> list[ParcelRow]:
    """The accepted deliveries that count for the period; empty where a part is missing."""
    holders = [h for h in reading.places(origin, agreement, period) if h.state == "accepted"]
    live = intake.current(holders)
    return [] if intake.missing_parts(live) else live


def replaced(reading: Reading, parcel: ParcelRow) -> Mapping[PartyId, str]:
    """By receiver, the ids (separated by a blank) of the packages that this parcel's packages replace."""
    if parcel.kind != Kind.REPLACE:
        return {}
    found: dict[PartyId, list[str]] = defaultdict(list)
    for package in _packages(reading, before(reading, parcel)):
        found[PartyId(package.receiver)].append(package.id)
    return {receiver: " ".join(sorted(ids)) for receiver, ids in found.items()}


def enter(tx: Transaction, parcel: ParcelRow, packages: Sequence[SealedPackage]) -> list[int]:
    """Enter a parcel's packages and settle what they do to earlier ones. Answers the parts that are still missing."""
    seen: dict[str, list[str]] = defaultdict(list)
    if parcel.kind in (Kind.REPLACE, Kind.VOID):
        for package in _packages(tx, before(tx, parcel)):
            if package.state in UNSEEN:
                tx.update_package(package.id, state="superseded")
            else:
                seen[package.receiver].append(package.id)
    whole = _with(tx, parcel) if parcel.kind == Kind.PART else []
    missing = intake.missing_parts(whole)
    for new in packages:
        replaces = " ".join(sorted(seen.pop(new.receiver, [])))
        tx.add_package(parcel, new, state="waiting" if missing else "held", replaces=replaces)
    for receiver, ids in sorted(seen.items()):
        tx.add_withdrawal(parcel, receiver, " ".join(sorted(ids)))
    if not missing:
        for package in _packages(tx, whole):
            if package.state == "waiting":
                tx.update_package(package.id, state="held")
    return missing


def _with(reading: Reading, parcel: ParcelRow) -> list[ParcelRow]:
    """The deliveries that count once this one is accepted; others may still be in work."""
    holders = reading.places(parcel.origin, parcel.agreement, parcel.period)
    return intake.current([h for h in holders if h.state == "accepted" or h.id == parcel.id])


def _packages(reading: Reading, parcels: Sequence[ParcelRow]) -> list[PackageRow]:
    return [
        package
        for parcel in parcels
        for package in reading.packages(parcel=parcel.id)
        if package.state not in GONE and package.kind != Kind.VOID
    ]
