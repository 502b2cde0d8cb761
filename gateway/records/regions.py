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
    supplement = codelists.rows(folder / "area_gb2260_supplement.csv")
    provinces = codelists.provinces(schemas)
    key = (codelists.rows(folder / "area_gb2260_history.csv"), supplement, codelists.rows(folder / "province.csv"))
    known = _loaded.get(schemas)
    if known is not None and all(one is other for one, other in zip(known[0], key, strict=True)):
        return known[1]
    replaced = {(row["code"], row["name"]) for row in supplement}
    history = codelists.rows(folder / "area_gb2260_history.csv")
    last: dict[str, int] = {}
    for row in (*(row for row in history if (row["code"], row["name"]) not in replaced), *supplement):
        if row["level"] in ("county", "prefecture"):
            until = int(row["valid_to_year"]) if row["valid_to_year"] else OPEN
            last[row["code"]] = max(until, last.get(row["code"], 0))
    partners = frozenset(code for code, province in provinces.items() if province.partner)
    found = Regions(last, partners, frozenset(provinces) - partners)
    _loaded[schemas] = (key, found)
    return found
