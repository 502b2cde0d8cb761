"""Code lists and other tables of facts in `schemas/codes/*.csv`: read once, read again when the file has changed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """A table as it was read: its header, and its rows, each as long."""

    header: list[str]
    rows: tuple[list[str], ...]

    def columns(self, *names: str) -> list[tuple[str, ...]]:
        """The cells of some columns, row by row."""
        places = [self.header.index(name) for name in names]
        return list(zip(*([row[place] for row in self.rows] for place in places), strict=True))


_read: dict[Path, tuple[int, Facts]] = {}


def facts(path: Path) -> Facts:
    """A UTF-8 CSV of facts with a header. Raises `OSError`, or `ValueError` for a ragged file."""
    changed = path.stat().st_mtime_ns
    known = _read.get(path)
    if known is None or known[0] != changed:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            table = tuple(row for row in reader if row)
        if any(len(row) != len(header) for row in table):
            raise ValueError(f"{path.name}: a row has more or fewer cells than the header")
        known = _read[path] = (changed, Facts(header, table))
    return known[1]


def rows(path: Path) -> tuple[Row, ...]:
    """The rows of `facts`, each by the names of its columns."""
    known = facts(path)
    return tuple(dict(zip(known.header, row, strict=True)) for row in known.rows)


def code_list(schemas: Path, name: str) -> Mapping[str, str]:
    """Code → Chinese name, in the list's order, of `schemas/codes/<name>.csv`."""
    return {row["code"]: row["name"] for row in rows(schemas / "codes" / f"{name}.csv")}


@dataclass(frozen=True, slots=True)
class Province:
    """One row of `province.csv`: two digits of GB/T 2260, or 66 for the Corps by the sector's convention."""

    code: str
    name: str
    short: str
    partner: bool


def provinces(schemas: Path) -> Mapping[str, Province]:
    """All province codes there are, by their two digits; 71, 81 and 82 are known and no exchange partners."""
    table = rows(schemas / "codes" / "province.csv")
    return {
        row["code"]: Province(row["code"], row["name"], row["short"], row["participates"] == "yes") for row in table
    }


def area_name(schemas: Path, area: str) -> str:
    """What people call an area by the digits its codes begin with: 广东省, 广东省天河区（440106）; empty for no digits.

    Below the county, and for codes that no table holds (the Corps), the digits alone say which it is.
    """
    province = provinces(schemas).get(area[:2])
    name = province.name if province else ""
    if len(area) <= len("44"):
        return name
    tables = (schemas / "codes" / f"area_gb2260_{table}.csv" for table in ("history", "supplement"))
    named = {code: called for table in tables for code, called in facts(table).columns("code", "name")}
    return f"{name}{named.get(area[:6], '')}（{area}）"


def province_of(schemas: Path, party: str) -> Province:
    """The province of a party id (`110000`), of a code of 2, 6, 9 or 12 digits, or of a Chinese name (北京, 北京市).

    Raises `ValueError` where there is none.
    """
    known = provinces(schemas)
    if party.isascii() and party.isdigit() and len(party) in (2, 6, 9, 12) and party[:2] in known:
        return known[party[:2]]
    for province in known.values():
        if party in (province.name, province.short):
            return province
    raise ValueError("no such province")
