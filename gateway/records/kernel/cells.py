"""Compiled: one cell judged and put into canonical form.

Every judge of a kind of cells writes the codes it finds into `work.found` and returns how many they are (`LEFT_ALONE`:
the plain engine has to do it) and whether the cell's canonical form is another than what came.
"""

from __future__ import annotations

import numpy as np

from gateway.records.kernel.characters import NOT_PLAIN, odd_edge, put_bytes, text_bits
from gateway.records.kernel.entries import SCRATCH
from gateway.records.kernel.layout import FIELD
from gateway.records.kernel.reading import scientific
from gateway.records.kernel.scanning import some_odd
from gateway.records.kernel.tables import CODES, DATE, REGION, TEXT
from gateway.records.kernel.values import (
    AFTER_AS_OF,
    FLOAT,
    NOT_IN_LIST,
    TOO_SOON,
    code_slot,
    date_code,
    id_codes,
    packed,
    region_codes,
)
from gateway.records.kernel.words import called, inlined

LEFT_ALONE = -1


@inlined
def measure(task, line, field, s, e):  # type: ignore[no-untyped-def]
    """What `text_bits` says of a cell; `NOT_PLAIN` where the plain engine has to look at it."""
    room, alphabet = task.chunk.room, task.alphabet
    far = line.odd and some_odd(task.chunk.odd, s - line.origin, e - line.origin)
    if far and odd_edge(room, s, e, alphabet.gb):
        return np.int64(NOT_PLAIN)
    if far or (field[FIELD.kind] == TEXT and not alphabet.gb and e - s > field[FIELD.warning]):
        return np.int64(text_bits(room, s, e, alphabet))
    # Length and bits of a text are of no interest where it is short and nothing in it is odd.
    return np.int64(e - s) << 8


@inlined
def judge_cell(task, field, f, s, e):  # type: ignore[no-untyped-def]
    """Judge a cell that is not empty, of the `f`-th field, and is no text."""
    if field[FIELD.kind] == CODES:
        return _judge_code(task, f, s, e), False
    if field[FIELD.kind] == DATE:
        return _judge_date(task, field, f, s, e)
    if field[FIELD.kind] == REGION:
        return region_codes(task.chunk.room, s, e, field[FIELD.side], task.circumstances, task.work.found), False
    return _judge_id(task, f, s, e)


@inlined
def _judge_code(task, f, s, e):  # type: ignore[no-untyped-def]
    room, rules = task.chunk.room, task.rules
    place = np.int64(-1)
    if e - s <= 7:
        place = code_slot(packed(room, s, e - s), rules.keys, rules.slots[2 * f], rules.slots[2 * f + 1])
    if place < 0:
        task.work.found[0] = FLOAT if scientific(room, s, e) else NOT_IN_LIST
        return 1
    if rules.warns[place] >= 0:
        task.work.found[0] = rules.warns[place]
        return 1
    return 0


@inlined
def _judge_date(task, field, f, s, e):  # type: ignore[no-untyped-def]
    room, work = task.chunk.room, task.work
    code = date_code(room, s, e, field[FIELD.latest], field[FIELD.mature])
    altered = e - s == 10 and (code < 0 or code in (TOO_SOON, AFTER_AS_OF))
    if altered:
        o = task.chunk.out_to + SCRATCH * f + 8
        work.first[f] = o
        o = put_bytes(room, s, s + 4, o)
        o = put_bytes(room, s + 5, s + 7, o)
        work.behind[f] = put_bytes(room, s + 8, s + 10, o)
    if code < 0:
        return 0, altered
    work.found[0] = code
    return 1, altered


@inlined
def _judge_id(task, f, s, e):  # type: ignore[no-untyped-def]
    room, work = task.chunk.room, task.work
    n = id_codes(room, s, e, task.circumstances, work.found)
    if n == 0:
        return 0, False
    if _beyond_ascii(room, s, e):
        return LEFT_ALONE, False
    if e - s != 18 or room[e - 1] != 120:
        return n, False
    work.first[f] = task.chunk.out_to + SCRATCH * f + 8
    work.behind[f] = put_bytes(room, s, e, work.first[f])
    room[work.behind[f] - 1] = 88
    return n, True


@called
def _beyond_ascii(room, s, e):  # type: ignore[no-untyped-def]
    """Whether some byte is beyond ASCII."""
    i = s
    while i < e and room[i] < 0x80:
        i += 1
    return i < e
