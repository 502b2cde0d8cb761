"""Compiled: characters of UTF-8 and GB 18030, read, measured and written."""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.charactertables import FOUR_BYTE_BMP, GB_LENGTH, IS_PRIVATE, IS_UNKNOWN, TO_MEND
from gateway.records.kernel.words import called, eight_at, low_zeros, put_eight

SUPPLEMENT = 189_000
NOT_PLAIN = -1
_NONE, _HIGHS = np.uint64(0), np.uint64(0x8080808080808080)


@njit(inline="always")
def put_utf8(out, o, cp):  # type: ignore[no-untyped-def]
    """Write a character; return the place behind it."""
    if cp < 0x80:
        out[o] = cp
        return o + 1
    if cp < 0x800:
        out[o] = 0xC0 | cp >> 6
        out[o + 1] = 0x80 | cp & 0x3F
        return o + 2
    if cp < 0x10000:
        out[o] = 0xE0 | cp >> 12
        out[o + 1] = 0x80 | cp >> 6 & 0x3F
        out[o + 2] = 0x80 | cp & 0x3F
        return o + 3
    out[o] = 0xF0 | cp >> 18
    out[o + 1] = 0x80 | cp >> 12 & 0x3F
    out[o + 2] = 0x80 | cp >> 6 & 0x3F
    out[o + 3] = 0x80 | cp & 0x3F
    return o + 4


@called
def utf8_at(buf, i, end):  # type: ignore[no-untyped-def]
    """Character and length, packed as cp << 3 | length, of what begins at `i`; -1 where it is no UTF-8."""
    b = np.int64(buf[i])
    if b < 0x80:
        return (b << 3) | 1
    if b < 0xC2:
        return -1
    if b < 0xE0:
        if i + 1 >= end or buf[i + 1] & 0xC0 != 0x80:
            return -1
        return ((b & 0x1F) << 6 | (buf[i + 1] & 0x3F)) << 3 | 2
    if b < 0xF0:
        if i + 2 >= end or buf[i + 1] & 0xC0 != 0x80 or buf[i + 2] & 0xC0 != 0x80:
            return -1
        cp = (b & 0x0F) << 12 | (buf[i + 1] & 0x3F) << 6 | (buf[i + 2] & 0x3F)
        if cp < 0x800 or 0xD800 <= cp < 0xE000:
            return -1
        return cp << 3 | 3
    if b < 0xF5:
        if i + 3 >= end or buf[i + 1] & 0xC0 != 0x80 or buf[i + 2] & 0xC0 != 0x80 or buf[i + 3] & 0xC0 != 0x80:
            return -1
        cp = (b & 0x07) << 18 | (buf[i + 1] & 0x3F) << 12 | (buf[i + 2] & 0x3F) << 6 | (buf[i + 3] & 0x3F)
        if cp < 0x10000 or cp > 0x10FFFF:
            return -1
        return cp << 3 | 4
    return -1


@called
def gb18030_at(buf, i, end, two, four):  # type: ignore[no-untyped-def]
    """The same for GB 18030, with mapped private-use characters put right."""
    b = buf[i]
    if b < 0x80:
        return (b << 3) | 1
    if b < 0x81 or b > 0xFE or i + 1 >= end:
        return -1
    c = buf[i + 1]
    if c >= 0x40:
        cp = np.int64(two[b << 8 | c])
        return cp << 3 | 2 if cp else np.int64(-1)
    if c < 0x30 or c > 0x39 or i + 3 >= end:
        return -1
    d, e = buf[i + 2], buf[i + 3]
    if d < 0x81 or d > 0xFE or e < 0x30 or e > 0x39:
        return -1
    place = (((b - 0x81) * 10 + (c - 0x30)) * 126 + (d - 0x81)) * 10 + (e - 0x30)
    if place < FOUR_BYTE_BMP:
        cp = np.int64(four[place])
        return cp << 3 | 4 if cp else np.int64(-1)
    cp = place - SUPPLEMENT + 0x10000
    if place < SUPPLEMENT or cp > 0x10FFFF:
        return -1
    return cp << 3 | 4


@called
def text_bits(buf, s, e, alphabet):  # type: ignore[no-untyped-def]
    """Length in GB 18030 << 8 | the bits of all characters together; `NOT_PLAIN` where something does not decode or is
    to be put right."""
    gb, info, two = alphabet.gb, alphabet.info, alphabet.two
    length = 0
    bits = 0
    i = s
    while i < e:
        b = buf[i]
        if b < 0x80:
            i += 1
            length += 1
            bits |= info[b]
            continue
        if gb and i + 1 < e and buf[i + 1] >= 0x40:
            cp = np.int64(two[b << 8 | buf[i + 1]])
            if cp == 0:
                return NOT_PLAIN
            i += 2
            if 0x5000 <= cp < 0x9000:
                length += 2
                continue
        elif not gb and 0xE5 <= b < 0xE9 and i + 2 < e and buf[i + 1] & 0xC0 == 0x80 and buf[i + 2] & 0xC0 == 0x80:
            # U+5000 to U+8FFF, nearly all there is: two bytes in GB 18030, and no rule asks for them.
            i += 3
            length += 2
            continue
        else:
            found = gb18030_at(buf, i, e, two, alphabet.four) if gb else utf8_at(buf, i, e)
            if found < 0:
                return NOT_PLAIN
            cp = found >> 3
            i += found & 7
        if cp < 0x10000:
            one = info[cp]
            # A code of GB 18030 was put right on its way into the tables.
            if one & TO_MEND:
                return NOT_PLAIN
            bits |= one
            length += one & GB_LENGTH
        else:
            length += 4
            if cp >= 0xF0000 and cp & 0xFFFF <= 0xFFFD:
                bits |= IS_PRIVATE | IS_UNKNOWN
    return length << 8 | bits


@njit(inline="always")
def put_bytes(room, s, e, o):  # type: ignore[no-untyped-def]
    """Copy bytes to `o`, eight at a time: up to seven more are written behind them, where the next will be written
    anyway. Returns the place behind them."""
    for i in range(0, e - s, 8):
        put_eight(room, o + i, eight_at(room, s + i))
    return o + e - s


@called
def put_text(room, s, e, alphabet, o):  # type: ignore[no-untyped-def]
    """Write text that decodes to `o`, as UTF-8; return the place behind it. Up to seven more bytes are written behind.
    Where the alphabet is not GB 18030's, text is UTF-8 already."""
    if not alphabet.gb:
        return put_bytes(room, s, e, o)
    i = s
    while i < e:
        word = eight_at(room, i)
        high = word & _HIGHS
        n = 8 if high == _NONE else low_zeros(high) >> 3
        if n:
            n = min(n, e - i)
            put_eight(room, o, word)
            i += n
            o += n
            continue
        while i < e and room[i] >= 0x80:
            if room[i + 1] >= 0x40:
                cp = np.int64(alphabet.two[np.int64(room[i]) << 8 | room[i + 1]])
                i += 2
                if cp >= 0x800:
                    put_eight(room, o, np.uint64(0x8080E0 | cp >> 12 | (cp & 0xFC0) << 2 | (cp & 0x3F) << 16))
                    o += 3
                    continue
            else:
                found = gb18030_at(room, i, e, alphabet.two, alphabet.four)
                cp = found >> 3
                i += found & 7
            o = put_utf8(room, o, cp)
    return o


@called
def put_cell(room, s, e, commas, alphabet, o):  # type: ignore[no-untyped-def]
    """Write a cell of canonical CSV to `o`: in quotation marks where it holds a comma, which it may with `commas`. No
    cell here holds a quotation mark. Returns the place behind it."""
    quoted = False
    if commas:
        for i in range(s, e):
            if room[i] == 44:
                quoted = True
                break
    if quoted:
        room[o] = 34
        o += 1
    o = put_text(room, s, e, alphabet, o)
    if quoted:
        room[o] = 34
        o += 1
    return o


@called
def odd_edge(buf, s, e, gb):  # type: ignore[no-untyped-def]
    """Whether a cell begins or ends with white space beyond ASCII (U+00A0, U+3000, U+FEFF)."""
    n = e - s
    if gb:
        if n >= 2 and ((buf[s] == 0xA1 and buf[s + 1] == 0xA1) or (buf[e - 2] == 0xA1 and buf[e - 1] == 0xA1)):
            return True
        if n >= 4:
            if buf[s] == 0x81 and buf[s + 1] == 0x30 and buf[s + 2] == 0x84 and buf[s + 3] == 0x32:
                return True
            if buf[s] == 0x84 and buf[s + 1] == 0x31 and buf[s + 2] == 0x95 and buf[s + 3] == 0x33:
                return True
            if buf[e - 4] == 0x81 and buf[e - 3] == 0x30 and buf[e - 2] == 0x84 and buf[e - 1] == 0x32:
                return True
            if buf[e - 4] == 0x84 and buf[e - 3] == 0x31 and buf[e - 2] == 0x95 and buf[e - 1] == 0x33:
                return True
        return False
    if n >= 2 and ((buf[s] == 0xC2 and buf[s + 1] == 0xA0) or (buf[e - 2] == 0xC2 and buf[e - 1] == 0xA0)):
        return True
    if n >= 3:
        if buf[s] == 0xE3 and buf[s + 1] == 0x80 and buf[s + 2] == 0x80:
            return True
        if buf[e - 3] == 0xE3 and buf[e - 2] == 0x80 and buf[e - 1] == 0x80:
            return True
        if buf[s] == 0xEF and buf[s + 1] == 0xBB and buf[s + 2] == 0xBF:
            return True
        if buf[e - 3] == 0xEF and buf[e - 2] == 0xBB and buf[e - 1] == 0xBF:
            return True
    return False
