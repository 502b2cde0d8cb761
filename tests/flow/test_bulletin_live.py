"""The bulletin's command asks a daemon that is writing: each answer is one moment of the ledger, and adds up. The node
is set to English, and so is what it makes."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.asking import with_agreements
from support.nodes import Daemon, copy_node, edit, planned

FILES = [planned(6, party=party, seed=party) for party in ("33", "34", "35", "36")]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def daemon(template: Path, tmp_path: Path) -> Iterator[Daemon]:
    home = tmp_path / "node"
    copy_node(template, home)
    with_agreements(home, "inquiry-15wd", "reply-15wd")
    edit(home, language='"en"')
    node = Daemon(home)
    yield node
    node.close()


def made(daemon: Daemon, period: str) -> dict[str, Any]:
    done = daemon.command("bulletin", period, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_bulletins_of_a_node_that_is_writing(daemon: Daemon) -> None:
    daemon.start()
    for file in FILES:
        daemon.drop(file)
    *rows, totals = made(daemon, "2026Q3")["tables"]["submissions"]  # while they are taken in
    assert [sum(row[n] for row in rows) for n in (5, 6, 7)] == totals[5:8]
    assert all(row[5] == row[6] + row[7] for row in rows)
    daemon.await_settled(len(FILES))
    last = made(daemon, "2026Q3")
    assert last["tables"]["submissions"][-1][5:8] == [24, 24, 0]
    # In English, but for what the facts call things by.
    folder = Path(last["folder"])
    assert all(name.isascii() for name in last["files"])
    (page,) = (folder / name for name in last["files"] if name.endswith(".html"))
    text = page.read_text("utf-8")
    assert '<html lang="en">' in text
    assert "Bulletin on submissions and quality, Q3 2026" in text
    sheets = [name for name in last["files"] if name.endswith(".csv")]
    assert sheets
    for name in sheets:
        with (folder / name).open(encoding="utf-8-sig", newline="") as stream:
            head, *_ = csv.reader(stream)
        assert not CHINESE.search("".join(head))
    refused = daemon.command("bulletin", "2026-10")
    assert (refused.returncode, CHINESE.search(refused.stderr)) == (1, None)
    assert "[631]" in refused.stderr
    assert daemon.stop() == 0
