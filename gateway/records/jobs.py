"""The worker's jobs: JSON in, JSON of an outcome out. No keys, no network; files are named by the caller.

`{"job": "examine", …the fields of ports.ExamineJob…, "refused_list": path?}` examines a table and, where rows were
refused, writes the list of them as a workbook (default `<out>/refused.xlsx`).
`{"job": "template", "out", "schemas", "dataset", "version", "label", "columns"?, "language"?}` writes a template.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.outcomes import Fault, Ok, Outcome, Refused
from gateway.ports import ExamineJob
from gateway.records import codelists, schema
from gateway.records.examination import Examination, examine
from gateway.records.modes import file_mode
from gateway.records.reports import write_refused_list
from gateway.records.templates import write_template
from gateway.records.violations import Sentences

REFUSED_LIST = "refused.xlsx"
_FIELDS = {field.name for field in dataclasses.fields(ExamineJob)}


def run(job_json: Mapping[str, Any]) -> dict[str, Any]:
    """Do one job; return `{"outcome": "ok", "value": …}` or `{"outcome": "refused"|"fault", "code": …, "detail": …}`.

    Raises `OSError` (the world's: no space) and `ValueError`, `KeyError`, `TypeError` (ours: a job or a schema that is
    wrong); the process around it turns them into outcomes.
    """
    if job_json.get("job", "examine") == "template":
        return _template(job_json)
    job = _examine_job(job_json)
    outcome = examine(job)
    if isinstance(outcome, Ok) and outcome.value.refused:
        found = outcome.value
        whole = not found.accepted or found.refused / found.records > job.whole_above
        list_refused(job, Path(job_json.get("refused_list") or job.out / REFUSED_LIST), whole)
    return _as_json(outcome)


def list_refused(job: ExamineJob, out: Path, whole: bool = False) -> None:
    """Write the workbook of an examination's refused rows, durably; `whole`: none of the file's records travels."""
    rules = schema.load(job.schemas, job.dataset, job.version or None).only(job.columns)
    as_of = date.fromisoformat(job.as_of) if job.as_of else None
    sender = codelists.area_name(job.schemas, job.area or job.sender or "")
    sentences = Sentences(rules, job.language, as_of, sender)
    temporary = out.with_name(f".{out.name}.tmp")
    write_refused_list(temporary, job.out, sentences, whole)
    temporary.chmod(file_mode())
    durable.sync_file(temporary)
    durable.publish(temporary, out)


def _examine_job(document: Mapping[str, Any]) -> ExamineJob:
    fields = {name: value for name, value in document.items() if name in _FIELDS}
    for name in ("source", "out", "schemas"):
        fields[name] = Path(fields[name])
    fields["marks"] = Path(fields["marks"]) if fields.get("marks") else None
    for name in ("ignorable", "columns", "routes", "back", "sums"):
        fields[name] = tuple(fields.get(name, ()))
    return ExamineJob(**fields)


def _template(document: Mapping[str, Any]) -> dict[str, Any]:
    rules = schema.load(Path(document["schemas"]), document["dataset"], document.get("version"))
    out = Path(document["out"])
    temporary = out.with_name(f".{out.name}.tmp")
    columns = tuple(document.get("columns", ()))
    write_template(temporary, rules.only(columns), document["label"], document.get("language", "zh"))
    durable.sync_file(temporary)
    durable.publish(temporary, out)
    return {"outcome": "ok", "value": {}}


def _as_json(outcome: Outcome[Examination]) -> dict[str, Any]:
    match outcome:
        case Ok(value):
            return {"outcome": "ok", "value": value.to_json()}
        case Refused(code, detail) | Fault(code, detail):
            return {"outcome": outcome.outcome, "code": code, "detail": dict(detail)}
        case _:
            raise TypeError("an examination is never deferred from within")
