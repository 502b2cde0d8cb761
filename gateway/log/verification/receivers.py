"""To whom an accepted delivery's records go, as its entries say it.

Where the route is by a column, each record has one receiver and `accepted` counts `out_44`, `out_51`; where it is fixed
and names several, each of them gets every record, and `accepted` counts `out_A+B` once. `sorted` names each receiver
with what it gets, in both cases.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

MODULUS: Final = 1 << 256
_OUT: Final = "out_"


def groups(counts: Mapping[str, int]) -> dict[str, int]:
    """Records by what `accepted` calls their receivers: two digits of a province, a party, or several with `+`."""
    return {name.removeprefix(_OUT): records for name, records in counts.items() if name.startswith(_OUT)}


def of_package(package: str) -> str:
    """The one party that can open a package, which its id names third; empty where it names none."""
    parts = package.split("_")
    return parts[2] if len(parts) > 2 else ""


def several(name: str) -> bool:
    """Whether a group is several receivers, each of which gets all of its records."""
    return "+" in name


def make_up(whole: int, parts: Collection[int], each: bool) -> bool:
    """Whether the parts are the whole: each of them is, or together they are, modulo 2²⁵⁶. For counts of records and
    for their digests."""
    return all(part == whole for part in parts) if each else sum(parts) % MODULUS == whole


def make_up_somehow(whole: int, parts: Collection[int]) -> bool:
    """The same before `accepted` has said which it is. One receiver is no choice."""
    return make_up(whole, parts, False) or (len(parts) > 1 and make_up(whole, parts, True))


def as_stated(out: Mapping[str, int], parts: Mapping[str, int]) -> bool:
    """Whether `sorted` (`parts`) gave each receiver what `accepted` (`out`) says: every party of a group all of that
    group's records. A province stands in `accepted` by its two digits and in `sorted` as a party of any id."""
    left = dict(parts)
    provinces = []
    for name, records in out.items():
        parties = name.split("+")
        if len(parties) == 1 and name not in left:
            provinces.append(records)
        elif any(left.pop(party, None) != records for party in parties):
            return False
    return sorted(provinces) == sorted(left.values())
