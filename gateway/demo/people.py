"""Artificial people: seeded records of `migrants-inflow` and `migrants-outflow` that no rule refuses.

Nobody here can be anybody: the sequence part of every ID number (digits 15 to 17) is 000, 997 or 999, which are
never issued, names are 测试…, 示例… and the like, addresses lie in 示例省. Numbers repeat between files, not within.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from typing import TypeAlias

from gateway.demo.regions import CHECK_CHARACTERS, CORPS, NEVER_ISSUED, counties, weighted

INFLOW, OUTFLOW = "migrants-inflow", "migrants-outflow"

FIELDS = (
    "household_code",
    "name",
    "sex",
    "residence_address",
    "residence_code",
    "registered_address",
    "registered_code",
    "id_number",
    "birth_date",
    "education",
    "household_type",
    "marital_status",
    "migration_reason",
    "migration_date",
    "return_date",
    "family_migration",
    "spouse_accompanying",
)
"""Order of the fields in a `Row` (the 11 + 2 items of 国家人口计生委《全员流动人口统计信息工作方案》 三（二）)."""

Row: TypeAlias = tuple[str, ...]
"""One record as it leaves the node: the text of each of `FIELDS`, dates as YYYYMMDD, empty where there is nothing."""

AWAY_DAYS = 30
"""Away for that many days or more: migrant (国家人口计生委《全员流动人口统计信息工作方案》 三（一）)."""

_STEMS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
_SURNAMES = ("测试", "示例", "样例", "演示")
_HARD_NAMES = ("测试䶮", "示例𬱖", "样例龴", "测试甲·示例乙", "示例䶮·测试𬱖", "演示丙·样例丁", "测试㐱", "示例𠮷")
_EDUCATION = (
    ("71",) * 38
    + ("61",) * 16
    + ("81",) * 16
    + ("21",) * 9
    + ("31",) * 9
    + ("20", "30", "40", "44", "47", "14", "70", "11")
)
_REASONS = ("1",) * 66 + ("2",) * 18 + ("5",) * 6 + ("4",) * 3 + ("9",) * 4 + ("6",) * 2 + ("3",)
_MARITAL = ("21",) * 60 + ("20",) * 10 + ("10",) * 20 + ("22",) * 3 + ("23",) + ("40",) * 3 + ("30",) * 2 + ("90",)
_HOUSEHOLD_TYPES = ("9",) * 14 + ("2",) * 4 + ("1",) * 2

_AGE_BANDS = ((1, 6, 7), (7, 15, 9), (16, 22, 14), (23, 32, 26), (33, 45, 23), (46, 60, 16), (61, 78, 5))
"""First age, last age, share in per cent: the young of working age move."""


def dice(*parts: object) -> random.Random:
    """A generator of its own for every purpose: the same parts, the same throws, on every machine."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - repeatable on purpose, nothing here is a secret


@dataclass(frozen=True, slots=True)
class Sample:
    """What to generate: records of one party (two digits) under one agreement, all true at `as_of`.

    `far` maps the other side's provinces to their weight; its zeros never occur.
    """

    agreement: str
    own: str
    as_of: date
    rows: int
    far: Mapping[str, float]
    seed: str


@cache
def _addresses() -> tuple[str, ...]:
    roads = [f"示例{stem}路" for stem in _STEMS]
    plain = [f"示例省示例市示例县{road}{number}号" for road in roads for number in range(1, 21)]
    # A comma and a quotation mark are text: they have to come out as they went in.
    plain += [f"示例省示例市,示例区{road}1号" for road in roads[:4]] + ['示例省示例市示例县"示例"小区2号']
    return tuple(plain)


@cache
def _names() -> tuple[str, ...]:
    usual = [f"{surname}{first}" for surname in _SURNAMES for first in _STEMS]
    usual += [f"{surname}{first}{second}" for surname in _SURNAMES for first in _STEMS for second in _STEMS]
    return (*usual, *(name for name in _HARD_NAMES for _ in range(len(usual) // 200)))


@cache
def _days(as_of: date, back: int) -> tuple[tuple[str, int, int], ...]:
    """For every day from `as_of` backwards: YYYYMMDD, its weighted sum in an ID number, its year."""
    days = (as_of - timedelta(days=ago) for ago in range(back))
    return tuple((text, weighted(text, 6), int(text[:4])) for text in (f"{day:%Y%m%d}" for day in days))


@cache
def _ages() -> tuple[int, ...]:
    """A hundred shares of ages in days, to draw from."""
    shares = []
    for first, last, share in _AGE_BANDS:
        shares += [first * 365 + (last - first) * 365 * step // share for step in range(share)]
    return tuple(shares)


@cache
def _codes(province: str) -> tuple[str, ...]:
    """County codes of a province; for the Corps, whose list is its own, divisions and regiments by shape."""
    if province == CORPS:
        return tuple(f"66{division:02}{regiment:02}" for division in range(1, 15) for regiment in range(1, 9))
    return counties().current[province]


def region_code(province: str, draw: float) -> str:
    """Twelve digits down to a village that exists by its shape; `draw` in [0, 1) decides which."""
    codes = _codes(province)
    which, rest = divmod(draw * len(codes), 1)
    town, village = divmod(int(rest * 600), 30)
    return f"{codes[int(which)]}{town + 1:03}{village + 1:03}"


def people(sample: Sample) -> Iterator[Row]:
    """Yield `sample.rows` records, each acceptable: the same sample yields the same records."""
    draw = dice(sample.seed, "people").random
    days = _days(sample.as_of, 79 * 366)
    ages, names, addresses = _ages(), _names(), _addresses()
    far_codes, far_weights = list(sample.far), list(accumulate(sample.far.values()))
    inflow = sample.agreement == INFLOW
    known = counties()
    serials = [(serial, weighted(serial, 14), "2" if int(serial) % 2 == 0 else "1") for serial in NEVER_ISSUED]
    used: set[str] = set()
    for number in range(sample.rows):
        far = far_codes[bisect(far_weights, draw() * far_weights[-1])]
        registered = far if inflow else sample.own
        while True:
            age = ages[int(draw() * 100)] + int(draw() * 365)
            born, born_sum, year = days[age]
            home = known.at_birth(registered, year)
            county, county_sum = home[int(draw() * len(home))]
            serial, serial_sum, sex = serials[int(draw() * 3)]
            check = CHECK_CHARACTERS[(county_sum + born_sum + serial_sum) % 11]
            id_number = f"{county}{born}{serial}{check}"
            # A sound number that ends in 000 looks like one that a spreadsheet has damaged: not for this story.
            if id_number not in used and not (serial == "000" and check == "0"):
                break
        used.add(id_number)
        far_code = region_code(far, draw())
        if (vague := draw()) < 0.08:
            # Often known only to the county, or to the province.
            far_code = far_code[:6] + "000000" if vague < 0.06 else far + "0000000000"
        own_code = region_code(sample.own, draw())
        ago = AWAY_DAYS + int(draw() ** 3 * (min(age - 1, 3650) - AWAY_DAYS + 1))
        returned = ""
        if ago > 2 * AWAY_DAYS and draw() < 0.05:
            returned = days[int(draw() * (ago - AWAY_DAYS))][0]
        education, reason, family, marital, spouse = _circumstances(age, draw)
        household = f"99{sample.own}{number // 2:012}" if family == "1" else ""
        yield (
            household,
            names[int(draw() * len(names))],
            sex,
            addresses[int(draw() * len(addresses))],
            own_code if inflow else far_code,
            addresses[int(draw() * len(addresses))],
            far_code if inflow else own_code,
            id_number,
            born,
            education,
            _HOUSEHOLD_TYPES[int(draw() * 20)],
            marital,
            reason,
            days[ago][0],
            returned,
            family,
            spouse,
        )


def _circumstances(age: int, draw: Callable[[], float]) -> tuple[str, str, str, str, str]:
    """Education, reason, whether the family came along, marital status, whether the spouse did; `age` in days."""
    marital, family, spouse = "10", "1", ""
    education, reason = "90" if age < 7 * 365 else "80" if age < 13 * 365 else "70", "2"
    if age >= 17 * 365:
        education, reason = _EDUCATION[int(draw() * len(_EDUCATION))], _REASONS[int(draw() * 100)]
        family = "1" if draw() < 0.55 else "0"
    if age >= 23 * 365:
        marital = _MARITAL[int(draw() * 100)]
        if marital[0] == "2":
            spouse = "1" if family == "1" and draw() < 0.8 else "0"
    return education, reason, family, marital, spouse


def own_and_far(agreement: str) -> tuple[int, int]:
    """Positions in a `Row` of the reporting side's code and of the code that routes the record."""
    residence, registered = FIELDS.index("residence_code"), FIELDS.index("registered_code")
    return (residence, registered) if agreement == INFLOW else (registered, residence)


def receivers(agreement: str, rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Records by the province they travel to, in their own order."""
    _, far = own_and_far(agreement)
    sorted_rows: dict[str, list[Row]] = {}
    for row in rows:
        sorted_rows.setdefault(row[far][:2], []).append(row)
    return sorted_rows
