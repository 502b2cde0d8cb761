"""Which deliveries of an origin count for a period, and which parts are still missing. Readings only.

A replacement takes the place of everything before it, a withdrawal leaves nothing, parts count together once all of
them are here (`gateway.stages.intake.current`).
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import PackageRow, ParcelRow
from gateway.lifecycle import ParcelState
from gateway.lifecycle.package import GONE
from gateway.parcels import Kind
from gateway.stages import intake


def before(reading: Reading, parcel: ParcelRow) -> list[ParcelRow]:
    """The deliveries that count for the period without this one, as far as it speaks of what they do: all of them, or
    the part that its origin reports on behalf of the same one."""
    holders = reading.places.holders(parcel.origin, parcel.agreement, parcel.period)
    live = intake.current([holder for holder in holders if holder.revision < parcel.revision])
    return [holder for holder in live if intake.together(holder, parcel)]


def counting(reading: Reading, origin: str, agreement: str, period: str) -> list[ParcelRow]:
    """The accepted deliveries that count for the period; empty where a part is missing."""
    holders = [h for h in reading.places.holders(origin, agreement, period) if h.state is ParcelState.ACCEPTED]
    live = intake.current(holders)
    return [] if intake.missing_parts(live) else live


def together(reading: Reading, parcel: ParcelRow) -> list[ParcelRow]:
    """The parts that make one delivery with this parcel, itself included, once it is accepted; empty where it is no
    part. Others may still be in work."""
    if parcel.kind is not Kind.PART:
        return []
    holders = reading.places.holders(parcel.origin, parcel.agreement, parcel.period)
    mine = [h for h in holders if h.reported_for == parcel.reported_for]
    return intake.current([h for h in mine if h.state is ParcelState.ACCEPTED or h.id == parcel.id])


def packages(reading: Reading, parcels: Sequence[ParcelRow]) -> list[PackageRow]:
    """The packages of these deliveries that are still to be had or replaced, without notices of withdrawal."""
    return [
        package
        for parcel in parcels
        for package in reading.packages.where(parcel=parcel.id)
        if package.state not in GONE and package.kind is not Kind.VOID
    ]
