"""The other datasets: the person table, inquiry and reply; and `gateway schemas`, which tells of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.schemas import app, differences
from gateway.outcomes import Refused
from gateway.records import schema
from tests.unit.records.conftest import GOOD, SCHEMAS, Examiner

PERSON = {
    **{name: GOOD[name] for name in ("name", "sex", "residence_address", "residence_code", "registered_address",
                                     "registered_code", "id_number", "birth_date", "education", "household_type",
                                     "marital_status")},
    "ethnicity": "01", "relationship": "02", "spouse_name": "示例乙", "spouse_id_number": "", "left_on": "",
    "left_reason": "", "entered_on": "20200101",
}  # fmt: skip
OFF = {"only_child_certificate_on", "reward_scheme_on", "special_support_on"}


def _file(*rows: dict[str, str]) -> bytes:
    return ("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n").encode()


def _person(examiner: Examiner, *rows: dict[str, str], **job: Any) -> Any:
    return examiner(_file(*rows), dataset="population-base", route_by=None, **job)


def test_the_person_table(examiner: Examiner) -> None:
    wrong = [{"left_reason": "1"}, {"relationship": "04"}, {"ethnicity": "99"}, {"left_on": "20190101"}]
    died = {"left_on": "20260801", "left_reason": "2"}
    examined = _person(examiner, PERSON, {**PERSON, **died}, *({**PERSON, **changed} for changed in wrong))
    assert [(row, code) for row, _, code in examined.violations] == [
        ("3", "408"),
        ("4", "408"),
        ("5", "408"),
        ("6", "433"),
    ]
    assert len(examined.part("all")) == 2, "what was known of the family stays filled after a death"


def test_all_fields_of_the_seed_and_three_off_by_default(examiner: Examiner) -> None:
    rules = schema.load(SCHEMAS, "population-base")
    numbers = {alias for field in rules.fields for alias in field.aliases if alias.startswith("WISField")}
    told = "000 001 002 003 004 005 006 011 012 013 014 015 016 021 022 023 025 026 028 029 035 036 037 081 083 085"
    assert numbers == {f"WISField{number}" for number in told.split()}
    assert {field.name for field in rules.fields if field.off_by_default} == OFF
    assert not OFF & {field.name for field in rules.only(()).fields}
    with_year = {**PERSON, "reward_scheme_on": "2019"}
    refused = _person(examiner, with_year).outcome
    assert isinstance(refused, Refused)
    assert refused.code == "304"
    rows = [{**with_year, "reward_scheme_on": value} for value in ("2019", "20190101", "2027", "0000", "019")]
    examined = _person(examiner, *rows, columns=tuple(with_year))
    assert [(row, code) for row, _, code in examined.violations] == [("3", "432"), ("4", "411"), ("5", "410")]


@pytest.mark.parametrize("dataset", schema.datasets(SCHEMAS))
def test_no_sensitive_field(dataset: str) -> None:
    names = {field.name for field in schema.load(SCHEMAS, dataset).fields}
    assert not any(
        word in name for name in names for word in ("pregnan", "contracep", "permit", "parity", "note", "remark")
    )


@pytest.mark.parametrize("dataset", schema.datasets(SCHEMAS))
def test_the_example_of_every_dataset_is_a_record_and_marked_it_is_none(dataset: str, examiner: Examiner) -> None:
    rules = schema.load(SCHEMAS, dataset).only(())
    example = {field.name: field.example for field in rules.fields}
    first = rules.fields[0].name
    marked = {**example, first: "示例行"}
    found = examiner(_file(marked, {**example, first: "1"}), dataset=dataset, route_by=None, as_of=None, sender=None)
    assert (found.found.records, found.found.refused) == (1, 0), found.violations
    assert not {code for _, _, code in found.violations} - {"452"}, "known to the county only: travels with a warning"
    assert found.found.passed_over == {"示例行": 1}


def test_a_whole_number_is_digits_alone(examiner: Examiner) -> None:
    row = {"line": "", "direction": "1", "province": "44", "persons": "1200"}
    wrong = ("-1", "1.0", "1,200", "１２", "1e3", "+5", "1234567890123456", "1.2E+05")
    rows = [{**row, "persons": f'"{value}"'} for value in ("0", "007", *wrong)]
    rows += [{**row, "province": "81"}, {**row, "province": "98"}]
    found = examiner(_file(*rows), dataset="migrants-statistics", route_by=None)
    assert [code for _, _, code in found.violations] == ["468"] * 4 + ["409"] + ["468"] * 2 + ["409", "416", "408"]
    assert [cells[3] for cells in found.part("all")] == ["0", "7"]


def test_records_are_led_by_a_code_or_by_the_longest_area_and_nobody_s_are_refused(examiner: Examiner) -> None:
    fields = schema.load(SCHEMAS, "births-mismatch").fields
    row = {field.name: field.example for field in fields} | {"record_number": "A"}
    rows = [{**row, "disagreeing": value} for value in ("3", "1", "3", "2")]
    found = examiner(_file(*rows), dataset="births-mismatch", route_by="disagreeing", routes=("1", "3"))
    assert found.violations == [("4", "disagreeing", "503")]
    assert {part.province: part.records for part in found.found.parts} == {"1": 1, "3": 2}
    fields = schema.load(SCHEMAS, "births-verify").fields
    row = {field.name: field.example for field in fields} | {"record_number": "A"}
    rows = [{**row, "township_code": f"{place}001"} for place in ("440106101", "440106101", "440106102", "440105001")]
    job: dict[str, Any] = {"dataset": "births-verify", "route_by": "township_code", "sender": "44"}
    found = examiner(_file(*rows), **job, routes=("440106", "440106101"))
    assert found.violations == [("4", "township_code", "503")]
    assert {part.province: part.records for part in found.found.parts} == {"440106": 1, "440106101": 2}


def test_inquiry_and_reply(examiner: Examiner) -> None:
    asked = {"record_number": "A1", **{n: GOOD[n] for n in ("name", "id_number", "registered_code")}, "matter": "1"}
    job: dict[str, Any] = {"dataset": "inquiry", "route_by": "registered_code"}
    assert examiner(_file(asked, {**asked, "matter": "4"}), **job).violations == [("2", "matter", "408")]
    reply = {"record_number": "A1", "result": "1", "verified_on": "2026-09-01"}
    found = examiner(_file(reply, {**reply, "result": "9"}), dataset="reply", route_by=None)
    assert found.violations == [("2", "result", "408")]
    assert found.part("all") == [["A1", "1", "20260901"]]


def test_the_commands(tmp_path: Path) -> None:
    run = CliRunner().invoke
    listed = json.loads(run(app, ["list", "--json"]).stdout)
    assert {row["dataset"] for row in listed} >= {"population-base", "inquiry", "reply", "migrants-inflow"}
    shown = run(app, ["show", "reply", "--lang", "en"])
    assert "passed on" in shown.stdout
    assert run(app, ["show", "nothing"]).exit_code == 2
    assert json.loads(run(app, ["diff", "reply", "1", "1", "--json"]).stdout) == []


def test_differences() -> None:
    old = json.loads((SCHEMAS / "reply.json").read_bytes())
    new = json.loads(json.dumps(old))
    new["version"] = "2"
    new["fields"][1]["title"] = "结果"
    del new["fields"][2]
    told = {change["where"]: (change["old"], change["new"]) for change in differences(old, new)}
    assert told["result.title"] == ("结果代码", "结果")
    assert told["version"] == ("1", "2")
    assert told["verified_on.title"] == ("核实日期", None)
    assert told["order"][1] == ["record_number", "result"]
