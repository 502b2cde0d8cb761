"""Bad input, each kind with its code, its receipt, its quarantine, and nothing forwarded."""

from __future__ import annotations

import os
from dataclasses import replace

import openpyxl
import pytest
from support.nodes import Node, planned

from gateway.demo.faults import FileFault, RowFault
from gateway.demo.files import Planned, render, truth_of
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.story import gallery

REFUSED = [p for p in gallery(rows=15) if p.file_fault is not None and truth_of(p).outcome == "refused"]


@pytest.mark.parametrize("file", REFUSED, ids=[str(p.file_fault) for p in REFUSED])
def test_a_bad_file_is_refused_with_its_code(node: Node, file: Planned) -> None:
    row = node.send(file)
    assert row.code in truth_of(file).codes
    node.is_refused(row, row.code, render(file))
    node.nothing_forwarded()


def test_the_gallery_shows_every_fault_of_a_file() -> None:
    assert {p.file_fault for p in gallery()} >= set(FileFault)


def test_one_stray_quote_refuses_one_record(node: Node) -> None:
    file = planned(15, row_faults=((7, RowFault.STRAY_QUOTE),))
    row = node.send(file)
    assert (row.state, row.code, row.records, row.accepted, row.refused) == ("accepted", "101", 15, 14, 1)
    receipt = node.receipt(row)
    assert receipt["codes"] == {"403": 1}
    assert sum(receipt["counts"]["out"].values()) == 14
    assert sum(p.records for p in node.packages(parcel=row.id)) == 14
    (listed,) = node.party_folder("33", "退回").iterdir()
    assert listed.suffix == ".xlsx"


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_csv_as_programs_write_it_is_read_and_rows_are_told_as_they_show_them(node: Node, end: str) -> None:
    """Line breaks in a cell and a title, the separator told to Excel, empty cells left out, a mark too many."""
    head, *rows = render(planned(8)).decode().splitlines()
    address, code, name = head.split(",").index("现居住地"), head.split(",").index("公民身份号码"), 1
    cells = [row.split(",") for row in rows]
    cells[1][address] = f'"{cells[1][address]}\n测试"'
    cells[3][code] = f'="{cells[3][code]}"'
    cells[4][name] = '"' + cells[4][name]
    cells[6].append("多余")
    lines = ["sep=,", head.replace("现居住地,", '"现居\n住地",'), *(",".join(row).rstrip(",") for row in cells)]
    row = node.send(planned(8), (end.join(lines) + end).encode("gb18030"))
    assert (row.code, row.records, row.accepted, row.refused) == ("101", 8, 5, 3)
    assert node.receipt(row)["codes"] == {"402": 1, "403": 1, "437": 1}
    (listed,) = node.party_folder("33", "退回").iterdir()
    sheet = openpyxl.load_workbook(listed).worksheets[0]
    assert [line[0].value for line in sheet.iter_rows(min_row=3)] == ["3", "6", "8"]


def test_a_file_of_another_province_is_in_the_wrong_folder(node: Node) -> None:
    """Its own side is not the sender's, in no record: the code asks whether the folder is wrong."""
    file = planned(9, party="33", file_fault=FileFault.WRONG_PROVINCE)
    row = node.send(file)
    node.is_refused(row, "502", render(file))
    assert "文件夹" in node.page(row)
    node.nothing_forwarded()


def test_a_file_of_the_other_dataset_is_in_the_wrong_folder(node: Node) -> None:
    file = planned(9)
    stray = replace(file, agreement=OUTFLOW)
    row = node.send(stray, render(file))
    node.is_refused(row, "308", render(file))
    node.nothing_forwarded()


def test_a_symbolic_link_is_not_followed(node: Node) -> None:
    aim = node.home / "private" / "passphrase"
    before = aim.read_bytes()
    (node.folder() / planned().name).symlink_to(aim)
    (claim,) = node.scan()
    node.work(claim.parcel)
    row = node.row(claim.parcel)
    node.is_refused(row, "205", None)
    assert row.sha256 == ""
    assert aim.read_bytes() == before
    assert list(node.party_folder("33", "退回").iterdir()) == []
    assert not (node.home / "state" / "quarantine" / row.id / "content").exists()


@pytest.mark.parametrize("name", ["2026Q3\n流入.csv", "2026Q3\r流入.csv", "2026Q3\x07.csv", "2026Q3\u2028流入.csv"])
def test_a_name_with_line_breaks_or_control_characters_is_refused(node: Node, name: str) -> None:
    file = planned(name=name)
    node.drop(file)
    (claim,) = node.scan()
    node.work(claim.parcel)
    row = node.row(claim.parcel)
    node.is_refused(row, "206", None)
    (returned,) = node.party_folder("33", "退回").iterdir()
    assert returned.read_bytes() == render(file)
    assert returned.name.isprintable()


def test_a_name_that_is_not_utf8_is_refused(node: Node) -> None:
    os.close(os.open(os.fsencode(node.folder()) + b"/2026Q3-\xc1\xf7.csv", os.O_CREAT | os.O_WRONLY))
    (claim,) = node.scan()
    node.work(claim.parcel)
    node.is_refused(node.row(claim.parcel), "206", None)


@pytest.mark.parametrize("head", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"%PDF-1.7", b"\x1f\x8b\x08"])
def test_a_workbook_or_archive_is_not_supported(node: Node, head: bytes) -> None:
    data = head + bytes(range(200))
    row = node.send(planned(), data)
    node.is_refused(row, "207", data)
    node.nothing_forwarded()


@pytest.mark.parametrize(
    "head",
    ["\ufeff \r\n<!DOCTYPE html><html>", '<?xml version="1.0"?>\n<Workbook>', "MIME-Version: 1.0\n", r"{\rtf1\ansi"],
    ids=["page", "xml", "mhtml", "rtf"],
)
def test_a_page_under_the_name_of_a_workbook(node: Node, head: str) -> None:
    """What many systems call an export to Excel: told as what it is, with the one step that mends it."""
    data = f"{head}<table><tr><td>姓名</td></tr></table>".encode()
    row = node.send(replace(planned(), name=planned().name.replace(".csv", ".xls")), data)
    node.is_refused(row, "313", data)
    assert "另存为“Excel 工作簿（.xlsx）”" in node.page(row)
    node.nothing_forwarded()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("跨省流入.csv", "223"),
        ("跨省流入-2025Q4-2026Q3.csv", "223"),
        ("跨省流入-2026Q4.csv", "228"),
        ("跨省流入-2026Q3-更正.csv", "236"),
        ("跨省流入-2026Q3-撤回.csv", "236"),
        ("跨省流入-2026Q3-更正-第1份共3份.csv", "225"),
        ("跨省流入-2026Q3-第4份共3份.csv", "223"),
    ],
)
def test_period_and_kind_are_never_guessed(node: Node, name: str, code: str) -> None:
    file = planned(name=name)
    row = node.send(file)
    node.is_refused(row, code, render(file))
    node.nothing_forwarded()


def test_without_a_basis_in_force_nothing_is_taken(node: Node) -> None:
    fact = node.home / "config" / "agreements" / f"{INFLOW}.toml"
    text = fact.read_text("utf-8").replace("# valid_until = 2030-12-31", "valid_until = 2026-10-19")
    assert text != fact.read_text("utf-8")
    fact.write_text(text, "utf-8")
    node.reopen()
    file = planned()
    row = node.send(file)
    node.is_refused(row, "222", render(file))
    node.nothing_forwarded()


def test_five_gigabytes_in_one_file_are_refused_without_being_copied(node: Node) -> None:
    path = node.folder() / planned().name
    with path.open("wb") as stream:
        stream.truncate(5 << 30)
    (claim,) = node.scan()
    node.work(claim.parcel)
    row = node.row(claim.parcel)
    node.is_refused(row, "216", None)
    (returned,) = node.party_folder("33", "退回").iterdir()
    assert returned.stat().st_size == 5 << 30
    assert not path.exists()
    held = sum(p.stat().st_size for p in (node.home / "state").rglob("*") if p.is_file() and "facts" not in p.parts)
    assert held < 64 << 20
    assert "4096" in node.page(row)


def test_the_limit_on_size_is_a_fact(node: Node) -> None:
    config = node.home / "config" / "gateway.toml"
    config.write_text(config.read_text("utf-8").replace("max_file_mb = 4096", "max_file_mb = 1"), "utf-8")
    node.reopen()
    data = render(planned()) + b"x" * (1 << 20)
    row = node.send(planned(), data)
    node.is_refused(row, "216", None)
    (returned,) = node.party_folder("33", "退回").iterdir()
    assert returned.read_bytes() == data


def test_no_file_name_and_no_content_reach_the_ledger(node: Node) -> None:
    """The name goes to the sender's own page and nowhere else."""
    file = planned(name="示例甲乙-2026Q3-110101199001010002.csv", file_fault=FileFault.WRONG_HEADER)
    row = node.send(file)
    node.is_refused(row, row.code, render(file))
    assert "示例甲乙" in node.page(row)
    node.close()
    for path in (node.home / "state").glob("ledger.db*"):
        assert "示例甲乙".encode() not in path.read_bytes()
        assert b"110101199001010002" not in path.read_bytes()
    node.open()
