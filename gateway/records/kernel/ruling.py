"""Compiled: the rules between two cells of a record."""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.values import packed
from gateway.records.kernel.words import eight_at, turned


@njit
def rule_code(rule, room, fs, fe, values):  # type: ignore[no-untyped-def]
    """The code of a rule between two cells in canonical form, each from `fs` to `fe`, or -1. `rule`: a row of
    `tables.Tables.rules`."""
    kind, one, two, code, otherwise = rule[0], rule[1], rule[2], rule[3], rule[4]
    a, b = fs[one], fs[two]
    n, m = fe[one] - a, fe[two] - b
    if kind == 0:
        return code if n and m and room[a] == room[b] and room[a + 1] == room[b + 1] else np.int64(-1)
    if kind == 1:
        return code if n and m and eight_at(room, a) != eight_at(room, b + 6) else np.int64(-1)
    if kind == 2:
        if not m or n != 1:
            return np.int64(-1)
        return code if room[a] == (50 if room[b + 16] & 1 else 49) else np.int64(-1)
    if kind == 3:
        return code if n and m and turned(eight_at(room, a)) < turned(eight_at(room, b)) else np.int64(-1)
    decided = False
    if 0 < m <= 7:
        key = packed(room, b, m)
        at = rule[5]
        for i in range(np.int64(values[at])):
            if values[at + 1 + i] == key:
                decided = True
    if decided:
        return np.int64(-1) if n else code
    return otherwise if n else np.int64(-1)
