"""Quality figures of one file in four dimensions (完整性 规范性 逻辑性 合理性), as shares from 0 to 1.

`completeness` is counted in required cells (完整率); `conformity`, `consistency` (逻辑符合率) and `plausibility` in
records without a violation of that dimension. Coverage and accuracy need a denominator that no file holds, so they are
not here. What is kept of a file are counts, which add up over the files of a sender and a period; shares are worked out
when they are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from gateway.records.schema import Field
from gateway.records.violations import DIMENSIONS, WHOLE_ROW, Problem, meanings

MISSING = frozenset(("401", "434"))

Measures = Mapping[str, Mapping[str, int]]
"""Dimension → `of` (required cells for completeness, else records) and `wrong` of them."""


class Quality:
    """Adds up what is wrong, row by row; rows without violations need not be shown to it. `found` counts violations by
    field and code."""

    def __init__(self, required: int) -> None:
        self._required = required
        self._missing = 0
        self._rows: Counter[str] = Counter()
        self._meanings = meanings()
        self.found: Counter[Problem] = Counter()

    def add(self, problems: Iterable[Problem]) -> None:
        """Add the violations of one row."""
        hit = set()
        for place, code in problems:
            self._missing += code in MISSING
            hit.add(self._meanings[code].dimension)
            if place != WHOLE_ROW:
                self.found[place, code] += 1
        self._rows.update(hit)

    def count(self, missing: int, rows: Mapping[str, int]) -> None:
        """Cells missing, and rows with a violation of each dimension, that were counted elsewhere."""
        self._missing += missing
        self._rows.update(rows)

    def measures(self, records: int) -> dict[str, dict[str, int]]:
        """What was counted over `records` rows; empty where there are none."""
        if not records:
            return {}
        found: dict[str, dict[str, int]] = {name: {"of": records, "wrong": self._rows[name]} for name in DIMENSIONS}
        cells = records * self._required
        found["completeness"] = {"of": cells, "wrong": min(self._missing, cells)}
        return found

    def fields(self, fields: Iterable[Field]) -> dict[str, dict[str, int]]:
        """Field → dimension → violations in that field; fields and dimensions without any are left out."""
        counted: dict[str, dict[str, int]] = {}
        names = [field.name for field in fields]
        for (place, code), n in sorted(self.found.items()):
            of = counted.setdefault(names[place], {})
            of[self._meanings[code].dimension] = of.get(self._meanings[code].dimension, 0) + n
        return counted

    def figures(self, records: int) -> Mapping[str, float]:
        """The shares over `records` rows, to four digits; empty where there are no rows."""
        return shares(self.measures(records))


def shares(measures: Measures) -> dict[str, float]:
    """Dimension → share without fault, to four digits; 1 where there was nothing to count."""
    return {name: round(1 - m["wrong"] / m["of"], 4) if m["of"] else 1.0 for name, m in measures.items()}


def total(several: Iterable[Measures]) -> dict[str, dict[str, int]]:
    """The measures of several files taken together."""
    added: dict[str, dict[str, int]] = {}
    for measures in several:
        for name, counted in measures.items():
            of = added.setdefault(name, {"of": 0, "wrong": 0})
            of["of"] += counted["of"]
            of["wrong"] += counted["wrong"]
    return added
