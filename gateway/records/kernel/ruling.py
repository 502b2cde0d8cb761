"""Compiled: the rules between two cells of a record."""

from __future__ import annotations

import numpy as np

from gateway.records.kernel.layout import RULE
from gateway.records.kernel.values import packed
from gateway.records.kernel.words import called, eight_at, turned


@called
def rule_code(rule, room, first, behind, values):  # type: ignore[no-untyped-def]
    """The code of a rule (`layout.Rule`) between two cells in canonical form, -1 where there is nothing to say. Cells
    of fields lie from `first` to `behind`; `values` as in `layout.Rules`."""
    kind, code = rule[RULE.kind], rule[RULE.code]
    a, b = first[rule[RULE.first]], first[rule[RULE.second]]
    n, m = behind[rule[RULE.first]] - a, behind[rule[RULE.second]] - b
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
        at = rule[RULE.values]
        for i in range(np.int64(values[at])):
            if values[at + 1 + i] == key:
                decided = True
    if decided:
        return np.int64(-1) if n else code
    return rule[RULE.otherwise] if n else np.int64(-1)
