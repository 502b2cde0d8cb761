"""Compiled: where cells and lines end, and what is odd about them, 64 bytes at a time.

Each block becomes words of bits: separators, line feeds, bytes that make a line `HARD` (a quotation mark, a control
character, white space around a cell), and bytes that are `ODD`: all but ASCII and the common Chinese characters, which
take two bytes in GB 18030 and which no rule asks for. In UTF-8 these are U+4E00 to U+9F7F, in GB 18030 the two levels
of GB 2312 (B0A1 to F7FE without D7FA to D7FE); `charactertables` proves both. Broken bytes are odd.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.words import low_zeros, ones, within

HARD, ODD = 1, 2
_NONE, _ONE, _TWO, _ALL = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(0xFFFFFFFFFFFFFFFF)
_EVEN, _TOP, _NEXT = np.uint64(0x5555555555555555), np.uint64(63), np.uint64(62)


@njit
def scan(buf, at, end, separator, gb, cuts, ends, marks, odd, most_rows, most_cuts):  # type: ignore[no-untyped-def]
    """Scan `buf[at:end]`, which ends with a line feed; returns how many lines were found, as many as there is room for.

    `cuts` receives the places of all separators and line feeds, from its second place on; `ends` (rows, 2) the place of
    each line's feed and where that stands in `cuts`; `marks` what is in the line; `odd` a bit for each byte. `cuts` is
    not complete for a line that alone has more of them than there is room: where the feed stands says how many.
    """
    rows = 0
    k = 1
    hard_before = odd_before = False
    after = _ONE
    three = e4 = e9 = _NONE
    high_before = pending = d7 = _NONE
    for i in range(at, end, 64):
        full = k > most_cuts - 64
        if rows > most_rows - 64 or (full and rows > 0):
            break
        valid = _ALL if end - i >= 64 else (_ONE << np.uint64(end - i)) - _ONE
        feeds = within(buf, i, 10, 10) & valid
        tabs, returns = within(buf, i, 9, 9), within(buf, i, 13, 13)
        bounds = within(buf, i, separator, separator) & valid | feeds
        follows = np.int64(buf[i + 64])
        pairs = returns & (feeds >> _ONE | (_ONE << _TOP if follows == 10 else _NONE))
        rims = bounds | pairs
        rim_follows = follows == separator or follows == 10 or (follows == 13 and buf[i + 65] == 10)
        edges = rims >> _ONE | rims << _ONE | after | (_ONE << _TOP if rim_follows else _NONE)
        after = rims >> _TOP
        hard = within(buf, i, 0, 31) & ~(feeds | pairs | tabs) | within(buf, i, 34, 34) | within(buf, i, 127, 127)
        hard |= (within(buf, i, 32, 32) | tabs) & ~bounds & edges
        hard &= valid
        high = within(buf, i, 0x80, 0xFF)
        if gb:
            # Bytes beyond ASCII pair up from the beginning of a run on: whether that is an even place decides.
            starts = high & ~(high << _ONE | high_before)
            begins = starts & _EVEN | (high & high_before & ~pending)
            even = high & ~(high + begins)
            leads = even & _EVEN | (high & ~even & ~_EVEN)
            trails = high & ~leads
            found = leads & ~within(buf, i, 0xB0, 0xF7)
            found |= trails & (within(buf, i, 0x80, 0xA0) | within(buf, i, 0xFF, 0xFF))
            found |= (leads << _ONE | pending) & ~high
            last = leads & within(buf, i, 0xD7, 0xD7)
            found |= (last << _ONE | d7) & within(buf, i, 0xFA, 0xFE)
            high_before, pending, d7 = high >> _TOP, leads >> _TOP, last >> _TOP
        else:
            low, top = within(buf, i, 0xE4, 0xE4), within(buf, i, 0xE9, 0xE9)
            leads = within(buf, i, 0xE5, 0xE8) | low | top
            rest = within(buf, i, 0x80, 0xBF)
            found = (leads << _ONE | leads << _TWO | three) ^ rest
            found |= high & ~leads & ~rest
            found |= (low << _ONE | e4) & within(buf, i, 0x80, 0xB7)
            found |= (top << _ONE | e9) & within(buf, i, 0xBE, 0xBF)
            three, e4, e9 = leads >> _TOP | leads >> _NEXT, low >> _TOP, top >> _TOP
        found |= within(buf, i, 63, 63) | within(buf, i, 91, 91) | within(buf, i, 93, 93)
        odd[(i - at) >> 6] = found
        begun = _ALL
        rest = feeds
        while rest:
            place = low_zeros(rest)
            rest &= rest - _ONE
            upto = (_TWO << np.uint64(place)) - _ONE
            ends[2 * rows] = i + place
            ends[2 * rows + 1] = k + ones(bounds & upto) - 1
            inside = upto & begun
            mark = HARD if hard_before or (hard & inside) != _NONE else 0
            if odd_before or (found & inside) != _NONE:
                mark |= ODD
            marks[rows] = mark
            rows += 1
            hard_before = odd_before = False
            begun = ~upto
            if full:
                return rows
        hard_before = hard_before or (hard & begun) != _NONE
        odd_before = odd_before or (found & begun) != _NONE
        if full:
            k += ones(bounds)
        else:
            while bounds:
                cuts[k] = i + low_zeros(bounds)
                bounds &= bounds - _ONE
                k += 1
    return rows


@njit(inline="always")
def some_odd(odd, first, last):  # type: ignore[no-untyped-def]
    """Whether a bit from `first` to `last`, both included, is set."""
    i, j = first >> 6, last >> 6
    word = odd[i] >> np.uint64(first & 63)
    if i == j:
        return (word << np.uint64(63 - (last - first))) != _NONE
    while word == _NONE:
        i += 1
        if i == j:
            return (odd[i] << np.uint64(63 - (last & 63))) != _NONE
        word = odd[i]
    return True
