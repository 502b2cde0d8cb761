"""Values that no two records may share, areas that are not the sender's own, and marks from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.outcomes import Ok
from gateway.policy.areas import significant
from gateway.ports import ExamineJob
from gateway.records.examination import Examination, examine

SCHEMAS = Path(__file__).parents[3] / "schemas"
INQUIRY = "记录编号,姓名,公民身份号码,户籍地代码,事项代码\n"
GOOD = "张三,110101199001019976,{area},1\n"
REPLY = "记录编号,结果代码,核实日期\n"
BIRTH = "记录编号,姓名,性别,出生日期,父母姓名,父母身份证号,户籍地代码,登记日期\n"


def run(tmp_path: Path, dataset: str, text: str, **more: object) -> Examination:
    source = tmp_path / "in.csv"
    source.write_text(text, "utf-8")
    job = ExamineJob(
        source, tmp_path / "out", SCHEMAS, dataset, "1", **{"route_by": None, "sender": "33", "as_of": None, **more}
    )  # type: ignore[arg-type]
    outcome = examine(job)
    assert isinstance(outcome, Ok)
    return outcome.value


def test_a_number_stands_once_in_a_file_and_the_first_row_has_it(tmp_path: Path) -> None:
    row = GOOD.format(area="440103000000")
    found = run(tmp_path, "inquiry", INQUIRY + f"1,{row}2,{row}1,{row}3,{row}", route_by="registered_code")
    assert (found.records, found.accepted, found.refused) == (4, 3, 1)
    assert found.codes["471"] == 1
    assert found.engine == "plain"
    lines = (tmp_path / "out" / "violations.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[:3] for line in lines if ",471," in line] == [["3", "record_number", "471"]]


def test_a_refused_row_does_not_take_the_number(tmp_path: Path) -> None:
    found = run(tmp_path, "reply", REPLY + "7,9,20261020\n7,1,20261020\n")
    assert (found.accepted, dict(found.codes)) == (1, {"408": 1})


def test_marks_send_and_refuse_what_the_rules_accept(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.write_text("11\n473\n44\n11\n", "ascii")
    rows = "a,1,20261020\nb,7,20261020\nc,1,20261020\nd,2,20261020\ne,3,20261020\n"
    found = run(tmp_path, "reply", REPLY + rows, marks=marks)
    assert (found.accepted, found.refused, dict(found.codes)) == (3, 2, {"408": 1, "473": 1})
    parts = {path.stem: path.read_text("utf-8").splitlines()[1:] for path in (tmp_path / "out" / "parts").iterdir()}
    assert parts == {"11": ["a,1,20261020", "e,3,20261020"], "44": ["d,2,20261020"]}


@pytest.mark.parametrize(
    ("area", "code", "refused"),
    [
        ("33", "330106000000", 1),
        ("33", "340103000000", 0),
        ("330106", "330102000000", 0),
        ("330106", "330106001000", 1),
        ("", "330106000000", 0),
    ],
)
def test_what_is_registered_at_home_does_not_belong_elsewhere(
    tmp_path: Path, area: str, code: str, refused: int
) -> None:
    row = f"1,,2,20260901,张三,110101199001019976,{code},20260910\n"
    known: dict[str, object] = {"area": area, "sender": area[:2] or None, "as_of": "2026-10-20"}
    found = run(tmp_path, "births-elsewhere", BIRTH + row, route_by="registered_code", **known)
    assert (found.refused, found.codes.get("504", 0)) == (refused, refused)


def test_a_day_of_entry_is_no_later_than_receipt_and_no_earlier_than_the_birth(tmp_path: Path) -> None:
    row = "{n},,2,{born},张三,110101199001019976,340103000000,{entered}\n"
    rows = row.format(n=1, born="20260901", entered="20261021") + row.format(n=2, born="20260901", entered="20260831")
    found = run(tmp_path, "births-elsewhere", BIRTH + rows, as_of="2026-10-20")
    assert {code: count for code, count in found.codes.items() if code in ("432", "472")} == {"432": 1, "472": 1}


@pytest.mark.parametrize(
    ("code", "prefix"), [("330000", "33"), ("330100", "3301"), ("330106", "330106"), ("330106001000", "330106001")]
)
def test_an_area_is_what_its_codes_begin_with(code: str, prefix: str) -> None:
    assert significant(code) == prefix
