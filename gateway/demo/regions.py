"""Region codes and ID arithmetic for generated people, read from the code lists in `schemas/codes`.

Written apart from `gateway.records` on purpose: what the demo expects must not come from the code it puts to the test.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gateway

CORPS = "66"
AREA_TABLES = ("area_gb2260_history.csv", "area_gb2260_supplement.csv")
CHECK_CHARACTERS = "10X98765432"
"""GB 11643: the check character of each remainder modulo 11."""
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ISSUE_BEGAN = 1984
"""Nobody got a number before that year: the region of an older person is the one of then."""
NEVER_ISSUED = ("000", "997", "999")
"""Sequence parts of generated people; even is female, odd is male."""

_BEFORE = {"46": "44", "50": "51", CORPS: "65"}
"""Hainan (1988) and Chongqing (1997) were part of another province; the Corps has no numbers of its own."""


def codes_folder() -> Path:
    """The code lists beside the sources, or the copy inside the wheel. Raises `FileNotFoundError` without either."""
    package = Path(gateway.__file__).parent
    for folder in (package.parent / "schemas" / "codes", package / "_shipped" / "schemas" / "codes"):
        if (folder / AREA_TABLES[0]).is_file():
            return folder
    raise FileNotFoundError(f"code list {AREA_TABLES[0]} is missing from schemas/codes")


def read_codes(name: str) -> list[dict[str, str]]:
    """The rows of one code list, in its own order."""
    with (codes_folder() / name).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@dataclass(frozen=True, slots=True)
class Province:
    """One exchange partner: GB/T 2260 code (66 for the Corps), Chinese name, short name, part of the country."""

    code: str
    name: str
    short: str
    region: str


@cache
def provinces() -> tuple[Province, ...]:
    """The 32 exchange partners in the standard's order."""
    rows = [row for row in read_codes("province.csv") if row["participates"] == "yes"]
    return tuple(Province(row["code"], row["name"], row["short"], row["region"]) for row in rows)


def weighted(digits: str, start: int) -> int:
    """The sum of digits times their weights, for digits that begin at position `start` (0 to 16) of a number."""
    return sum(int(digit) * WEIGHTS[start + place] for place, digit in enumerate(digits))


def check_character(first17: str) -> str:
    """The eighteenth character of an ID number (GB 11643)."""
    return CHECK_CHARACTERS[weighted(first17, 0) % 11]


@dataclass(frozen=True, slots=True)
class Counties:
    """County codes: `current` are in force, `known` ever were; `spans` are the years each was in force."""

    current: Mapping[str, tuple[str, ...]]
    known: frozenset[str]
    spans: Mapping[str, tuple[tuple[int, int], ...]]

    def at_birth(self, province: str, year: int) -> tuple[tuple[str, int], ...]:
        """Counties of a province whose code was in force at birth and well after it, with their weighted sums."""
        return _at_birth(province, max(year, 1981), max(year + 2, ISSUE_BEGAN + 2))


def _spans(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, int], int]:
    spans: dict[tuple[str, int], int] = {}
    for row in rows:
        if row["level"] == "county":
            # A later table overrides the line of the same code and year: that is how a county comes to be abolished.
            spans[row["code"], int(row["valid_from_year"] or 1981)] = int(row["valid_to_year"] or 9999)
    return spans


@cache
def counties() -> Counties:
    """Every county of the area tables; what began in the tables' newest two years is left out."""
    rows = [row for table in AREA_TABLES if (codes_folder() / table).is_file() for row in read_codes(table)]
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for (code, begins), ends in _spans(rows).items():
        spans[code].append((begins, ends))
    newest = max(begins for every in spans.values() for begins, _ in every)
    current: dict[str, list[str]] = defaultdict(list)
    for code in sorted(spans):
        if any(ends == 9999 and begins < newest - 1 for begins, ends in spans[code]):
            current[code[:2]].append(code)
    return Counties(
        {province: tuple(codes) for province, codes in current.items()},
        frozenset(spans),
        {code: tuple(sorted(every)) for code, every in spans.items()},
    )


@cache
def _of_province() -> dict[str, list[str]]:
    codes: dict[str, list[str]] = defaultdict(list)
    for code in sorted(counties().spans):
        codes[code[:2]].append(code)
    return codes


@cache
def _at_birth(province: str, first: int, last: int) -> tuple[tuple[str, int], ...]:
    spans = counties().spans
    found = tuple(
        (code, weighted(code, 0))
        for code in _of_province().get(province, ())
        if any(begins <= first and last < ends for begins, ends in spans[code])
    )
    return found or _at_birth(_BEFORE[province], first, last)
