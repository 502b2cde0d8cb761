"""What is a record, and what are lines that people put above, between and under the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xlsxwriter

from gateway.outcomes import Ok
from gateway.records import check, examine, kernel, schema
from gateway.records.offline import Options
from gateway.records.readers.lines import join
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, Examiner, good

HEAD = ",".join(FIELDS)
LINE = join([GOOD[name] for name in FIELDS])
EMPTY = "," * (len(FIELDS) - 1)


def _file(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (HEAD, LINE, *lines)).encode()


@pytest.mark.parametrize("end", [b"\x1a", b"\x1a\x1a\x1a", b"\x1a\r\n", b" \x1a"])
def test_the_end_of_file_mark_of_dos_is_no_record(end: bytes, examiner: Examiner) -> None:
    found = examiner(_file() + end).found
    assert (found.records, found.accepted) == (1, 1)
    assert (found.passed_over, found.passed_rows) == ({"文件结束符": 1}, {"文件结束符": ((3, 3),)})


def test_another_control_character_alone_on_a_line_is_told(examiner: Examiner) -> None:
    assert examiner(_file("\x02")).found.codes == {"406": 1}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("报送单位（盖章）：示例县", "报送单位"),
        ("经办人：示例甲,,联系电话：000", "经办人"),
        (",,,以下空白" + "," * (len(FIELDS) - 4), "以下空白"),
        ("（以下空白）", "以下空白"),
        ("填表日期,,,,,,,,20261009,,,,,,,,", "填表日期"),
        ("------ 以下无正文 ------" + EMPTY, "以下无正文"),
        ("2,以下空白" + EMPTY[1:], "以下空白"),
        (HEAD, "重复的表头"),
        ("共 6 条", "条数"),
        ("合计：6人", "合计"),
        ("以上数据属实，签字：", "以上"),
        ("------" + EMPTY, "分隔线"),
        ("，".join(["续下页"] * 2), "续下页"),
        ("\f", "换页符"),
        ("\0\0\0", "文件结束符"),
    ],
)
def test_lines_that_people_put_under_the_records_are_named(line: str, kind: str, examiner: Examiner) -> None:
    found = examiner(_file(line, LINE)).found
    assert (found.records, found.accepted, found.passed_over) == (2, 2, {kind: 1})
    assert found.passed_rows == {kind: ((3, 3),)}


def test_a_record_that_begins_like_a_signature_stays_one(examiner: Examiner) -> None:
    assert examiner([good(name="审核", household_code="合计", sex="")]).found.codes == {"401": 1}


def test_a_sparse_row_that_is_no_signature_is_refused(examiner: Examiner) -> None:
    found = examiner(_file(",示例甲" + EMPTY[1:])).found
    assert (found.refused, found.passed_over) == (1, {})


def test_rows_numbered_beforehand_are_no_records(examiner: Examiner) -> None:
    lines = ["序号," + HEAD, "1," + LINE, *(f"{n}," + EMPTY for n in range(2, 41))]
    found = examiner("".join(f"{line}\n" for line in lines).encode()).found
    assert (found.records, found.accepted, found.passed_over) == (1, 1, {"只有序号": 39})
    assert found.passed_rows == {"只有序号": ((3, 41),)}


def test_a_row_with_nothing_in_any_column_of_ours_is_named_by_what_it_is(examiner: Examiner) -> None:
    lines = ["序号," + HEAD + ",备注", "1," + LINE + ",", "经办人：示例乙," + EMPTY + ","]
    lines += ["," + EMPTY + ",待核", "2," + EMPTY + ","]
    found = examiner("".join(f"{line}\n" for line in lines).encode()).found
    assert found.passed_rows == {"经办人": ((3, 3),), "约定各列为空": ((4, 4),), "只有序号": ((5, 5),)}


def test_a_value_without_a_title_is_not_passed_over(examiner: Examiner) -> None:
    lines = ["序号," + HEAD + ",", "1," + LINE + ",", "2," + EMPTY + ",?"]
    assert examiner("".join(f"{line}\n" for line in lines).encode()).found.codes == {"402": 1}


def test_the_same_in_a_workbook(examiner: Examiner, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet()
    rows = (["序号", *FIELDS], ["1", *(GOOD[name] for name in FIELDS)], ["2"], ["", "", "单位（盖章）"])
    for at, row in enumerate(rows):
        sheet.write_row(at, 0, row)
    book.close()
    found = examiner((tmp_path / "b.xlsx").read_bytes()).found
    assert (found.records, found.accepted) == (1, 1)
    assert found.passed_rows == {"单位（盖章": ((4, 4),), "只有序号": ((3, 3),)}


def test_the_compiled_engine_passes_over_the_same(examiner: Examiner) -> None:
    assert kernel.prepare(), "the engine compiles here"
    job = examiner(_file("2,以下空白" + EMPTY[1:], HEAD, ",,,,,,经办人" + EMPTY[6:], EMPTY, LINE) + b"\x1a").job
    plain, fast = (examine(job, threads=threads).value for threads in (0, 1))  # type: ignore[union-attr]
    assert (plain.engine, fast.engine) == ("plain", "kernel")
    assert plain.passed_over == {"以下空白": 1, "文件结束符": 1, "经办人": 1, "重复的表头": 1}
    assert (fast.passed_over, fast.passed_rows) == (plain.passed_over, plain.passed_rows)
    assert (fast.records, fast.digest) == (plain.records, plain.digest)


def test_a_header_repeated_in_another_language(examiner: Examiner) -> None:
    titles = ",".join(field.title for field in schema.load(SCHEMAS, "migrants-inflow").fields)
    assert examiner(_file(titles, LINE)).found.passed_rows == {"重复的表头": ((3, 3),)}


@pytest.mark.parametrize("dataset", ["evaluation-returns", "reply", "births-elsewhere"])
def test_a_number_that_is_a_field_of_ours_alone_is_no_record(dataset: str, examiner: Examiner) -> None:
    fields = schema.load(SCHEMAS, dataset).fields
    head, empty = ",".join(field.title for field in fields), "," * (len(fields) - 1)
    outcome = examiner(f"{head}\n1{empty}\n2{empty}\n".encode(), dataset=dataset, route_by=None, nil=True).outcome
    assert isinstance(outcome, Ok)
    assert outcome.value.passed_rows == {"只有序号": ((2, 3),)}


def test_one_cell_that_is_no_number_of_a_row_is_a_record(examiner: Examiner) -> None:
    assert (
        examiner(_file("110101199001010007" + EMPTY, EMPTY[:7] + "110101199001010007" + EMPTY[7:])).found.refused == 2
    )


# ---- the template's example -----------------------------------------------------------------------------------------


def _example(**changed: str) -> str:
    fields = schema.load(SCHEMAS, "migrants-inflow").fields
    return ",".join(changed.get(field.name, field.example) for field in fields)


@pytest.mark.parametrize(
    "changed",
    [{}, {"id_number": "1.10101E+17"}, {"migration_date": "2026/3/1"}, {"education": ""}, {"name": "示例乙"}],
    ids=str,
)
def test_the_example_as_a_spreadsheet_leaves_it_is_no_record(changed: dict[str, str], examiner: Examiner) -> None:
    found = examiner(_file(_example(**changed))).found
    assert (found.records, found.passed_rows) == (1, {"示例行": ((3, 3),)})


@pytest.mark.parametrize(
    "changed",
    [
        {"id_number": "110101199001029991"},
        {"name": "试验甲"},
        {"residence_address": "测试省测试县1号"},
    ],
    ids=str,
)
def test_the_example_typed_over_is_never_dropped(changed: dict[str, str], examiner: Examiner) -> None:
    examined = examiner(_file(_example(**changed)))
    assert (examined.found.records, examined.found.accepted) == (2, 1)
    assert examined.violations == [("2", "household_code", "484")]
    cleared = examiner(_file(_example(**changed).removeprefix("示例行"))).found
    assert "484" not in cleared.codes, "cleared, as the remedy says, it is a record like any other"
    assert cleared.records == 2


def test_the_example_typed_over_in_a_table_of_figures_alone(examiner: Examiner) -> None:
    fields = schema.load(SCHEMAS, "migrants-statistics").fields
    head, example = ",".join(f.title for f in fields), [f.example for f in fields]
    lines = [head, ",".join(example), ",".join([*example[:-1], "77"])]
    found = examiner("\n".join(lines).encode() + b"\n", dataset="migrants-statistics", route_by=None).outcome
    assert isinstance(found, Ok)
    assert (found.value.passed_over, found.value.codes) == ({"示例行": 1}, {"484": 1})


@pytest.mark.parametrize("threads", [0, 1])
def test_an_example_behind_another_column_is_seen_by_both_engines(threads: int, examiner: Examiner) -> None:
    assert kernel.prepare(), "the engine compiles here"
    lines = ["序号," + HEAD, "1," + _example(), "2," + _example(name="试验甲"), "3," + LINE]
    job = examiner("".join(f"{line}\n" for line in lines).encode()).job
    found = examine(job, threads=threads)
    assert isinstance(found, Ok)
    assert (found.value.passed_rows, found.value.codes) == ({"示例行": ((2, 2),)}, {"484": 1})


def test_check_names_what_was_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(_file("以下空白"))
    found = check(tmp_path / "a.csv", "migrants-inflow", options=Options(schemas=SCHEMAS))
    document = json.loads(json.dumps(found.to_json()))
    assert document["reading"] == {"passed": {"以下空白": 1}, "rows": {"以下空白": [[3, 3]]}}
