"""Compiled: numbers read out of a cell's bytes."""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.words import called, eight_at

_BELOW, _SIX = np.uint64(0x3030303030303030), np.uint64(0x0606060606060606)
_UPPER, _LOWER = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0F0F0F0F0F0F0F0F)


@called
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
