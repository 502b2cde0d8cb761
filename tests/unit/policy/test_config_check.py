"""`gateway config check`: what it prints and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import config

Edit = Callable[[str, str, str], None]
app = typer.Typer()
app.add_typer(config.app, name="config")


@pytest.fixture
def home(home: Path) -> Path:
    """The shipped facts in a rehearsal: nobody has filled in their bases."""
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write("\n[rehearsal]\nstarts_at = 2026-10-20T09:00:00+08:00\nspeed = 1.0\n")
    return home


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["config", "check", "--on", "2026-11-21", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout


def test_a_node_without_faults_exits_0_and_prints_one_document(home: Path) -> None:
    code, out = run("--config", home, "--json")
    document = json.loads(out)
    assert (code, document["ok"], document["faults"], len(document["digest"])) == (0, True, [], 64)
    assert document["warnings"][0] == {
        "file": "config/parties/110000.toml",
        "line": 1,
        "message": "key：没有登记公钥指纹，无法向其发送加密的交换包",
    }


def test_outside_a_rehearsal_what_is_left_to_fill_in_stands_apart_and_exits_1(home: Path, edit: Edit) -> None:
    edit("config/gateway.toml", "\n[rehearsal]\nstarts_at = 2026-10-20T09:00:00+08:00\nspeed = 1.0\n", "")
    code, out = run("--config", home, "--json")
    document = json.loads(out)
    assert (code, document["ok"], document["faults"]) == (1, False, [])
    assert {line["message"] for line in document["unfilled"]} == {
        "basis.approved_by：仍是示例文字，请填写批准本项交换的单位"
    }
    assert len(document["unfilled"]) == len(list((home / "config" / "agreements").glob("*.toml")))


def test_every_fault_is_one_line_in_the_nodes_language(home: Path, edit: Edit) -> None:
    edit("config/parties/110000.toml", 'tier = "province"', 'tier = "state"')
    edit("config/agreements/migrants-inflow.toml", 'dataset = "migrants-inflow"', 'dataset = "births"')
    code, out = run("--config", home)
    faults = [line for line in out.splitlines() if "提醒" not in line]
    assert code == 1
    assert [line.split(":")[0] for line in faults] == [
        "config/agreements/migrants-inflow.toml",
        "config/parties/110000.toml",
    ]
    assert faults[0].endswith("dataset：没有 schemas/births.json")
    edit("config/gateway.toml", 'language = "zh"', 'language = "en"')
    assert "dataset: schemas/births.json is not there" in run("--config", home)[1]


def test_faults_of_the_calendar_are_listed_too(home: Path, edit: Edit) -> None:
    edit("config/calendar/2026.toml", "2026-01-01/2026-01-03", "2026-01-03/2026-01-01")
    (home / "config/calendar/2015.toml").unlink()
    code, out = run("--config", home, "--json")
    assert code == 1
    assert {fault["file"] for fault in json.loads(out)["faults"]} == {
        "config/calendar/2026.toml",
        "config/calendar/published.toml",
    }


@pytest.mark.parametrize("arguments", [("--on", "soon"), ("--colour",), ("extra",)])
def test_a_wrong_call_exits_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_a_folder_without_facts_exits_1(tmp_path: Path) -> None:
    code, out = run("--config", tmp_path, "--json")
    faults = json.loads(out)["faults"]
    assert code == 1
    assert ("config/gateway.toml", 1) in {(fault["file"], fault["line"]) for fault in faults}
