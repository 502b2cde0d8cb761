"""`gateway deadlines list|show|extend|void|recompute|outage`, asked by the real command over the real socket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from support.clocks import move
from support.nodes import PERIOD, Node, planned
from typer.testing import CliRunner

from gateway import wiring
from gateway.cli import app
from gateway.control.server import ControlServer
from gateway.daemon import deadlines, sweeping
from gateway.demo.people import INFLOW
from gateway.node import Node as RunningNode
from gateway.policy.facts import Facts

ANHUI = f"submission:{INFLOW}:340000:{PERIOD}"


class DaemonOver:
    """What the routes ask a daemon for."""

    def __init__(self, tested: Node) -> None:
        self._tested = tested

    @property
    def node(self) -> RunningNode:
        return self._tested.running

    @property
    def facts(self) -> Facts:
        return self._tested.facts


@pytest.fixture
def served(node: Node) -> Iterator[Node]:
    """The routes of a daemon over this node, its clock on 20 October."""
    move(node, "2026-10-20 09:00")
    sweeping.oblige(node.running)
    daemon: Any = DaemonOver(node)
    server = ControlServer(wiring.control_socket(node.facts), deadlines.routes(daemon))
    server.start()
    yield node
    server.close()


def run(node: Node, *arguments: str) -> tuple[int, Any, str]:
    """Exit code, the JSON document (None where there is none), what was said beside it."""
    done = CliRunner().invoke(app, ["deadlines", *arguments, "--config", str(node.home), "--json"])
    return done.exit_code, json.loads(done.stdout) if done.stdout else None, done.stderr


def test_the_list_tells_what_is_owed_and_fails_when_something_is_late(served: Node) -> None:
    status, found, _ = run(served, "list")
    assert (status, found["total"], found["overdue"], found["counts"]) == (0, 64, 0, {"open": 64})
    status, found, _ = run(served, "list", "--party", "340000", "--agreement", INFLOW, "--period", PERIOD)
    assert [(o["id"], o["due"], o["status"], o["overdue"]) for o in found["obligations"]] == [
        (ANHUI, "2026-11-01", "final", False)
    ]
    move(served, "2026-11-02 00:00")
    # Not marked yet, and late all the same.
    status, found, _ = run(served, "list", "--limit", "1")
    assert (status, found["overdue"], len(found["obligations"])) == (1, 64, 1)
    sweeping.oblige(served.running)
    status, found, _ = run(served, "list", "--state", "missed", "--party", "340000")
    assert (status, found["overdue"]) == (1, 2)
    assert run(served, "list", "--state", "met")[0] == 0
    assert run(served, "list", "--state", "nonsense")[0] == 1


def test_a_table_for_people_marks_what_was_put_off(served: Node) -> None:
    assert run(served, "extend", ANHUI, "--until", "2026-11-10", "--why", "来函")[0] == 0
    shown = CliRunner().invoke(app, ["deadlines", "list", "--extended", "--config", str(served.home)])
    assert "安徽" in shown.stdout
    assert "2026-11-10（延期）" in shown.stdout
    assert "浙江" not in shown.stdout


def test_changes_are_the_peers(served: Node) -> None:
    status, found, _ = run(served, "extend", "--party", "340000", "--until", "2026-11-10", "--why", "平台检修")
    assert status == 0
    assert [(c["was"], c["due"]) for c in found["changed"]] == [("2026-11-01", "2026-11-10")] * 2
    status, _, said = run(served, "return", ANHUI, "--why", "误报")
    assert (status, "[625]" in said) == (1, True)  # a submission goes back to nobody
    status, _, said = run(served, "transfer", ANHUI, "--to", "330000", "--why", "误报")
    assert (status, "[625]" in said) == (1, True)
    assert run(served, "void", ANHUI, "--why", "免报")[0] == 0
    status, found, _ = run(served, "show", ANHUI)
    assert [(c["kind"], c["why"], c["actor"].partition(" ")[0]) for c in found["changes"]] == [
        ("extended", "平台检修", f"uid:{os.getuid()}"),
        ("void", "免报", f"uid:{os.getuid()}"),
    ]
    assert [e["event"] for e in found["log"]] == ["obligation_set", "obligation_extended", "obligation_void"]
    status, _, said = run(served, "void", ANHUI, "--why", "免报")
    assert status == 1
    assert "[607]" in said
    assert run(served, "void", "--why", "免报")[0] == 1  # neither ids nor filters: not everything at once
    assert run(served, "show", "submission:nobody")[0] == 1


def test_an_outage_and_recomputing(served: Node) -> None:
    assert run(served, "recompute")[1] == {"changed": []}
    move(served, "2026-11-02 09:00")
    served.send(planned(5))
    status, found, _ = run(
        served, "outage", "2026-11-01T18:00:00+08:00", "2026-11-02T08:00:00+08:00", "--why", "机房停电"
    )
    assert (status, len(found["changed"])) == (0, 63)
    assert run(served, "outage", "2026-11-01T18:00:00", "2026-11-02T08:00:00+08:00", "--why", "机房停电")[0] == 1
