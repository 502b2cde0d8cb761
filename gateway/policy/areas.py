"""Area codes (GB/T 2260, GB/T 10114) by their depth. Apart from the facts: the offline commands need it, not their
models."""

from __future__ import annotations

_LEVELS = ((9, 12), (6, 9), (4, 6), (2, 4))


def significant(area_code: str) -> str:
    """The digits of an area code down to the last level that is filled: province 2, prefecture 2, county 2, township 3,
    village 3."""
    for begin, end in _LEVELS:
        if area_code[begin:end].strip("0"):
            return area_code[:end]
    return area_code[:2]
