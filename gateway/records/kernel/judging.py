"""Compiled: all rules of a schema over the lines of a buffer, in one pass, the accepted ones written in canonical form.

A line that is not plain (a quotation mark inside, a control character, bytes that do not decode, another number of
cells, blank, a total, odd white space) is `LEFT` to the plain engine. What is judged here is judged as it would be
there: the same codes in the same order, the same bytes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.characters import odd_edge, put_bytes, put_cell, put_text, text_bits
from gateway.records.kernel.entries import (
    ACCEPTED,
    AS_OF,
    DIRECT,
    ERRORS,
    FIELDS,
    GB,
    LEFT,
    LINE_LIMIT,
    MARKER_WIDTH,
    MARKERS,
    MOST_CUTS,
    MOST_PROBLEMS,
    MOST_ROWS,
    NEXT,
    OTHERS,
    OUT_END,
    OUT_FROM,
    OUT_TO,
    REFUSED,
    ROUTE,
    ROWS_DONE,
    RULES,
    SCRATCH,
    SENDER,
    SEPARATOR,
    UNNAMED,
    UNROUTED,
    WIDTH,
)
from gateway.records.kernel.reading import cells_of, scientific
from gateway.records.kernel.ruling import rule_code
from gateway.records.kernel.scanning import HARD, ODD, scan, some_odd
from gateway.records.kernel.tables import CODES, DATE, ID, PLACES, REGION, TEXT
from gateway.records.kernel.values import (
    AFTER_AS_OF,
    FLOAT,
    NOT_IN_LIST,
    REQUIRED,
    TOO_SOON,
    code_slot,
    date_code,
    id_codes,
    packed,
    region_codes,
    text_codes,
)  # fmt: skip
from gateway.records.kernel.words import behind


@njit
def left_alone(buf, at, end, gb, passable, lengths, count, width):  # type: ignore[no-untyped-def]
    """Whether a line is blank, or begins as lines do that may be no records. `passable`: `count` markers in rows of
    `width` bytes."""
    i = at
    while i < end and (buf[i] == 44 or buf[i] == 59 or buf[i] == 32 or buf[i] == 9 or buf[i] == 34):
        i += 1
    if i >= end or buf[i] == 13:
        return True
    if buf[i] < 0x80:
        return False
    if odd_edge(buf, i, min(end, i + 4), gb):
        return True
    for k in range(count):
        n = lengths[k]
        marker = behind(passable, k * width)
        if marker[0] == buf[i] and i + n <= end:
            j = 1
            while j < n and marker[j] == buf[i + j]:
                j += 1
            if j == n:
                return True
    return False


@njit
def beyond_ascii(buf, s, e):  # type: ignore[no-untyped-def]
    """Whether some byte is beyond ASCII."""
    i = s
    while i < e and buf[i] < 0x80:
        i += 1
    return i < e


@njit
def split_hard(room, here, line_end, classes, width, gb, starts, ends, high, quoted, cut, stop):  # type: ignore[no-untyped-def]
    """Split a line that is not plain: `starts` and `ends` as cells stand between their quotation marks, `cut` and
    `stop` without the white space around them. False where the plain engine has to do it."""
    _, cells = cells_of(room, here, line_end + 1, classes, width, starts, ends, high, quoted)
    if cells != width:
        return False
    for c in range(width):
        s, e = starts[c], ends[c]
        while s < e and (room[s] == 32 or room[s] == 9):
            s += 1
        while s < e and (room[e - 1] == 32 or room[e - 1] == 9):
            e -= 1
        cut[c], stop[c] = s, e
        if high[c] and odd_edge(room, s, e, gb):
            return False
    return True


@njit
def judge(  # type: ignore[no-untyped-def]
    plan, order, others, unnamed, fields, slots, keys, warns, rules, values, county, province,
    info, two, four, passable, lengths, classes,
    room, at, end,
    cuts, line_ends, marks, odd,
    status, part, spots, problems, work, reached,
):  # fmt: skip
    """Judge the lines of `room[at:end]`, which ends with a line feed, as many as there is room for.

    `plan` says what is what (`entries`). Per line: `line_ends` (its feed, and a number of no meaning outside);
    `status`; `part`; `spots` (begin and end in `room`, first problem and how many): the canonical line of an accepted
    record, of a refused one the cells as they came, in the file's order. `reached` is told how far it came.
    """
    gb, width, count, rule_count = plan[GB] != 0, plan[WIDTH], plan[FIELDS], plan[RULES]
    sender, as_of, errors, route, direct = plan[SENDER], plan[AS_OF], plan[ERRORS], plan[ROUTE], plan[DIRECT] != 0
    commas = plan[SEPARATOR] != 44
    longest = max(width + 2, count + 1)
    starts, ends, cut, stop = work, behind(work, longest), behind(work, 2 * longest), behind(work, 3 * longest)
    high, quoted = behind(work, 4 * longest), behind(work, 5 * longest)
    fs, fe = behind(work, 6 * longest), behind(work, 7 * longest)
    found, wrong = behind(work, 8 * longest), behind(work, 8 * longest + 16)
    rows = scan(room, at, end, plan[SEPARATOR], gb, cuts, line_ends, marks, odd, plan[MOST_ROWS], plan[MOST_CUTS])
    o, p = plan[OUT_FROM], np.int64(0)
    out_to, scratch = plan[OUT_TO], plan[OUT_TO] + 8
    start, first = at, np.int64(1)
    for row in range(rows):
        here, line_end, this = start, np.int64(line_ends[2 * row]), first
        start, first = line_end + 1, np.int64(line_ends[2 * row + 1]) + 1
        status[row] = LEFT
        spots[4 * row + 3] = 0
        size = line_end - here
        plain = (marks[row] & HARD) == 0
        some = (marks[row] & ODD) != 0
        if size > LINE_LIMIT or (plain and first - this != width):
            continue
        begins = room[here]
        if (not plain or begins >= 0x80 or begins < 48 or begins == 59) and left_alone(
            room, here, line_end, gb, passable, lengths, plan[MARKERS], plan[MARKER_WIDTH]
        ):
            continue
        if o + 2 * size + 4 * longest > out_to or p + 4 * (count + rule_count) > plan[MOST_PROBLEMS]:
            continue
        if plain:
            # What stands in `cuts` before a line's first cell is where the line before it ended.
            cuts[this - 1] = here - 1
            if size > 0 and room[line_end - 1] == 13:
                line_end -= 1
                cuts[first - 1] = line_end
        elif not split_hard(room, here, line_end, classes, width, gb, starts, ends, high, quoted, cut, stop):
            continue
        judged = True
        for k in range(plan[OTHERS] + plan[UNNAMED]):
            c = others[k] if k < plan[OTHERS] else unnamed[k - plan[OTHERS]]
            s, e = (np.int64(cuts[this + c - 1]) + 1, np.int64(cuts[this + c])) if plain else (cut[c], stop[c])
            if k >= plan[OTHERS]:
                judged = judged and s == e
            elif not plain or some:
                judged = judged and text_bits(room, s, e, gb, info, two, four) >= 0
        if not judged:
            continue
        first_problem = p
        refused = altered = False
        for f in range(count):
            kind, c = fields[8 * f], order[f]
            wrong[f] = 0
            if c >= width:
                s = e = np.int64(0)
            elif plain:
                s, e = np.int64(cuts[this + c - 1]) + 1, np.int64(cuts[this + c])
            else:
                s, e = cut[c], stop[c]
            fs[f], fe[f] = s, e
            if s == e:
                if fields[8 * f + 1]:
                    problems[p] = f << PLACES | REQUIRED
                    p += 1
                    wrong[f] = 1
                    refused = True
                continue
            # Lengths and bits of a text are of no interest where it is short and nothing in it is odd.
            measured = np.int64(e - s) << 8
            far = some and plain and some_odd(odd, s - at, e - at)
            if far and odd_edge(room, s, e, gb):
                judged = False
                break
            if far or not plain or (kind == TEXT and not gb and e - s > fields[8 * f + 3]):
                measured = text_bits(room, s, e, gb, info, two, four)
                if measured < 0:
                    judged = False
                    break
            n = 0
            if kind == CODES:
                place = np.int64(-1)
                if e - s <= 7:
                    place = code_slot(packed(room, s, e - s), keys, slots[2 * f], slots[2 * f + 1])
                if place < 0:
                    found[0] = FLOAT if scientific(room, s, e) else NOT_IN_LIST
                    n = 1
                elif warns[place] >= 0:
                    found[0] = warns[place]
                    n = 1
            elif kind == DATE:
                code = date_code(room, s, e, fields[8 * f + 6], fields[8 * f + 7])
                if code >= 0:
                    found[0] = code
                    n = 1
                if e - s == 10 and (code < 0 or code in (TOO_SOON, AFTER_AS_OF)):
                    altered = True
                    fs[f] = scratch + SCRATCH * f
                    o_cell = put_bytes(room, s, s + 4, room, fs[f])
                    o_cell = put_bytes(room, s + 5, s + 7, room, o_cell)
                    fe[f] = put_bytes(room, s + 8, s + 10, room, o_cell)
            elif kind == REGION:
                n = region_codes(room, s, e, fields[8 * f + 5], sender, county, province, as_of, found)
            elif kind == ID:
                n = id_codes(room, s, e, county, as_of, found)
                if n and beyond_ascii(room, s, e):
                    judged = False
                    break
                if n and e - s == 18 and room[e - 1] == 120:
                    altered = True
                    fs[f] = scratch + SCRATCH * f
                    fe[f] = put_bytes(room, s, e, room, fs[f])
                    room[fe[f] - 1] = 88
            else:
                person = fields[8 * f + 4]
                n = text_codes(
                    room, s, measured & 255, measured >> 8, fields[8 * f + 2], fields[8 * f + 3], person, found
                )
            for k in range(n):
                code = found[k]
                problems[p] = f << PLACES | code
                p += 1
                if errors >> code & 1:
                    wrong[f] = 1
                    refused = True
        if judged and route >= 0 and not wrong[route] and fs[route] == fe[route]:
            judged = False
        if not judged:
            p = first_problem
            continue
        for r in range(rule_count):
            one = rules[6 * r + 1]
            if not wrong[one] and not wrong[rules[6 * r + 2]]:
                code = rule_code(behind(rules, 6 * r), room, fs, fe, values)
                if code >= 0:
                    problems[p] = one << PLACES | code
                    p += 1
                    if errors >> code & 1:
                        refused = True
        begin = o
        if plain and not commas and (refused or (direct and not altered)):
            # As it came, and for an accepted record that is the canonical form.
            begin, o_end = here, line_end
            if gb:
                begin = o
                o = o_end = put_text(room, here, line_end, gb, two, four, room, o)
        else:
            for k in range(width if refused else count):
                if k:
                    room[o] = 44
                    o += 1
                c = k if refused else order[k]
                s, e = fs[k], fe[k]
                if refused and plain:
                    s, e = np.int64(cuts[this + c - 1]) + 1, np.int64(cuts[this + c])
                elif refused:
                    s, e = starts[c], ends[c]
                may_need = commas or (not plain and c < width and quoted[c] != 0)
                o = put_cell(room, s, e, may_need, gb, two, four, room, o)
            o_end = o
        status[row] = REFUSED if refused else ACCEPTED
        if not refused:
            part[row] = UNROUTED if route < 0 else (room[fs[route]] - 48) * 10 + (room[fs[route] + 1] - 48)
        spots[4 * row], spots[4 * row + 1] = begin, o_end
        spots[4 * row + 2], spots[4 * row + 3] = first_problem, p - first_problem
    reached[ROWS_DONE], reached[NEXT], reached[OUT_END] = rows, start, o
