"""What the operator's view says of a submission's content: quality figures against the targets, and how a statistical
table compares with the cases. From what checking left in the ledger: counts, never a value of a record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.comparing import statistics
from gateway.policy.facts import Agreement
from gateway.records import quality


@dataclass(frozen=True, slots=True)
class Figures:
    """Over the deliveries that count: shares per dimension, which of them lie `below` their target, shares field by
    field where they are not 1, and how many cells differ from the cases (None: nothing was compared)."""

    quality: Mapping[str, float] = field(default_factory=dict)
    below: tuple[str, ...] = ()
    fields: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    differing: int | None = None


def of(reading: Reading, agreement: Agreement, counting: Sequence[ParcelRow]) -> Figures:
    """`counting`: the accepted deliveries of one origin that count for a period."""
    bodies = [reading.progress.get(parcel.id, "checking") for parcel in counting]
    checked = [json.loads(body) for body in bodies if body]
    measures = quality.total(one.get("measures", {}) for one in checked)
    shares = quality.shares(measures)
    records = sum(parcel.records for parcel in counting)
    wrong: dict[str, dict[str, int]] = {}
    for one in checked:
        for name, dimensions in one.get("fields", {}).items():
            for dimension, count in dimensions.items():
                wrong.setdefault(name, {})[dimension] = wrong.get(name, {}).get(dimension, 0) + count
    return Figures(
        shares,
        below(agreement, shares),
        {name: {d: round(max(0.0, 1 - n / records), 4) for d, n in of.items()} for name, of in sorted(wrong.items())},
        _differing(reading, agreement, counting, checked),
    )


def below(agreement: Agreement, shares: Mapping[str, float]) -> tuple[str, ...]:
    """The dimensions whose share lies below the agreement's target."""
    targets = agreement.targets.model_dump()
    return tuple(name for name, share in shares.items() if targets[name] is not None and share < targets[name])


def _differing(
    reading: Reading, agreement: Agreement, counting: Sequence[ParcelRow], checked: Sequence[Mapping[str, object]]
) -> int | None:
    if agreement.reconcile is None or not counting:
        return None
    sums: dict[str, dict[str, int]] = {}
    for one in checked:
        for value, sides in one.get("sums", {}).items():  # type: ignore[attr-defined]
            for side, count in sides.items():
                sums.setdefault(value, {})[side] = sums.get(value, {}).get(side, 0) + count
    compared = statistics.compare(reading, agreement, counting[0].origin, counting[0].period, sums)
    return sum(map(len, compared.values())) if compared else None
