"""CSV as RFC 4180 has it and as spreadsheets and databases write it: line breaks inside cells, cells left out, marks
that never close. Rows are told by the numbers that a spreadsheet shows.
"""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outcomes import Refused
from gateway.records import check, text
from gateway.records.offline import Options
from gateway.records.readers import encoding, lines
from gateway.records.readers.lines import join, split
from gateway.records.readers.quoting import ALONE, CELL_LIMIT, UNDECIDED, Form, misquoted, one_line, record_end, records
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, Examined, Examiner, good

ENCODINGS = ["utf-8", "utf-8-sig", "gb18030"]
FORM = Form(",", 13)


def _file(*rows: dict[str, str], separator: str = ",", end: str = "\n", head: str | None = None) -> str:
    """The cells as they are given, quotation marks and all."""
    found = [separator.join(FIELDS) if head is None else head, *(separator.join(row.values()) for row in rows)]
    return end.join(found) + end


def _refused(examined: Examined) -> list[list[str]]:
    """(record, row in the spreadsheet, …) of the refused rows."""
    found = (examined.job.out / "refused.csv").read_text("utf-8").splitlines()[1:]
    return [split(line, ",") or [] for line in found]


def _sentence(examined: Examined, row: str = "1") -> str:
    found = (examined.job.out / "violations.csv").read_text("utf-8").splitlines()
    return next(cells[4] for line in found if (cells := split(line, ",") or [])[0] == row)


# ---- line breaks inside of cells -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("inside", ["\n", "\r\n", "\r"])
def test_a_line_break_is_part_of_its_cell(name: str, separator: str, end: str, inside: str, examiner: Examiner) -> None:
    broken = good(residence_address=f'"示例市{inside}1号"')
    examined = examiner(_file(GOOD, broken, GOOD, good(sex="5"), separator=separator, end=end).encode(name))
    assert examined.found.records == 4
    assert examined.violations == [("2", "residence_address", "437"), ("4", "sex", "408")]
    assert [row[:2] for row in _refused(examined)] == [["2", "3"], ["4", "5"]], "the rows a spreadsheet shows"
    assert _refused(examined)[0][5] == "示例市␊1号"


@pytest.mark.parametrize("field", ["id_number", "residence_code", "birth_date", "education", "name"])
def test_a_line_break_explains_whatever_else_is_wrong_with_a_cell(field: str, examiner: Examiner) -> None:
    cell = GOOD[field]
    assert examiner(_file(good(**{field: f'"{cell[:1]}\n{cell[1:]}"'})).encode()).found.codes == {"437": 1}


@pytest.mark.parametrize("around", ["\n{}", "{}\n", "\r\n{}\r\n", " \n{}\t\n ", "{}\r"])
def test_line_breaks_around_a_value_are_white_space(around: str, examiner: Examiner) -> None:
    rows = [good(name=f'"{around.format("示例乙")}"'), good(sex=f'"{around.format("2")}"')]
    examined = examiner(_file(*rows).encode())
    assert examined.found.codes == {}
    assert [record[1] for record in examined.part("44")] == ["示例乙", "示例甲"]


def test_a_column_that_is_dropped_may_hold_line_breaks(examiner: Examiner) -> None:
    head = ",".join([*FIELDS, "备注"])
    rows = [{**GOOD, "note": '"一\n\n二\r\n三"'}, {**GOOD, "note": ""}, {**good(name=""), "note": ""}]
    examined = examiner(_file(*rows, head=head).encode())
    assert (examined.found.records, examined.found.accepted) == (3, 2)
    assert [row[:2] for row in _refused(examined)] == [["3", "4"]]


def test_a_record_of_line_breaks_alone_is_blank(examiner: Examiner) -> None:
    examined = examiner(_file(GOOD, dict.fromkeys(FIELDS, '"\n"'), good(name="")).encode())
    assert (examined.found.records, examined.found.blank) == (2, 1)
    assert [row[:2] for row in _refused(examined)] == [["2", "4"]]


def test_what_our_list_shows_for_a_line_break_is_refused_again(examiner: Examiner) -> None:
    for rows in ([good(residence_address="示例市␊1号")], [good(registered_code="440103␊001001")]):
        assert examiner(rows).found.codes == {"437": 1}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("inside", ["\n", "\r\n", "\r", " ", "\n ", "␊"])
def test_a_title_may_hold_line_breaks_and_spaces(name: str, inside: str, examiner: Examiner) -> None:
    titles = [f'"{title[:3]}{inside}{title[3:]}"' for title in FIELDS]
    data = _file(GOOD, good(sex="5"), separator=";", head=";".join(titles)).encode(name)
    examined = examiner(data)
    assert (examined.found.records, examined.found.header_line) == (2, 1)
    assert [row[:2] for row in _refused(examined)] == [["2", "3"]]
    assert "␊" not in (examined.job.out / "refused.csv").read_text("utf-8")


def test_title_rows_with_line_breaks_are_one_row_each(examiner: Examiner) -> None:
    examined = examiner(('"跨省流入\n人口个案",,\n"填报\r\n说明；两行",\n' + _file(good(sex="5"))).encode())
    assert examined.found.header_line == 3
    assert [row[:2] for row in _refused(examined)] == [["1", "4"]]


def test_records_are_those_that_the_csv_module_reads() -> None:
    cells = st.text('ab"\n\r,;=甲 ', max_size=6)

    @given(st.lists(st.lists(cells, min_size=2, max_size=4), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
    def same(rows: list[list[str]], end: str) -> None:
        stream = io.StringIO()
        csv.writer(stream, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
        found = records(stream.getvalue().encode(), Form(",", 99), last=True)
        assert [split(raw.decode().removesuffix("\r"), ",") for raw in found.raws] == [
            [_bare(cell) for cell in row] for row in rows
        ]

    same()


def _bare(cell: str) -> str:
    inner = cell[2:-1]
    return inner if len(cell) > 2 and cell.startswith('="') and cell.endswith('"') and '"' not in inner else cell


# ---- cells left out, and cells too many ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_empty_cells_at_the_end_may_be_missing_or_too_many(name: str, separator: str, examiner: Examiner) -> None:
    whole = separator.join(GOOD.values())
    rows = [whole, whole[:-1], whole + separator * 3, whole + separator + " " + separator + '""', whole[:-1] + " "]
    rows[4] = whole[: -len(separator)]
    data = "\n".join([separator.join(FIELDS), *rows]) + "\n"
    examined = examiner(data.encode(name))
    assert (examined.found.accepted, examined.found.codes) == (5, {})
    assert {tuple(record) for record in examined.part("44")} == {tuple(GOOD.values())}


def test_a_missing_cell_that_is_required_is_told_by_its_title(examiner: Examiner) -> None:
    examined = examiner(_file({name: GOOD[name] for name in FIELDS[:14]}).encode())
    assert examined.violations == [("1", "family_migration", "401")]
    assert _refused(examined)[0][2:] == [*list(GOOD.values())[:14], "", "", ""]


@pytest.mark.parametrize("named", [False, True], ids=["beyond the header", "under an empty title"])
@pytest.mark.parametrize(
    ("more", "columns"),
    [(["x"], "R"), (["", "x"], "S"), (["x", "", "y"], "R、T"), (["x"] * 5, "R、S、T…"), (["\u3000", "x"], "S")],
)
def test_content_without_a_title_is_told_by_its_column(
    named: bool, more: list[str], columns: str, examiner: Examiner
) -> None:
    head = ",".join([*FIELDS, *[""] * (6 if named else 0)])
    row = dict(enumerate([*GOOD.values(), *more]))
    examined = examiner(_file(GOOD, row, head=head).encode())  # type: ignore[arg-type]
    assert examined.violations == [("2", "", "402")]
    assert _sentence(examined, "2") == f"{columns} 列没有列名却有内容。"


def test_an_empty_cell_too_many_is_not_listed(examiner: Examiner) -> None:
    examined = examiner((_file(good(sex="5"))[:-1] + ", ,\n").encode())
    assert _refused(examined)[0][2:] == list(good(sex="5").values())


# ---- what stands before the text, and what ends its lines ------------------------------------------------------------


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("end", ["\r", "\r\r\n"])
def test_lines_that_end_with_a_carriage_return(name: str, end: str, examiner: Examiner) -> None:
    rows = [good(household_code=str(number), sex="25"[number == 4000]) for number in range(4100)]
    examined = examiner(_file(*rows, end=end).encode(name))
    assert (examined.found.records, examined.found.accepted) == (4100, 4099)
    assert examined.found.encoding == name
    [row] = _refused(examined)
    assert row[:2] == ["4001", str(4002 if end == "\r" else 8003)], "a spreadsheet shows an empty row for each CR CR LF"


def test_a_carriage_return_in_a_cell_without_marks_is_told(examiner: Examiner) -> None:
    assert examiner(_file(GOOD, good(name="示例\r甲"), GOOD).encode()).found.codes == {"406": 1}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(("told", "end"), [("sep={}", "\r\n"), ("SEP={}", "\n"), ('"sep={}"', "\n"), ("sep={}", "\r")])
def test_the_line_that_tells_excel_the_separator_is_no_row(
    name: str, separator: str, told: str, end: str, examiner: Examiner
) -> None:
    data = told.format(separator) + end + _file(good(sex="5"), separator=separator, end=end)
    examined = examiner(data.encode(name))
    assert (examined.found.passed_over, examined.found.header_line) == ({}, 1)
    assert [row[:2] for row in _refused(examined)] == [["1", "2"]]


# ---- ="…" ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("form", ['="{}"', '"=""{}"""'])
def test_text_that_a_database_protects_from_a_spreadsheet_is_read(name: str, form: str, examiner: Examiner) -> None:
    row = {field: form.format(cell) for field, cell in GOOD.items()}
    examined = examiner(_file(row, {**row, "sex": form.format("5")}).encode(name))
    assert examined.part("44") == [list(GOOD.values())]
    assert _refused(examined)[0][2:] == list(good(sex="5").values())


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('="a",="b,c"', ["a", "b,c"]),
        ('"=""a""",x', ["a", "x"]),
        ('="a""b"', ['a"b']),
        ('"=""a""b"""', ['="a"b"']),
        ('=""', [""]),
        ("=a", ["=a"]),
        ('"="', ["="]),
        ('"="""', ['="']),
        ('="a"&"b"', None),
        ('x="a"', None),
        ('="a', None),
    ],
)
def test_split_takes_the_text_within(line: str, cells: list[str] | None) -> None:
    assert split(line, ",") == cells


# ---- marks that never close ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("place", [0, 1, 16])
@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "with quoted cells below"])
def test_a_mark_without_a_partner_costs_its_row(
    name: str, separator: str, place: int, quoted: bool, examiner: Examiner
) -> None:
    rows = [good(household_code=str(number)) for number in range(600)]
    if quoted:
        rows = [{field: f'"{cell}"' for field, cell in row.items()} if at > 3 else row for at, row in enumerate(rows)]
    rows[2][FIELDS[place]] = '"' + rows[2][FIELDS[place]]
    examined = examiner(_file(*rows, separator=separator).encode(name))
    assert (examined.found.records, examined.found.accepted) == (600, 599)
    assert [row[:2] for row in _refused(examined)] == [["3", "4"]]
    assert _sentence(examined, "3").startswith(f"这一行里，{'ABCDEFGHIJKLMNOPQ'[place]} 列的半角引号不成对")


@pytest.mark.parametrize("field", [0, 1, 15, 16])
@pytest.mark.parametrize("apart", [1, 2, 40])
def test_two_marks_far_apart_do_not_make_one_cell_of_the_rows_between(
    field: int, apart: int, examiner: Examiner
) -> None:
    """A dropped column takes any text: whole records would vanish in it, and nobody would be told."""
    head = ",".join(["备注", *FIELDS[1:], "序号"])
    rows = [{**good(household_code=""), "number": ""} for _ in range(50)]
    name = [*FIELDS, "number"][field]
    rows[3][name] = '"' + rows[3][name]
    rows[3 + apart][name] += '"'
    examined = examiner(_file(*rows, head=head).encode())
    assert (examined.found.records, examined.found.accepted) == (50, 48)
    assert [(row[0], row[1]) for row in _refused(examined)] == [("4", "5"), (str(4 + apart), str(5 + apart))]


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("stray", ['"姓名', '姓"名', '姓名"', '"姓名"x'])
def test_a_stray_mark_in_the_header_is_told_and_following_that_mends_it(
    name: str, separator: str, stray: str, examiner: Examiner
) -> None:
    titles = ["姓名" if title == "name" else title for title in FIELDS]
    head = separator.join(titles)
    data = "标题\n\n" + _file(GOOD, separator=separator, head=head.replace("姓名", stray))
    outcome = examiner(data.encode(name)).outcome
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.detail) == ("320", {"row": 3, "column": "B"})
    mended = data.replace(stray, stray.replace('"', "").replace("x", ""))
    assert examiner(mended.encode(name)).found.accepted == 1


def test_following_what_is_told_mends_the_file(examiner: Examiner) -> None:
    data = _file(GOOD, good(residence_address='"示例市1号'), GOOD)
    examined = examiner(data.encode())
    assert _sentence(examined, "2").startswith("这一行里，D 列")
    [[_, row, *_]] = _refused(examined)
    broken = data.split("\n")
    for mended in (broken[int(row) - 1].replace('"', ""), broken[int(row) - 1].replace("1号", '1号"')):
        lines_ = [*broken[: int(row) - 1], mended, *broken[int(row) :]]
        assert examiner("\n".join(lines_).encode()).found.codes == {}


@pytest.mark.parametrize(("line", "column"), [('"a', 0), ('a,"b', 1), ('a"b', 0), ('"a"b,c', 0), ('"a","b" ,c', 1)])
def test_the_cell_with_the_wrong_mark_is_named(line: str, column: int) -> None:
    assert split(line, ",") is None
    assert misquoted(line, ",") == column


@pytest.mark.parametrize("more", ["", '"'], ids=["plain", "with another mark far below"])
def test_a_mark_at_the_beginning_does_not_fill_the_memory(tmp_path: Path, more: str) -> None:
    path = tmp_path / "in.csv"
    line = ",".join(GOOD.values()) + "\n"
    block = line * (lines.CHUNK // len(line.encode()))
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f'{",".join(FIELDS)}\n"{line}')
        for _ in range(16):
            stream.write(block)
        stream.write(more + line)
    found = encoding.find(path)
    assert isinstance(found, encoding.Found)
    tracemalloc.start()
    count = longest = 0
    for batch in lines.batches(path, found, text.repertoire(SCHEMAS), FORM):
        count += len(batch.lines)
        longest = max(longest, *map(len, batch.lines[1:]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3 + 16 * block.count("\n")
    assert longest <= len(line)
    assert peak < 12 * lines.CHUNK


def test_many_marks_that_never_close_take_time_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte is looked at so many times at most, whatever stands in the file: counted, not measured."""
    looked = 0

    def counted(data: bytes, at: int, form: Form, *, last: bool) -> int:
        nonlocal looked
        end = record_end(data, at, form, last=last)
        mark = data.find(b'"', data.index(b'"', at) + 1)
        looked += (len(data) if mark < 0 else mark) - at
        return end

    monkeypatch.setattr("gateway.records.readers.quoting.record_end", counted)
    for line in (b'"a\n', b'a,"b\n', b'"\n""\n', b'","\n"\n', b'"""\n', b'="\n', b'"",""",\n'):
        data = line * 20_000
        looked = 0
        found = records(data, FORM, last=True)
        assert looked <= 2 * len(data)
        assert sum(map(len, found.raws)) + len(found.raws) == len(data), "nothing is lost"


def test_what_is_not_decided_yet_is_decided_by_what_follows() -> None:
    begun = b'a,"b\nc'
    assert record_end(begun + b"\n", 0, FORM, last=False) == UNDECIDED
    assert record_end(begun + b"\n", 0, FORM, last=True) == ALONE
    assert record_end(begun + b'"\n', 0, FORM, last=False) == len(begun) + 1
    assert record_end(begun + b'"x\n', 0, FORM, last=False) == ALONE
    assert record_end(b'"' + b"y" * (CELL_LIMIT + 1) + b"\n", 0, FORM, last=False) == ALONE
    pieces = records(b"x\n" + begun + b"\n", FORM, last=False)
    assert (pieces.raws, pieces.end) == ([b"x"], 2)


@pytest.mark.parametrize("name", ["utf-8", "gb18030"])
def test_a_record_is_made_one_line(name: str) -> None:
    raw = '甲,"a\r\nb\rc\n",d\re'.encode(name)
    assert one_line(raw, name).decode(name) == '甲,"a␊b␊c␊",d\re'
    assert one_line(b'a"\nb', name) == b'a"\nb', "a mark without a partner tells nothing of what is inside"


def test_check_names_the_rows_of_a_spreadsheet(tmp_path: Path) -> None:
    rows = [good(residence_address='"示例\n市"'), GOOD, good(id_number="110101199001010008")]
    (tmp_path / "in.csv").write_text(_file(*rows, end="\r\n"), "utf-8-sig", newline="")
    violations, report = tmp_path / "v.csv", tmp_path / "r.xlsx"
    options = Options("110000", "2026Q3", SCHEMAS)
    found = check(tmp_path / "in.csv", "migrants-inflow", options=options, violations=violations, report=report)
    assert (found.records, found.codes) == (3, {"437": 1, "421": 1})
    import openpyxl

    sheet = openpyxl.load_workbook(report).active
    assert sheet is not None
    assert [row[0].value for row in sheet.iter_rows(min_row=3)] == ["2", "4"]


def test_utf_16_is_named_as_such_whatever_its_cells_hold(examiner: Examiner) -> None:
    for data in (_file(good(name='"示\n例"')), "sep=,\n" + _file(GOOD), _file(GOOD, end="\r"), _file(good(name='"'))):
        outcome = examiner(data.encode("utf-16")).outcome
        assert getattr(outcome, "code", "") == "302"


def test_own_lists_are_read_as_they_were_written() -> None:
    cells = ["示例␊甲", "a,b", 'c"d', "", "x"]
    assert split(join(cells), ",") == cells
