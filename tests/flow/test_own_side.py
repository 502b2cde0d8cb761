"""The sender's own side has the sender's depth, and what belongs to the sender itself is no exchange: such a row is
refused, and nothing follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.asking import ASK, PERSON, Desk, with_agreements
from support.nodes import Node, of_area, planned
from test_county import FIRST, GONGAN, JISHENG, County, county, county_template

from gateway import inspection
from gateway.adapters.worker import Worker
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW

__all__ = ["county", "county_template"]

ASKED, ELSEWHERE = "inquiry-15wd", "births-elsewhere"
GZ, BEIJING = "440103000000", "110101000000"
BIRTH = "记录编号,姓名,性别,出生日期,父母姓名,父母身份证号,户籍地代码,登记日期\n"


@pytest.fixture
def desk(home: Path, partners: Partners, worker: Worker) -> Iterator[Desk]:
    with_agreements(home, ASKED, "reply-15wd", ELSEWHERE)
    node = Node(home, partners, worker)
    yield Desk(node, "2026-10-20 09:30")
    node.close()


def born(number: str, area: str) -> str:
    return f"{number},,1,20260901,测试甲,110101199001019976,{area},20261001\n"


def put(node: County, party: str, agreement: str, name: str, data: str | bytes) -> str:
    """Lay a file into a folder of the county's node and see it through; the parcel's id."""
    facts = node.facts
    folder = node.home / "exchange" / facts.parties[party].folder_name / "上报" / facts.agreements[agreement].label
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    (claim,) = node.scan()
    node.work(claim.parcel)
    return claim.parcel


def page(node: Node, party: str) -> str:
    pages = (node.home / "exchange" / party / "回执").glob("*.html")
    return "".join(re.sub("<[^>]+>", "", one.read_text("utf-8")) for one in pages)


def owed(node: Node, agreement: str) -> list[tuple[str, str]]:
    with node.running.ledger.reading() as reading:
        return [(o.party, o.state) for o in reading.obligations.where(kind=None, agreement=agreement)]


def test_a_county_reports_its_own_residents_and_not_its_neighbours(county: County) -> None:
    own = of_area(planned(6, party="44"), "440106").decode().splitlines(keepends=True)
    other = of_area(planned(1, party="44", seed="2"), "440103").decode().splitlines(keepends=True)
    row = county.row(put(county, JISHENG, INFLOW, "2026Q3.csv", "".join((*own, other[1]))))
    assert (row.state, row.records, row.accepted, row.refused) == ("accepted", 7, 6, 1)
    told = page(county, JISHENG)
    assert "现居住地代码”不属于报送单位的辖区（广东省天河区（440106））" in told
    # The remedy, followed: the code is checked and put right in the returned row, which comes back as a supplement.
    mended = other[0] + other[1].replace(",440103", ",440106")
    again = county.row(put(county, JISHENG, INFLOW, "2026Q3-补报.csv", mended))
    assert (again.state, again.code, again.accepted) == ("accepted", "100", 1)


def test_a_file_of_the_neighbouring_county_is_in_the_wrong_folder(county: County) -> None:
    row = county.row(put(county, JISHENG, INFLOW, "2026Q3.csv", of_area(planned(12, party="44"), "440103")))
    assert (row.state, row.code) == ("refused", "502")
    assert "都不属于报送单位的辖区（广东省天河区（440106））" in page(county, JISHENG)
    # The remedy, followed: the file of this county is sent again.
    row = county.row(put(county, JISHENG, INFLOW, "2026Q3.csv", of_area(planned(12, party="44"), "440106")))
    assert (row.state, row.accepted) == ("accepted", 12)


def test_births_in_the_townships_own_area_are_refused_and_those_next_door_travel(county: County) -> None:
    rows = born("1", "440106101003") + born("2", "440106102000") + born("3", "440106000000") + born("4", GZ)
    row = county.row(put(county, FIRST, ELSEWHERE, "区外.csv", BIRTH + rows))
    assert (row.state, row.accepted, row.refused) == ("accepted", 3, 1)
    assert county.out(row) == {"440106102": 1, JISHENG: 1, "440000": 1}
    assert "归贵方自己，不用交换" in page(county, FIRST)
    assert sorted(owed(county, ELSEWHERE)) == [(FIRST, "open")] * 3
    # The remedy, followed: without its own row the file is taken whole.
    again = county.row(put(county, FIRST, ELSEWHERE, "又.csv", BIRTH + born("5", GZ)))
    assert (again.state, again.code, again.refused) == ("accepted", "100", 0)


def test_a_departments_answer_to_itself_is_no_exchange(county: County) -> None:
    answers = "记录编号,反馈对象,结果代码,核实日期\n"
    row = county.row(put(county, JISHENG, "verification-result", "答复.csv", answers + "1,1,1,20261004\n"))
    assert (row.state, row.code) == ("refused", "229")
    assert county.packages(parcel=row.id) == []
    both = answers + "1,1,1,20261004\n2,4,1,20261004\n"
    row = county.row(put(county, JISHENG, "verification-result", "又.csv", both))
    assert (row.accepted, row.refused, county.out(row)) == (1, 1, {GONGAN: 1})
    assert "归贵方自己，不用交换" in page(county, JISHENG)


def test_nothing_follows_from_an_inquiry_about_ones_own_area(desk: Desk) -> None:
    rows = f"1,{PERSON},{BEIJING},1\n2,{PERSON},{GZ},1\n"
    asked = desk.send("11", ASKED, ASK + rows)
    assert (asked.state, asked.accepted, asked.refused) == ("accepted", 1, 1)
    assert owed(desk.node, "reply-15wd") == [("440000", "open")]
    own = desk.send("11", ASKED, ASK + f"3,{PERSON},{BEIJING},1\n")
    assert (own.state, own.code) == ("refused", "229")
    assert desk.node.packages(parcel=own.id) == []
    assert owed(desk.node, "reply-15wd") == [("440000", "open")]
    with desk.running.ledger.reading() as reading:
        assert {b.receiver for b in reading.batches.where(agreement=ASKED)} == {"440000"}
        assert {i.receiver for i in reading.inquiries.where()} == {"440000"}
    inbox = desk.node.party_folder("11", "接收", "核查甲类")
    assert list(inbox.iterdir()) == []
    assert "归贵方自己，不用交换" in page(desk.node, "110000")


def test_births_of_ones_own_province_owe_nothing(desk: Desk) -> None:
    row = desk.send("11", ELSEWHERE, BIRTH + born("1", BEIJING) + born("2", GZ))
    assert (row.accepted, row.refused) == (1, 1)
    assert [state for party, state in owed(desk.node, ELSEWHERE) if party == "110000"] == ["met"]
    assert list(desk.node.party_folder("11", "接收", "区外出生反馈").iterdir()) == []
    assert "归贵方自己，不用交换" in page(desk.node, "110000")


def test_who_would_send_to_itself_is_a_fault_with_file_line_and_remedy(desk: Desk) -> None:
    home = desk.node.home
    file = home / "config" / "agreements" / f"{INFLOW}.toml"
    text = file.read_text("utf-8")
    text = text.replace('senders = "province"', 'senders = ["110000", "120000"]')
    text = text.replace('receivers = "routed"', 'receivers = ["130000", "110000"]').replace(
        "route_by =", "# route_by ="
    )
    file.write_text(text, "utf-8")
    (fault,) = inspection.findings(home, date(2026, 10, 20)).faults
    line = text.split("\n").index('receivers = ["130000", "110000"]') + 1
    assert str(fault) == (
        f"config/agreements/{INFLOW}.toml:{line}: receivers.2: 110000 would send to itself: "
        "take it out of senders or of receivers"
    )
    file.write_text(text.replace('["130000", "110000"]', '["130000"]'), "utf-8")  # the remedy, followed
    assert inspection.findings(home, date(2026, 10, 20)).faults == ()
