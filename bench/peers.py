"""What `bench.records` compares with: the same rules, as users of pandera and of frictionless would write them.

Each reads the file, applies the rules of the schema to every record and counts what it found; nothing is written or
sorted. frictionless applies all of them, by constraints and by one check of rows, its own way for what constraints
cannot say. pandera, whose checks are expressions of polars, has no word for lengths in bytes of GB 18030 (characters
are counted instead) and for private use. Neither does anything about white space, nor names what Excel does to numbers.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

from bench.measuring import DATASET, SCHEMAS, SENDER

AS_OF, MATURE, OLDEST = "20260930", "20260831", 120
DAY = r"^(\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))?$"
FORMULA = r"^[^=+\-@]"
PRIVATE = "[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]"
UNKNOWN = r"[?？□■\[\]［］【】]"


def pandera(source: Path) -> dict[str, Any]:
    """Validation only, in memory, lazily; every rule an expression of polars."""
    import pandera.polars as pa
    import polars as pl
    from pandera.errors import SchemaErrors

    from gateway.records import regions, schema

    rules = schema.load(SCHEMAS, DATASET)
    known = regions.load(SCHEMAS)
    counties, partners = sorted(known.last_year), sorted(known.partners)
    open_ones = sorted(code for code, last in known.last_year.items() if last == regions.OPEN)
    columns: dict[str, Any] = {}
    count = 0

    def says(expression: Any) -> Any:
        """A check of one column by an expression of it; an empty cell is another check's."""
        return pa.Check(lambda d: d.lazyframe.select((pl.col(d.key) == "") | expression(pl.col(d.key))))

    for field in rules.fields:
        checks: list[Any] = [pa.Check.str_length(min_value=1)] if field.required else []
        if field.codes:
            checks.append(pa.Check.isin([*field.codes, ""]))
        elif field.type == "date":
            checks.append(pa.Check.str_matches(DAY))
            checks.append(says(lambda c: c.str.to_date("%Y%m%d", strict=False).is_not_null()))
            checks.append(says(lambda c, n=MATURE if field.minimum_days else AS_OF: c <= n))
        elif field.region:
            checks.append(pa.Check.str_matches(r"^\d{12}$"))
            checks.append(says(lambda c: c.str.slice(0, 2).is_in(partners)))
            checks.append(says(lambda c: c.str.slice(0, 6).is_in(counties) | c.str.ends_with("0000000000")))
            checks.append(says(lambda c: c.str.slice(0, 6).is_in(open_ones) | c.str.ends_with("0000000000")))
            if field.region == "own":
                checks.append(says(lambda c: c.str.starts_with(SENDER)))
            checks.append(says(lambda c: ~c.str.ends_with("000000")))
        elif field.id_number:
            checks.append(pa.Check.str_matches(r"^\d{17}[\dX]$"))
            checks.append(pa.Check(_checksum))
            checks.append(says(lambda c: c.str.slice(0, 6).is_in(counties)))
            checks.append(says(lambda c: c.str.slice(6, 8).str.to_date("%Y%m%d", strict=False).is_not_null()))
            checks.append(says(lambda c: c.str.slice(6, 8).is_between(pl.lit("19060930"), pl.lit(AS_OF))))
        else:
            checks.append(says(lambda c, n=field.byte_limit: c.str.len_chars() * 2 <= n))
            checks.append(pa.Check.str_matches(r"^$|" + FORMULA))
            if field.person_name:
                checks.append(says(lambda c: ~c.str.contains(UNKNOWN)))
        count += len(checks)
        columns[field.name] = pa.Column(str, checks, nullable=True)
    col = pl.col
    between = [
        col("residence_code").str.slice(0, 2) != col("registered_code").str.slice(0, 2),
        col("birth_date") == col("id_number").str.slice(6, 8),
        (col("sex") == "2") ^ col("id_number").str.slice(16, 1).is_in(["1", "3", "5", "7", "9"]),
        (col("return_date") == "") | (col("return_date") >= col("migration_date")),
        col("marital_status").is_in(["20", "21", "22", "23"]) == (col("spouse_accompanying") != ""),
    ]
    checks = [pa.Check(lambda d, e=expression: d.lazyframe.select(e)) for expression in between]
    frame = pl.read_csv(source, infer_schema=False).fill_null("")
    try:
        pa.DataFrameSchema(columns, checks=checks).validate(frame, lazy=True)
        refused = 0
    except SchemaErrors as errors:
        refused = len(errors.failure_cases)
    return {"records": frame.height, "refused": refused, "rules": count + len(between)}


def _checksum(data: Any) -> Any:
    import polars as pl

    from gateway.records.idnumber import CHECK, WEIGHTS

    text = pl.col(data.key)
    total = sum((text.str.slice(i, 1).cast(pl.Int32, strict=False) * w for i, w in enumerate(WEIGHTS)), pl.lit(0))
    expected = (total % 11).replace_strict(list(range(11)), list(CHECK), default=None)
    return data.lazyframe.select(text.str.slice(17, 1) == expected)


def frictionless(source: Path) -> dict[str, Any]:
    """A Table Schema with constraints, and one check of rows for what constraints cannot say."""
    from frictionless import Check, Resource, Schema, errors, validate

    document = json.loads((SCHEMAS / f"{DATASET}.json").read_text("utf-8"))
    count, fields = 0, []
    for field in document["fields"]:
        kept = {"name": field["name"], "type": "string", "constraints": dict(field.get("constraints", {}))}
        if field.get("gateway:region"):
            kept["constraints"]["pattern"] = r"\d{12}"
        if field.get("gateway:idNumber"):
            kept["constraints"]["pattern"] = r"\d{17}[\dX]"
        if field.get("gateway:codes"):
            kept["constraints"]["enum"] = _codes(field["gateway:codes"])
        if field["type"] == "date":
            kept |= {"type": "date", "format": field["format"]}
            kept["constraints"]["maximum"] = AS_OF
        count += len(kept["constraints"]) + (field["type"] == "date")
        fields.append(kept)
    rows = _RowRules()

    class Rules(Check):
        """What stands between cells, and what lists and sums say of one."""

        type = "rules"
        Errors = [errors.RowError]  # noqa: RUF012

        def validate_row(self, row: Any) -> Any:
            for note in rows.wrong(row):
                yield errors.RowError.from_row(row, note=note)

    schema = Schema.from_descriptor({"fields": fields, "missingValues": [""]})
    resource = Resource(path=source.name, basepath=str(source.parent), schema=schema, encoding="utf-8")
    report = validate(resource, checks=[Rules()], limit_errors=10_000_000)
    stats = report.tasks[0].stats
    return {"records": stats["rows"], "refused": stats["errors"], "rules": count + rows.count}


def _codes(name: str) -> list[str]:
    from gateway.records import codelists

    return [*codelists.code_list(SCHEMAS, name)]


class _RowRules:
    """Rules over a row of frictionless, whose cells are None where they are empty or wrong already.

    Counted as the engine counts its own: both region codes 4 (province, county, abolished, not full), the sender's
    province 1, a province alone 1; of the ID number 4 beside its shape; between cells 5; away for 30 days 1; four texts
    3 each (bytes, a formula, private use), the name 2 more (long, unknown characters); reasons that travel with a
    warning 2.
    """

    count = 2 * 4 + 2 + 4 + 5 + 1 + 4 * 3 + 2 + 2

    def __init__(self) -> None:
        from gateway.records import regions, schema

        known = regions.load(SCHEMAS)
        self._private = re.compile(PRIVATE).search
        self._last, self._partners, self._open = known.last_year, known.partners, regions.OPEN
        self._mature = date.fromisoformat(MATURE)
        rules = schema.load(SCHEMAS, DATASET)
        self._limits = [(field.name, field.byte_limit) for field in rules.fields if field.byte_limit]
        self._long = next((field.name, field.byte_warning) for field in rules.fields if field.byte_warning)
        self._warned = next(frozenset(field.warn) for field in rules.fields if field.name == "migration_reason")

    def wrong(self, row: Any) -> Any:
        """A word for each rule that the row breaks."""
        from gateway.records.idnumber import check_character

        own, far, person = row["residence_code"], row["registered_code"], row["id_number"]
        for code in (own, far):
            if code:
                if code[:2] not in self._partners:
                    yield "province"
                elif not code.endswith("0000000000"):
                    last = self._last.get(code[:6])
                    if last is None:
                        yield "county"
                    elif last != self._open:
                        yield "abolished"
                if code.endswith("000000"):
                    yield "not full"
        if far and far.endswith("0000000000"):
            yield "a province alone"
        if own and not own.startswith(SENDER):
            yield "not own"
        if own and far and own[:2] == far[:2]:
            yield "same province"
        if person and len(person) == 18 and person[:17].isdigit():
            if person[17:] != check_character(person[:17]):
                yield "checksum"
            if person[:6] not in self._last:
                yield "region"
            try:
                born = date(int(person[6:10]), int(person[10:12]), int(person[12:14]))
            except ValueError:
                yield "birth"
            else:
                if not 2026 - OLDEST <= born.year <= 2026:
                    yield "age"
                if row["birth_date"] and row["birth_date"] != born:
                    yield "birth date"
            if row["sex"] and (row["sex"] == "2") == (person[16] in "13579"):
                yield "sex"
        back, moved = row["return_date"], row["migration_date"]
        if back and moved and back < moved:
            yield "before"
        if moved and moved > self._mature:
            yield "not yet 30 days"
        if row["migration_reason"] in self._warned:
            yield "reason"
        if (row["marital_status"] in ("20", "21", "22", "23")) != bool(row["spouse_accompanying"]):
            yield "spouse"
        for name, limit in self._limits:
            text = row[name]
            if text:
                size = len(text.encode("gb18030"))
                if size > limit:
                    yield "bytes"
                elif name == self._long[0] and size > self._long[1]:
                    yield "long"
                if text[0] in "=+-@":
                    yield "formula"
                if self._private(text):
                    yield "private use"
        if row["name"] and any(mark in row["name"] for mark in "?？□■[]［］【】"):
            yield "unknown character"
