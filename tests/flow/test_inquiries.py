"""Inquiries and their answers, record by record: whose clock runs from when, what an answer settles, what is forgotten.

Dates by hand. 2026-10-20 is a Tuesday; no arrangement touches the weeks after it, so fifteen working days after it are
21–23, 26–30 October, 2–6 November (13), 9 and 10 November: due 2026-11-10. Thirty natural days: 2026-11-19, a Thursday.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from support.asking import ANSWER, ASK, PERSON, Desk, at, with_agreements
from support.nodes import Node

from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Delivery
from gateway.corridors.inquiries import closing as closings
from gateway.corridors.inquiries import redirecting
from gateway.corridors.inquiries.showing import Showing
from gateway.corridors.obligations import dating
from gateway.corridors.submission import Checking, Intake, Recognising
from gateway.corridors.submission.steps import At
from gateway.corridors.telling import bulletins
from gateway.corridors.views.counts import counts
from gateway.daemon import sweeping
from gateway.demo.partners import Partners
from gateway.outcomes import Ok, Refused

A, A_BACK, B, B_BACK = "inquiry-15wd", "reply-15wd", "inquiry-30d", "reply-30d"
GZ, SZ, WUHU = "440103000000", "440303000000", "340202000000"


@pytest.fixture
def desk(home: Path, partners: Partners, worker: Worker) -> Iterator[Desk]:
    with_agreements(home, A, A_BACK, B, B_BACK, "births-elsewhere")
    node = Node(home, partners, worker)
    yield Desk(node, "2026-10-20 09:30")
    node.close()


def told(desk: Desk, party: str) -> str:
    return "".join(page.read_text("utf-8") for page in desk.receipts(party))


def test_the_clock_starts_where_the_records_arrive_and_its_date_is_signed(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    assert (asked.state, asked.period, asked.revision) == ("accepted", "", 1)
    owed = desk.owed(asked, "44")
    assert {(o.kind, o.agreement, o.party, str(o.due), o.status, o.state) for o in owed} == {
        ("reply", A_BACK, "440000", "2026-11-10", "final", "open")
    }
    assert [o.subject for o in owed] == ["110000-1/1", "110000-1/2"]
    for party in ("11", "44"):
        folder = desk.node.party_folder(party, "回执", "机器读取")
        (file,) = [f for f in folder.glob("*.receipt.json") if json.loads(f.read_bytes())["stage"] == "delivered"]
        receipt = json.loads(file.read_bytes())
        assert (receipt["detail"], receipt["receivers"]) == ({"inquiry": "110000-1"}, ["440000"])
        assert [(d["what"], d["date"], d["edition"]) for d in receipt["due"]] == [("reply", "2026-11-10", "2026")]
        # With the digest of the whole file a receiver could try the records of the others.
        assert (receipt["sha256"], len(receipt["salt"])) == ("", 64)
        pages = [re.sub("<[^>]+>", "", page.read_text("utf-8")) for page in desk.receipts(party)]
        assert any("请户籍地于2026-11-10前反馈" in page for page in pages)


def test_nobody_but_the_receiver_gets_a_batch(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1"], GZ)
    with desk.running.ledger.reading() as reading:
        batches = reading.batches.where(agreement=A)
    assert [(b.receiver, b.packages) for b in batches] == [("440000", 1)]
    assert desk.node.packages(parcel=asked.id)[0].id.startswith(f"{A}_110000_440000_none_r1_")


def test_each_class_has_its_own_clock(desk: Desk) -> None:
    assert str(desk.owed(desk.ask("11", B, ["b1"], GZ), "44")[0].due) == "2026-11-19"


def test_answers_count_one_by_one_at_the_instant_they_came(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1", "a2", "a3"], GZ)
    desk.set("2026-11-10 23:59")
    first = desk.answer("44", A_BACK, [("a2", "1")])
    assert (first.state, first.accepted) == ("accepted", 1)
    assert desk.states(asked, "44") == ["open", "met", "open"]
    desk.set("2026-11-11 00:00")
    desk.answer("44", A_BACK, [("a3", "2"), ("a1", "3")])
    assert desk.states(asked, "44") == ["met_late", "met", "met_late"]
    assert {p.receiver for p in desk.node.packages(agreement=A_BACK)} == {"110000"}
    events = [e for e in desk.node.events(asked.id) if e.startswith("obligation")]
    assert events == ["obligation_set", "obligation_met", "obligation_met"]


def test_what_nobody_asked_and_what_was_answered_is_refused_row_by_row(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    desk.answer("44", A_BACK, [("a1", "1")])
    mixed = desk.answer("44", A_BACK, [("a1", "2"), ("zz", "1"), ("a2", "1"), ("a2", "2")])
    assert (mixed.state, mixed.records, mixed.accepted, mixed.refused) == ("accepted", 4, 1, 3)
    with desk.running.ledger.reading() as reading:
        (receipt,) = reading.receipts.where(parcel=mixed.id)
    assert json.loads(receipt.body)["codes"] == {"471": 1, "473": 1, "474": 1}
    assert desk.states(asked, "44") == ["met", "met"]
    (listed,) = desk.node.party_folder("44", "退回").glob("*.xlsx")
    assert listed.stat().st_size
    nothing = desk.answer("44", A_BACK, [("a1", "1"), ("a2", "1")], name="又一次.csv")
    assert (nothing.state, nothing.code) == ("refused", "229")


def test_another_province_cannot_answer(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1"], GZ)
    assert desk.answer("34", A_BACK, [("a1", "1")]).code == "229"
    assert desk.answer("44", B_BACK, [("a1", "1")]).code == "229"
    assert desk.states(asked, "44") == ["open"]


def test_two_askers_with_one_number_need_the_inquiry_named(desk: Desk) -> None:
    one, two = desk.ask("11", A, ["7"], GZ), desk.ask("12", A, ["7"], SZ)
    unclear = desk.answer("44", A_BACK, [("7", "1")])
    assert (unclear.state, unclear.code) == ("refused", "229")
    desk.answer("44", A_BACK, [("7", "1")], name="反馈-120000-1.csv")
    assert (desk.states(one, "44"), desk.states(two, "44")) == (["open"], ["met"])
    (package,) = desk.node.packages(agreement=A_BACK)
    assert package.receiver == "120000"


def test_a_file_answers_several_askers_and_each_gets_its_own(desk: Desk) -> None:
    desk.ask("11", A, ["a1"], GZ)
    desk.ask("12", A, ["b1", "b2"], GZ)
    answered = desk.answer("44", A_BACK, [("b1", "1"), ("a1", "1"), ("b2", "2")])
    packages = {p.receiver: p.records for p in desk.node.packages(parcel=answered.id)}
    assert packages == {"110000": 1, "120000": 2}


def test_not_of_this_area_goes_back_within_three_working_days(desk: Desk) -> None:
    """Three working days after Tuesday the 20th: Friday the 23rd, to 24:00."""
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    desk.set("2026-10-23 23:59")
    desk.answer("44", A_BACK, [("a1", "4")])
    desk.set("2026-10-24 00:00")
    late = desk.answer("44", A_BACK, [("a2", "4")])
    assert (late.state, late.code) == ("refused", "229")
    assert "退回期限已过" in told(desk, "44")
    assert desk.states(asked, "44") == ["returned", "open"]
    assert "obligation_returned" in desk.node.events(asked.id)
    desk.set("2026-10-26 09:00")
    again = desk.ask("11", A, ["a1"], WUHU)
    assert [(o.party, str(o.due)) for o in desk.owed(again, "34")] == [("340000", "2026-11-16")]


def test_passed_on_in_time_is_transferred_and_late_is_late(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    desk.answer("44", A_BACK, [("a1", "5")])
    desk.set("2026-11-11 08:00")
    desk.answer("44", A_BACK, [("a2", "5")])
    assert desk.states(asked, "44") == ["transferred", "met_late"]


def test_a_person_returns_and_passes_on_and_the_other_place_answers(desk: Desk) -> None:
    """Passed on on Thursday 22 October: 23 (1), 26–30 (6), 2–6 November (11), 9–12 (15)."""
    asked = desk.ask("11", A, ["a1", "a2", "a3"], GZ)
    first, second, third = (owed.id for owed in desk.owed(asked, "44"))
    running, who = desk.running, "uid:0 test"
    desk.set("2026-10-22 09:00")
    assert redirecting.give_back(running, [first], "", who) == Refused("608")
    assert redirecting.pass_on(running, [second], "440000", "来电", who) == Refused("626", {"party": "440000"})
    assert redirecting.pass_on(running, [second], "000000", "来电", who) == Refused("626", {"party": "000000"})
    done = redirecting.give_back(running, [first], "不在本辖区", who)
    assert done == Ok([{"id": first, "change": "returned", "was": "2026-11-10", "due": None}])
    done = redirecting.pass_on(running, [second], "340000", "户籍已迁", who)
    assert done == Ok([{"id": second, "change": "transferred", "was": "2026-11-10", "due": "2026-11-12"}])
    assert redirecting.pass_on(running, [third], "340000", "户籍已迁", who) == Refused("626", {"party": "340000"})
    assert redirecting.give_back(running, [first], "再退", who) == Refused("607")
    assert desk.states(asked, "44") == ["returned", "transferred", "open"]
    assert [(o.party, str(o.due), o.state) for o in desk.owed(asked, "34")] == [("340000", "2026-11-12", "open")]
    desk.set("2026-10-24 00:00")
    assert redirecting.give_back(running, [third], "不在本辖区", who) == Refused("609", {"due": "2026-10-23"})
    # The place it went to has a receipt with its date; its answer goes to who asked.
    desk.deliver()
    Delivery(running).post_waiting()
    assert "2026-11-12" in told(desk, "34")
    assert desk.answer("34", A_BACK, [("a2", "1")]).state == "accepted"
    assert desk.states(asked, "34") == ["met"]
    assert desk.inquiry(asked, "34").key == ""
    assert desk.inquiry(asked, "44").key != ""
    with running.ledger.reading() as reading:
        entries = [json.loads(entry.body) for entry in reading.entries.after(limit=10_000)]
    found = {e["event"]: e for e in entries if e["event"] in ("obligation_returned", "obligation_transferred")}
    assert {event: (e["actor"], bool(e["commit"])) for event, e in found.items()} == {
        "obligation_returned": (who, True),
        "obligation_transferred": (who, True),
    }
    assert found["obligation_transferred"]["digests"] == {"to": "340000"}
    assert counts(running)["replies"] == {"returned": 1, "transferred": 1, "open": 1, "met": 1}
    desk.set("2026-11-02 09:00")
    rows = bulletins.make(running, "2026-10", who)["tables"]["replies"]  # type: ignore[index]
    named = {row[0]: row[2:11] for row in rows}
    # received, on time, corrected, late, returned, passed on, void, open, overdue
    assert named["广东"] == [3, 0, 0, 0, 1, 1, 0, 1, 0]
    assert named["安徽"] == [1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_both_sides_see_what_is_open_as_it_stands(desk: Desk) -> None:
    def shown(party: str) -> str:
        (page,) = desk.node.party_folder(party, "回执").glob("核查未结清单.html")
        return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.read_text("utf-8")))

    showing, running = Showing(), desk.running
    assert showing.round(running) == 0
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    assert showing.round(running) == 2
    assert all("110000-1 核查甲类" in shown(party) and "2 2 ○ 2026-11-10" in shown(party) for party in ("11", "44"))
    assert showing.round(running) == 0
    desk.answer("44", A_BACK, [("a1", "1")])
    assert showing.round(running) == 2
    assert all("2 1 ○ 2026-11-10" in shown(party) for party in ("11", "44"))
    (left,) = (owed.id for owed in desk.owed(asked, "44") if owed.state == "open")
    assert isinstance(dating.extend(running, [left], date(2026, 11, 12), "来函", "uid:0 test"), Ok)
    assert showing.round(running) == 2
    assert all("2 1 ○ 2026-11-12" in shown(party) for party in ("11", "44"))
    desk.set("2026-11-12 23:59")
    showing.round(running)
    desk.set("2026-11-13 00:00")  # a day passes, and with it the date
    assert showing.round(running) == 2
    assert all("2 1 ■ 2026-11-12" in shown(party) for party in ("11", "44"))
    desk.answer("44", A_BACK, [("a2", "1")])
    assert showing.round(running) == 2
    assert all("110000-1" not in shown(party) for party in ("11", "44"))
    # What a stop left behind is written at the next start; a folder that is away is written later.
    page = desk.node.party_folder("44", "回执") / "核查未结清单.html"
    page.unlink()
    page.mkdir()
    again = Showing()
    assert again.round(running) == 1
    page.rmdir()
    assert again.round(running) == 1
    assert "没有未结的核查" in shown("44")


def test_refused_in_time_and_corrected_within_three_working_days(desk: Desk) -> None:
    """The rows of the 9th are refused that day (Monday): until Thursday the 12th, 24:00, their numbers count."""
    asked = desk.ask("11", A, ["a1", "a2", "a3"], GZ)
    desk.set("2026-11-09 16:00")
    assert desk.answer("44", A_BACK, [("a1", "9"), ("a2", "8")]).code == "229"
    desk.set("2026-11-12 23:59")
    desk.answer("44", A_BACK, [("a1", "1"), ("a3", "1")])
    desk.set("2026-11-13 00:00")
    desk.answer("44", A_BACK, [("a2", "1")])
    assert desk.states(asked, "44") == ["met_after_correction", "met_late", "met_late"]
    with desk.running.ledger.reading() as reading:
        entries = [json.loads(entry.body) for entry in reading.entries.of(asked.id) if entry.event == "obligation_met"]
    assert [(e["time"], e["counts"]) for e in entries] == [
        ("2026-11-12T15:59:00.000000Z", {"obligations": 2, "late": 1, "corrected": 1}),
        ("2026-11-12T16:00:00.000000Z", {"obligations": 1, "late": 1}),
    ]
    assert [o.met_at for o in desk.owed(asked, "44")] == [
        at("2026-11-12 23:59"),
        at("2026-11-13 00:00"),
        at("2026-11-12 23:59"),
    ]


def test_what_a_reply_matched_is_kept_without_its_numbers(desk: Desk) -> None:
    """It lies in the parcel's folder, and is found again by a step that runs again."""
    asked = desk.ask("11", A, ["geheim-1", "geheim-2"], GZ)
    (desk.folder("44", A_BACK) / "一.csv").write_text(f"{ANSWER}geheim-2,1,20261020\ngeheim-1,9,20261020\n", "utf-8")
    (claim,) = desk.node.scan()
    for stage in (Intake, Recognising):
        assert stage(desk.running).run(claim.parcel)["outcome"] == "ok"
    file = desk.node.home / "state" / "spool" / claim.parcel / "matched.json"
    for _ in range(2):  # the second time as after a kill between the effect and its transaction
        with desk.running.ledger.reading() as reading:
            known = Checking(desk.running).load(reading, claim.parcel)
        assert isinstance(known, At)
        assert isinstance(Checking(desk.running).effect(known, desk.clock.now()), Ok)
        answered, refused = [asked.id, "440000", 2], [asked.id, "440000", 1]
        assert json.loads(file.read_bytes()) == {"answers": [[answered, "1"]], "refused": [refused]}
    assert desk.records(asked, "44")[1].claimed == ""
    assert desk.node.work(claim.parcel)["outcome"] == "ok"
    assert desk.states(asked, "44") == ["open", "met"]
    assert not file.exists()


def test_a_file_nobody_can_read_stands_for_all_that_was_owed(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1"], GZ)
    desk.set("2026-11-10 17:00")
    assert desk.send("44", A_BACK, "什么\n也\n不是\n").code == "303"
    desk.set("2026-11-13 09:00")
    desk.answer("44", A_BACK, [("a1", "1")])
    assert desk.states(asked, "44") == ["met_after_correction"]


@pytest.mark.parametrize("first", [A, B])
def test_in_both_classes_the_fifteen_days_hold(desk: Desk, first: str) -> None:
    second = B if first == A else A
    one = desk.ask("11", first, ["x", "only"], GZ)
    desk.set("2026-10-21 09:30")
    two = desk.ask("11", second, ["x"], GZ)
    short, long_ = (one, two) if first == A else (two, one)
    due = "2026-11-10" if first == A else "2026-11-11"
    assert desk.owed(short, "44")[0].id == desk.owed(long_, "44")[0].id == desk.own(short, "44", 1)
    assert str(desk.owed(short, "44")[0].due) == due
    with desk.running.ledger.reading() as reading:
        states = {o.id: o.state for o in reading.obligations.where(kind="reply")}
    assert sorted(states.values()) == (["open", "open"] if first == A else ["open", "open", "void"])
    desk.answer("44", B_BACK, [("x", "1")])
    assert desk.states(short, "44")[0] == desk.states(long_, "44")[0] == "met"
    assert desk.inquiry(two, "44").closed_at
    assert desk.answer("44", A_BACK, [("x", "1")], name="再.csv").code == "229"


def test_asking_again_for_what_is_open_sets_no_second_clock(desk: Desk) -> None:
    one = desk.ask("11", A, ["x"], GZ)
    desk.set("2026-10-28 09:30")
    two = desk.ask("11", A, ["x", "y"], GZ)
    assert [str(o.due) for o in desk.owed(two, "44")] == ["2026-11-10", "2026-11-18"]
    desk.answer("44", A_BACK, [("x", "1"), ("y", "1")])
    assert desk.states(one, "44") == ["met"]
    assert desk.inquiry(one, "44").closed_at == desk.inquiry(two, "44").closed_at is not None


def test_the_key_goes_with_the_last_record_and_the_log_says_so(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    assert len(desk.inquiry(asked, "44").key) == 64
    assert all(len(r.fingerprint) == 64 for r in desk.records(asked, "44"))
    desk.answer("44", A_BACK, [("a1", "1")])
    assert desk.inquiry(asked, "44").key
    desk.answer("44", A_BACK, [("a2", "1")])
    inquiry = desk.inquiry(asked, "44")
    assert (inquiry.key, bool(inquiry.closed_at)) == ("", True)
    assert {r.fingerprint for r in desk.records(asked, "44")} == {""}
    assert [r.area for r in desk.records(asked, "44")] == ["440103", "440103"]
    assert desk.node.events(f"inquiry:{A}:110000-1:440000") == ["erased"]


def test_what_a_person_voids_closes_too(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1"], GZ)
    assert isinstance(dating.void(desk.running, [desk.own(asked, "44", 1)], "来函", "uid:0 test"), Ok)
    closings.close_settled(desk.running)
    assert desk.inquiry(asked, "44").key == ""


def test_no_record_number_stands_in_ledger_or_log(desk: Desk) -> None:
    desk.ask("11", A, ["编号甲一二三", "GEHEIM-77"], GZ)
    desk.answer("44", A_BACK, [("编号甲一二三", "1"), ("GEHEIM-78", "1")])
    with closing(sqlite3.connect(desk.node.home / "state" / "ledger.db")) as connection:
        dump = "\n".join(connection.iterdump())
    for word in ("编号甲一二三", "GEHEIM", "测试甲", "110101199001019976"):
        assert word not in dump
        assert word.encode().hex() not in dump.lower()


def test_two_replies_at_once_cannot_both_answer(desk: Desk) -> None:
    """The first is checked and waits for its sealing; the second finds the record taken."""
    asked = desk.ask("11", A, ["a1"], GZ)
    for name, result in (("一.csv", "1"), ("二.csv", "2")):
        (desk.folder("44", A_BACK) / name).write_text(f"{ANSWER}a1,{result},20261020\n", "utf-8")
    first, second = desk.node.scan()
    for stage in (Intake, Recognising, Checking):
        assert stage(desk.running).run(first.parcel)["outcome"] == "ok"
    assert desk.node.work(second.parcel)["code"] == "229"
    desk.node.work(first.parcel)
    assert desk.states(asked, "44") == ["met"]


def test_an_overdue_record_is_missed_once_and_may_still_be_answered(desk: Desk) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    desk.set("2026-11-11 00:00")
    sweeping.oblige(desk.running)
    sweeping.oblige(desk.running)
    assert desk.states(asked, "44") == ["missed", "missed"]
    assert desk.node.events(asked.id).count("obligation_missed") == 1
    desk.answer("44", A_BACK, [("a1", "1")])
    assert desk.states(asked, "44") == ["met_late", "missed"]


def test_births_elsewhere_are_owed_by_their_sender_until_they_arrive(desk: Desk) -> None:
    """Entered on Friday 9 October (a working day after the holidays): Saturday the 10th is a make-up workday and the
    first, then 12–16, 19–23 and 26–29 October: Thursday the 29th. Entered on 28 September: 29, 30 September,
    8, 9, 10, 12–16, 19–23 October are fifteen, so Friday the 23rd."""
    head = "记录编号,姓名,性别,出生日期,父母姓名,父母身份证号,户籍地代码,登记日期\n"
    row = "{n},,2,20260901,{person},{area},{day}\n"
    rows = [("1", GZ, "20261009"), ("2", GZ, "20260928"), ("3", WUHU, "20260928"), ("4", "330106000000", "20261009")]
    text = head + "".join(row.format(n=n, person=PERSON, area=area, day=day) for n, area, day in rows)
    desk.set("2026-10-24 00:00")
    sent = desk.send("33", "births-elsewhere", text)
    assert (sent.accepted, sent.refused) == (3, 1)
    assert [(o.kind, o.party, str(o.due), o.state) for o in desk.owed(sent, "44")] == [
        ("feedback", "330000", "2026-10-29", "met"),
        ("feedback", "330000", "2026-10-23", "met_late"),
    ]
    assert desk.states(sent, "34") == ["met_late"]
    assert desk.node.events(sent.id).count("obligation_set") == 1


def test_the_ledger_reads_the_same_on_the_way_back(desk: Desk) -> None:
    """ASK with a doubled number and a far province that takes no part."""
    text = ASK + f"1,{PERSON},{GZ},1\n1,{PERSON},{GZ},1\n2,{PERSON},710000000000,1\n3,{PERSON},{WUHU},3\n"
    asked = desk.send("11", A, text)
    assert (asked.records, asked.accepted, asked.refused) == (4, 2, 2)
    assert [len(desk.records(asked, receiver)) for receiver in ("44", "34")] == [1, 1]
