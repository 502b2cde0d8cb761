"""Compiled: the cells of one line.

Nothing here decides what is wrong with a line that is not plain; such a line is left to the plain engine, which is
always right and never fast.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.characters import NOT_PLAIN
from gateway.records.kernel.entries import BOUND, CONTROL, HIGH, LINE_FEED, NORMAL, QUOTE, RETURN
from gateway.records.kernel.words import eight_at, low_zeros

_NONE, _ONES, _HIGHS = np.uint64(0), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_UPPER, _LOWER, _SIX = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0606060606060606)
_BELOW, _DEL, _SEMICOLON = np.uint64(0x3030303030303030), np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x3B3B3B3B3B3B3B3B)


@njit
def cells_of(buf, at, end, classes, width, starts, ends, high, quoted):  # type: ignore[no-untyped-def]
    """Split the line that begins at `at` (a line feed lies before `end`) into `starts`, `ends` (without quotation
    marks), `high` (some byte is beyond ASCII) and `quoted`.

    Returns (place of the line feed, cells); cells `NOT_PLAIN`: a quotation mark or control character that the plain
    engine has to look at. A cell beyond `width` is counted only.
    """
    i = at
    c = 0
    flag = False
    starts[0] = at
    quoted[0] = False
    plain = True
    while True:
        # Eight bytes at a time over what is nothing but content: no byte below "0", no separator ";", no DEL.
        word = eight_at(buf, i)
        found = (word - _BELOW) & ~word
        other = word ^ _DEL
        found |= (other - _ONES) & ~other
        other = word ^ _SEMICOLON
        found |= (other - _ONES) & ~other
        found &= _HIGHS
        if found == _NONE:
            flag |= (word & _HIGHS) != _NONE
            i += 8
            continue
        skipped = low_zeros(found) & 0x38
        if skipped:
            flag |= (word & _HIGHS & ((np.uint64(1) << np.uint64(skipped)) - np.uint64(1))) != _NONE
            i += skipped >> 3
        k = classes[buf[i]]
        if k == NORMAL:
            i += 1
            continue
        if k == QUOTE and plain and i == starts[min(c, width)]:
            j = i + 1
            while True:
                k = classes[buf[j]]
                if k == HIGH:
                    flag = True
                elif k in (QUOTE, LINE_FEED, CONTROL, RETURN):
                    break
                j += 1
            after = buf[j + 1] if k == QUOTE else 0
            ok = k == QUOTE and (
                classes[after] == BOUND or after == 10 or (after == 13 and j + 2 < end and buf[j + 2] == 10)
            )
            if not ok:
                plain = False
                i = j
                if buf[i] != 10:
                    i += 1
                continue
            if c < width:
                starts[c] = i + 1
                quoted[c] = True
            i = j + 1
            k = classes[after]
            if k == RETURN:
                i += 1
                k = LINE_FEED
            if c < width:
                ends[c] = j
                high[c] = flag
            flag = False
            c += 1
            if k == LINE_FEED:
                break
            i += 1
            starts[min(c, width)] = i
            quoted[min(c, width)] = False
            continue
        if k in (BOUND, LINE_FEED) or (k == RETURN and buf[i + 1] == 10):
            if c < width:
                ends[c] = i
                high[c] = flag
            flag = False
            c += 1
            if k == RETURN:
                i += 1
                break
            if k == LINE_FEED:
                break
            i += 1
            starts[min(c, width)] = i
            quoted[min(c, width)] = False
            continue
        plain = False
        i += 1
    return i, (c if plain else NOT_PLAIN)


@njit
def scientific(buf, s, e):  # type: ignore[no-untyped-def]
    """Whether a cell is a number as a spreadsheet shortens it: `[0-9](\\.[0-9]+)?[Ee]\\+?[0-9]{1,3}`."""
    if e - s < 3 or buf[s] < 48 or buf[s] > 57:
        return False
    i = s + 1
    if buf[i] == 46:
        i += 1
        first = i
        while i < e and 48 <= buf[i] <= 57:
            i += 1
        if i == first:
            return False
    if i >= e or (buf[i] != 69 and buf[i] != 101):
        return False
    i += 1
    if i < e and buf[i] == 43:
        i += 1
    digits = e - i
    if digits < 1 or digits > 3:
        return False
    while i < e:
        if buf[i] < 48 or buf[i] > 57:
            return False
        i += 1
    return True


@njit(inline="always")
def digits_of(buf, s, n):  # type: ignore[no-untyped-def]
    """The number that `n` ASCII digits are; -1 where one is none."""
    value = 0
    for i in range(s, s + n):
        d = buf[i] - 48
        if d < 0 or d > 9:
            return -1
        value = value * 10 + d
    return value


@njit(inline="always")
def number_at(buf, s):  # type: ignore[no-untyped-def]
    """The number that eight ASCII digits are; -1 where one is none."""
    word = eight_at(buf, s)
    if (word & _UPPER ^ _BELOW) | ((word + _SIX) & _UPPER ^ _BELOW):
        return np.int64(-1)
    word = (word & _LOWER) * np.uint64(2561) >> np.uint64(8)
    word = (word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
    return np.int64((word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32))
