"""Compiled: the records of `layout` read, and what is known while a line is judged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gateway.records.kernel import layout
from gateway.records.kernel.layout import FIELD, RULE
from gateway.records.kernel.words import behind, called, inlined, reader

header_at: Any = reader(layout.Header)
rules_at: Any = reader(layout.Rules)
circumstances_at: Any = reader(layout.Circumstances)
alphabet_at: Any = reader(layout.Alphabet)
plan_at: Any = reader(layout.Plan)
chunk_at: Any = reader(layout.Chunk)
digests_at: Any = reader(layout.Digests)
whole_at: Any = reader(layout.Whole)
lists_at: Any = reader(layout.Lists)
_spot_at: Any = reader(layout.Spot)
_SPOT = len(layout.Spot._fields)


UNJUDGED, ACCEPTS, ALTERS, REFUSES = 0, 1, 2, 4
"""What became of a line's cells, in bits: the plain engine has to judge them; they may travel; their canonical form is
another than what came; an error was found."""


class Work(NamedTuple):
    """Room for one line, a word per column or field. `starts` and `ends`: cells as they stand between their quotation
    marks; `cut` and `stop`: without white space around them; `quoted`. By field:
    `first` and `behind` of the cell in canonical form; `wrong`: it has an error. `found`: codes of one cell."""

    starts: Any
    ends: Any
    cut: Any
    stop: Any
    quoted: Any
    first: Any
    behind: Any
    found: Any
    wrong: Any


class Task(NamedTuple):
    """All that is known when a line is judged."""

    route: Any
    header: Any
    rules: Any
    circumstances: Any
    alphabet: Any
    chunk: Any
    work: Any


class Line(NamedTuple):
    """A line from `start` to `end` in the room. `plain`: its cells end where `scanning` found separators, from
    `cuts[first_cut]` on; `odd`: something in it is odd; `origin`: where the chunk's bits of what is odd begin."""

    start: Any
    end: Any
    first_cut: Any
    plain: Any
    odd: Any
    origin: Any


@inlined
def field_at(rules, f):  # type: ignore[no-untyped-def]
    """The words of this field; `FIELD` says which is which."""
    return behind(rules.fields, len(FIELD) * f)


@inlined
def rule_at(rules, r):  # type: ignore[no-untyped-def]
    """The words of this rule; `RULE` says which is which."""
    return behind(rules.rules, len(RULE) * r)


@inlined
def spot_at(chunk, row):  # type: ignore[no-untyped-def]
    """Where a line stands."""
    return _spot_at(behind(chunk.spots, _SPOT * row))


@inlined
def put_spot(chunk, row, begin, end):  # type: ignore[no-untyped-def]
    """Write where a line stands."""
    chunk.spots[_SPOT * row], chunk.spots[_SPOT * row + 1] = begin, end


@inlined
def put_problems(chunk, row, first, count):  # type: ignore[no-untyped-def]
    """Write which problems a line has."""
    chunk.spots[_SPOT * row + 2], chunk.spots[_SPOT * row + 3] = first, count


@inlined
def most_cells(header, rules):  # type: ignore[no-untyped-def]
    """More cells than a line may be written with: how long the rows of `Work` are."""
    return max(header.width + 2, rules.field_count + 1)


@called
def task_of(plan, chunk):  # type: ignore[no-untyped-def]
    """The task that a record `Plan` and a record `Chunk` describe."""
    found, room = plan_at(plan), chunk_at(chunk)
    header, rules = header_at(found.header), rules_at(found.rules)
    work, n = room.work, most_cells(header, rules)
    rows = Work(
        work, behind(work, n), behind(work, 2 * n), behind(work, 3 * n), behind(work, 4 * n), behind(work, 5 * n),
        behind(work, 6 * n), behind(work, 7 * n), behind(work, 7 * n + 16),
    )  # fmt: skip
    circumstances, alphabet = circumstances_at(found.circumstances), alphabet_at(found.alphabet)
    return Task(found.route, header, rules, circumstances, alphabet, room, rows)


@inlined
def cell_of(task, line, column):  # type: ignore[no-untyped-def]
    """Begin and end of a cell, without white space around it."""
    if line.plain:
        at = line.first_cut + column
        return np.int64(task.chunk.cuts[at - 1]) + 1, np.int64(task.chunk.cuts[at])
    return task.work.cut[column], task.work.stop[column]
