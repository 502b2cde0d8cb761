"""One pass over one table: every record is read, judged, and lies afterwards in exactly one part or among the
refused.

Outputs: `<out>/parts/<province>.csv` (canonical: UTF-8, the schema's order, header of English names, minimal quoting,
LF, the input's order), `<out>/refused.csv`, `<out>/violations.csv`. The same input gives the same bytes. Blank lines,
title rows, totals and signatures, and the template's example row are no records: passed over and counted by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any

from gateway.outcomes import Fault, Ok, Outcome, Refused
from gateway.parcels import Part
from gateway.ports import ExamineJob
from gateway.records import codelists, regions, schema, text
from gateway.records.cells import NOT_OWN, Circumstances
from gateway.records.listing import REFUSED, VIOLATIONS, Listing
from gateway.records.parts import MODULUS, UNROUTED, Parts, Uncollected, line_digest, measure, remove
from gateway.records.quality import Quality
from gateway.records.readers.lines import SPACES, Damaged, join, split
from gateway.records.readers.table import BLANK, PASSABLE, Table, open_table, passed_over
from gateway.records.readers.workbook import DELETED
from gateway.records.rules import RowJudge
from gateway.records.schema import Schema
from gateway.records.violations import WHOLE_ROW, Sentences, errors

MISPLACED_SHARE = 0.9
"""From this share of records outside the sender's province on, the file is taken for one in the wrong folder."""

ROUTES = {"household": "registered_code", "residence": "residence_code"}
EMPTY, NIL_WITH_ROWS, MISPLACED, UNBALANCED = "226", "227", "502", "901"
CELL_COUNT, STRAY_QUOTE = "402", "403"

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `records = accepted + refused`; `warned` ones are accepted. `digest` is the sum over the
    canonical lines of all accepted records, taken as each was judged, `refused_digest` over the lines of
    `refused.csv`; `parts` and the refused list were measured again on disk and add up to them. `passed_over`
    counts lines that are no records, by kind; `dropped` names ignorable columns. `header_line` is 0 for a nil
    without header.
    """

    dataset: str
    version: str
    encoding: str
    records: int
    accepted: int
    refused: int
    warned: int
    codes: Mapping[str, int]
    quality: Mapping[str, float]
    parts: tuple[Part, ...]
    digest: str
    refused_digest: str
    nil: bool
    header_line: int
    blank: int
    passed_over: Mapping[str, int]
    dropped: tuple[str, ...]
    sha256: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, the inverse of `from_json`."""
        return {**asdict(self), "parts": [asdict(part) for part in self.parts], "dropped": list(self.dropped)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Examination:
        """Raises `TypeError` for a document that is none."""
        parts = tuple(Part(**part) for part in document["parts"])
        return cls(**{**document, "parts": parts, "dropped": tuple(document["dropped"])})


def examine(
    job: ExamineJob, progress: Progress | None = None, folder: Path | None = None, keep: bool = True
) -> Outcome[Examination]:
    """Examine `job.source` into `job.out`, redoing whatever an earlier, interrupted run left there.

    `folder` is where the parts go, by default `<out>/parts`; without `keep` no parts are written. `progress` is told
    how many bytes of the file were read.

    Refused 226, 227 (nil), 301–308 (table), 502 (wrong folder): then no outputs remain. Fault 901 when what lies
    on disk is not what was judged. Raises `OSError` (no space), `FileNotFoundError`/`SchemaFault` for a schema
    that is not there or cannot be applied.
    """
    folder = folder or job.out / "parts"
    _clear(job.out, folder)
    rules = schema.load(job.schemas, job.dataset, job.version or None).only(job.columns)
    repertoire = text.repertoire(job.schemas)
    table = open_table(job.source, rules, job.ignorable or rules.ignorable, repertoire)
    if isinstance(table, Refused):
        return table
    if table is None:
        return Ok(_nothing(rules)) if job.nil else Refused(EMPTY)
    as_of = date.fromisoformat(job.as_of) if job.as_of else None
    circumstances = Circumstances(regions.load(job.schemas), repertoire, job.sender, as_of)
    sender = codelists.provinces(job.schemas)[job.sender].name if job.sender else ""
    sentences = Sentences(rules, job.language, as_of, sender)
    titles, separator = table.header.titles, table.header.separator
    with (
        Parts(folder, [field.name for field in rules.fields]) if keep else Uncollected() as parts,
        Listing(job.out, titles, separator, rules, sentences, job.max_errors_listed) as listing,
    ):
        run = _Pass(table, rules, RowJudge(rules, circumstances), parts, listing, _route(job, rules))
        refused = run.read(job.nil, progress) or run.misplaced(sender)
        if refused is not None:
            parts.remove()
            listing.remove()
            return refused
        listing.finish()
        return run.conclude(parts.finish(), job.out / REFUSED)


def _clear(out: Path, folder: Path) -> None:
    remove(folder)
    for name in (REFUSED, VIOLATIONS):
        (out / name).unlink(missing_ok=True)


def _route(job: ExamineJob, rules: Schema) -> int | None:
    """The field whose first two digits name the receiver; None: records are not routed, and make one part `all`.

    Raises `ValueError` for a route that is no field with a region code."""
    if job.route_by is None:
        return None
    place = rules.index(ROUTES.get(job.route_by, job.route_by))
    if place is None or not rules.fields[place].region:
        raise ValueError("the route is not a field with a region code")
    return place


def _nothing(rules: Schema) -> Examination:
    """A nil without a header."""
    zero = f"{0:064x}"
    return Examination(
        rules.name, rules.version, "utf-8", 0, 0, 0, 0, {}, {}, (), zero, zero, True, 0, 0, {}, (), {}
    )  # fmt: skip


class _Pass:
    """The state of one pass over a table."""

    def __init__(
        self, table: Table, rules: Schema, judge: RowJudge, parts: Parts, listing: Listing, route: int | None
    ) -> None:
        self._table, self._rules, self._judge, self._parts, self._listing = table, rules, judge, parts, listing
        self._route = route
        self._required = sum(field.required for field in rules.fields)
        self._quality = Quality(self._required)
        self._codes: Counter[str] = Counter()
        self._passed: Counter[str] = Counter({"标题": table.header.title_rows} if table.header.title_rows else {})
        self._errors = errors()
        self._digest = 0
        self._rows = self._refused = self._warned = self._blank = 0

    def read(self, nil: bool, progress: Progress | None) -> Refused | None:
        """Judge every line. Refused 227 at the first record of a declared nil, 226 where there are none."""
        header = self._table.header
        separator, width, unnamed = header.separator, header.width, header.unnamed
        pick = itemgetter(*header.order) if len(header.order) > 1 else lambda cells: (cells[header.order[0]],)
        judge, keep = self._judge.judge, self._keep
        for batch in self._table.data():
            if batch.deleted:
                self._passed.update({DELETED: batch.deleted})
            for number, line in zip(batch.numbers or count(batch.number), batch.lines, strict=False):
                cells = split(line, separator) if batch.quoted else line.split(separator)
                start = line.lstrip(BLANK)
                if not start or start.startswith(PASSABLE):
                    marker = passed_over(line, cells, self._required)
                    if marker is not None or (not start and cells is not None and type(line) is not Damaged):
                        self._passed.update([marker] if marker else ())
                        self._blank += marker is None
                        continue
                self._rows += 1
                if nil:
                    return Refused(NIL_WITH_ROWS)
                if cells is None or len(cells) != width or type(line) is Damaged:
                    self._refuse_line(line, number, cells)
                    continue
                cells.append("")
                if batch.spaced:
                    cells = [cell.strip(SPACES) for cell in cells]
                if unnamed and any(cells[column] for column in unnamed):
                    self._refuse_line(line, number, cells)
                    continue
                notes = batch.notes.get(number) if batch.notes else None
                values, problems = judge(pick(cells)) if notes is None else judge(pick(cells), notes)
                if problems and not self._travels(line, number, problems):
                    continue
                keep(values)
            self._parts.flush()
            if progress is not None:
                progress(batch.bytes_read)
        return None if self._rows or nil else Refused(EMPTY)

    def _keep(self, values: Any) -> None:
        line = join(values).encode()
        self._digest += line_digest(line)
        self._parts.add(UNROUTED if self._route is None else values[self._route][:2], line)

    def _refuse_line(self, line: str, number: int, cells: list[str] | None) -> None:
        code = line.code if isinstance(line, Damaged) else STRAY_QUOTE if cells is None else CELL_COUNT
        self._travels(line, number, ((WHOLE_ROW, code),))

    def _travels(self, line: str, number: int, problems: Any) -> bool:
        """Count and list what is wrong with a row; False where it is refused for it."""
        codes = [code for _, code in problems]
        self._codes.update(codes)
        self._quality.add(problems)
        if self._errors.isdisjoint(codes):
            self._warned += 1
            self._listing.warn(self._rows, line, problems)
            return True
        self._refused += 1
        self._listing.refuse(self._rows, number, line, problems)
        return False

    def misplaced(self, sender: str) -> Refused | None:
        """Refused 502 where nearly all records lie outside the sender's province."""
        if self._codes[NOT_OWN] and self._codes[NOT_OWN] >= self._rows * MISPLACED_SHARE:
            own = next(field.title for field in self._rules.fields if field.region == "own")
            return Refused(MISPLACED, {"title": own, "sender": sender, "records": self._rows})
        return None

    def conclude(self, parts: tuple[Part, ...], refused_list: Path) -> Outcome[Examination]:
        """Conservation, from what lies on disk: counts and digests of parts and of the refused list."""
        refused = measure(refused_list)
        digest = f"{self._digest % MODULUS:064x}"
        on_disk = sum(int(part.digest, 16) for part in parts) % MODULUS
        out = sum(part.records for part in parts)
        balanced = (
            out == self._rows - self._refused
            and refused.records == self._refused
            and f"{on_disk:064x}" == digest
            and refused.digest == f"{self._listing.digest:064x}"
        )
        if not balanced:
            return Fault(UNBALANCED, {"records": self._rows, "out": out, "refused": refused.records})
        table = self._table
        return Ok(
            Examination(
                dataset=self._rules.name,
                version=self._rules.version,
                encoding=table.encoding,
                records=self._rows,
                accepted=out,
                refused=self._refused,
                warned=self._warned,
                codes=dict(sorted(self._codes.items())),
                quality=self._quality.figures(self._rows),
                parts=parts,
                digest=digest,
                refused_digest=refused.digest,
                nil=not self._rows,
                header_line=table.header.line,
                blank=self._blank,
                passed_over=dict(sorted(self._passed.items())),
                dropped=table.header.dropped,
                sha256={REFUSED: refused.sha256},
            )
        )
