"""Compiled: the cells of one line that is not plain.

Nothing here decides what is wrong with such a line: where it takes more than splitting, it is left to the plain engine.
"""

from __future__ import annotations

import numpy as np

from gateway.records.kernel.characters import NOT_PLAIN, odd_edge
from gateway.records.kernel.entries import BOUND, CONTROL, HIGH, LINE_FEED, NORMAL, QUOTE, RETURN
from gateway.records.kernel.words import behind, called, eight_at, inlined, low_zeros

_NONE, _ONE, _ONES = np.uint64(0), np.uint64(1), np.uint64(0x0101010101010101)
_HIGHS, _BELOW = np.uint64(0x8080808080808080), np.uint64(0x3030303030303030)
_DEL, _SEMICOLON = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x3B3B3B3B3B3B3B3B)


@called
def left_alone(buf, at, end, header, gb):  # type: ignore[no-untyped-def]
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
    for k in range(header.marker_count):
        n = header.marker_lengths[k]
        marker = behind(header.markers, k * header.marker_width)
        if marker[0] == buf[i] and i + n <= end:
            j = 1
            while j < n and marker[j] == buf[i + j]:
                j += 1
            if j == n:
                return True
    return False


@called
def split_hard(task, start, end, odd):  # type: ignore[no-untyped-def]
    """Split the line from `start` to `end` into `task.work`; `odd`: something in it is odd. False where the plain
    engine has to do it."""
    room, header, work = task.chunk.room, task.header, task.work
    _, cells = cells_of(room, start, end + 1, header.classes, header.width, work)
    if cells < 1 or cells > header.width:
        return False
    for c in range(cells, header.width):
        work.starts[c] = work.ends[c] = end
        work.quoted[c] = 0
    for c in range(header.width):
        s, e = work.starts[c], work.ends[c]
        while s < e and (room[s] == 32 or room[s] == 9):
            s += 1
        while s < e and (room[e - 1] == 32 or room[e - 1] == 9):
            e -= 1
        work.cut[c], work.stop[c] = s, e
        if odd and odd_edge(room, s, e, task.alphabet.gb):
            return False
    return True


@inlined
def _skip_content(buf, i):  # type: ignore[no-untyped-def]
    """Pass over what is nothing but content, eight bytes at a time: no byte below "0", no separator ";", no DEL.
    Returns the place of the first other byte."""
    while True:
        word = eight_at(buf, i)
        found = (word - _BELOW) & ~word
        other = word ^ _DEL
        found |= (other - _ONES) & ~other
        other = word ^ _SEMICOLON
        found |= (other - _ONES) & ~other
        found &= _HIGHS
        if found != _NONE:
            return i + (low_zeros(found) >> 3)
        i += 8


@inlined
def _quoted_until(buf, i, classes):  # type: ignore[no-untyped-def]
    """The place of the quotation mark, control character or line end that ends a quoted cell from `i` on."""
    while classes[buf[i]] not in (QUOTE, LINE_FEED, CONTROL, RETURN):
        i += 1
    return i


@inlined
def _opens(buf, i, start):  # type: ignore[no-untyped-def]
    """Whether a quotation mark is the first of a cell that begins at `start`: alone, or behind an equals sign."""
    return i == start or (i == start + 1 and buf[start] == 61)


@inlined
def _closes(buf, i, end, classes):  # type: ignore[no-untyped-def]
    """Whether `buf[i]` is a quotation mark at the end of its cell."""
    if classes[buf[i]] != QUOTE:
        return False
    after = buf[i + 1]
    return classes[after] == BOUND or after == 10 or (after == 13 and i + 2 < end and buf[i + 2] == 10)


@inlined
def _begin_cell(work, c, width, start):  # type: ignore[no-untyped-def]
    """Write where a cell begins."""
    work.starts[min(c, width)] = start
    work.quoted[min(c, width)] = False


@inlined
def _end_cell(work, c, width, end):  # type: ignore[no-untyped-def]
    """Write where a cell ends."""
    if c < width:
        work.ends[c] = end


@called
def cells_of(buf, at, end, classes, width, work):  # type: ignore[no-untyped-def]
    """Split the line that begins at `at` (a line feed lies before `end`) into `starts`, `ends` (without quotation
    marks) and `quoted` of `work`.

    Returns (place of the line feed, cells); cells `NOT_PLAIN`: a quotation mark or control character that the plain
    engine has to look at. A cell beyond `width` is counted only.
    """
    # A quoted and an unquoted cell each have an end of their own below: shared, it makes quoted files a tenth slower.
    i, c, plain = at, 0, True
    _begin_cell(work, c, width, i)
    while True:
        i = _skip_content(buf, i)
        k = classes[buf[i]]
        if k in (NORMAL, HIGH):
            i += 1
            continue
        if k == QUOTE and plain and _opens(buf, i, work.starts[min(c, width)]):
            stop = _quoted_until(buf, i + 1, classes)
            if not _closes(buf, stop, end, classes):
                plain = False
                i = stop if buf[stop] == 10 else stop + 1
                continue
            if c < width:
                work.starts[c] = i + 1
                work.quoted[c] = True
            i = stop + 1
            _end_cell(work, c, width, stop)
            k = classes[buf[i]]
            if k == RETURN:
                i += 1
                k = LINE_FEED
            c += 1
            if k == LINE_FEED:
                break
            i += 1
            _begin_cell(work, c, width, i)
            continue
        if k in (BOUND, LINE_FEED) or (k == RETURN and buf[i + 1] == 10):
            _end_cell(work, c, width, i)
            c += 1
            if k == RETURN:
                i += 1
                break
            if k == LINE_FEED:
                break
            i += 1
            _begin_cell(work, c, width, i)
            continue
        plain = False
        i += 1
    return i, (c if plain else NOT_PLAIN)
