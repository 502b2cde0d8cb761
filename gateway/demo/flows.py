"""Who moves where: sizes and pairs of provinces that make files as unequal as the real ones."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.demo.people import INFLOW
from gateway.demo.regions import provinces

ARRIVED: Mapping[str, int] = {
    "11": 7400, "12": 3080, "13": 2770, "14": 1430, "15": 1480, "21": 2500, "22": 880, "23": 730,
    "31": 9200, "32": 9060, "33": 14200, "34": 1360, "35": 4300, "36": 1120, "37": 3600, "41": 1120,
    "42": 1980, "43": 1390, "44": 30000, "45": 1190, "46": 950, "50": 1930, "51": 2270, "52": 1010,
    "53": 1960, "54": 360, "61": 1700, "62": 670, "63": 370, "64": 590, "65": 2980, "66": 790,
}  # fmt: skip
"""Rows of each province's inflow file at scale 1: the shape of the 2020 census, about one row for a thousand people."""

LEFT: Mapping[str, int] = {
    "11": 410, "12": 700, "13": 4820, "14": 1740, "15": 1530, "21": 1640, "22": 2120, "23": 3460,
    "31": 260, "32": 3670, "33": 2080, "34": 10140, "35": 2070, "36": 5580, "37": 3740, "41": 14170,
    "42": 5270, "43": 7070, "44": 1560, "45": 7140, "46": 410, "50": 3680, "51": 9120, "52": 7440,
    "53": 2600, "54": 40, "61": 2620, "62": 3040, "63": 380, "64": 370, "65": 530, "66": 55,
}  # fmt: skip
"""Rows of each province's outflow file at scale 1."""

_CLOSE_PAIRS = {
    frozenset(pair): strength
    for pair, strength in {
        ("43", "44"): 4.0, ("45", "44"): 5.0, ("36", "44"): 2.0, ("42", "44"): 2.0, ("34", "31"): 4.0,
        ("34", "32"): 4.0, ("34", "33"): 3.0, ("36", "33"): 3.0, ("52", "33"): 3.0, ("36", "35"): 3.0,
        ("13", "11"): 5.0, ("13", "12"): 4.0, ("37", "11"): 1.5, ("23", "21"): 4.0, ("22", "21"): 3.0,
        ("50", "51"): 4.0, ("52", "53"): 2.5, ("62", "65"): 3.0, ("41", "65"): 2.0, ("41", "66"): 2.0,
        ("62", "66"): 3.0, ("65", "66"): 0.3, ("62", "61"): 3.0, ("62", "63"): 4.0, ("62", "64"): 4.0,
        ("51", "54"): 5.0, ("15", "64"): 2.0, ("44", "46"): 2.0,
    }.items()
}  # fmt: skip


def size(agreement: str, party: str, scale: float) -> int:
    """Rows of a party's file, never fewer than five."""
    return max(5, round((ARRIVED if agreement == INFLOW else LEFT)[party] * scale))


def weights(agreement: str, own: str) -> dict[str, float]:
    """How a party's records spread over the other provinces: by the size of the other side, and by nearness."""
    other_side = LEFT if agreement == INFLOW else ARRIVED
    region = {province.code: province.region for province in provinces()}
    return {
        code: other_side[code]
        * (2.0 if region[code] == region[own] else 1.0)
        * _CLOSE_PAIRS.get(frozenset((own, code)), 1.0)
        for code in region
        if code != own
    }
