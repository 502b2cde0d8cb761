"""Compiled: the rules about one cell, each cell of its kind; what they say is a code's place in `tables.CODE`."""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel.charactertables import IS_DOT, IS_PRIVATE, IS_UNKNOWN
from gateway.records.kernel.layout import FIELD
from gateway.records.kernel.reading import digits_of, number_at, scientific
from gateway.records.kernel.tables import OWN
from gateway.records.kernel.words import called, eight_at, inlined

(
    REQUIRED, TOO_LONG, NOT_IN_LIST, FLOAT, DATE_FORM, NO_SUCH_DAY, UNKNOWN, FORMULA, REGION_FORM, NOT_FULL,
    NO_PROVINCE, NO_PARTNER, NO_COUNTY, NOT_OWN, TOO_SOON, AFTER_AS_OF, LONG, COUNTY_ONLY, PROVINCE_ONLY, ABOLISHED,
    PRIVATE, DOT, ID_LENGTH, ID_CHECK, ID_BIRTH, ID_REGION, ID_LEGACY, ID_TAIL, ID_FLOAT, ID_FOREIGNER, ID_CORPS,
    ID_LOWER_X, ID_ABOLISHED, ID_SUSPECT_TAIL, ID_TOO_OLD,
) = range(35)  # fmt: skip
CORPS = 66
_MONTHS = np.array((0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), np.int64)
_CHECK = np.frombuffer(b"10X98765432", np.uint8)
OLDEST = 120
_ONE, _BYTE, _LANE, _DIGITS = np.uint64(1), np.uint64(8), np.uint64(48), np.uint64(0x000F000F000F000F)
_FIRST_EVEN, _FIRST_ODD = np.uint64(0x0007000A00080002), np.uint64(0x0009000500040001)
_SECOND_EVEN, _SECOND_ODD = np.uint64(0x00060007000A0008), np.uint64(0x0003000900050004)


@called
def is_day(day):  # type: ignore[no-untyped-def]
    """Whether a number yyyymmdd is a day of the calendar, from year 1 on."""
    year, month, rest = day // 10000, day // 100 % 100, day % 100
    if year < 1 or month < 1 or month > 12 or rest < 1:
        return False
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return rest <= 29
    return rest <= _MONTHS[month]


@njit(inline="always")
def packed(buf, s, n):  # type: ignore[no-untyped-def]
    """A code of one to seven bytes as one number, as `tables.pack` has it."""
    return eight_at(buf, s) & ((_ONE << np.uint64(8 * n)) - _ONE) | np.uint64(n) << np.uint64(56)


@called
def code_slot(key, keys, at, bits):  # type: ignore[no-untyped-def]
    """Where a key stands in a code table; -1: nowhere."""
    mask = (1 << bits) - 1
    i = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
    while keys[at + i] != np.uint64(0):
        if keys[at + i] == key:
            return at + i
        i = (i + 1) & mask
    return -1


@called
def date_code(buf, s, e, latest, mature):  # type: ignore[no-untyped-def]
    """The code of a date, or -1."""
    n = e - s
    day = np.int64(-1)
    if n == 8:
        day = number_at(buf, s)
    elif n == 10 and buf[s + 4] == 45 and buf[s + 7] == 45:
        year, month, rest = digits_of(buf, s, 4), digits_of(buf, s + 5, 2), digits_of(buf, s + 8, 2)
        if year >= 0 and month >= 0 and rest >= 0:
            day = year * 10000 + month * 100 + rest
    if day < 0:
        return FLOAT if scientific(buf, s, e) else DATE_FORM
    if not is_day(day):
        return NO_SUCH_DAY
    if day > latest:
        return AFTER_AS_OF
    if day > mature:
        return TOO_SOON
    return -1


@called
def region_codes(buf, s, e, side, circumstances, found):  # type: ignore[no-untyped-def]
    """Codes of a region code into `found`; returns how many."""
    high = number_at(buf, s) if e - s == 12 else np.int64(-1)
    low = number_at(buf, s + 4) if e - s == 12 else np.int64(-1)
    if high < 0 or low < 0:
        found[0] = FLOAT if scientific(buf, s, e) else REGION_FORM
        return 1
    first, six, rest = high // 1_000_000, high // 100, low % 1_000_000
    known = circumstances.province[first]
    if known != 1:
        found[0] = NO_PARTNER if known == 2 else NO_PROVINCE
        return 1
    county, as_of = circumstances.county, circumstances.as_of
    n = 0
    whole = high * 10_000 + low % 10_000
    if side == OWN and (whole < circumstances.first or whole > circumstances.last):
        found[n] = NOT_OWN
        n += 1
    all_of_it = rest == 0 and six % 10000 == 0
    listed = first != CORPS and not all_of_it
    unknown = listed and county[six] == 0
    if unknown:
        found[n] = NO_COUNTY
        n += 1
    elif rest == 0:
        found[n] = NOT_FULL if side == OWN else PROVINCE_ONLY if all_of_it else COUNTY_ONLY
        n += 1
    if as_of and listed and not unknown and county[six] < as_of // 10000:
        found[n] = ABOLISHED
        n += 1
    return n


@called
def id_codes(buf, s, e, circumstances, found):  # type: ignore[no-untyped-def]
    """Codes of an ID number into `found`; returns how many. The cell is ASCII."""
    county, as_of = circumstances.county, circumstances.as_of
    n = e - s
    high = number_at(buf, s) if n == 18 else np.int64(-1)
    low = number_at(buf, s + 8) if n == 18 else np.int64(-1)
    last = np.int64(buf[s + 17])
    shaped = high >= 0 and low >= 0 and 48 <= buf[s + 16] <= 57
    if not shaped or not (48 <= last <= 57 or last == 88 or last == 120):
        found[0] = _misshapen(buf, s, e)
        return 1
    n = 0
    if last == 120:
        found[n] = ID_LOWER_X
        n += 1
        last = np.int64(88)
    zeros = last == 48 and buf[s + 16] == 48 and buf[s + 15] == 48
    if _check_character(buf, s) != last:
        found[n] = ID_TAIL if zeros else ID_CHECK
        n += 1
    elif zeros and buf[s + 14] != 48:
        found[n] = ID_SUSPECT_TAIL
        n += 1
    before = n
    area = high // 100
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
    birth = high % 100 * 1_000_000 + low // 100
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


@called
def _misshapen(buf, s, e):  # type: ignore[no-untyped-def]
    """The code of what has not the shape of an ID number."""
    if scientific(buf, s, e):
        return ID_FLOAT
    return ID_LEGACY if e - s == 15 and digits_of(buf, s, 15) >= 0 else ID_LENGTH


@inlined
def _check_character(buf, s):  # type: ignore[no-untyped-def]
    """The check character of 17 digits."""
    # Weights 7 9 10 5 8 4 2 1, 6 3 7 9 10 5 8 4, 2: every second byte a lane, whose sum the product has at its top.
    one, two = eight_at(buf, s), eight_at(buf, s + 8)
    total = ((one & _DIGITS) * _FIRST_EVEN) >> _LANE
    total += ((one >> _BYTE & _DIGITS) * _FIRST_ODD) >> _LANE
    total += ((two & _DIGITS) * _SECOND_EVEN) >> _LANE
    total += ((two >> _BYTE & _DIGITS) * _SECOND_ODD) >> _LANE
    return _CHECK[(np.int64(total) + 2 * (np.int64(buf[s + 16]) - 48)) % 11]


@inlined
def text_codes(first, measured, field, found):  # type: ignore[no-untyped-def]
    """Codes of a text into `found`; returns how many. `first` is its first byte, `measured` as `text_bits` has it."""
    n = 0
    bits, length = measured & 255, measured >> 8
    if first == 61 or first == 43 or first == 45 or first == 64:
        found[n] = FORMULA
        n += 1
    if not field[FIELD.person]:
        if bits & IS_PRIVATE:
            found[n] = PRIVATE
            n += 1
    elif bits & IS_UNKNOWN:
        found[n] = UNKNOWN
        n += 1
    elif bits & IS_DOT:
        found[n] = DOT
        n += 1
    if length > field[FIELD.limit]:
        found[n] = TOO_LONG
        n += 1
    elif length > field[FIELD.warning]:
        found[n] = LONG
        n += 1
    return n
