"""Compiled: all rules of a schema over the lines of a buffer, in one pass, the accepted ones written in canonical form.

A line that is not plain (a quotation mark inside, a control character, bytes that do not decode, another number of
cells, blank, a total, odd white space) is `LEFT` to the plain engine. What is judged here is judged as it would be
there: the same codes in the same order, the same bytes.
"""

from __future__ import annotations

import numpy as np

from gateway.records.kernel.cells import judge_cell, measure
from gateway.records.kernel.characters import text_bits
from gateway.records.kernel.entries import ACCEPTED, JOINED, LEFT, LINE_LIMIT, REFUSED, UNROUTED
from gateway.records.kernel.joining import UNDECIDED, odd_marks, record_end
from gateway.records.kernel.layout import FIELD, RULE
from gateway.records.kernel.ruling import rule_code
from gateway.records.kernel.scanning import HARD, ODD, scan
from gateway.records.kernel.splitting import left_alone, split_hard
from gateway.records.kernel.tables import PLACES, TEXT
from gateway.records.kernel.task import (
    ACCEPTS,
    ALTERS,
    REFUSES,
    UNJUDGED,
    Line,
    cell_of,
    field_at,
    most_cells,
    put_problems,
    put_spot,
    rule_at,
    task_of,
)
from gateway.records.kernel.values import REQUIRED, text_codes
from gateway.records.kernel.words import called, inlined
from gateway.records.kernel.writing import put_line


@inlined
def _line_at(task, row, start, first_cut, origin):  # type: ignore[no-untyped-def]
    """A line as it was scanned."""
    mark = task.chunk.marks[row]
    end = np.int64(task.chunk.line_ends[2 * row])
    return Line(start, end, first_cut, (mark & HARD) == 0, (mark & ODD) != 0, origin)


@inlined
def _cut(task, line, next_cut):  # type: ignore[no-untyped-def]
    """Find the cells of a line; returns its end, without a carriage return where it is plain, or -1 where it is left to
    the plain engine."""
    room, header, gb = task.chunk.room, task.header, task.alphabet.gb
    if line.end - line.start > LINE_LIMIT or (line.plain and next_cut - line.first_cut > header.width):
        return np.int64(-1)
    begins = room[line.start]
    looked_at = not line.plain or begins >= 0x80 or begins < 48 or begins == 59
    if looked_at and left_alone(room, line.start, line.end, header, gb):
        return np.int64(-1)
    end = line.end
    if line.plain:
        # What stands in `cuts` before a line's first cell is where the line before it ended.
        task.chunk.cuts[line.first_cut - 1] = line.start - 1
        if end > line.start and room[end - 1] == 13:
            end -= 1
            task.chunk.cuts[next_cut - 1] = end
    elif not split_hard(task, line.start, line.end, line.odd):
        return np.int64(-1)
    return end


@inlined
def _others_pass(task, line):  # type: ignore[no-untyped-def]
    """Whether dropped columns decode, columns without a title are empty, and the first field does not say that this is
    the template's example; the plain engine judges what is not so."""
    header = task.header
    passes = True
    for k in range(header.others_count):
        if line.odd:
            s, e = cell_of(task, line, header.others[k])
            passes = passes and text_bits(task.chunk.room, s, e, task.alphabet) >= 0
    for k in range(header.unnamed_count):
        s, e = cell_of(task, line, header.unnamed[k])
        passes = passes and s == e
    first = task.header.order[0]
    if passes and first < task.header.width:
        s, e = cell_of(task, line, first)
        passes = s == e or not left_alone(task.chunk.room, s, e, task.header, task.alphabet.gb)
    return passes


@inlined
def _judge_cells(task, line, p):  # type: ignore[no-untyped-def]
    """Judge every cell of a line; problems are written from `p` on. Returns the place behind them and bits of what
    became of the cells."""
    chunk, rules, work = task.chunk, task.rules, task.work
    became = ACCEPTS
    for f in range(rules.field_count):
        field, column = field_at(rules, f), task.header.order[f]
        work.wrong[f] = 0
        s, e = cell_of(task, line, column) if column < task.header.width else (np.int64(0), np.int64(0))
        work.first[f], work.behind[f] = s, e
        if s == e:
            if field[FIELD.required]:
                chunk.problems[p] = f << PLACES | REQUIRED
                p += 1
                work.wrong[f] = 1
                became |= REFUSES
            continue
        measured = measure(task, line, field, s, e)
        if measured < 0:
            return p, UNJUDGED
        if field[FIELD.kind] == TEXT:
            n, altered = text_codes(chunk.room[s], measured, field, work.found), False
        else:
            n, altered = judge_cell(task, field, f, s, e)
        if n < 0:
            return p, UNJUDGED
        if altered:
            became |= ALTERS
        for k in range(n):
            code = work.found[k]
            chunk.problems[p] = f << PLACES | code
            p += 1
            if rules.errors >> code & 1:
                work.wrong[f] = 1
                became |= REFUSES
    return p, became


@inlined
def _apply_rules(task, p, became):  # type: ignore[no-untyped-def]
    """Apply the rules between cells that are right by themselves; as `_judge_cells`."""
    rules, work = task.rules, task.work
    for r in range(rules.rule_count):
        rule = rule_at(rules, r)
        if not work.wrong[rule[RULE.first]] and not work.wrong[rule[RULE.second]]:
            code = rule_code(rule, task.chunk.room, work.first, work.behind, rules.values)
            if code >= 0:
                task.chunk.problems[p] = rule[RULE.first] << PLACES | code
                p += 1
                if rules.errors >> code & 1:
                    became |= REFUSES
    return p, became


@inlined
def _part_of(task):  # type: ignore[no-untyped-def]
    """The part of an accepted record: two digits of the cell it is routed by."""
    if task.route < 0:
        return UNROUTED
    room, at = task.chunk.room, task.work.first[task.route]
    return (room[at] - 48) * 10 + (room[at + 1] - 48)


@inlined
def _cannot_be_routed(task):  # type: ignore[no-untyped-def]
    """Whether the cell that a record is routed by is right, and empty."""
    route, work = task.route, task.work
    return route >= 0 and not work.wrong[route] and work.first[route] == work.behind[route]


@inlined
def _may_be_no_record(task):  # type: ignore[no-untyped-def]
    """Whether a refused line may be a total, a signature, a repeated header or the like: less than half as many cells
    filled as are required, or no cell right that is more than text. The plain engine decides."""
    rules, work = task.rules, task.work
    filled = required = np.int64(0)
    right = False
    for f in range(rules.field_count):
        field = field_at(rules, f)
        there = work.first[f] != work.behind[f]
        filled += 1 if there else 0
        required += 1 if field[FIELD.required] else 0
        right = right or (there and work.wrong[f] == 0 and field[FIELD.kind] != TEXT)
    return 2 * filled < required or not right


@called
def judge(plan, record, at, end, last):  # type: ignore[no-untyped-def]
    """Judge the lines of the chunk's `room[at:end]`, which ends with a line feed, as many as there is room for, but
    none of a record that may go on behind them, unless `last` says that nothing follows.

    `plan` is a `layout.Plan`, `record` a `layout.Chunk`. For each line the chunk's `status`, `part` and `spots` are
    written, and last `reached`.
    """
    task = task_of(plan, record)
    chunk = task.chunk
    cells, problems = most_cells(task.header, task.rules), 4 * (task.rules.field_count + task.rules.rule_count)
    rows = scan(chunk, at, end, task.header.separator, task.alphabet.gb)
    o, p = chunk.out_from, np.int64(0)
    start, next_cut = at, np.int64(1)
    joined, seen = np.int64(-1), np.int64(chunk.line_ends[2 * rows - 2]) if rows else at
    for row in range(rows):
        line = _line_at(task, row, start, next_cut, at)
        start, next_cut = line.end + 1, np.int64(chunk.line_ends[2 * row + 1]) + 1
        chunk.status[row] = LEFT
        put_problems(chunk, row, 0, 0)
        if line.end <= joined:
            chunk.status[row] = JOINED
            continue
        if not line.plain and odd_marks(chunk.room, line.start, line.end):
            joined = record_end(chunk.room, line.start, end, task.header, last)
            if joined == UNDECIDED or joined > seen:
                rows, start = row, line.start
                break
            continue
        if o + 2 * (line.end - line.start) + 4 * cells > chunk.out_to or p + problems > chunk.most_problems:
            continue
        if line.plain and next_cut - line.first_cut < task.header.width:
            # The last empty cells are left out: it is split like a line that is not plain.
            line = Line(line.start, line.end, line.first_cut, False, line.odd, line.origin)
        stop = _cut(task, line, next_cut)
        if stop < 0 or not _others_pass(task, line):
            continue
        after, became = _judge_cells(task, line, p)
        if became == UNJUDGED or _cannot_be_routed(task):
            continue
        after, became = _apply_rules(task, after, became)
        refused = (became & REFUSES) != 0
        if refused and _may_be_no_record(task):
            continue
        begin, o_end, o = put_line(task, line, stop, became, o)
        chunk.status[row] = REFUSED if refused else ACCEPTED
        if not refused:
            chunk.part[row] = _part_of(task)
        put_spot(chunk, row, begin, o_end)
        put_problems(chunk, row, p, after - p)
        p = after
    chunk.reached[0], chunk.reached[1], chunk.reached[2] = rows, start, o
