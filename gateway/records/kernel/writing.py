"""Compiled: a judged line written: an accepted one in canonical form, a refused one with its cells as they came."""

from __future__ import annotations

import numpy as np

from gateway.records.kernel.characters import put_cell, put_text
from gateway.records.kernel.task import ALTERS, REFUSES
from gateway.records.kernel.words import inlined


@inlined
def put_line(task, line, stop, became, o):  # type: ignore[no-untyped-def]
    """Write the line `line.start` to `stop` at `o`, unless it can stay where it is. Returns where it begins and ends,
    and where the output goes on."""
    header, alphabet = task.header, task.alphabet
    as_it_came = became & REFUSES or (header.direct and not became & ALTERS)
    if line.plain and header.separator == 44 and as_it_came:
        # For an accepted record this is the canonical form.
        if not alphabet.gb:
            return line.start, stop, o
        end = put_text(task.chunk.room, line.start, stop, alphabet, o)
        return o, end, end
    end = _put_refused(task, line, o) if became & REFUSES else _put_accepted(task, line, o)
    return o, end, end


@inlined
def _put_refused(task, line, o):  # type: ignore[no-untyped-def]
    """The cells of the file's columns, with the white space around them; returns the place behind."""
    room, work = task.chunk.room, task.work
    for c in range(task.header.width):
        if c:
            room[o] = 44
            o += 1
        if line.plain:
            at = line.first_cut + c
            s, e = np.int64(task.chunk.cuts[at - 1]) + 1, np.int64(task.chunk.cuts[at])
        else:
            s, e = work.starts[c], work.ends[c]
        o = put_cell(room, s, e, _may_hold_commas(task, line, c), task.alphabet, o)
    return o


@inlined
def _put_accepted(task, line, o):  # type: ignore[no-untyped-def]
    """The fields in the schema's order; returns the place behind."""
    room, work = task.chunk.room, task.work
    for f in range(task.rules.field_count):
        if f:
            room[o] = 44
            o += 1
        commas = _may_hold_commas(task, line, task.header.order[f])
        o = put_cell(room, work.first[f], work.behind[f], commas, task.alphabet, o)
    return o


@inlined
def _may_hold_commas(task, line, column):  # type: ignore[no-untyped-def]
    header = task.header
    return header.separator != 44 or (not line.plain and column < header.width and task.work.quoted[column] != 0)
