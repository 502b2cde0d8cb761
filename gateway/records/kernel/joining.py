"""Compiled: where a record ends that has line breaks inside of its cells, as `quoting.record_end` has it."""

from __future__ import annotations

import numpy as np

from gateway.records.kernel.words import called, ones, within
from gateway.records.readers.quoting import ALONE, CELL_FEEDS, CELL_LIMIT, LINE_LIMIT, RECORD_FEEDS, UNDECIDED

__all__ = ["ALONE", "UNDECIDED", "odd_marks", "record_end"]
_ONE = np.uint64(1)


@called
def odd_marks(buf, at, end):  # type: ignore[no-untyped-def]
    """Whether a line has an odd number of quotation marks."""
    marks = np.int64(0)
    for i in range(at, end, 64):
        found = within(buf, i, 34, 34)
        if end - i < 64:
            found &= (_ONE << np.uint64(end - i)) - _ONE
        marks += ones(found)
    return marks & 1 == 1


@called
def record_end(buf, at, end, header, last):  # type: ignore[no-untyped-def]
    """The place of the line feed that ends the record that begins at `at`; `ALONE` or `UNDECIDED` where there is none.
    The last byte before `end` is a line feed."""
    i, feeds = at, np.int64(0)
    while True:
        if buf[i] == 61 and buf[i + 1] == 34:
            i += 1
        if buf[i] == 34:
            i, inside = _behind_cell(buf, i + 1, end, header)
            feeds += inside
            if i == ALONE or feeds > RECORD_FEEDS:
                return np.int64(ALONE)
            if i >= end:
                return np.int64(ALONE if last or end - at > LINE_LIMIT else UNDECIDED)
        else:
            while buf[i] != header.separator and buf[i] != 10:
                if buf[i] == 34:
                    return np.int64(ALONE)
                i += 1
        if buf[i] == header.separator:
            i += 1
            continue
        if buf[i] == 13 and buf[i + 1] == 10:
            i += 1
        return i if buf[i] == 10 and i - at <= LINE_LIMIT else np.int64(ALONE)


@called
def _behind_cell(buf, start, end, header):  # type: ignore[no-untyped-def]
    """The place behind the mark that ends the cell that begins at `start`, and how many line feeds are in it; `end`
    where it does not end before, `ALONE` where it is no cell."""
    i, feeds, separators = start, np.int64(0), np.int64(0)
    while i < end:
        if buf[i] == 34:
            if buf[i + 1] != 34:
                break
            i += 1
        elif buf[i] == 10:
            feeds += 1
        elif buf[i] == header.separator:
            separators += 1
        i += 1
        if i - start > CELL_LIMIT or feeds > CELL_FEEDS or (feeds > 0 and separators >= header.reach):
            return np.int64(ALONE), feeds
    return min(i + 1, end), feeds
