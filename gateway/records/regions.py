"""Region codes (GB/T 2260) with their history, down to the county; below it only the shape of a code can be checked.

Source of the rows: `schemas/codes/area_gb2260_history.csv` and its supplement, which stands over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.records import codelists

OPEN = 9999
CORPS = "66"


@dataclass(frozen=True, slots=True)
class Regions:
    """`last_year` maps every six-digit county or prefecture code there ever was to the last year it was valid in
    (`OPEN`: still is). `partners` and `strangers` are the two-digit codes inside and outside the exchange."""

    last_year: Mapping[str, int]
    partners: frozenset[str]
    strangers: frozenset[str]

    def known(self, county: str) -> bool:
        """Whether a six-digit code was a county (or a prefecture: some have no counties) at any time."""
        return county in self.last_year

    def abolished_before(self, county: str, year: int) -> bool:
        """Whether a known code ended before `year`; the year of its end still counts as valid."""
        return self.last_year[county] < year


_loaded: dict[Path, tuple[tuple[object, ...], Regions]] = {}


def load(schemas: Path) -> Regions:
    """Read both tables and the provinces from `schemas/codes`. A row of the supplement replaces the row of the same
    code and name in the history."""
    folder = schemas / "codes"
    names = ("area_gb2260_history.csv", "area_gb2260_supplement.csv", "province.csv")
    history, supplement, _ = key = tuple(codelists.facts(folder / name) for name in names)
    known = _loaded.get(schemas)
    if known is not None and all(one is other for one, other in zip(known[0], key, strict=True)):
        return known[1]
    columns = ("code", "name", "level", "valid_to_year")
    later = supplement.columns(*columns)
    replaced = {row[:2] for row in later}
    last: dict[str, int] = {}
    for code, _, level, until in (*(row for row in history.columns(*columns) if row[:2] not in replaced), *later):
        if level in ("county", "prefecture"):
            last[code] = max(int(until) if until else OPEN, last.get(code, 0))
    provinces = codelists.provinces(schemas)
    partners = frozenset(code for code, province in provinces.items() if province.partner)
    found = Regions(last, partners, frozenset(provinces) - partners)
    _loaded[schemas] = (key, found)
    return found
