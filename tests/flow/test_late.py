"""Late is said: the receipt of a submission that came after its date names the date and how it counts; one that came in
time, and what is added afterwards, says nothing of the kind. The date is Sunday 1 November 2026, 24:00."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.clocks import move
from support.nodes import PERIOD, Node, planned

from gateway.adapters.ledger.rows import ParcelRow
from gateway.daemon import sweeping
from gateway.demo.faults import RowFault
from gateway.demo.people import INFLOW
from gateway.demo.story import file_name
from gateway.receipts.receipt import parse

LATE = "期限为2026-11-01，逾期收到，按迟报记录。"
CORRECTED = "期限为2026-11-01；按期报送后被退回、3个工作日内改正，记为按时（更正）。"
DUE = {"what": "submission", "date": "2026-11-01", "expires_at": "2026-11-02T00:00:00+08:00", "status": "final"}


@pytest.fixture
def home(home: Path) -> Path:
    """Anhui reads English."""
    file = home / "config" / "parties" / "340000.toml"
    text = file.read_text("utf-8")
    head, bracket, rest = text.partition("\n[")
    file.write_text(f'{head}\nlanguage = "en"\n{bracket}{rest}', "utf-8")
    return home


@pytest.fixture
def node(node: Node) -> Node:
    move(node, "2026-10-20 09:00")
    sweeping.oblige(node.running)
    return node


def at(node: Node, text: str) -> None:
    move(node, text)
    sweeping.oblige(node.running)


def passed(receipt: Mapping[str, Any]) -> list[dict[str, str]]:
    """The date that the submission had, as the receipt names it."""
    return [{k: v for k, v in due.items() if k != "edition"} for due in receipt["due"] if due["what"] == "submission"]


def text(node: Node, row: ParcelRow) -> str:
    """The receipt's page without its tags."""
    return re.sub(r"<[^>]+>", "", node.page(row))


def sent(node: Node, suffix: str = "", rows: int = 5, **more: Any) -> ParcelRow:
    return node.send(planned(rows, seed=suffix or "1", name=file_name(INFLOW, PERIOD, 0, suffix), **more))


def test_an_overdue_submission_is_told_that_it_is_late(node: Node) -> None:
    at(node, "2026-11-02 00:00:00")
    row = sent(node)

    receipt = node.receipt(row)

    assert (receipt["code"], receipt["stage"], receipt["detail"]) == ("100", "accepted", {"timeliness": "late"})
    assert passed(receipt) == [DUE]
    assert LATE in text(node, row)
    assert "逾期收到，按迟报记录" in text(node, row).partition("下一步怎么办")[2]
    with node.running.ledger.reading() as reading:
        (stored,) = reading.receipts.where(parcel=row.id)
    assert parse(stored.body).to_json() == stored.body  # another gateway can read it


def test_in_english_too(node: Node) -> None:
    at(node, "2026-11-02 09:00")
    node.send(planned(5, party="34"))
    (page,) = node.party_folder("34", "回执").glob("*.html")
    said = re.sub(r"<[^>]+>", "", page.read_text("utf-8"))
    assert "It was due by 2026-11-01 and came late; it is recorded as late." in said
    assert "received after it: recorded as late" in said


def test_what_came_in_time_says_nothing_of_it(node: Node) -> None:
    at(node, "2026-11-01 23:59:59")
    first = sent(node)
    at(node, "2026-11-05 10:00")
    added = sent(node, "-补报", 3)
    for row in (first, added):
        receipt = node.receipt(row)
        assert (row.state, passed(receipt), receipt["detail"]) == ("accepted", [], {})
        assert "迟报" not in node.page(row)


def test_refused_in_time_and_corrected_is_said_as_such(node: Node) -> None:
    """Refused on Friday 30 October; the three working days are 2, 3 and 4 November."""
    at(node, "2026-10-30 10:00")
    refused = node.send(planned(5, name=file_name(INFLOW, PERIOD, 0)), b"")
    assert refused.state == "refused"
    at(node, "2026-11-04 23:00")
    row = sent(node, rows=6)
    receipt = node.receipt(row)
    assert (receipt["detail"], passed(receipt)) == ({"timeliness": "corrected"}, [DUE])
    assert CORRECTED in text(node, row)
    assert LATE not in text(node, row)


def test_a_part_after_the_date_is_late_and_the_dates_to_keep_stay(node: Node) -> None:
    """Some rows are returned as well: the first line asks for the date that is still to come."""
    at(node, "2026-11-03 10:00")
    part = sent(node, "-第1份共2份", 5)
    receipt = node.receipt(part)
    assert (receipt["code"], receipt["detail"]["timeliness"], receipt["detail"]["missing"]) == ("103", "late", "2")
    assert LATE in text(node, part)
    last = sent(node, "-第2份共2份", 20, row_faults=((3, RowFault.BAD_CHECKSUM),))
    receipt = node.receipt(last)
    assert [due["what"] for due in receipt["due"]] == ["submission", "supplement"]
    assert "请于2026-11-06前补报。" + LATE in text(node, last)
