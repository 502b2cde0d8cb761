"""One pass over one table: every record is read, judged, and lies afterwards in exactly one part or among the
refused.

Outputs: `<out>/parts/<province>.csv` (canonical: UTF-8, the schema's order, header of English names, minimal quoting,
LF, the input's order), `<out>/refused.csv`, `<out>/violations.csv`. The same input gives the same bytes. Blank lines,
title rows, repeated headers, rows with a number alone, totals, signatures and seals, the end-of-file mark, and the
template's example row are no records: passed over, counted by kind, and named by their rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from gateway.outcomes import Fault, Ok, Outcome, Refused
from gateway.parcels import Part
from gateway.ports import ExamineJob
from gateway.reading import Reading
from gateway.records import cellsums, codelists, kernel, regions, schema, text
from gateway.records.cells import Circumstances
from gateway.records.listing import REFUSED, VIOLATIONS, Listing
from gateway.records.parts import MODULUS, Measured, Parts, Uncollected, measure, remove
from gateway.records.passing import EMPTY, Pass, Progress
from gateway.records.readers import encoding
from gateway.records.readers.table import open_table
from gateway.records.routing import Routing
from gateway.records.rules import RowJudge
from gateway.records.schema import Schema
from gateway.records.violations import Sentences

UNBALANCED = "901"
Measure = Callable[[Path], Measured]


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `records = accepted + refused`; `warned` ones are accepted. `digest` is the sum over the
    canonical lines of all accepted records, taken as each was judged, `refused_digest` over the lines of
    `refused.csv`; `parts` and the refused list were measured again on disk and add up to them. `reading` is what the
    sender is told of how the table was read; `dropped` names all columns that did not travel. `header_line` is 0 for a
    nil without header. `measures` and `fields` are the counts behind `quality`, of the file and field by field; `sums`
    are the sums of a statistical table that the job asked for. `engine` says who judged: `kernel`, or `plain` (a small
    file, a workbook, or nothing compiled here).
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
    dropped: tuple[str, ...]
    sha256: Mapping[str, str]
    engine: str = "plain"
    measures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sums: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)

    @property
    def passed_over(self) -> Mapping[str, int]:
        """Lines that are no records, by what they are."""
        return self.reading.passed

    @property
    def passed_rows(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """Where the first of them stand, as runs of rows."""
        return self.reading.rows

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, the inverse of `from_json`."""
        return {
            **asdict(self),
            "parts": [asdict(part) for part in self.parts],
            "dropped": list(self.dropped),
            "reading": self.reading.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Examination:
        """Raises `TypeError` for a document that is none."""
        parts = tuple(Part(**part) for part in document["parts"])
        reading = Reading.from_json(document["reading"])
        return cls(**{**document, "parts": parts, "dropped": tuple(document["dropped"]), "reading": reading})


def examine(
    job: ExamineJob,
    progress: Progress | None = None,
    folder: Path | None = None,
    keep: bool = True,
    threads: int | None = None,
) -> Outcome[Examination]:
    """Examine `job.source` into `job.out`, redoing whatever an earlier, interrupted run left there.

    `folder` is where the parts go, by default `<out>/parts`; without `keep` no parts are written. `progress` is called
    with the bytes of the file read so far. `threads`: how many the compiled engine may use (None: one per CPU); 0 asks
    for the plain engine. Both give the same bytes.

    Refused 226, 227 (nil), 255 (another's), 260 (`unended`), 301–320 (table), 502 (wrong folder): then no outputs
    remain. Fault 901 when what lies on disk is not what was judged. Raises `OSError` (no space),
    `FileNotFoundError`/`SchemaFault` for a schema that is not there or cannot be applied.
    """
    folder = folder or job.out / "parts"
    _clear(job.out, folder)
    job.out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".package-", dir=job.out) as scratch:
        if encoding.is_zip(job.source):
            from gateway.records.readers import datapackage

            table = datapackage.unpack(job.source, Path(scratch), job.author)
            if isinstance(table, Refused):
                return table
            job = replace(job, source=table or job.source)
        return _examine(job, progress, folder, keep, threads)


def _examine(
    job: ExamineJob, progress: Progress | None, folder: Path, keep: bool, threads: int | None
) -> Outcome[Examination]:
    rules = schema.load(job.schemas, job.dataset, job.version or None).only(job.columns)
    repertoire = text.repertoire(job.schemas)
    table = open_table(job.source, rules, job.ignorable or rules.ignorable, repertoire)
    if isinstance(table, Refused):
        return table
    if table is None:
        return Ok(_nothing(rules)) if job.nil else Refused(EMPTY)
    as_of = date.fromisoformat(job.as_of) if job.as_of else None
    circumstances = Circumstances(regions.load(job.schemas), repertoire, job.sender, as_of, job.area)
    sender = codelists.area_name(job.schemas, job.area or job.sender or "")
    sentences = Sentences(rules, job.language, as_of, sender)
    titles, separator = table.header.titles, table.header.separator
    with (
        Parts(folder, [field.name for field in rules.fields]) if keep else Uncollected() as parts,
        Listing(job.out, titles, separator, rules, sentences, job.max_errors_listed) as listing,
    ):
        routing = Routing.of(job, rules)
        run = Pass(table, rules, RowJudge(rules, circumstances), parts, listing, routing)
        fast = None if job.nil or not routing.plain else kernel.choose(run, circumstances, threads)
        refused = None
        if fast is None:
            refused = run.read(job.nil, progress)
        else:
            fast.read(progress)
        refused = refused or run.conclude(job.nil, sender, job.unended)
        if refused is not None:
            parts.remove()
            listing.remove()
            return refused
        listing.finish()
        measured = measure if fast is None else fast.measure
        done = parts.finish() if fast is None else parts.finish(fast.measure_all)
        concluded = _conclude(run, done, job.out / REFUSED, measured, "plain" if fast is None else "kernel")
    if keep and isinstance(concluded, Ok):
        paths = [folder / f"{part.province}.csv" for part in concluded.value.parts]
        if job.repeats:
            from gateway.records import repeats

            repeats.write(job, rules, circumstances, paths)
        if job.sums:
            return Ok(replace(concluded.value, sums=cellsums.read(paths, job.sums)))
    return concluded


def _clear(out: Path, folder: Path) -> None:
    remove(folder)
    for name in (REFUSED, VIOLATIONS):
        (out / name).unlink(missing_ok=True)


def _nothing(rules: Schema) -> Examination:
    """A nil without a header."""
    zero = f"{0:064x}"
    return Examination(
        rules.name, rules.version, "utf-8", 0, 0, 0, 0, {}, {}, (), zero, zero, True, 0, 0, (), {}
    )  # fmt: skip


def _conclude(
    run: Pass, parts: tuple[Part, ...], refused_list: Path, measured: Measure, engine: str
) -> Outcome[Examination]:
    """Conservation, from what lies on disk: counts and digests of parts and of the refused list."""
    refused = measured(refused_list)
    digest = f"{run.digest % MODULUS:064x}"
    on_disk = sum(int(part.digest, 16) for part in parts) % MODULUS
    out = sum(part.records for part in parts)
    balanced = (
        out == run.rows - run.refused
        and refused.records == run.refused
        and f"{on_disk:064x}" == digest
        and refused.digest == f"{run.listing.digest:064x}"
    )
    if not balanced:
        return Fault(UNBALANCED, {"records": run.rows, "out": out, "refused": refused.records})
    return Ok(
        Examination(
            dataset=run.rules.name,
            version=run.rules.version,
            encoding=run.table.encoding,
            records=run.rows,
            accepted=out,
            refused=run.refused,
            warned=run.warned,
            codes=dict(sorted(run.codes.items())),
            quality=run.quality.figures(run.rows),
            parts=parts,
            digest=digest,
            refused_digest=refused.digest,
            nil=not run.rows,
            header_line=run.table.header.line,
            blank=run.blank,
            reading=run.reading(),
            dropped=run.table.header.dropped,
            sha256={REFUSED: refused.sha256},
            engine=engine,
            measures=run.quality.measures(run.rows),
            fields=run.quality.fields(run.rules.fields),
        )
    )
