"""A statistical table held against the cases this node has: counts per pair of provinces, never a record.

The node cannot make the tables; it can tell where a table's cross-province cells and the cases of the same origin
and period do not say the same. Cases that are not in yet are not compared: the quarter's view compares again whenever
it is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.counting import counting
from gateway.lifecycle.package import GONE
from gateway.policy.facts import Agreement


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that says `stated` where the node holds `held` cases with the other `province` (two digits)."""

    province: str
    stated: int
    held: int


def compare(
    reading: Reading, agreement: Agreement, origin: str, period: str, sums: Mapping[str, Mapping[str, int]]
) -> dict[str, tuple[Difference, ...]]:
    """By agreement of the cases that are in, the cells that differ, in order of province."""
    found: dict[str, tuple[Difference, ...]] = {}
    for value, cases in agreement.reconcile.cases.items() if agreement.reconcile else ():
        live = {parcel.id for parcel in counting(reading, origin, cases, period)}
        if not live:
            continue
        held: Counter[str] = Counter()
        for package in reading.packages.where(origin=origin, agreement=cases, period=period):
            if package.parcel in live and package.state not in GONE:
                held[package.receiver[:2]] += package.records
        stated = sums.get(value, {})
        sides = sorted({*stated, *held})
        found[cases] = tuple(
            Difference(side, stated.get(side, 0), held[side]) for side in sides if stated.get(side, 0) != held[side]
        )
    return found


def told(
    reading: Reading, agreement: Agreement, parcel: ParcelRow, sums: Mapping[str, Mapping[str, int]]
) -> dict[str, list[tuple[str, int, int]]]:
    """The same for a receipt: (province, stated, held) of each cell that differs."""
    compared = compare(reading, agreement, parcel.origin, parcel.period, sums)
    return {cases: [(d.province, d.stated, d.held) for d in found] for cases, found in compared.items()}
