"""Periods (期): `2026Q3`, `2026-10`, `2026H1`, `2026`, and which of them are open.

A period is a span of whole days; its last day is the as-of date (统计时点, as in 国家人口计生委《全员流动人口统计信息
工作方案》). Its window opens on the day after and never closes: what comes late is accepted and marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import total_ordering
from typing import Final, Literal, TypeAlias, get_args

Rhythm: TypeAlias = Literal["quarterly", "monthly", "half-yearly", "yearly"]
RHYTHMS: Final[tuple[Rhythm, ...]] = get_args(Rhythm)
PER_YEAR: Final[Mapping[str, int]] = {"quarterly": 4, "monthly": 12, "half-yearly": 2, "yearly": 1}
_FORM = re.compile(r"(?P<year>[0-9]{4})(?:Q(?P<q>[1-4])|H(?P<h>[12])|-(?P<m>0[1-9]|1[0-2]))?", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class Period:
    """The `number`-th (from 1) quarter, month or half of `year`; number 1 for a whole year.

    Ordered by as-of date, then by first day. Raises `ValueError` for a number the rhythm does not have, or a year
    outside 1900–9998.
    """

    rhythm: Rhythm
    year: int
    number: int = 1

    def __post_init__(self) -> None:
        if (
            self.rhythm not in PER_YEAR
            or not 1 <= self.number <= PER_YEAR[self.rhythm]
            or not 1900 <= self.year <= 9998
        ):
            raise ValueError("no such period")

    @classmethod
    def parse(cls, text: str) -> Period:
        """The inverse of `str`; exactly the four written forms, else `ValueError` (which does not repeat the text)."""
        found = _FORM.fullmatch(text)
        if not found:
            raise ValueError("not a period: 2026Q3, 2026-10, 2026H1 or 2026 is expected")
        year = int(found["year"])
        if found["q"]:
            return cls("quarterly", year, int(found["q"]))
        if found["h"]:
            return cls("half-yearly", year, int(found["h"]))
        return cls("monthly", year, int(found["m"])) if found["m"] else cls("yearly", year)

    @classmethod
    def containing(cls, rhythm: Rhythm, day: date) -> Period:
        """The period of this rhythm that `day` lies in."""
        return cls(rhythm, day.year, (day.month - 1) // (12 // PER_YEAR[rhythm]) + 1)

    def __str__(self) -> str:
        if self.rhythm == "monthly":
            return f"{self.year}-{self.number:02d}"
        letter = {"quarterly": "Q", "half-yearly": "H"}.get(self.rhythm)
        return f"{self.year}{letter}{self.number}" if letter else str(self.year)

    def __lt__(self, other: Period) -> bool:
        if not isinstance(other, Period):
            return NotImplemented
        return (self.end, self.start) < (other.end, other.start)

    @property
    def key(self) -> str:
        """The key under which an agreement's `deadline.due` holds this period: `Q1`..`Q4`, `H1`, `H2`, `M`, `Y`."""
        letter = {"quarterly": "Q", "half-yearly": "H"}.get(self.rhythm)
        return f"{letter}{self.number}" if letter else self.rhythm[0].upper()

    @property
    def start(self) -> date:
        return date(self.year, (self.number - 1) * (12 // PER_YEAR[self.rhythm]) + 1, 1)

    @property
    def end(self) -> date:
        """The last day, which is the as-of date."""
        return self.next().start - timedelta(days=1)

    @property
    def opens(self) -> date:
        """The day its window opens: the day after the as-of date."""
        return self.end + timedelta(days=1)

    def next(self) -> Period:
        return self._shift(1)

    def previous(self) -> Period:
        return self._shift(-1)

    def ended(self, day: date) -> bool:
        """Is the window open on `day`? (The as-of date itself still belongs to the period.)"""
        return self.end < day

    def title(self, language: str = "zh") -> str:
        """For people: 2026年第三季度, 2026年10月, 2026年上半年, 2026年; in English the written form."""
        if language != "zh":
            return str(self)
        return (
            f"{self.year}年"
            + {
                "quarterly": f"第{'一二三四'[self.number - 1] if self.number <= 4 else ''}季度",
                "monthly": f"{self.number}月",
                "half-yearly": "上半年" if self.number == 1 else "下半年",
                "yearly": "",
            }[self.rhythm]
        )

    def _shift(self, by: int) -> Period:
        per_year = PER_YEAR[self.rhythm]
        count = self.year * per_year + self.number - 1 + by
        return Period(self.rhythm, count // per_year, count % per_year + 1)


def for_rhythm(rhythm: Rhythm, day: date) -> Period:
    """The last period of this rhythm that has ended before `day`."""
    return Period.containing(rhythm, day).previous()
