"""Every tier is ready from `gateway init`: three tiers joined, with the agreements they were made with and no other,
lead an inquiry down to the county that answers and its reply back, what a county asks up and inside its province,
births to the place of registration, the documents and tables that a province and a pilot owe, and bulletins down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.asking import ANSWER, ASK, PERSON, with_agreements
from support.nodes import Node
from test_between import answer, collect
from test_dates_up import clock, deliver
from test_tiers import COUNTY, NATION, PROVINCE, TODAY, Tiers, folder, joined, work_on_what_came

from gateway import inspection
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors.telling.bulletins import issuing
from gateway.corridors.views import status as picture
from gateway.daemon import sweeping
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.log.verification import receivers
from gateway.outcomes import Ok
from gateway.policy.loading import find
from gateway.records import schema

NEIGHBOUR, OFFICE = "440305", "440000-jisheng"
JISHENG, FIRST, SECOND = "440106-jisheng", "440106101", "440106102"
ZHEJIANG = "330000"
ASKED, BACK = "inquiry-15wd", "reply-15wd"
BIRTH = "记录编号,姓名,性别,出生日期,父母姓名,父母身份证号,户籍地代码,登记日期\n"
KEYS = {PROVINCE: {"11": NEIGHBOUR, "12": OFFICE}, COUNTY: {"13": JISHENG, "14": FIRST, "15": SECOND}}
TAKEN = ["accepted 100"], ["accepted 100", "noted 100"]
"""Records or a document came; beside them the signed list of their batch may have."""


@pytest.fixture
def tiers(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    for made in joined(template, tmp_path, partners, worker):
        with_agreements(made.nation.home, *(file.stem for file in (find() / "config" / "agreements").glob("*.toml")))
        for node in (made.province, made.county):
            collecting(node)
        for node, code in ((made.province, PROVINCE), (made.county, COUNTY)):
            pin(node, KEYS[code], partners)
        for node in made.nodes():
            for party in node.facts.parties.values():
                for place in places.folders_of(node.facts, party) if party.id != node.facts.node.party else ():
                    place.mkdir(parents=True, exist_ok=True)
            node.reopen()
            assert inspection.findings(node.home, TODAY).faults == ()
        clock(made, "2026-10-20 10:00")
        yield made


def collecting(node: Node) -> None:
    """Take the `#` away from what is fetched from the node above."""
    (file,) = [
        f for f in (node.home / "config" / "parties").glob("*.toml") if "collect_seconds" in f.read_text("utf-8")
    ]
    fetched = r"^# ((?:collect\.)?(?:births|inquiry|reply|bulletin|evaluation|province)[a-z0-9-]* = )"
    text, lines = re.subn(fetched, r"\1", file.read_text("utf-8"), flags=re.M)
    assert lines == 7
    file.write_text(text, "utf-8")


def pin(node: Node, keys: Mapping[str, str], partners: Partners) -> None:
    for code, party in keys.items():
        file = node.home / "private" / "incoming.asc"
        file.write_bytes(partners[code].public_key())
        folders = node.home / "keys", node.home / "config" / "parties"
        assert isinstance(keyring.import_partner(*folders, file, party, partners[code].fingerprint), Ok)
        file.unlink()


def lay(node: Node, party: str, agreement: str, text: str, name: str = "名单.csv") -> None:
    """Drop a file, see it through, let it go and deliver it."""
    (folder(node, party, agreement) / name).write_text(text, "utf-8")
    assert work_on_what_came(node) == ["accepted 100"]
    deliver(node)


def come_down(node: Node) -> None:
    """What the node above laid out is fetched, taken in and delivered."""
    collect(node)
    assert work_on_what_came(node) in TAKEN
    deliver(node)


def come_up(node: Node) -> None:
    """What the node below pushed is taken in and delivered."""
    assert work_on_what_came(node) in TAKEN
    deliver(node)


def inbox(node: Node, party: str, agreement: str) -> list[Path]:
    """The packages that lie for a party."""
    facts = node.facts
    place = places.inbox_folder(facts, facts.parties[party], facts.agreements[agreement])
    return sorted(place.glob("*.gpg"))


def states(node: Node, agreement: str) -> dict[str, set[str]]:
    with node.running.ledger.reading() as reading:
        owed = reading.obligations.where(kind=None, agreement=agreement)
    return {o.party: {str(p.state) for p in owed if p.party == o.party} for o in owed}


def test_an_inquiry_goes_down_to_the_county_that_answers_and_its_reply_back(tiers: Tiers) -> None:
    lay(tiers.nation, ZHEJIANG, ASKED, ASK + f"A-1,{PERSON},440106000000,1\nA-2,{PERSON},440000000000,1\n")
    come_down(tiers.province)
    # What is known to the province only is answered by its own office.
    assert [len(inbox(tiers.province, party, ASKED)) for party in (COUNTY, OFFICE, NEIGHBOUR)] == [1, 1, 0]
    come_down(tiers.county)
    assert len(inbox(tiers.county, JISHENG, ASKED)) == 1
    assert states(tiers.county, BACK) == {JISHENG: {"open"}}
    lay(tiers.county, JISHENG, BACK, ANSWER + "A-1,1,20261020\n", "反馈.csv")
    come_up(tiers.province)
    lay(tiers.province, OFFICE, BACK, ANSWER + "A-2,2,20261020\n", "反馈.csv")
    assert states(tiers.province, BACK) == {COUNTY: {"met"}, OFFICE: {"met"}}
    assert without_lists(tiers.nation) == ["accepted 100"] * 2
    deliver(tiers.nation)
    assert states(tiers.nation, BACK) == {PROVINCE: {"met"}}
    assert len(inbox(tiers.nation, ZHEJIANG, BACK)) == 2


def test_what_a_county_asks_goes_to_its_neighbour_and_to_another_province(tiers: Tiers) -> None:
    rows = ASK + f"B-1,{PERSON},{NEIGHBOUR}000000,1\nB-2,{PERSON},330106000000,1\n"
    lay(tiers.county, JISHENG, ASKED, rows)
    come_up(tiers.province)
    assert len(inbox(tiers.province, NEIGHBOUR, ASKED)) == 1
    come_up(tiers.nation)
    assert len(inbox(tiers.nation, ZHEJIANG, ASKED)) == 1
    lay(tiers.province, NEIGHBOUR, BACK, ANSWER + "B-1,1,20261020\n", "反馈.csv")
    lay(tiers.nation, ZHEJIANG, BACK, ANSWER + "B-2,3,20261020\n", "反馈.csv")
    come_down(tiers.province)
    collect(tiers.county)
    assert work_on_what_came(tiers.county).count("accepted 100") == 2
    deliver(tiers.county)
    assert states(tiers.county, BACK) == {PROVINCE: {"met"}}
    assert len(inbox(tiers.county, JISHENG, BACK)) == 2


def test_births_go_from_the_township_to_the_place_of_registration(tiers: Tiers) -> None:
    areas = {"1": f"{SECOND}001", "2": f"{NEIGHBOUR}000000", "3": "330106000000", "4": f"{COUNTY}000000"}
    rows = "".join(f"{n},,1,20260901,测试甲,110101199001019976,{area},20261010\n" for n, area in areas.items())
    lay(tiers.county, FIRST, "births-elsewhere", BIRTH + rows)
    assert (
        len(inbox(tiers.county, SECOND, "births-elsewhere"))
        == len(inbox(tiers.county, JISHENG, "births-elsewhere"))
        == 1
    )
    come_up(tiers.province)
    assert len(inbox(tiers.province, NEIGHBOUR, "births-elsewhere")) == 1
    come_up(tiers.nation)
    assert len(inbox(tiers.nation, ZHEJIANG, "births-elsewhere")) == 1
    for node in tiers.nodes():
        assert {state for met in states(node, "births-elsewhere").values() for state in met} == {"met"}
    # And from another province down to the township.
    row = f"9,,1,20260901,测试甲,110101199001019976,{SECOND}001,20261010\n"
    lay(tiers.nation, ZHEJIANG, "births-elsewhere", BIRTH + row)
    come_down(tiers.province)
    come_down(tiers.county)
    assert len(inbox(tiers.county, SECOND, "births-elsewhere")) == 2


def test_what_a_province_owes_is_dropped_by_its_office_and_reaches_the_nation(tiers: Tiers) -> None:
    # However often a single agreement reports: what most report by is what the operator's page shows.
    assert {picture.view(node.running, None, None).period for node in tiers.nodes()} == {"2026Q3"}
    for agreement, name, text in (
        ("self-assessment", "2026年自评估报告.txt", "自评估"),
        ("work-plan", "2026年工作计划.txt", "计划"),
        ("evaluation-returns", "2026H1.csv", "流动方向,被评省份,得分\n1,33,90\n2,33,85\n"),
        ("migrants-statistics", "2026Q3.csv", "流动方向,对方省份,人数\n1,33,3\n"),
        ("population-base", "人口.csv", population()),
    ):
        lay(tiers.province, OFFICE, agreement, text, name)
        assert without_lists(tiers.nation) == ["accepted 100"], agreement
        assert len(tiers.nation.packages(agreement=agreement, receiver=NATION)) == 1


def test_what_a_county_owes_reaches_the_province_and_a_pilots_documents_the_nation(tiers: Tiers) -> None:
    for agreement, name in (("pilot-report", "2026Q3.txt"), ("pilot-application", "申报表.txt")):
        lay(tiers.county, JISHENG, agreement, "试点", name)
        come_up(tiers.province)
        assert without_lists(tiers.nation) == ["accepted 100"], agreement
    for agreement, name, text in (
        ("county-statistics", "2026Q3.csv", "流动方向,对方省份,人数\n1,33,3\n"),
        ("county-population-base", "人口.csv", population()),
    ):
        lay(tiers.county, JISHENG, agreement, text, name)
        come_up(tiers.province)
        assert len(tiers.province.packages(agreement=agreement, receiver=PROVINCE)) == 1


def issue(node: Node, agreement: str, name: str) -> None:
    """What the daemon does by itself on the first of November: the bulletin of October is made, taken in, let go."""
    sweeping.oblige(node.running)
    (laid,) = [path for path in issuing.issue(node.running) if path.name == name]
    exchange = node.facts.path(node.facts.node.exchange_root)
    assert exchange / laid.parent == folder(node, node.facts.node.party, agreement)
    assert set(work_on_what_came(node)) == {"accepted 100"}
    deliver(node)


def without_evaluation(node: Node) -> None:
    """Half-yearly, the same way; its first half-year would come late here."""
    for file in (node.home / "config" / "agreements").glob("*evaluation.toml"):
        file.unlink()
    running = node.running
    node.reopen()
    node.running = replace(node.running, clock=running.clock)


def signs(lower: Node, upper: Node, agreement: str) -> None:
    """The node below fetches the bulletin, hands it to its office and signs for it; nobody gives a command."""
    collect(lower)
    assert work_on_what_came(lower) == ["accepted 100"]
    assert answer(lower) == [{"outcome": "ok", "code": ""}]
    deliver(lower)
    assert work_on_what_came(upper) == ["acknowledged 100"]
    with upper.running.ledger.reading() as reading:
        batches = reading.batches.where(agreement=agreement, period="2026-10")
    assert {b.receiver: str(b.state) for b in batches}[lower.facts.node.party] == "acknowledged"


def test_bulletins_are_issued_at_the_nation_and_at_the_province_and_signed_for_by_the_nodes_below(tiers: Tiers) -> None:
    clock(tiers, "2026-11-01 00:01")
    below = {p.id for p in tiers.nation.facts.parties.values() if p.tier == "province"}
    assert len(below) == 32
    for upper, lower, agreement, text, told in (
        (tiers.nation, tiers.province, "bulletin-monthly", "按月通报-2026-10.xlsx", below),
        (tiers.province, tiers.county, "province-bulletin", "省内按月通报-2026-10.xlsx", {COUNTY, NEIGHBOUR}),
    ):
        without_evaluation(upper)
        issue(upper, agreement, text)
        assert {p.receiver for p in upper.packages(agreement=agreement)} == told
        signs(lower, upper, agreement)
        assert states(upper, agreement) == {upper.facts.node.party: {"met"}}
        with upper.running.ledger.reading() as reading:
            accepted = [json.loads(e.body) for e in reading.entries.after(limit=10_000) if e.event == "accepted"]
        (groups,) = [receivers.groups(entry["counts"]) for entry in accepted if entry["package"].startswith(agreement)]
        assert {name for group in groups for name in group.split("+")} == told
    assert len(inbox(tiers.province, OFFICE, "bulletin-monthly")) == 1
    assert len(inbox(tiers.county, JISHENG, "province-bulletin")) == 1


def without_lists(node: Node) -> list[str]:
    """What came of everything that came but the signed lists of batches."""
    return [state for state in work_on_what_came(node) if state != "noted 100"]


def population() -> str:
    """One household of one person, by the example row of the schema's own fields."""
    rules = schema.load(find() / "schemas", "population-base", "1")
    known = {"household_code": "1", "name": "示例甲", "id_number": "110101199001010007", "birth_date": "19900101"}
    fields = [field for field in rules.fields if not field.off_by_default]
    cells = [known.get(field.name, field.example if field.required else "") for field in fields]
    return ",".join(field.title for field in fields) + "\n" + ",".join(cells) + "\n"
