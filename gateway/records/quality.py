"""Quality figures of one file in the four dimensions of seed 002 (完整性 规范性 逻辑性 合理性), as shares from 0 to 1.

`completeness` is counted in required cells (完整率); `conformity`, `consistency` (逻辑符合率) and `plausibility` in
records without a violation of that dimension. Coverage and accuracy need a denominator that no file holds, so they are
not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from gateway.records.violations import DIMENSIONS, Problem, meanings

MISSING = frozenset(("401", "434"))


class Quality:
    """Adds up what is wrong, row by row; rows without violations need not be shown to it."""

    def __init__(self, required: int) -> None:
        self._required = required
        self._missing = 0
        self._rows: Counter[str] = Counter()
        self._meanings = meanings()

    def add(self, problems: Iterable[Problem]) -> None:
        hit = set()
        for _, code in problems:
            self._missing += code in MISSING
            hit.add(self._meanings[code].dimension)
        self._rows.update(hit)

    def count(self, missing: int, rows: Mapping[str, int]) -> None:
        """Cells missing, and rows with a violation of each dimension, that were counted elsewhere."""
        self._missing += missing
        self._rows.update(rows)

    def figures(self, records: int) -> Mapping[str, float]:
        """The shares over `records` rows, to four digits; empty where there are no rows."""
        if not records:
            return {}
        shares = {dimension: 1 - self._rows[dimension] / records for dimension in DIMENSIONS}
        cells = records * self._required
        shares["completeness"] = 1 - min(self._missing, cells) / cells if cells else 1.0
        return {dimension: round(share, 4) for dimension, share in shares.items()}
