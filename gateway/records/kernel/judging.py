"""Compiled: all rules of a schema over the lines of a buffer, in one pass, the accepted ones written in canonical form.

A line that is not plain (a quotation mark inside, a control character, bytes that do not decode, another number of
cells, blank, a total, odd white space) is `LEFT` to the plain engine. What is judged here is judged as it would be
there: the same codes in the same order, the same bytes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.characters import odd_edge, put_bytes, put_cell, text_bits
from gateway.records.kernel.reading import SEPARATOR, cells_of, scientific
from gateway.records.kernel.tables import CODES, DATE, ID, IS_UNKNOWN, PLACES, REGION
from gateway.records.kernel.values import (
    FLOAT,
    NOT_IN_LIST,
    REQUIRED,
    code_slot,
    date_code,
    id_codes,
    packed,
    region_codes,
    text_codes,
)  # fmt: skip
from gateway.records.kernel.words import bare

LEFT, ACCEPTED, REFUSED = 0, 1, 2
UNROUTED = 100
"""The part of records that are not routed, among the numbers of provinces."""
LINE_LIMIT = 1 << 20


@njit(cache=True, nogil=True)
def rule_code(rules, r, out, fs, fe, values):  # type: ignore[no-untyped-def]
    """The code of a rule between two cells in canonical form, or -1."""
    kind, one, two, code, otherwise = rules[r, 0], rules[r, 1], rules[r, 2], rules[r, 3], rules[r, 4]
    a, b = fs[one], fs[two]
    n, m = fe[one] - a, fe[two] - b
    if kind == 0:
        return code if n and m and out[a] == out[b] and out[a + 1] == out[b + 1] else -1
    if kind == 1:
        if not n or not m:
            return -1
        for i in range(8):
            if out[a + i] != out[b + 6 + i]:
                return code
        return -1
    if kind == 2:
        if not m or n != 1:
            return -1
        return code if out[a] == (50 if out[b + 16] & 1 else 49) else -1
    if kind == 3:
        if not n or not m:
            return -1
        for i in range(8):
            if out[a + i] != out[b + i]:
                return code if out[a + i] < out[b + i] else -1
        return -1
    decided = False
    if 0 < m <= 7:
        key = packed(out, b, b + m)
        at = rules[r, 5]
        for i in range(np.int64(values[at])):
            if values[at + 1 + i] == key:
                decided = True
    if decided:
        return -1 if n else code
    return otherwise if n else -1


@njit(cache=True, nogil=True)
def left_alone(buf, at, end, gb, passable, lengths):  # type: ignore[no-untyped-def]
    """Whether a line is blank, or begins as lines do that may be no records."""
    i = at
    while i < end and (buf[i] == 44 or buf[i] == 59 or buf[i] == 32 or buf[i] == 9 or buf[i] == 34):
        i += 1
    if i >= end or buf[i] == 13:
        return True
    if buf[i] < 0x80:
        return False
    if odd_edge(buf, i, min(end, i + 4), gb):
        return True
    for k in range(len(lengths)):
        n = lengths[k]
        if passable[k, 0] == buf[i] and i + n <= end:
            same = True
            for j in range(1, n):
                if passable[k, j] != buf[i + j]:
                    same = False
                    break
            if same:
                return True
    return False


@njit(cache=True, nogil=True)
def judge(  # type: ignore[no-untyped-def]
    buf, end, gb, classes, width, order, others, unnamed,
    fields, slots, keys, warns, rules, values, county, province, sender, as_of, errors, route,
    info, two, four, passable, lengths,
    out, lines, status, part, spots, problems, work,
):  # fmt: skip
    """Judge all lines of `buf[:end]`, which ends with a line feed, and holds no more of them than `status` has room.

    Per line: `lines` (begin, end) in `buf`; `status`; `part`; `spots` (begin and end in `out`, first problem and how
    many). `out` receives the canonical line of an accepted record, and of a refused one the cells as they came, in the
    file's order. Returns (lines, bytes of `out`, problems).
    """
    columns = width + 1
    count = len(fields)
    buf = bare(buf)
    classes = bare(classes)
    order = bare(order)
    others = bare(others)
    unnamed = bare(unnamed)
    fields = bare(fields)
    slots = bare(slots)
    keys = bare(keys)
    warns = bare(warns)
    rules = bare(rules)
    values = bare(values)
    county = bare(county)
    province = bare(province)
    info = bare(info)
    two = bare(two)
    four = bare(four)
    passable = bare(passable)
    lengths = bare(lengths)
    out = bare(out)
    lines = bare(lines)
    status = bare(status)
    part = bare(part)
    spots = bare(spots)
    problems = bare(problems)
    # Rows of `work` are as long as there are columns and fields, and one more.
    starts, ends, cut, stop = bare(work[0]), bare(work[1]), bare(work[2]), bare(work[3])
    high, quoted = bare(work[4]), bare(work[5])
    fs, fe, wrong, found = bare(work[6]), bare(work[7]), bare(work[8]), bare(work[9])
    at = row = o = p = 0
    commas = classes[44] != SEPARATOR
    while at < end:
        line_end, cells = cells_of(buf, at, end, classes, width, starts, ends, high, quoted)
        here, at = at, line_end + 1
        lines[row, 0], lines[row, 1] = here, line_end
        status[row] = LEFT
        row += 1
        size = line_end - here
        if cells != width or size > LINE_LIMIT or left_alone(buf, here, line_end, gb, passable, lengths):
            continue
        if o + 2 * size + 4 * (count + columns) > len(out) or p + 4 * (count + len(rules)) > len(problems):
            continue
        plain = True
        some_high = False
        for c in range(width):
            s, e = starts[c], ends[c]
            while s < e and (buf[s] == 32 or buf[s] == 9):
                s += 1
            while s < e and (buf[e - 1] == 32 or buf[e - 1] == 9):
                e -= 1
            cut[c], stop[c] = s, e
            if high[c]:
                some_high = True
                if odd_edge(buf, s, e, gb):
                    plain = False
        if some_high:
            for c in others:
                if high[c] and text_bits(buf, cut[c], stop[c], gb, info, two, four) < 0:
                    plain = False
        for c in unnamed:
            if cut[c] < stop[c]:
                plain = False
        if not plain:
            continue
        begin, first = o, p
        refused = False
        for f in range(count):
            kind = fields[f, 0]
            c = order[f]
            wrong[f] = False
            if f:
                out[o] = 44
                o += 1
            fs[f] = fe[f] = o
            s, e = (cut[c], stop[c]) if c < width else (0, 0)
            if s == e:
                if fields[f, 1]:
                    problems[p] = f << PLACES | REQUIRED
                    p += 1
                    wrong[f] = refused = True
                continue
            measured = 0
            if high[c]:
                measured = text_bits(buf, s, e, gb, info, two, four)
                if measured < 0 or kind == ID:
                    plain = False
                    break
            n = 0
            if kind == CODES:
                place = np.int64(-1)
                if e - s <= 7:
                    place = code_slot(packed(buf, s, e), keys, slots[f, 0], slots[f, 1])
                if place < 0:
                    found[0] = FLOAT if scientific(buf, s, e) else NOT_IN_LIST
                    n = 1
                else:
                    o = put_bytes(buf, s, e, out, o)
                    if warns[place] >= 0:
                        found[0] = warns[place]
                        n = 1
            elif kind == DATE:
                code = date_code(buf, s, e, fields[f, 6], fields[f, 7])
                if code >= 0:
                    found[0] = code
                    n = 1
                if e - s == 8:
                    o = put_bytes(buf, s, e, out, o)
                elif code < 0:
                    o = put_bytes(buf, s, s + 4, out, o)
                    o = put_bytes(buf, s + 5, s + 7, out, o)
                    o = put_bytes(buf, s + 8, s + 10, out, o)
            elif kind == REGION:
                n = region_codes(buf, s, e, fields[f, 5], sender, county, province, as_of, found)
                if e - s == 12:
                    o = put_bytes(buf, s, e, out, o)
            elif kind == ID:
                n = id_codes(buf, s, e, county, as_of, found)
                if e - s == 18:
                    o = put_bytes(buf, s, e, out, o)
                    if out[o - 1] == 120:
                        out[o - 1] = 88
            else:
                if not high[c]:
                    measured = (e - s) << 8
                    if fields[f, 4]:
                        for i in range(s, e):
                            measured |= info[buf[i]] & IS_UNKNOWN
                n = text_codes(buf, s, measured & 255, measured >> 8, fields[f, 2], fields[f, 3], fields[f, 4], found)
                o = put_cell(buf, s, e, commas or quoted[c], gb and high[c], two, four, out, o)
            fe[f] = o
            for k in range(n):
                code = found[k]
                problems[p] = f << PLACES | code
                p += 1
                if errors >> code & 1:
                    wrong[f] = refused = True
        if plain and route >= 0 and not wrong[route] and fs[route] == fe[route]:
            plain = False
        if not plain:
            o, p = begin, first
            continue
        for r in range(len(rules)):
            one = rules[r, 1]
            if not wrong[one] and not wrong[rules[r, 2]]:
                code = rule_code(rules, r, out, fs, fe, values)
                if code >= 0:
                    problems[p] = one << PLACES | code
                    p += 1
                    if errors >> code & 1:
                        refused = True
        here = row - 1
        if refused:
            o = begin
            for c in range(width):
                if c:
                    out[o] = 44
                    o += 1
                o = put_cell(buf, starts[c], ends[c], commas or quoted[c], gb and high[c], two, four, out, o)
            status[here] = REFUSED
        else:
            status[here] = ACCEPTED
            part[here] = UNROUTED if route < 0 else (out[fs[route]] - 48) * 10 + (out[fs[route] + 1] - 48)
        spots[here, 0], spots[here, 1] = begin, o
        spots[here, 2], spots[here, 3] = first, p - first
    return row, o, p
