"""Compiled: all rules of a schema over the lines of a buffer, in one pass, the accepted ones written in canonical form.

A line that is not plain (a quotation mark inside, a control character, bytes that do not decode, another number of
cells, blank, a total, odd white space) is `LEFT` to the plain engine. What is judged here is judged as it would be
there: the same codes in the same order, the same bytes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.reading import (
    SEPARATOR,
    cells_of,
    digits_of,
    odd_edge,
    put_bytes,
    put_cell,
    scientific,
    text_bits,
)  # fmt: skip
from gateway.records.kernel.tables import CODES, DATE, ID, IS_DOT, IS_PRIVATE, IS_UNKNOWN, OWN, PLACES, REGION
from gateway.records.kernel.words import bare

LEFT, ACCEPTED, REFUSED = 0, 1, 2
UNROUTED = 100
"""The part of records that are not routed, among the numbers of provinces."""
LINE_LIMIT = 1 << 20

(
    REQUIRED, TOO_LONG, NOT_IN_LIST, FLOAT, DATE_FORM, NO_SUCH_DAY, UNKNOWN, FORMULA, REGION_FORM, NOT_FULL,
    NO_PROVINCE, NO_PARTNER, NO_COUNTY, NOT_OWN, TOO_SOON, AFTER_AS_OF, LONG, COUNTY_ONLY, PROVINCE_ONLY, ABOLISHED,
    PRIVATE, DOT, ID_LENGTH, ID_CHECK, ID_BIRTH, ID_REGION, ID_LEGACY, ID_TAIL, ID_FLOAT, ID_FOREIGNER, ID_CORPS,
    ID_LOWER_X, ID_ABOLISHED, ID_SUSPECT_TAIL, ID_TOO_OLD,
) = range(35)  # fmt: skip
CORPS = 66
_WEIGHTS = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), np.int64)
_CHECK = np.frombuffer(b"10X98765432", np.uint8)
_MONTHS = np.array((0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), np.int64)
OLDEST = 120


@njit(cache=True, nogil=True)
def is_day(day):  # type: ignore[no-untyped-def]
    """Whether a number yyyymmdd is a day of the calendar, from year 1 on."""
    year, month, rest = day // 10000, day // 100 % 100, day % 100
    if year < 1 or month < 1 or month > 12 or rest < 1:
        return False
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return rest <= 29
    return rest <= _MONTHS[month]


@njit(cache=True, nogil=True)
def packed(buf, s, e):  # type: ignore[no-untyped-def]
    """A short code as one number, as `tables.pack` has it."""
    key = np.uint64(e - s) << np.uint64(56)
    value = np.uint64(0)
    for i in range(s, e):
        value = (value << np.uint64(8)) | np.uint64(buf[i])
    return key | value


@njit(cache=True, nogil=True)
def code_slot(key, keys, at, bits):  # type: ignore[no-untyped-def]
    """Where a key stands in a code table; -1: nowhere."""
    mask = (1 << bits) - 1
    i = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
    while keys[at + i] != np.uint64(0):
        if keys[at + i] == key:
            return at + i
        i = (i + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def date_code(buf, s, e, latest, mature):  # type: ignore[no-untyped-def]
    """The code of a date, or -1."""
    n = e - s
    if n == 10 and buf[s + 4] == 45 and buf[s + 7] == 45:
        year, month, rest = digits_of(buf, s, 4), digits_of(buf, s + 5, 2), digits_of(buf, s + 8, 2)
        day = -1 if year < 0 or month < 0 or rest < 0 else year * 10000 + month * 100 + rest
    else:
        day = digits_of(buf, s, 8) if n == 8 else -1
    if day < 0:
        return FLOAT if scientific(buf, s, e) else DATE_FORM
    if not is_day(day):
        return NO_SUCH_DAY
    if day > latest:
        return AFTER_AS_OF
    if day > mature:
        return TOO_SOON
    return -1


@njit(cache=True, nogil=True)
def region_codes(buf, s, e, side, sender, county, province, as_of, found):  # type: ignore[no-untyped-def]
    """Codes of a region code into `found`; returns how many."""
    whole = digits_of(buf, s, 12) if e - s == 12 else -1
    if whole < 0:
        found[0] = FLOAT if scientific(buf, s, e) else REGION_FORM
        return 1
    first = whole // 10_000_000_000
    if province[first] == 2:
        found[0] = NO_PARTNER
        return 1
    if province[first] == 0:
        found[0] = NO_PROVINCE
        return 1
    n = 0
    if side == OWN and sender >= 0 and first != sender:
        found[n] = NOT_OWN
        n += 1
    all_of_it = whole % 10_000_000_000 == 0
    listed = first != CORPS and not all_of_it
    six = whole // 1_000_000
    unknown = listed and county[six] == 0
    if unknown:
        found[n] = NO_COUNTY
        n += 1
    elif whole % 1_000_000 == 0:
        found[n] = NOT_FULL if side == OWN else PROVINCE_ONLY if all_of_it else COUNTY_ONLY
        n += 1
    if as_of and listed and not unknown and county[six] < as_of // 10000:
        found[n] = ABOLISHED
        n += 1
    return n


@njit(cache=True, nogil=True)
def id_codes(buf, s, e, county, as_of, found):  # type: ignore[no-untyped-def]
    """Codes of an ID number into `found`; returns how many. The cell is ASCII."""
    n = e - s
    last = np.int64(buf[s + 17]) if n == 18 else 0
    shaped = n == 18 and digits_of(buf, s, 9) >= 0 and digits_of(buf, s + 9, 8) >= 0
    if not shaped or not (48 <= last <= 57 or last == 88 or last == 120):
        found[0] = ID_LENGTH
        if scientific(buf, s, e):
            found[0] = ID_FLOAT
        elif n == 15 and digits_of(buf, s, 15) >= 0:
            found[0] = ID_LEGACY
        return 1
    n = 0
    if last == 120:
        found[n] = ID_LOWER_X
        n += 1
        last = 88
    weight = 0
    for i in range(17):
        weight += (buf[s + i] - 48) * _WEIGHTS[i]
    zeros = last == 48 and buf[s + 16] == 48 and buf[s + 15] == 48
    if _CHECK[weight % 11] != last:
        found[n] = ID_TAIL if zeros else ID_CHECK
        n += 1
    elif zeros and buf[s + 14] != 48:
        found[n] = ID_SUSPECT_TAIL
        n += 1
    before = n
    area = digits_of(buf, s, 6)
    permit = area == 810000 or area == 820000 or area == 830000
    if not permit:
        if area >= 900000:
            found[n] = ID_FOREIGNER
            n += 1
        elif area // 10000 == CORPS:
            found[n] = ID_CORPS
            n += 1
        elif county[area] == 0:
            found[n] = ID_REGION
            n += 1
    birth = digits_of(buf, s + 6, 8)
    if not is_day(birth) or (as_of and birth > as_of):
        found[n] = ID_BIRTH
        n += 1
    elif as_of and as_of // 10000 - birth // 10000 > OLDEST:
        found[n] = ID_TOO_OLD
        n += 1
    if n == before and not permit and county[area] < birth // 10000:
        found[n] = ID_ABOLISHED
        n += 1
    return n


@njit(cache=True, nogil=True)
def text_codes(buf, s, bits, length, limit, warning, person, found):  # type: ignore[no-untyped-def]
    """Codes of a text into `found`; returns how many. `bits` and `length` are of the whole text."""
    n = 0
    first = buf[s]
    if first == 61 or first == 43 or first == 45 or first == 64:
        found[n] = FORMULA
        n += 1
    if not person:
        if bits & IS_PRIVATE:
            found[n] = PRIVATE
            n += 1
    elif bits & IS_UNKNOWN:
        found[n] = UNKNOWN
        n += 1
    elif bits & IS_DOT:
        found[n] = DOT
        n += 1
    if length > limit:
        found[n] = TOO_LONG
        n += 1
    elif length > warning:
        found[n] = LONG
        n += 1
    return n


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
