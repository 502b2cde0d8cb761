"""`check` and `sort` without a node: one file, one schema, the same rules and the same bytes as inside the flow."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any, Final

from gateway.outcomes import Ok, Outcome, Refused
from gateway.policy import finding
from gateway.policy.areas import significant
from gateway.policy.periods import Period
from gateway.ports import ExamineJob
from gateway.reading import Reading
from gateway.records import codelists
from gateway.records.examination import Examination, examine
from gateway.records.jobs import list_refused
from gateway.records.listing import VIOLATIONS
from gateway.records.parts import left_in
from gateway.records.routing import ROUTES
from gateway.records.schema import load
from gateway.records.truncation import TRUNCATED, is_truncated

Progress = Callable[[int], None]
_OUTSIDE = ("refusal", "detail", "reading")


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one file; `to_json` is the document of `gateway check --json`.

    A file refused as a whole has `refusal` (the code, with its `detail`), which is then the one entry of `codes`, and
    nothing is accepted; `records` and `refused` are 0 unless its records were read before (502). `reading`: how the
    table was read, which the document holds where there is something to say.
    """

    file: str
    schema: str
    encoding: str
    records: int
    accepted: int
    refused: int
    warned: int
    codes: Mapping[str, int]
    quality: Mapping[str, float]
    refusal: str | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)

    @property
    def clean(self) -> bool:
        """Nothing was refused, neither the file nor a record."""
        return self.refusal is None and not self.refused

    def to_json(self) -> dict[str, Any]:
        document = {name: value for name, value in dataclasses.asdict(self).items() if name not in _OUTSIDE}
        reading = self.reading.to_json()
        return document | ({"reading": reading} if reading else {})


@dataclass(frozen=True, slots=True)
class Sorting(Check):
    """The same, with `out` (province code → records) and the `digest` of all accepted records."""

    out: Mapping[str, int] = field(default_factory=dict)
    digest: str = f"{0:064x}"


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is judged. `sender` is a party id (`110000`; that of a county or a township stands for its area
    alone), two digits or a Chinese province name; `period` is `2026Q3`, `2026-10`, `2026H1` or `2026`; without them the
    rules that need them are not applied. `schemas`: the folder of schemas, by default that of the configuration found;
    `version`: of the dataset's schema, by default the one in `<dataset>.json`; `language` of the sentences: `zh` or
    `en`."""

    sender: str | None = None
    period: str | None = None
    schemas: Path | None = None
    version: str | None = None
    language: str = "zh"


DEFAULTS: Final = Options()


class NoSuchSender(ValueError):
    """The sender is no party id, no province code and no name of a province."""


class NoSuchPeriod(ValueError):
    """The period is none of `2026Q3`, `2026-10`, `2026H1`, `2026`."""


class NoSuchSchema(ValueError):
    """There is no schema of that dataset in that version."""


class NotOurFolder(ValueError):
    """The folder to sort into holds the file itself, or parts that no earlier run of ours left there."""


def find_schemas() -> Path:
    """The folder of schemas of the facts in `$GATEWAY_CONFIG`, else of the copy shipped with the code.

    Raises `policy.faults.FactsError` when there is neither.
    """
    return finding.home_of(finding.find()) / "schemas"


def check(
    file: Path | str,
    schema: str,
    *,
    options: Options = DEFAULTS,
    report: Path | None = None,
    violations: Path | None = None,
    progress: Progress | None = None,
) -> Check:
    """Validate a file against the schema of a dataset, offline.

    `report` receives the workbook of refused rows, `violations` the CSV of all violations; `progress` is called with
    the bytes read so far. Raises `NoSuchSchema`, `NoSuchSender`, `NoSuchPeriod`, and `OSError` for a file that cannot
    be read or written.
    """
    with tempfile.TemporaryDirectory(prefix="gateway-check-") as scratch:
        job = _job(Path(file), Path(scratch), schema, options, route_by=None)
        outcome = _examined(job, progress, keep=False)
        if isinstance(outcome, Ok):
            if violations is not None:
                copyfile(job.out / VIOLATIONS, violations)
            if report is not None:
                list_refused(job, report, whole=True)
    return Check(**_found(file, schema, outcome))


def sort(
    file: Path | str,
    schema: str,
    out: Path,
    *,
    by: str,
    options: Options = DEFAULTS,
    progress: Progress | None = None,
) -> Sorting:
    """Check a file and split its accepted records by province into `out/<province code>.csv`, with `refused.csv` and
    `violations.csv` beside them. `by`: `household` (registration) or `residence`. The same input gives the same bytes;
    what an earlier run left in `out` is replaced. Raises as `check` does, `ValueError` for another `by`, and
    `NotOurFolder` with nothing touched.
    """
    if by not in ROUTES:
        raise ValueError("by is household or residence")
    job = _job(Path(file), out, schema, options, route_by=by)
    _claim(out, job.source)
    outcome = _examined(job, progress, folder=out)
    sorted_out: dict[str, Any] = {}
    if isinstance(outcome, Ok):
        sorted_out = {"out": {part.province: part.records for part in outcome.value.parts}}
        sorted_out["digest"] = outcome.value.digest
    return Sorting(**_found(file, schema, outcome), **sorted_out)


def _examined(
    job: ExamineJob, progress: Progress | None, *, keep: bool = True, folder: Path | None = None
) -> Outcome[Examination]:
    """As a node would judge it: a file without its end is refused (260) before anything of it is read."""
    if is_truncated(job.source, job.source.name):
        return Refused(TRUNCATED)
    return examine(job, progress, keep=keep, folder=folder)


def _found(file: Path | str, schema: str, outcome: Outcome[Examination]) -> dict[str, Any]:
    found: dict[str, Any] = {"file": str(file), "schema": schema}
    if isinstance(outcome, Ok):
        value = outcome.value
        for name in ("encoding", "records", "accepted", "refused", "warned", "codes", "quality", "reading"):
            found[name] = getattr(value, name)
        return found
    records = int(outcome.detail.get("records", 0))
    found |= {"encoding": "", "records": records, "accepted": 0, "refused": records, "warned": 0, "quality": {}}
    return found | {"codes": {outcome.code: 1}, "refusal": outcome.code, "detail": outcome.detail}


def _job(source: Path, out: Path, dataset: str, options: Options, route_by: str | None) -> ExamineJob:
    folder = options.schemas or find_schemas()
    if not source.is_file():
        raise FileNotFoundError("no such file")
    try:
        rules = load(folder, dataset, options.version)
    except FileNotFoundError:
        raise NoSuchSchema("no schema of that dataset in that version") from None
    return ExamineJob(
        source=source,
        out=out,
        schemas=folder,
        dataset=dataset,
        version=rules.version,
        route_by=route_by,
        sender=_province(folder, options.sender) if options.sender else None,
        area=significant(options.sender) if options.sender and options.sender.isdecimal() else "",
        as_of=_as_of(options.period) if options.period else None,
        language=options.language,
        max_errors_listed=1 << 62,
    )


def _claim(out: Path, source: Path) -> None:
    """Raise `NotOurFolder` where a sort would overwrite other files: parts are removed only beside the lists that mark
    them as an earlier run's."""
    if out.resolve() == source.resolve().parent:
        raise NotOurFolder("the folder to sort into holds the file itself")
    if any(left_in(out)) and not (out / VIOLATIONS).exists():
        raise NotOurFolder("the folder to sort into holds files that look like parts")


def _province(schemas: Path, sender: str) -> str:
    try:
        return codelists.province_of(schemas, sender).code
    except ValueError:
        raise NoSuchSender("a party id, a province code or a province's name is expected") from None


def _as_of(period: str) -> str:
    try:
        return Period.parse(period).end.isoformat()
    except ValueError:
        raise NoSuchPeriod("2026Q3, 2026-10, 2026H1 or 2026 is expected") from None
