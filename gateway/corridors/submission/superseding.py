"""What a delivery does to the packages of those before it: a replacement and a withdrawal take the place of what its
origin sent, a part waits for the others.

Packages that nobody has got yet are `superseded` and never leave. Packages that were released are named by what
replaces them, or, for a receiver that gets nothing instead, by a withdrawal notice (撤回通知): a row without a file,
which travels in the next batch and is acknowledged as deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors import counting
from gateway.lifecycle import PACKAGE, PackageState, Recorded
from gateway.lifecycle.package import COMPLETED, PART, REPLACED, UNSEEN, WHOLE
from gateway.parcels import Kind, PartyId, SealedPackage
from gateway.stages import intake


def replaced(reading: Reading, parcel: ParcelRow) -> Mapping[PartyId, str]:
    """By receiver, the ids (separated by a blank) of the packages that this parcel's packages replace."""
    if parcel.kind is not Kind.REPLACE:
        return {}
    found: dict[PartyId, list[str]] = defaultdict(list)
    for package in counting.packages(reading, counting.before(reading, parcel)):
        found[PartyId(package.receiver)].append(package.id)
    return {receiver: " ".join(sorted(ids)) for receiver, ids in found.items()}


def missing(reading: Reading, parcel: ParcelRow) -> list[int]:
    """The parts (from 1) that are missing still when this parcel is accepted."""
    return intake.missing_parts(counting.together(reading, parcel))


def enter(tx: Transaction, parcel: ParcelRow, packages: Sequence[SealedPackage], accepted: Recorded) -> None:
    """Enter a parcel's packages, and settle what they do to earlier ones. `accepted` is the entry that says that the
    parcel was; the restore calls this with the entry it reads."""
    seen: dict[str, list[str]] = defaultdict(list)
    if parcel.kind in (Kind.REPLACE, Kind.VOID):
        for package in counting.packages(tx, counting.before(tx, parcel)):
            if package.state in UNSEEN:
                tx.packages.change(package.id, PACKAGE.apply(package.state, accepted, REPLACED))
            else:
                seen[package.receiver].append(package.id)
    parts = counting.together(tx, parcel)
    waits = bool(intake.missing_parts(parts))
    state = PACKAGE.apply(None, accepted, PART if waits else WHOLE).state
    for new in packages:
        tx.packages.add(parcel, new, state, sorted(seen.pop(new.receiver, [])))
    for receiver, ids in sorted(seen.items()):
        tx.packages.add_withdrawal(parcel, receiver, sorted(ids))
    if not waits:
        for package in counting.packages(tx, parts):
            if package.state is PackageState.WAITING:
                tx.packages.change(package.id, PACKAGE.apply(package.state, accepted, COMPLETED))
