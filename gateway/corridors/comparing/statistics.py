"""A statistical table held against the cases this node has: counts per pair of provinces, never a record.

The node cannot make the tables anew; it can tell where a table's cross-province cells and the cases of the same origin
and period do not say the same. Cases that are not in yet are not compared: the quarter's view compares again whenever
it is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.adapters.ledger.transaction import Reading
from gateway.corridors.submission import superseding
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
        counting = {parcel.id for parcel in superseding.counting(reading, origin, cases, period)}
        if not counting:
            continue
        held: Counter[str] = Counter()
        for package in reading.packages(origin=origin, agreement=cases, period=period):
            if package.parcel in counting and package.state not in superseding.GONE:
                held[package.receiver[:2]] += package.records
        stated = sums.get(value, {})
        sides = sorted({*stated, *held})
        found[cases] = tuple(
            Difference(side, stated.get(side, 0), held[side]) for side in sides if stated.get(side, 0) != held[side]
        )
    return found
