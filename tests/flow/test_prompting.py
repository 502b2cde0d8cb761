"""Reminders that go out by themselves, on SQLite and on PostgreSQL: each once, at its step, to whom it concerns.

The date is Sunday 1 November 2026; steps before it count from Friday 30 October, the last working day. Back from there
(October has its holiday from 1 to 7): 29, 28 (2), 27, 26, 23 (5), 22, 21, 20, 19, 16 (10). After it: Monday 2 November
(1), 3, 4, 5, 6 (5), 9, 10, 11, 12, 13 (10).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from support.clocks import make_home, move
from support.nodes import PERIOD, Node, edit, planned

from gateway import deadlines
from gateway.adapters.worker import Worker
from gateway.corridors.obligations import dating, settling
from gateway.corridors.telling.reminders import automatic
from gateway.corridors.telling.reminders.automatic import prompt
from gateway.daemon import sweeping
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW

ANHUI = f"submission:{INFLOW}:340000:{PERIOD}"
STEPS = {
    "2026-10-16": -10,
    "2026-10-23": -5,
    "2026-10-28": -2,
    "2026-10-30": 0,
    "2026-11-02": 1,
    "2026-11-06": 5,
    "2026-11-13": 10,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, partners: Partners, worker: Worker
) -> Iterator[Node]:
    """Only Anhui owes, and only one submission."""
    home = make_home(template, tmp_path / "node", request, request.param)
    edit(home, automatic="true")
    (home / "config" / "agreements" / f"{OUTFLOW}.toml").unlink()
    file = home / "config" / "agreements" / f"{INFLOW}.toml"
    file.write_text(file.read_text("utf-8").replace('senders = "province"', 'senders = ["340000"]'), "utf-8")
    made = Node(home, partners, worker)
    move(made, "2026-10-08 09:00")
    sweeping.oblige(made.running)
    yield made
    made.close()


def sent(node: Node) -> list[dict]:
    with node.running.ledger.reading() as reading:
        return [json.loads(e.body) for e in reading.entries.after(limit=10_000) if e.event == "reminder_sent"]


def letters(node: Node, party: str = "34") -> list[str]:
    """The days of the letters in a party's folder."""
    files = node.party_folder(party, "回执").glob("催报函_*.html")
    return sorted(file.stem.rpartition("_")[2] for file in files)


def day_by_day(node: Node, first: str, last: str) -> None:
    """Every day a round in quiet hours, and one after them."""
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        for hour in ("08:00", "09:00"):
            move(node, f"{day} {hour}")
            sweeping.oblige(node.running)
            prompt(node.running)
        day += timedelta(days=1)


def test_every_step_once_and_the_next_level_in_the_end(node: Node) -> None:
    day_by_day(node, "2026-10-08", "2026-11-20")
    assert letters(node) == list(STEPS)
    entries = sent(node)
    assert [(e["counts"]["step"], e["counts"]["level"]) for e in entries] == [
        (step, int(step >= 5)) for step in STEPS.values()
    ]
    assert [e["time"][:13] for e in entries] == [f"{day}T01" for day in STEPS]  # 09:00 in Shanghai
    assert {e["actor"] for e in entries} == {"gateway"}
    # The next level of a province is the national node: a copy to print and seal.
    copies = sorted(file.stem.rpartition("_")[2] for file in (node.home / "state" / "letters").glob("催报函_*.html"))
    assert copies == ["2026-11-06", "2026-11-13"]
    (last,) = node.party_folder("34", "回执").glob("催报函_*2026-11-13.html")
    page = last.read_text("utf-8")
    assert "已超过期限10个工作日" in page
    assert "抄送：国家节点" in page
    assert "第7次催报" in re.sub(r"\s", "", page)
    assert letters(node, "33") == []
    with node.running.ledger.reading() as reading:
        found = reading.obligations.get(ANHUI)
        assert found is not None
        assert (found.remind_at, len(reading.reminders.of(ANHUI))) == (None, 7)


def test_what_was_missed_while_the_node_was_down_is_one_letter(node: Node) -> None:
    move(node, "2026-10-29 10:00")
    for _ in range(3):
        prompt(node.running)
        node.reopen()
        move(node, "2026-10-29 10:00")
    assert letters(node) == ["2026-10-29"]
    (entry,) = sent(node)
    assert entry["counts"] == {"step": -2, "level": 0}
    with node.running.ledger.reading() as reading:
        assert sorted(r.step for r in reading.reminders.of(ANHUI)) == [-10, -5, -2]
    day_by_day(node, "2026-10-29", "2026-11-01")
    assert letters(node) == ["2026-10-29", "2026-10-30"]


def test_the_clock_going_back_sends_nothing_again(node: Node) -> None:
    day_by_day(node, "2026-10-16", "2026-10-23")
    day_by_day(node, "2026-10-14", "2026-10-23")
    assert letters(node) == ["2026-10-16", "2026-10-23"]
    assert len(sent(node)) == 2


def test_who_has_sent_is_left_alone(node: Node) -> None:
    day_by_day(node, "2026-10-15", "2026-10-17")
    node.send(planned(5, party="34"))
    day_by_day(node, "2026-10-19", "2026-11-03")
    assert letters(node) == ["2026-10-16"]


def test_a_letter_that_could_not_be_written_is_written_by_the_next_round(node: Node) -> None:
    folder = node.party_folder("34", "回执")
    away = folder.rename(folder.with_name("away"))
    folder.write_bytes(b"a file where the folder was")
    move(node, "2026-10-16 09:00")
    assert prompt(node.running) == 0
    assert len(sent(node)) == 1
    move(node, "2026-10-16 19:00")
    prompt(node.running)
    folder.unlink()
    away.rename(folder)
    move(node, "2026-10-19 09:00")
    assert prompt(node.running) == 1
    # Its day and number are those it was logged with.
    assert letters(node) == ["2026-10-16"]
    assert len(sent(node)) == 1
    assert prompt(node.running) == 0


def test_racing_rounds_send_once(node: Node) -> None:
    move(node, "2026-10-16 09:00")

    def run(_: int) -> str:
        try:
            prompt(node.running)
        except IntegrityError:
            return "another was first"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(16)))
    assert len(sent(node)) == 1
    assert letters(node) == ["2026-10-16"]


def test_a_date_that_was_put_off_has_steps_of_its_own(node: Node) -> None:
    """To Friday 20 November: ten working days before it is the 6th, five the 13th. Moving the date reminds nobody."""
    day_by_day(node, "2026-10-16", "2026-10-28")
    dating.extend(node.running, [ANHUI], date(2026, 11, 20), "来函", "uid:0 test")
    day_by_day(node, "2026-10-29", "2026-11-13")
    assert letters(node) == ["2026-10-16", "2026-10-23", "2026-10-28", "2026-11-06", "2026-11-13"]


def test_answers_owed_record_by_record_are_asked_for_in_one_letter(node: Node) -> None:
    """Fifteen working days from Friday 16 October end on Friday 6 November; ten before it is Friday 23 October."""
    now = move(node, "2026-10-16 15:00")
    terms = node.running.terms()
    replies = [
        deadlines.owed(deadlines.Matter("reply", "330000", INFLOW, f"r{n}"), now, "workdays:15", terms.calendar)
        for n in range(40)
    ]
    assert {str(r.due) for r in replies} == {"2026-11-06"}
    with node.running.ledger.transaction(now) as tx:
        settling.set_obligations(tx, replies, terms, source="inquiry")
        settled = tx.obligations.get(replies[0].id)
        assert settled is not None
        settling.settle(tx, settled, [deadlines.Delivery(now, "accepted")], terms)
    day_by_day(node, "2026-10-17", "2026-10-23")
    assert letters(node, "33") == ["2026-10-23"]
    (page,) = node.party_folder("33", "回执").glob("催报函_*.html")
    assert "39条未反馈" in page.read_text("utf-8")
    mine = [e for e in sent(node) if e["parties"] == ["330000"]]
    assert [e["counts"] for e in mine] == [{"step": -10, "level": 0, "obligations": 39}]


def test_nothing_goes_out_by_itself_where_the_facts_say_so(node: Node) -> None:
    edit(node.home, automatic="false")
    node.reopen()
    day_by_day(node, "2026-10-16", "2026-10-16")
    assert letters(node) == []


def test_the_next_level_follows_from_the_area_code(node: Node) -> None:
    anhui = node.facts.parties["340000"]
    county = anhui.model_copy(update={"id": "county", "tier": "county", "area_code": "340102"})
    assert automatic.above(node.facts, county) == anhui
    assert automatic.above(node.facts, anhui).id == "000000"
