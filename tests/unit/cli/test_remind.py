"""`gateway remind` asks the daemon and tells who was reminded. The daemon's route is the corridor's; here a control
server answers in its place, over a real socket."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from gateway import wiring
from gateway.cli.remind import remind
from gateway.control.server import ControlServer, Rejected, Request

ROOT = Path(__file__).parents[3]
OWED = [
    {
        "party": "630000",
        "name": "青海省",
        "agreement": "migrants-inflow",
        "label": "跨省流入人口个案",
        "due": "2026-11-01",
        "state": "missing",
        "file": "催报函_2026Q3_跨省流入人口个案_630000_2026-11-06.html",
    },
    {
        "party": "540000",
        "name": "西藏\u202e自治区",
        "agreement": "migrants-inflow",
        "label": "跨省流入人口个案",
        "due": "2026-11-01",
        "state": "owed",
        "file": "",
    },
]

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("config", "schemas", "keys"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def asked(home: Path) -> Iterator[list[dict[str, Any]]]:
    """A control server at the node's place that reminds whom it is asked to; holds what it was asked."""
    requests: list[dict[str, Any]] = []

    def answer(request: Request) -> dict[str, Any]:
        requests.append(dict(request.query))
        if request.query["period"] == "2099Q1":
            raise Rejected("the period 2099Q1 has not ended")
        chosen = [row for row in OWED if request.query.get("party", row["party"]) == row["party"]]
        return {"period": request.query["period"], "reminded": chosen, "dry_run": request.query["dry_run"]}

    socket = wiring.control_socket(wiring.load(home))
    socket.parent.mkdir(parents=True, exist_ok=True)
    server = ControlServer(socket, {"POST remind": answer})
    server.start()
    yield requests
    server.close()


@pytest.fixture
def run(home: Path) -> Run:
    app = typer.Typer()
    app.command()(remind)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(home)])

    return run


def test_everybody_who_owes_is_listed_with_sign_and_word(run: Run, asked: list[dict[str, Any]]) -> None:
    done = run("2026Q3")
    assert done.exit_code == 0
    assert asked == [{"period": "2026Q3", "dry_run": False}]
    for piece in ("青海省", "■ 逾期未报", "○ 待报", "2026-11-01", OWED[0]["file"]):
        assert piece in done.stdout, piece
    assert "\u202e" not in done.stdout
    assert "已催报 2 项" in done.stderr


def test_one_party_of_one_agreement_without_writing(run: Run, asked: list[dict[str, Any]]) -> None:
    done = run("2026Q3", "--agreement", "migrants-inflow", "--party", "630000", "--dry-run", "--lang", "en")
    assert done.exit_code == 0
    assert asked == [{"period": "2026Q3", "agreement": "migrants-inflow", "party": "630000", "dry_run": True}]
    assert "■ missing" in done.stdout
    assert "540000" not in done.stdout
    assert "Dry run, nothing was written: 1 would be." in done.stderr


def test_json_is_the_answer_alone(run: Run, asked: list[dict[str, Any]]) -> None:
    done = run("2026Q3", "--json")
    assert json.loads(done.stdout) == {"period": "2026Q3", "reminded": OWED, "dry_run": False}
    assert done.stderr == ""


def test_nobody_to_remind(run: Run, asked: list[dict[str, Any]]) -> None:
    done = run("2026Q3", "--party", "110000")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "没有需要催报的单位" in done.stderr


def test_what_the_daemon_rejects_ends_with_1(run: Run, asked: list[dict[str, Any]]) -> None:
    done = run("2099Q1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "2099Q1 has not ended" in done.stderr


def test_without_the_daemon_it_says_so(run: Run) -> None:
    done = run("2026Q3")
    assert done.exit_code == 4
    assert "守护进程没有运行" in done.stderr
