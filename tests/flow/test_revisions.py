"""One place per sender, agreement, period and revision: duplicates, races, supplements, nil reports, windows."""

from __future__ import annotations

import json
from dataclasses import replace

from support.nodes import PERIOD, Node, planned, verify

from gateway.corridors.submission import Intake
from gateway.daemon import sweeping
from gateway.demo.faults import FileFault, RowFault
from gateway.demo.files import render
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.story import file_name

NIL = file_name(INFLOW, PERIOD, 0, "-零报告")
SUPPLEMENT = file_name(INFLOW, PERIOD, 0, "-补报")


def test_a_good_file_is_sorted_and_sealed_and_nothing_plain_remains(node: Node) -> None:
    row = node.send(planned(20))
    assert (row.state, row.code, row.records, row.accepted) == ("accepted", "100", 20, 20)
    receipt = node.receipt(row)
    packages = node.packages(parcel=row.id)
    assert receipt["packages"] == sorted(p.id for p in packages)
    assert sum(receipt["counts"]["out"].values()) == 20 == sum(p.records for p in packages)
    assert [p.name.removesuffix(".tar.zst.gpg") for p in node.sealed()] == sorted(p.id for p in packages)
    assert all(p.origin == "330000" and p.state == "held" and p.revision == 1 for p in packages)
    assert not (node.home / "state" / "spool" / row.id).exists()
    assert not (node.home / "state" / "spool" / ".arrived" / row.id).exists()
    assert not (node.home / "state" / "quarantine" / row.id).exists()
    assert node.events(row.id) == ["received", "checked", "sorted", "sealed", "accepted", "erased"]


def test_the_receipt_says_what_decided_the_period(node: Node) -> None:
    by_name = node.send(planned(5))
    assert node.receipt(by_name)["decided_by"] == "name"
    sweeping.oblige(node.running)
    by_window = node.send(planned(5, party="34", name="跨省流入人口.csv"))
    assert (by_window.state, by_window.period) == ("accepted", PERIOD)
    assert node.receipt(by_window)["decided_by"] == "window"
    file = planned(5, party="35", name="数据.csv")
    sidecar = node.folder("35") / "数据.csv.json"
    sidecar.write_text(json.dumps({"period": PERIOD, "kind": "new"}))
    by_sidecar = node.send(file)
    assert node.receipt(by_sidecar)["decided_by"] == "sidecar"
    assert list(node.folder("35").iterdir()) == []
    again = node.send(planned(5, seed="other"))
    assert (again.state, again.code) == ("refused", "221")
    assert node.receipt(again)["decided_by"] == "name"


def test_the_same_file_twice_gets_the_original_receipt_again(node: Node) -> None:
    file = planned(10)
    first = node.send(file)
    number = node.receipt(first)["number"]
    page = node.page(first)
    sealed = node.sealed()
    second = node.send(replace(file, name="再次" + file.name))
    assert (second.state, second.code, second.original) == ("duplicate", "220", first.id)
    assert node.packages() == node.packages(parcel=first.id)
    assert node.sealed() == sealed
    assert node.holders() == {first.id: 1}
    with node.running.ledger.reading() as reading:
        assert reading.receipts.where(parcel=second.id) == []
    folder = node.party_folder("33", "回执")
    (document,) = (folder / "机器读取").glob("*.receipt.json")
    verify(node.partners, document)
    pages = {p.name: p.read_text("utf-8") for p in folder.glob(f"回执_{number}_*.html")}
    assert len(pages) == 2
    assert page in pages.values()
    assert any("重复" in text and number in text for text in pages.values())
    assert node.events(second.id) == ["received", "duplicate", "erased"]
    assert list(node.folder().iterdir()) == []


def test_the_same_file_twice_at_once_is_one_package(node: Node) -> None:
    """Both are claimed before either is worked on; the second waits for the end of the first."""
    file = planned(10)
    node.drop(file)
    node.drop(replace(file, name="副本" + file.name))
    one, two = node.scan()
    intake = Intake(node.running)
    assert intake.run(one.parcel)["outcome"] == "ok"
    assert intake.run(two.parcel) == {"outcome": "deferred", "code": "708"}
    waiting = node.row(two.parcel)
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at > waiting.updated_at
    assert node.work(one.parcel)["outcome"] == "ok"
    assert node.work(two.parcel) == {"outcome": "duplicate", "code": "220"}
    assert node.row(two.parcel).original == one.parcel
    assert len(node.sealed()) == len(node.packages(parcel=one.parcel))
    assert node.packages(parcel=two.parcel) == []


def test_a_place_that_a_refused_file_held_is_free_again(node: Node) -> None:
    file = planned(10, file_fault=FileFault.WRONG_HEADER)
    node.drop(file)
    node.drop(replace(planned(10), name="改正-2026Q3.csv"))
    claims = sorted(node.scan(), key=lambda c: node.running.inbox.name(c.parcel) != file.name)
    intake = Intake(node.running)
    assert intake.run(claims[0].parcel)["outcome"] == "ok"
    assert intake.run(claims[1].parcel)["code"] == "708"
    assert node.work(claims[0].parcel)["outcome"] == "refused"
    assert node.work(claims[1].parcel)["outcome"] == "ok"
    assert node.row(claims[1].parcel).revision == 1


def test_a_second_different_new_is_refused(node: Node) -> None:
    first = node.send(planned(10))
    other = planned(10, seed="other", name=file_name(INFLOW, PERIOD, 1))
    second = node.send(other)
    node.is_refused(second, "221", render(other))
    assert PERIOD in node.page(second)
    assert node.packages() == node.packages(parcel=first.id)
    assert node.holders() == {first.id: 1}


def test_a_supplement_is_revision_two(node: Node) -> None:
    first = node.send(planned(10, row_faults=((3, RowFault.BAD_CHECKSUM),)))
    assert first.code == "101"
    receipt = node.receipt(first)
    assert [due["what"] for due in receipt["due"]] == ["supplement"]
    more = node.send(planned(4, seed="more", name=SUPPLEMENT))
    assert (more.state, more.code, more.kind, more.revision) == ("accepted", "100", "supplement", 2)
    assert {p.revision for p in node.packages(parcel=more.id)} == {2}
    assert len(node.sealed()) == len(node.packages())
    third = node.send(planned(3, seed="still more", name=SUPPLEMENT))
    assert third.revision == 3


def test_a_supplement_needs_something_to_supplement(node: Node) -> None:
    file = planned(4, name=SUPPLEMENT)
    row = node.send(file)
    node.is_refused(row, "231", render(file))
    node.nothing_forwarded()


def test_a_supplement_counts_for_its_own_agreement_only(node: Node) -> None:
    node.send(planned(6, agreement=OUTFLOW))
    row = node.send(planned(4, name=SUPPLEMENT))
    assert row.code == "231"


def test_a_nil_report_is_accepted(node: Node) -> None:
    sweeping.oblige(node.running)
    for party, fault in (("33", FileFault.NIL), ("34", FileFault.NIL_HEADER)):
        row = node.send(planned(0, party=party, name=NIL, file_fault=fault))
        assert (row.state, row.code, row.kind, row.records) == ("accepted", "102", "nil", 0)
        receipt = node.receipt(row)
        assert (receipt["stage"], receipt["kind"], receipt["packages"]) == ("accepted", "nil", [])
        assert node.page(row)
        with node.running.ledger.reading() as reading:
            (owed,) = reading.obligations.where(agreement=INFLOW, party=row.sender, period=PERIOD)
        assert (owed.state, owed.parcel) == ("nil", row.id)
    node.nothing_forwarded()


def test_a_nil_report_twice_is_a_duplicate(node: Node) -> None:
    file = planned(0, name=NIL, file_fault=FileFault.NIL)
    first = node.send(file)
    assert node.send(file).original == first.id


def test_nil_over_data_and_data_over_nil(node: Node) -> None:
    node.send(planned(5, party="33"))
    over = node.send(planned(0, party="33", name=NIL, file_fault=FileFault.NIL))
    node.is_refused(over, "234", b"")
    node.send(planned(0, party="34", name=NIL, file_fault=FileFault.NIL))
    late = planned(5, party="34")
    row = node.send(late)
    node.is_refused(row, "233", render(late))
    assert node.packages(origin="340000") == []


def test_met_and_corrected_in_time(node: Node) -> None:
    """The obligation is met by the accepted delivery; a refused one before it makes it 按时（更正）."""
    sweeping.oblige(node.running)
    node.send(planned(5, party="33"))
    node.send(planned(5, party="34", file_fault=FileFault.WRONG_HEADER))
    node.send(planned(5, party="34"))
    with node.running.ledger.reading() as reading:
        states = {o.party: o.state for o in reading.obligations.where(agreement=INFLOW, period=PERIOD)}
        ids = [e.id for e in reading.entries.after(limit=10_000) if e.event == "obligation_met"]
    assert states["330000"] == "met"
    assert states["340000"] in ("met", "met_after_correction")
    assert states["350000"] == "open"
    assert len(ids) == len(set(ids)) == 2
