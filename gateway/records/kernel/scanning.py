"""Compiled: where cells and lines end, and what is odd about them, 64 bytes at a time.

Each block becomes words of bits: separators, line feeds, bytes that make a line `HARD` (a quotation mark, a control
character, white space around a cell), and bytes that are `ODD`: all but ASCII and the common Chinese characters, which
take two bytes in GB 18030 and which no rule asks for. In UTF-8 these are U+4E00 to U+9F7F, in GB 18030 the two levels
of GB 2312 (B0A1 to F7FE without D7FA to D7FE); `charactertables` proves both. Broken bytes are odd.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gateway.records.kernel.words import called, inlined, low_zeros, ones, within

HARD, ODD = 1, 2
_NONE, _ONE, _TWO, _ALL = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(0xFFFFFFFFFFFFFFFF)
_EVEN, _TOP, _NEXT = np.uint64(0x5555555555555555), np.uint64(63), np.uint64(62)


class _Before(NamedTuple):
    """What the block before left over for the first bytes of this one. GB 18030: its last byte is beyond ASCII; it is a
    lead byte; it is the lead byte D7. UTF-8: bytes that continue a character of three; of one led by E4; by E9."""

    high_or_three: Any
    lead_or_e4: Any
    d7_or_e9: Any


class _Open(NamedTuple):
    """A line that has not ended yet: something in it is hard, or odd."""

    hard: Any
    odd: Any


class _Block(NamedTuple):
    """64 bytes from `at` on, as words of bits; `first_cut`: where their first bound stands in `cuts`."""

    at: Any
    first_cut: Any
    feeds: Any
    bounds: Any
    hard: Any
    odd: Any


@inlined
def _odd_gb18030(buf, i, before):  # type: ignore[no-untyped-def]
    """Which bytes beyond ASCII are odd; and what is left over."""
    high = within(buf, i, 0x80, 0xFF)
    # Bytes beyond ASCII pair up from the beginning of a run on: whether that is an even place decides.
    starts = high & ~(high << _ONE | before.high_or_three)
    begins = starts & _EVEN | (high & before.high_or_three & ~before.lead_or_e4)
    even = high & ~(high + begins)
    leads = even & _EVEN | (high & ~even & ~_EVEN)
    trails = high & ~leads
    found = leads & ~within(buf, i, 0xB0, 0xF7)
    found |= trails & (within(buf, i, 0x80, 0xA0) | within(buf, i, 0xFF, 0xFF))
    found |= (leads << _ONE | before.lead_or_e4) & ~high
    last = leads & within(buf, i, 0xD7, 0xD7)
    found |= (last << _ONE | before.d7_or_e9) & within(buf, i, 0xFA, 0xFE)
    return found, _Before(high >> _TOP, leads >> _TOP, last >> _TOP)


@inlined
def _odd_utf8(buf, i, before):  # type: ignore[no-untyped-def]
    """Which bytes beyond ASCII are odd; and what is left over."""
    high = within(buf, i, 0x80, 0xFF)
    low, top = within(buf, i, 0xE4, 0xE4), within(buf, i, 0xE9, 0xE9)
    leads = within(buf, i, 0xE5, 0xE8) | low | top
    rest = within(buf, i, 0x80, 0xBF)
    found = (leads << _ONE | leads << _TWO | before.high_or_three) ^ rest
    found |= high & ~leads & ~rest
    found |= (low << _ONE | before.lead_or_e4) & within(buf, i, 0x80, 0xB7)
    found |= (top << _ONE | before.d7_or_e9) & within(buf, i, 0xBE, 0xBF)
    return found, _Before(leads >> _TOP | leads >> _NEXT, low >> _TOP, top >> _TOP)


@inlined
def _hard(buf, i, separator, bounds, feeds, after):  # type: ignore[no-untyped-def]
    """Which bytes make a line hard; and whether a cell's edge comes after this block. `after`: one lies before it."""
    tabs, returns = within(buf, i, 9, 9), within(buf, i, 13, 13)
    follows = np.int64(buf[i + 64])
    pairs = returns & (feeds >> _ONE | (_ONE << _TOP if follows == 10 else _NONE))
    rims = bounds | pairs
    rim_follows = follows == separator or follows == 10 or (follows == 13 and buf[i + 65] == 10)
    edges = rims >> _ONE | rims << _ONE | after | (_ONE << _TOP if rim_follows else _NONE)
    hard = within(buf, i, 0, 31) & ~(feeds | pairs | tabs) | within(buf, i, 34, 34) | within(buf, i, 127, 127)
    return hard | (within(buf, i, 32, 32) | tabs) & ~bounds & edges, rims >> _TOP


@inlined
def _end_lines(chunk, block, rows, line, most):  # type: ignore[no-untyped-def]
    """Write the lines that end in a block, from `rows` on, up to `most`; returns the number of the next, and the line
    that is open behind them."""
    begun = _ALL
    rest = block.feeds
    while rest and rows < most:
        place = low_zeros(rest)
        rest &= rest - _ONE
        upto = (_TWO << np.uint64(place)) - _ONE
        chunk.line_ends[2 * rows] = block.at + place
        chunk.line_ends[2 * rows + 1] = block.first_cut + ones(block.bounds & upto) - 1
        inside = upto & begun
        mark = HARD if line.hard or (block.hard & inside) != _NONE else 0
        if line.odd or (block.odd & inside) != _NONE:
            mark |= ODD
        chunk.marks[rows] = mark
        rows += 1
        line = _Open(False, False)
        begun = ~upto
    return rows, _Open(line.hard or (block.hard & begun) != _NONE, line.odd or (block.odd & begun) != _NONE)


@called
def scan(chunk, at, end, separator, gb):  # type: ignore[no-untyped-def]
    """Scan the chunk's `room[at:end]`, which ends with a line feed; returns how many lines were found, as many as there
    is room for.

    `cuts` receives the places of all separators and line feeds, from its second place on; `line_ends` (two a line) the
    place of each line's feed and where that stands in `cuts`; `marks` what is in the line; `odd` a bit for each byte.
    `cuts` is not complete for a line that alone has more of them than there is room: where the feed stands says how
    many.
    """
    buf = chunk.room
    rows = 0
    k = 1
    line = _Open(False, False)
    after, before = _ONE, _Before(_NONE, _NONE, _NONE)
    for i in range(at, end, 64):
        full = k > chunk.most_cuts - 64
        if rows > chunk.most_rows - 64 or (full and rows > 0):
            break
        valid = _ALL if end - i >= 64 else (_ONE << np.uint64(end - i)) - _ONE
        feeds = within(buf, i, 10, 10) & valid
        bounds = within(buf, i, separator, separator) & valid | feeds
        hard, after = _hard(buf, i, separator, bounds, feeds, after)
        odd, before = _odd_gb18030(buf, i, before) if gb else _odd_utf8(buf, i, before)
        odd |= within(buf, i, 63, 63) | within(buf, i, 91, 91) | within(buf, i, 93, 93)
        chunk.odd[(i - at) >> 6] = odd
        block = _Block(i, k, feeds, bounds, hard & valid, odd)
        rows, line = _end_lines(chunk, block, rows, line, 1 if full else chunk.most_rows)
        if full:
            if rows:
                break
            k += ones(bounds)
        else:
            while bounds:
                chunk.cuts[k] = i + low_zeros(bounds)
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
