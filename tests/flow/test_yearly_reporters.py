"""22 provinces report quarterly and 10 once a year: nobody is called missing who owes nothing, and who reports once a
year states what was on the day that goes with its own date (《2010年流动人口计划生育区域“一盘棋”工作方案》)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.asking import Desk, NearWorker, PlainSealer
from support.nodes import Node, planned

from gateway import inspection
from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Releasing
from gateway.corridors.distribution.collecting import PROGRESS
from gateway.corridors.telling import bulletins
from gateway.corridors.telling.reminders.automatic import prompt
from gateway.corridors.views import status as picture
from gateway.daemon import sweeping
from gateway.demo.files import render
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.demo.regions import provinces
from gateway.policy.facts import dates
from gateway.policy.periods import Period

CODES = sorted(province.code for province in provinces())
YEARLY = CODES[22:]
QUARTERS = {"2025Q4": "2026-02-01", "2026Q1": "2026-05-01", "2026Q2": "2026-08-01", "2026Q3": "2026-11-01"}
OWN = 'rhythm = "yearly"\ndeadline = { due = { Y = "11-01" }, as_of = { Y = "09-30" }, within = true }\n'


@pytest.fixture
def desk(home: Path, partners: Partners, worker: Worker) -> Iterator[Desk]:
    file = home / "config" / "agreements" / f"{INFLOW}.toml"
    own = "".join(f"\n[frequency.{code}0000]\n{OWN}" for code in YEARLY)
    file.write_text(file.read_text("utf-8") + own, "utf-8")
    (home / "config" / "agreements" / "migrants-outflow.toml").unlink()
    assert inspection.findings(home, date(2026, 1, 2)).faults == ()
    node = Node(home, partners, worker)
    yield Desk(node, "2026-01-02 09:00")
    node.close()


def moved(code: str, days: list[str], name: str) -> tuple[str, bytes]:
    """A file of one province whose people moved on these days."""
    file = planned(len(days), party=code)
    lines = render(file).decode("utf-8").splitlines()
    titles = lines[0].split(",")
    place = titles.index("流入日期"), titles.index("离开日期")
    rows = []
    for line, day in zip(lines[1:], days, strict=True):
        cells = line.split(",")
        cells[place[0]], cells[place[1]] = day, ""
        rows.append(",".join(cells))
    return name, ("\n".join([lines[0], *rows]) + "\n").encode()


def test_a_move_before_ones_own_as_of_day_is_taken_and_a_later_one_is_not(desk: Desk) -> None:
    yearly = YEARLY[0]
    desk.set("2026-10-20 09:00")
    name, data = moved(yearly, ["20260501", "20260831", "20260901", "20261001"], "2026年.csv")
    row = desk.send(yearly, INFLOW, data.decode("utf-8"), name)
    assert (row.period, row.records, row.accepted, row.refused) == ("2026", 4, 2, 2)
    assert desk.node.receipt(row)["codes"] == {"431": 1, "432": 1}


def test_a_date_after_the_year_has_its_as_of_day_before_it(desk: Desk) -> None:
    """What is due by 1 November of the next year is of the 30 September before it, not of the year's last day."""
    yearly = YEARLY[0]
    file = desk.node.home / "config" / "agreements" / f"{INFLOW}.toml"
    file.write_text(file.read_text("utf-8").replace(", within = true", ""), "utf-8")
    desk.node.reopen()
    desk.node.running = replace(desk.node.running, clock=desk.clock)
    desk.set("2026-10-20 09:00")
    name, data = moved(yearly, ["20260501", "20260831"], "2025年.csv")
    row = desk.send(yearly, INFLOW, data.decode("utf-8"), name)
    assert (row.period, row.records, row.accepted) == ("2025", 2, 2)


def test_the_window_opens_the_day_after_the_as_of_day(desk: Desk) -> None:
    yearly = YEARLY[0]
    desk.set("2026-09-30 23:00")
    name, data = moved(yearly, ["20260501"], "2026年.csv")
    early = desk.send(yearly, INFLOW, data.decode("utf-8"), name)
    assert (early.state, early.code) == ("refused", "228")
    desk.set("2026-10-01 00:00")
    assert desk.send(yearly, INFLOW, data.decode("utf-8"), name).state == "accepted"


def test_each_has_the_as_of_day_of_its_own_due_date(desk: Desk) -> None:
    agreement = desk.node.facts.agreements[INFLOW]
    year, quarter = Period.parse("2026"), Period.parse("2026Q3")
    assert dates.as_of(agreement, f"{YEARLY[0]}0000", year) == date(2026, 9, 30)
    assert dates.as_of(agreement, "110000", quarter) == date(2026, 9, 30)
    assert dates.opens(agreement, f"{YEARLY[0]}0000", year) == date(2026, 10, 1)


def test_in_a_whole_year_nobody_is_called_missing_who_owes_nothing(desk: Desk) -> None:
    desk.node.running = replace(desk.node.running, worker=NearWorker(), sealer=PlainSealer())
    for period, due in QUARTERS.items():
        last = date.fromisoformat(due)
        desk.set(f"{last.replace(month=last.month - 1, day=25)} 09:30")
        sweeping.oblige(desk.running)
        prompt(desk.running)
        for code in CODES:
            if code not in YEARLY:
                desk.send(code, INFLOW, "", f"{period}-零报告.csv")
            elif period == "2026Q3":
                desk.send(code, INFLOW, "", "2026年-零报告.csv")
        desk.set(f"{last.replace(day=5)} 09:30")
        sweeping.oblige(desk.running)
        prompt(desk.running)
        view = picture.view(desk.running, period, None)
        states = Counter(row.submissions[INFLOW].state for row in view.parties)
        assert states == {"nil": 22, "none": 10}, period
        letters = [f for code in YEARLY for f in desk.node.party_folder(code, "回执").glob("催报函_*.html")]
        assert letters == [] or period == "2026Q3", "of what is due on 1 November they may be reminded"
    states = Counter(row.submissions[INFLOW].state for row in picture.view(desk.running, "2026", None).parties)
    assert states == {"nil": 10, "none": 22}
    with desk.running.ledger.reading() as reading:
        owed = reading.obligations.where(agreement=INFLOW, kind="submission")
    assert Counter(o.state for o in owed) == {"nil": 4 * 22 + 10}
    desk.set("2027-01-04 09:00")
    made = bulletins.make(desk.running, "2026Q3", "uid:0 test")
    assert isinstance(made, dict)
    assert made["tables"]["punctuality"][-1][1:6] == [22, 22, 0, 0, 0]


def test_the_list_of_a_quarter_calls_nobody_missing_who_reports_once_a_year(desk: Desk) -> None:
    first, *others = (code for code in CODES if code not in YEARLY)
    desk.set("2026-10-25 09:30")
    sweeping.oblige(desk.running)
    desk.send(first, INFLOW, render(planned(60, party=first)).decode("utf-8"), "2026Q3.csv")
    for code in others:
        desk.send(code, INFLOW, "", "2026Q3-零报告.csv")
    released = Releasing(desk.running).release(INFLOW, "2026Q3", 1, "test")
    assert len(released) == 32
    for identity, receiver in released:
        with desk.running.ledger.reading() as reading:
            kept = json.loads(reading.progress.get(identity, PROGRESS) or "")
        told = {line["origin"][:2]: line["status"] for line in kept["lines"]}
        assert {code for code, status in told.items() if status == "not_due"} == set(YEARLY) - {receiver[:2]}
        assert Counter(told.values())["missing"] == 0
        assert all(told[code] in ("included", "nil") for code in (first, *others) if code != receiver[:2])
