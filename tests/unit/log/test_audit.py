"""The auditor's summary says what the log says, and nothing of another period."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from support.logs import START, Log, entry, make_log
from typer.testing import CliRunner

from gateway.cli import app
from gateway.lifecycle import Event
from gateway.log.audit import entries, summarise

ADDRESS = {"parties": ("330000",), "package": "migrants-inflow/2026Q3/new/r1"}


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = make_log(tmp_path / "node", 9)
    owed = "submission:migrants-inflow"
    now = START + timedelta(minutes=5)
    batch = "d-migrants-inflow-2026Q3-1-440000"
    more = [
        *(entry(f"{owed}:{p}:2026Q3/set", Event.OWED, now, parties=(p,)) for p in ("110000", "120000", "130000")),
        entry(f"{owed}:110000:2026Q3/met", Event.MET, now, parties=("110000",), counts={"late": 0}),
        entry(f"{owed}:120000:2026Q3/missed", Event.MISSED, now, parties=("120000",)),
        entry(f"{owed}:120000:2026Q3/met", Event.MET, now, parties=("120000",), counts={"late": 1}),
        entry(f"{owed}:130000:2026Q3/extended/1", Event.EXTENDED, now, parties=("130000",)),
        entry(f"{owed}:130000:2026Q4/set", Event.OWED, now, parties=("130000",)),
        entry("r1/received", Event.RECEIVED, now, "r1", **ADDRESS),
        entry("r1/refused", Event.REFUSED, now, "r1", counts={"code": 303, "records": 7}, **ADDRESS),
        entry("d1/received", Event.RECEIVED, now, "d1", **ADDRESS),
        entry("d1/duplicate", Event.DUPLICATE, now, "d1", **ADDRESS),
        entry("o1/received", Event.RECEIVED, now, "o1", parties=("330000",), package="migrants-inflow/2026Q4/new/r1"),
        entry(
            f"{batch}/released", Event.RELEASED, now, batch, parties=("440000",), counts={"packages": 0, "records": 0}
        ),
        entry(f"{batch}/erased", Event.ERASED, now, batch, parties=("440000",), counts={"packages": 5}),
        entry("d-migrants-inflow-2026Q4-1-440000/erased", Event.ERASED, now, "d-migrants-inflow-2026Q4-1-440000"),
    ]
    made.ledger.append(more, now)
    made.publisher.publish(now)
    return made


def test_a_period_in_figures(log: Log) -> None:
    found = summarise(entries(log.folder), "2026Q3")

    assert found["obligations"] == {"met": 2 + 9, "open": 1}
    assert found["missing"] == [{"agreement": "migrants-inflow", "party": "130000"}]
    assert [row["party"] for row in found["missed"]] == ["120000"]
    assert [row["party"] for row in found["late"]] == ["120000"]
    assert [(row["party"], row["by"]) for row in found["extensions"]] == [("130000", "gateway")]
    assert found["parcels"] == {
        "received": 11, "accepted": 9, "duplicates": 1, "refused": 1, "erased": 9,
        "records_records": sum(10 + n % 7 for n in range(9)), "records_refused": 4,
    }  # fmt: skip
    assert [(row["party"], row["code"], row["records"]) for row in found["refused"]] == [("330000", "303", 7)]
    flows = found["flows"]["migrants-inflow"]
    assert set(flows) == {"110000", "120000", "130000"}
    assert sum(row["44"] for row in flows.values()) == sum(10 + n % 7 for n in range(9)) - 4
    assert found["releasers"] == {"gateway": 1}
    assert found["batches"] == {"released": 1, "erased": 1, "packages_erased": 5}


def test_as_it_is_typed(log: Log) -> None:
    done = CliRunner().invoke(app, ["audit", "report", "2026Q3", "--log", str(log.folder), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == summarise(entries(log.folder), "2026Q3")

    done = CliRunner().invoke(app, ["audit", "report", "2026Q3", "--log", str(log.folder)])
    assert done.exit_code == 0
    for word in ("未报: 130000", "迟报: 120000", "延期: 130000", "放行人: gateway", "303"):
        assert word in done.stdout

    assert CliRunner().invoke(app, ["audit", "report", "1999Q1", "--log", str(log.folder)]).exit_code == 2
    assert CliRunner().invoke(app, ["audit", "report", "2026Q3", "--log", str(log.home)]).exit_code == 1


def test_the_grid_has_every_place_down_and_across(log: Log) -> None:
    sent: Counter[tuple[str, str]] = Counter()
    for body in map(json.loads, log.bodies()):
        if body["event"] == Event.ACCEPTED:
            for name, number in body["counts"].items():
                if name.startswith("out_"):
                    sent[body["parties"][0][:2], name[4:]] += number
    places = sorted({place for pair in sent for place in pair})
    assert len(places) > 3

    done = CliRunner().invoke(app, ["audit", "report", "2026Q3", "--log", str(log.folder)])

    lines = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in done.stdout.splitlines()]
    grid = {line[0]: line[1:] for line in lines if len(line) == len(places) + 2}
    assert grid[""] == [*places, "Σ"]
    for origin in places:
        row = [sent[origin, receiver] for receiver in places]
        assert grid[origin] == [*(str(n) if n else "" for n in row), str(sum(row))]
    columns = [sum(sent[origin, receiver] for origin in places) for receiver in places]
    assert grid["Σ"] == [*map(str, columns), str(sum(columns))]
