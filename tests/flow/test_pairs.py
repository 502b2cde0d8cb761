"""The half-year's evaluation by pair of provinces: the ten largest flows of each, by direction, and how the other side
answered. What is expected is counted from the files as they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import Desk, with_agreements
from support.nodes import Node, planned

from gateway.adapters.worker import Worker
from gateway.corridors.telling import bulletins
from gateway.demo.files import Planned, records
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW, receivers
from gateway.demo.story import file_name

A, A_BACK = "inquiry-15wd", "reply-15wd"
GUANGZHOU, GUANGDONG = "440103000000", "440000"


@pytest.fixture
def desk(home: Path, partners: Partners, worker: Worker) -> Iterator[Desk]:
    with_agreements(home, A, A_BACK)
    node = Node(home, partners, worker)
    yield Desk(node, "2026-10-20 09:30")
    node.close()


def pairs(desk: Desk) -> list[list[object]]:
    desk.set("2027-01-04 09:00")
    made = bulletins.make(desk.running, "2026H2", "uid:0 test")
    assert isinstance(made, dict)
    rows: list[list[object]] = made["tables"]["pairs"]
    return rows


def largest(*files: Planned) -> list[tuple[str, int]]:
    """The ten provinces that most records of these files are for, and how many; fewer than three are not told."""
    found: Counter[str] = Counter()
    for file in files:
        for province, rows in receivers(file.agreement, records(file)).items():
            found[province] += len(rows)
    return [one for one in sorted(found.items(), key=lambda f: (-f[1], f[0])) if one[1] >= 3][:10]


def test_the_ten_largest_flows_of_each_direction_stand_with_what_was_answered(desk: Desk) -> None:
    first = planned(150)
    replaced = planned(160, seed="2", name=file_name(INFLOW, "2026Q3", 0, "-更正"))
    out = planned(220, agreement=OUTFLOW, seed="3", name=file_name(OUTFLOW, "2026Q3", 0))
    for file in (first, replaced, out):
        assert desk.node.send(file).state == "accepted"
    asked = desk.ask("33", A, ["a1", "a2", "a3", "a4"], GUANGZHOU)
    assert desk.ask("34", A, ["b1"], GUANGZHOU).state == asked.state == "accepted"
    assert desk.answer("44", A_BACK, [("a1", "1"), ("a2", "1"), ("b1", "1")]).state == "accepted"

    rows = pairs(desk)

    facts = desk.node.facts
    for agreement, files in ((INFLOW, (replaced,)), (OUTFLOW, (out,))):
        mine = [row for row in rows if row[1] == facts.agreements[agreement].label]
        expected = [(facts.parties[f"{code}0000"].short, count) for code, count in largest(*files)]
        assert {row[0] for row in mine} == {"浙江"}
        assert [(row[3], row[4]) for row in mine] == expected
        assert [row[2] for row in mine] == list(range(1, len(mine) + 1))
        assert len(mine) == 10
    # Of Guangdong: four received, two answered in time, two overdue at the end of the year; Anhui's is not among them.
    (guangdong,) = [row for row in rows if row[1] == facts.agreements[OUTFLOW].label and row[3] == "广东"]
    assert guangdong[5:11] == [4, 2, 0, 0, 2, 0.5]
    assert facts.parties[GUANGDONG].short == "广东"


def test_flows_of_one_or_two_are_not_told(desk: Desk) -> None:
    few = planned(4)
    assert desk.node.send(few).state == "accepted"
    assert [(row[3], row[4]) for row in pairs(desk)] == [
        (desk.node.facts.parties[f"{code}0000"].short, count) for code, count in largest(few)
    ]
