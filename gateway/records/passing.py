"""The state of one pass over a table, and the plain engine: a line judged at a time, in plain Python.

It is the reference: the compiled engine (`kernel`) leaves every line that is not plain to it, and has to give the same
bytes for all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from operator import itemgetter
from typing import Any

from gateway.outcomes import Refused
from gateway.reading import Reading
from gateway.records.cells import NOT_OWN, OWN_AREA
from gateway.records.listing import Listing
from gateway.records.parts import UNROUTED, Parts, line_digest
from gateway.records.quality import Quality
from gateway.records.readers.header import letters
from gateway.records.readers.lines import DELETED, SPACES, Batch, Damaged, join, split
from gateway.records.readers.no_records import BLANK, EXAMPLE, PASSABLE, TITLE, NoRecords
from gateway.records.readers.quoting import misquoted
from gateway.records.readers.table import Table
from gateway.records.readers.typed import MERGED
from gateway.records.routing import Routing
from gateway.records.rules import RowJudge
from gateway.records.schema import Schema
from gateway.records.truncation import TRUNCATED
from gateway.records.violations import WHOLE_ROW, Problem, errors

MISPLACED_SHARE = 0.9
"""From this share of records outside the sender's own area on, the file is taken for one in the wrong folder."""

EMPTY, NIL_WITH_ROWS, MISPLACED = "226", "227", "502"
UNTITLED, STRAY_QUOTE = "402", "403"
NOBODY_RECEIVES = "503"

DOUBLED = "471"
TYPED_OVER = "484"
NAMED = 20
"""Of each kind of lines that are no records so many runs of rows are named, and so many ranges of merged cells."""
COLUMNS_NAMED = 3
CODE_LENGTH = 3

Progress = Callable[[int], None]


class Passed:
    """Lines of one kind that are no records: how many, and the first runs of rows (first and last) they stand in."""

    def __init__(self) -> None:
        self.count = 0
        self.runs: list[list[int]] = []

    def add(self, row: int) -> None:
        """One more; rows come in their order."""
        self.count += 1
        if self.runs and self.runs[-1][1] == row - 1:
            self.runs[-1][1] = row
        elif len(self.runs) < NAMED:
            self.runs.append([row, row])


class Pass:
    """What was counted so far: `rows` are records, `refused` and `warned` of them; `blank` lines are none; `codes` and
    `quality` add up what was found; `digest` is the sum over all canonical lines that travel."""

    def __init__(
        self,
        table: Table,
        rules: Schema,
        judge: RowJudge,
        parts: Parts,
        listing: Listing,
        routing: Routing,
    ) -> None:
        self.table, self.rules, self.parts, self.listing = table, rules, parts, listing
        self.routing, self.route, self.marks = routing, routing.field, routing.marks
        self._chosen = not routing.plain and routing.marks is None and routing.field is not None
        self.required = sum(field.required for field in rules.fields)
        self.quality = Quality(self.required)
        self.codes: Counter[str] = Counter()
        self._no_records = NoRecords(table.header, rules)
        self._passed: dict[str, Passed] = {}
        for row in table.header.title_rows:
            self._pass(TITLE, row)
        self._hidden = 0
        self._merged: list[int] = []
        self.digest = 0
        self.rows = self.refused = self.warned = self.blank = 0
        self._unique = [place for place, field in enumerate(rules.fields) if field.unique]
        self._seen: set[tuple[int, str]] = set()
        self._mark = 0
        self._errors = errors()
        self._judge = judge.judge
        header = table.header
        self._separator, self._width, self._unnamed = header.separator, header.width, header.unnamed
        order = header.order
        self._pick: Callable[[list[str]], Sequence[str]] = (
            itemgetter(*order) if len(order) > 1 else lambda cells: (cells[order[0]],)
        )

    def read(self, nil: bool, progress: Progress | None) -> Refused | None:
        """Judge every line. Refused 227 at the first record of a declared nil."""
        for batch in self.table.data():
            if batch.deleted:
                self._pass_deleted(batch)
            for number, line in zip(batch.numbers or count(batch.number), batch.lines, strict=False):
                before, notes = self.rows, batch.notes.get(number)
                values = self.line(line, number, batch.spaced, batch.quoted, notes)
                if self.rows > before:
                    self._hidden += self.table.hides(number)
                    if notes and not MERGED.isdisjoint(notes.values()):
                        self._merged.append(number)
                if nil and self.rows:
                    return Refused(NIL_WITH_ROWS)
                if values is not None:
                    text = join(values).encode()
                    self.digest += line_digest(text)
                    self.parts.add(self.part_of(values), text)
            self.parts.flush()
            if progress is not None:
                progress(batch.bytes_read)
        return None

    def _pass_deleted(self, batch: Batch) -> None:
        """The records that a .dbf marks as deleted have no lines; their rows are those that are left out."""
        kept = set(batch.numbers or ())
        rows = range(batch.number, batch.number + len(kept) + batch.deleted)
        for row in rows:
            if row not in kept:
                self._pass(DELETED, row)

    def reading(self) -> Reading:
        """How the table was read, as far as its sender has to know; our own list's columns it need not."""
        ranges = [one for one in self.table.merges if one.holds(self._merged)]
        own = self.rules.own_list_columns
        return Reading(
            {kind: passed.count for kind, passed in sorted(self._passed.items())},
            {
                kind: tuple((first, last) for first, last in passed.runs)
                for kind, passed in sorted(self._passed.items())
            },
            tuple(title for title in self.table.header.dropped if title not in own),
            self._hidden,
            len(ranges),
            tuple(str(one) for one in ranges[:NAMED]),
        )

    def part_of(self, values: Sequence[str]) -> str:
        """The part that a record belongs to."""
        if self.marks is not None:
            return self.marks[self._mark - 1]
        return UNROUTED if self.route is None else self.routing.part(values[self.route]) or UNROUTED

    def _misrouted(self, values: Sequence[str]) -> Iterator[Problem]:
        """Why a record that is right by itself can go nowhere: nobody receives it, or its receiver is its sender."""
        assert self.route is not None, "a choice of parts belongs to a field"
        part = self.routing.part(values[self.route])
        if part is None or part in self.routing.back:
            yield self.route, NOBODY_RECEIVES if part is None else OWN_AREA

    def line(
        self, line: str, number: int, spaced: bool = True, quoted: bool = True, notes: Mapping[int, str] | None = None
    ) -> Any:
        """Judge one line, the file's `number`-th, and count and list it. Returns its values in canonical form where it
        is a record that travels, else None."""
        cells = split(line, self._separator) if quoted else line.split(self._separator)
        start = line.lstrip(BLANK)
        if not start and cells is not None and type(line) is not Damaged:
            self.blank += 1
            return None
        if start.startswith(PASSABLE) and self._passes_over(line, number, cells):
            return None
        if cells is None or type(line) is Damaged:
            return self._refuse_line(line, number, cells)
        if spaced:
            cells = [cell.strip(SPACES) for cell in cells]
        if len(cells) <= self._width:
            # Spreadsheets leave out the last empty cells. One more stands for the columns that the file does not have.
            cells += [""] * (self._width + 1 - len(cells))
        elif any(cells[self._width :]):
            return self._refuse_line(line, number, cells)
        else:
            del cells[self._width + 1 :]
        if self._unnamed and any(cells[column] for column in self._unnamed):
            return self._refuse_line(line, number, cells)
        picked = self._pick(cells)
        if picked[0] == EXAMPLE:
            return self._refuse_line(line, number, cells[:-1], (0, TYPED_OVER))
        values, problems = self._judge(picked, notes)
        if problems and not self._errors.isdisjoint(code for _, code in problems):
            if self._passes_over(line, number, cells[:-1]):
                return None
            self.rows += 1
            self._travels(line, number, problems)
            return None
        self.rows += 1
        if self._chosen and self._errors.isdisjoint(code for _, code in problems):
            problems = (*problems, *self._misrouted(values))
        if (self._unique or self.marks is not None) and self._errors.isdisjoint(code for _, code in problems):
            problems = (*problems, *self._of_the_file(values))
        return values if not problems or self._travels(line, number, problems) else None

    def _passes_over(self, line: str, number: int, cells: Sequence[str] | None) -> bool:
        """Count a line that is no record; False where it is one."""
        kind = self._no_records.kind(line, cells)
        if kind is None:
            return False
        self._pass(kind, number)
        return True

    def _pass(self, kind: str, row: int) -> None:
        self._passed.setdefault(kind, Passed()).add(row)

    def _of_the_file(self, values: Sequence[str]) -> Iterator[Problem]:
        """What is wrong with a record that is right by itself: a value that must be unique occurred before, or its mark
        refuses it."""
        doubled = [place for place in self._unique if (place, values[place]) in self._seen]
        self._seen.update((place, values[place]) for place in self._unique)
        if doubled:
            yield doubled[0], DOUBLED
        elif self.marks is not None:
            self._mark += 1
            mark = self.marks[self._mark - 1]
            if len(mark) == CODE_LENGTH:
                yield (self._unique or [WHOLE_ROW])[0], mark

    def _refuse_line(self, line: str, number: int, cells: list[str] | None, problem: Problem | None = None) -> None:
        """Refuse a line as a whole, unless it is no record."""
        if self._passes_over(line, number, cells):
            return
        self.rows += 1
        if problem is not None:
            self._travels(line, number, (problem,))
            return
        code, columns = self._fault(line, cells)
        self._travels(line, number, ((WHOLE_ROW, code),), columns)

    def _fault(self, line: str, cells: list[str] | None) -> tuple[str, str]:
        """Why a line is refused as a whole, and the letters of the columns that it is about."""
        if isinstance(line, Damaged):
            return line.code, ""
        if cells is None:
            return STRAY_QUOTE, letters(misquoted(line, self._separator))
        untitled = [column for column in (*self._unnamed, *range(self._width, len(cells))) if cells[column]]
        return UNTITLED, "、".join(map(letters, untitled[:COLUMNS_NAMED])) + "…" * (len(untitled) > COLUMNS_NAMED)

    def _travels(self, line: str, number: int, problems: Any, columns: str = "") -> bool:
        """Count and list what is wrong with a row; False where it is refused for it. `columns`: those that a fault of
        the whole line is about."""
        codes = [code for _, code in problems]
        self.codes.update(codes)
        self.quality.add(problems)
        if self._errors.isdisjoint(codes):
            self.warned += 1
            self.listing.warn(self.rows, line, problems)
            return True
        self.refused += 1
        self.listing.refuse(self.rows, number, line, problems, columns)
        return False

    def conclude(self, nil: bool, sender: str, unended: bool = False) -> Refused | None:
        """Judge the file as a whole: refused 260 where it has no end and its last record is none, which half a record
        is taken for; 226 without records, 502 where nearly all lie outside the sender's own area."""
        if not self.rows and not nil:
            return Refused(EMPTY)
        if unended and self.listing.last == self.rows:
            return Refused(TRUNCATED)
        if self.codes[NOT_OWN] and self.codes[NOT_OWN] >= self.rows * MISPLACED_SHARE:
            own = next(field.title for field in self.rules.fields if field.region == "own")
            return Refused(MISPLACED, {"title": own, "sender": sender, "records": self.rows})
        return None
