"""A daemon that may open few files at a time works slower, and on everything; no file of ours falls for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodes import Daemon, copy_node, planned

PARTIES = ("11", "12", "13", "14", "15", "21")


@pytest.fixture
def daemon(template: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """Started by somebody who may open as many as the test says, softly and at most."""
    copy_node(template, tmp_path / "node")
    node = Daemon(tmp_path / "node")
    node.start(by=("prlimit", f"--nofile={request.param}"))
    yield node
    node.close()


@pytest.mark.parametrize(("daemon", "told"), [("200:200", True), ("128:4096", False)], indirect=["daemon"])
def test_everything_is_taken(daemon: Daemon, told: bool) -> None:
    for party in PARTIES:
        daemon.drop(planned(6, party=party, seed=f"few/{party}"))
    rows = daemon.await_settled(len(PARTIES))
    assert {(row["state"], row["code"]) for row in rows} == {("accepted", "100")}
    said = [json.loads(line) for line in daemon.daemon_log.read_text("utf-8").splitlines()]
    few = [(line["allowed"], line["wanted"]) for line in said if line["event"] == "few_descriptors"]
    assert few == ([(200, 1024)] if told else [])
