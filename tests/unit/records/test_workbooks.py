"""The list of refused rows and the template, read back with another library."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from gateway.records import jobs, schema
from gateway.records.readers.lines import join
from gateway.records.reports import write_refused_list
from gateway.records.templates import write_template
from gateway.records.violations import Sentences
from tests.unit.records.conftest import FIELDS, SCHEMAS, Examiner, good

FAULTY = "FFFFC7CE"


def _sheet(path: Path, name: str | None = None) -> Worksheet:
    book = openpyxl.load_workbook(path)
    return book[name] if name else book.worksheets[0]


def _listed(examiner: Examiner, rows: list[dict[str, str]], tmp_path: Path, **job: object) -> Worksheet:
    examined = examiner(rows, **job)
    jobs.list_refused(examined.job, tmp_path / "refused.xlsx")
    return _sheet(tmp_path / "refused.xlsx")


def test_whole_rows_marked_cells_sentence_and_remedy(examiner: Examiner, tmp_path: Path) -> None:
    rows = [good(), good(id_number="1.10101E+17", name="示例乙", sex=""), good()]
    sheet = _listed(examiner, rows, tmp_path)
    assert sheet["A1"].value.startswith("说明：共退回 1 行，本表列出前 1 行")
    header = [cell.value for cell in sheet[2]]
    assert header == ["行号", *FIELDS, "退回原因", "处理办法"]
    cells = sheet[3]
    assert cells[0].value == "3", "the second data row stands in row 3 of the sender's sheet"
    assert [cell.value or "" for cell in cells[1:-2]] == list(rows[1].values())
    marked = {header[cell.column - 1] for cell in cells if cell.fill.start_color.rgb == FAULTY}
    assert marked == {"id_number", "sex"}
    assert "“性别”不能为空" in cells[-2].value
    assert "科学计数法" in cells[-2].value
    assert "文本格式" in cells[-1].value
    assert sheet.freeze_panes == "B3"
    assert all(cell.number_format == "@" for cell in cells[:-2])
    assert sheet.max_row == 3


def test_text_is_never_a_formula(examiner: Examiner, tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://示例")', "http://example.org"]
    rows = [good(name=text, sex="") for text in texts]
    sheet = _listed(examiner, rows, tmp_path)
    found = [sheet.cell(row, 3) for row in range(3, 3 + len(texts))]
    assert [cell.value for cell in found] == texts
    assert {cell.data_type for cell in found} == {"s"}
    assert not any(cell.hyperlink for cell in found)


def test_rows_that_never_were_cells_are_shown_whole(examiner: Examiner, tmp_path: Path) -> None:
    stray = ",".join(good().values()).replace("示例甲", '示例"甲')
    long = ",".join(good().values()) + ",x,y"
    nul = ",".join(good(name="示例\x00").values())
    data = "\n".join([",".join(FIELDS), stray, long, nul]).encode()
    examined = examiner(data)
    jobs.list_refused(examined.job, tmp_path / "refused.xlsx")
    sheet = _sheet(tmp_path / "refused.xlsx")
    assert sheet.cell(3, 3).value == '示例"甲'
    assert sheet.cell(4, 18).value == ",x,y"
    assert sheet.cell(4, 19).value.startswith("R、S 列没有列名却有内容")
    assert sheet.cell(5, 3).value == "示例␀"


def test_repaired_and_dropped_back_it_is_accepted(examiner: Examiner, tmp_path: Path) -> None:
    rows = [good(), good(name=""), good(sex="3")]
    sheet = _listed(examiner, rows, tmp_path)
    back = [[str(cell.value or "") for cell in line] for line in sheet.iter_rows()]
    header = back[1]
    for line, mended in zip(back[2:], ({"name": "示例乙"}, {"sex": "2"}), strict=True):
        for field, value in mended.items():
            line[header.index(field)] = value
    saved = "\n".join(join(line) for line in back).encode()
    examined = examiner(saved)
    assert (examined.found.records, examined.found.accepted) == (2, 2)
    assert set(examined.found.dropped) == {"行号", "退回原因", "处理办法"}
    # Refused once more it brings its own columns along; they are written anew, once.
    header_again = [cell.value for cell in _listed(examiner, rows, tmp_path)[2]]
    examined = examiner(saved.replace("示例乙".encode(), b""))
    jobs.list_refused(examined.job, tmp_path / "again.xlsx")
    assert [cell.value for cell in _sheet(tmp_path / "again.xlsx")[2]] == header_again


def test_only_so_many_are_listed_and_it_says_so(
    examiner: Examiner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.records.reports.LISTED", 3)
    examined = examiner([good(sex="")] * 5, max_errors_listed=3)
    assert len(examined.violations) == 3
    assert examined.found.codes == {"401": 5}
    rules = schema.load(SCHEMAS, "migrants-inflow")
    listed = write_refused_list(tmp_path / "r.xlsx", examined.job.out, Sentences(rules, "en", None, ""))
    sheet = _sheet(tmp_path / "r.xlsx")
    assert listed == 3
    assert sheet.max_row == 2 + 3
    assert "5 rows returned, 3 listed" in sheet["A1"].value
    assert [sheet.cell(2, 1).value, sheet.cell(2, 20).value] == ["Row", None] or sheet.cell(2, 20).value == "Remedy"


def test_the_same_rows_give_the_same_bytes(examiner: Examiner, tmp_path: Path) -> None:
    examined = examiner([good(sex="")])
    jobs.list_refused(examined.job, tmp_path / "a.xlsx")
    jobs.list_refused(examined.job, tmp_path / "b.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


@pytest.mark.parametrize("dataset", ["migrants-inflow", "migrants-outflow"])
def test_template(tmp_path: Path, dataset: str, examiner: Examiner) -> None:
    rules = schema.load(SCHEMAS, dataset)
    write_template(tmp_path / "t.xlsx", rules, "跨省[流入]人口个案/季度*很长很长很长很长很长很长很长很长", "zh")
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    sheet = book.worksheets[0]
    assert len(sheet.title) <= 31
    assert [cell.value for cell in sheet[1]] == [field.title for field in rules.fields]
    assert sheet["A2"].value == "示例行"
    assert sheet.column_dimensions["H"].width >= 18
    drop_downs = {str(rule.sqref).split(":")[0]: rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert drop_downs["C2"] == "'代码表'!$A$2:$A$5"
    assert len(drop_downs) == 7
    assert {ws.title for ws in book.worksheets[1:]} == {"填表说明", "代码表"}
    codes = [book["代码表"].cell(row, 1).value for row in range(2, 6)]
    assert codes == ["0", "1", "2", "9"]
    # Saved as CSV it is an empty report; the example row is no record, though every cell of it but the mark is right.
    saved = "\n".join(join([str(cell.value or "") for cell in line]) for line in sheet.iter_rows()).encode()
    inflow = dataset == "migrants-inflow"
    job = {"dataset": dataset, "route_by": "registered_code" if inflow else "residence_code", "nil": True}
    assert examiner(saved, **job).found.passed_over == {"示例行": 1}
    mended = saved.replace("示例行".encode(), b"")
    found = examiner(mended, **{**job, "nil": False}).found
    assert (found.accepted, found.codes) == (1, {"452": 1}), "the far side of the example is known to the county only"


def test_template_in_english(tmp_path: Path) -> None:
    write_template(tmp_path / "t.xlsx", schema.load(SCHEMAS, "migrants-inflow"), "Migrants", "en")
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert [sheet.title for sheet in book.worksheets] == ["Migrants", "Instructions", "Code lists"]
    assert book.worksheets[0]["B1"].value == "姓名"
