"""Reminders (催报) and what the operator sees of a quarter."""

from __future__ import annotations

from datetime import date

from support.clocks import move
from support.nodes import PERIOD, Node, planned
from test_kinds import named

from gateway.corridors.obligations import dating
from gateway.corridors.telling.reminders import letters
from gateway.corridors.views import status as picture
from gateway.daemon import sweeping
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.outcomes import Ok
from gateway.receipts import status


def remind(node: Node, **filters: object) -> list[dict]:
    given = {"agreement": None, "party": None, "dry_run": False, "actor": "uid:0 test", **filters}
    return letters.remind(node.running, PERIOD, **given)


def test_who_owes_gets_a_letter_and_who_has_sent_gets_none(node: Node) -> None:
    sweeping.oblige(node.running)
    node.send(planned(5))
    dry = remind(node, dry_run=True)
    assert len(dry) == 63
    assert all(r["file"] == "" for r in dry)
    assert not list(node.party_folder("34", "回执").glob("催报函*"))
    sent = remind(node, party="340000")
    assert [(r["party"], r["agreement"], r["due"]) for r in sent] == [
        ("340000", INFLOW, "2026-11-01"),
        ("340000", OUTFLOW, "2026-11-01"),
    ]
    for reminded in sent:
        page = (node.party_folder("34", "回执") / reminded["file"]).read_text("utf-8")
        assert "安徽" in page
        assert reminded["label"] in page
    assert remind(node, party="330000", agreement=INFLOW) == []
    (cover,) = (node.home / "state" / "letters").iterdir()
    assert "安徽" in cover.read_text("utf-8")


def test_every_letter_is_logged_and_the_second_knows_of_the_first(node: Node) -> None:
    sweeping.oblige(node.running)
    remind(node, party="340000", agreement=INFLOW)
    remind(node, party="340000", agreement=INFLOW)
    owed = f"submission:{INFLOW}:340000:{PERIOD}"
    assert node.events(owed) == ["obligation_set", "reminder_sent", "reminder_sent"]
    view = picture.view(node.running, PERIOD, None)
    (row,) = [p for p in view.parties if p.party == "340000"]
    assert row.submissions[INFLOW].reminded_at is not None
    assert row.submissions[OUTFLOW].reminded_at is None
    assert row.contact


def test_a_letter_names_the_parts_that_are_missing(node: Node) -> None:
    sweeping.oblige(node.running)
    node.send(named("-第1份共3份", 5, "part1"))
    (sent,) = remind(node, party="330000", agreement=INFLOW)
    assert "2、3" in (node.party_folder("33", "回执") / sent["file"]).read_text("utf-8")
    view = picture.view(node.running, PERIOD, None)
    (row,) = [p for p in view.parties if p.party == "330000"]
    assert row.submissions[INFLOW].parts == (1, 3)


def test_nobody_is_reminded_before_the_window_opens(node: Node) -> None:
    sweeping.oblige(node.running)
    none = letters.remind(node.running, "2026Q4", agreement=None, party=None, dry_run=False, actor="x")
    assert none == []


def test_the_view_compares_with_the_quarter_before_and_tells_what_was_corrected(node: Node) -> None:
    sweeping.oblige(node.running)
    node.send(planned(20, seed="last", name="跨省流入-2026Q2.csv", party="35"))
    node.send(named("", 40, "first"))
    node.send(named("-更正", 38, "better"))
    node.send(planned(30, seed="now", party="35"))
    view = picture.view(node.running, PERIOD, None)
    rows = {p.party: p.submissions[INFLOW] for p in view.parties}
    assert (rows["330000"].state, rows["330000"].records) == ("corrected", 38)
    assert (rows["350000"].records, rows["350000"].previous) == (30, 20)
    assert rows["340000"].state == "owed"


def test_the_quarter_tells_what_was_put_off_and_what_is_void(node: Node) -> None:
    sweeping.oblige(node.running)
    put_off, voided = (f"submission:{INFLOW}:{party}:{PERIOD}" for party in ("330000", "340000"))
    assert isinstance(dating.extend(node.running, [put_off], date(2026, 11, 10), "来函", "x"), Ok)
    assert isinstance(dating.void(node.running, [voided], "来函", "x"), Ok)
    view = picture.view(node.running, PERIOD, None)
    rows = {p.party: p.submissions[INFLOW] for p in view.parties}
    assert (rows["330000"].state, rows["330000"].due, rows["330000"].extended) == ("owed", date(2026, 11, 10), True)
    assert rows["340000"].state == "void"
    assert {str(d.due) for d in view.datasets} == {"2026-11-01"}
    shown = {row[0].text.split()[-1]: row for row in status.quarter_table(view, "zh").rows}
    assert "11-10 延期" in [cell.text for cell in shown["浙江"]]
    assert "／ 免报" in [cell.text for cell in shown["安徽"]]
    page = status.status_page(view, "zh").decode()
    assert "延期至 11-10" in page
    assert "免报" in page


def test_the_page_says_that_the_node_itself_is_late(node: Node) -> None:
    """Its five working days after 1 November end on the 6th."""
    sweeping.oblige(node.running)
    node.send(planned(5))
    for text in ("2026-11-02 09:00", "2026-11-07 00:00"):
        move(node, text)
        sweeping.oblige(node.running)
    view = picture.view(node.running, PERIOD, None)
    assert view.undistributed == (f"跨省流入人口个案 {PERIOD}",)
    assert "本节点应分发而逾期 1 项" in " ".join(need.text for need in status.needs(view, "zh"))
