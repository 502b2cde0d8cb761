"""A process is killed in the midst of a write, for real: what it leaves is removed once it is surely nobody's, and
nothing else is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.nodes import Node

from gateway.corridors.upkeep import litter, retention
from gateway.daemon import sweeping
from gateway.policy.facts import places

MADE_UP = ".0123456789abcdef01234567.tmp"
IN_A_PARTYS_FOLDER = """
from pathlib import Path, PurePosixPath
import sys
from gateway.adapters.channels.folders import ExchangeRoot, Folders
root, record, folder, source = map(Path, sys.argv[1:5])
Folders(ExchangeRoot(root, record)).write(PurePosixPath(folder), "a.html", source)
"""
IN_THE_STATE = """
from pathlib import Path
import sys, time
from gateway import durable
def fill(stream):
    stream.write(b"half")
    stream.flush()
    time.sleep(600)
durable.write(Path(sys.argv[1]), fill)
"""


def killed(script: str, folder: Path, *arguments: object) -> Path:
    """The file that a process left which was killed (SIGKILL) while it wrote into `folder`."""
    child = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], start_new_session=True)
    limit = time.monotonic() + 60
    try:
        while not (left := [p for p in folder.glob(".*.tmp") if p.name != MADE_UP]):
            assert time.monotonic() < limit, "it does not write"
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    (file,) = left
    return file


@pytest.fixture
def left(node: Node, tmp_path: Path) -> list[Path]:
    """In a party's folder (what is written there comes from a pipe that nobody fills) and in the node's own state."""
    os.mkfifo(tmp_path / "source")
    facts = node.facts
    folder = places.receipts_folder(facts, facts.parties["330000"])
    root = facts.path(facts.node.exchange_root)
    record = facts.path(facts.node.state) / "spool" / ".exchange-root"
    holding = os.open(tmp_path / "source", os.O_RDWR)
    try:
        party = killed(IN_A_PARTYS_FOLDER, root / folder, root, record, folder, tmp_path / "source")
    finally:
        os.close(holding)
    letters = facts.path(facts.node.state) / "letters"
    letters.mkdir()
    own = killed(IN_THE_STATE, letters, letters / "letter.html")
    assert re.fullmatch(r"\.[0-9a-f]{24}\.tmp", party.name)
    assert re.fullmatch(r"\.letter\.html\.[0-9]+\.tmp", own.name)
    return [party, own]


@pytest.mark.parametrize("look", [sweeping.tidy, retention.erase], ids=["at the start", "by retention"])
def test_it_goes_once_no_write_can_be_running(
    node: Node, left: list[Path], look: Callable[[object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    look(node.running)
    assert all(path.exists() for path in left), "somebody could be writing"
    monkeypatch.setattr(litter, "HOUR", -3600.0)  # an hour has passed, and more
    look(node.running)
    assert not any(path.exists() for path in left)


def test_nothing_else_goes(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links and where they lead, folders, pipes, other names, what others named inside a package, others' files."""
    monkeypatch.setattr(litter, "HOUR", -3600.0)
    folder = node.party_folder("33", "回执")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / MADE_UP).write_bytes(b"precious")
    kept = [folder / MADE_UP.replace("0", digit, 1) for digit in "123"]
    kept[0].symlink_to(tmp_path / "precious")
    kept[1].mkdir()
    os.mkfifo(kept[2])
    for name in (MADE_UP[1:], MADE_UP[:-4] + "0.tmp", MADE_UP.upper(), f"{MADE_UP}.part", ".a.html.17.tmp"):
        (folder / name).write_bytes(b"a party's own")
        kept.append(folder / name)
    state = node.home / "state"
    opened = state / "spool" / "p234567abcdefghijklmnopqrs" / "opened" / "data"
    opened.mkdir(parents=True)
    for path in (opened / ".cases.csv.17.tmp", state / "a.17.tmp", state / ".a.b.tmp"):
        path.write_bytes(b"a member, or another name")
        kept.append(path)
    (state / "letters").symlink_to(tmp_path / "elsewhere")
    assert litter.remove(node.running) == 0
    assert all(os.path.lexists(path) for path in kept)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "elsewhere" / MADE_UP).exists()
    (folder / MADE_UP).write_bytes(b"another user's")
    mine = os.geteuid()
    with monkeypatch.context() as another:
        another.setattr(os, "geteuid", lambda: mine + 1)
        assert litter.remove(node.running) == 0
    assert litter.remove(node.running) == 1
    assert not (folder / MADE_UP).exists()


def test_a_folder_that_was_replaced_by_a_link_is_not_followed(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litter, "HOUR", -3600.0)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / MADE_UP).write_bytes(b"precious")
    folder = node.party_folder("33", "模板")
    folder.rename(folder.with_name("aside"))
    folder.symlink_to(tmp_path / "elsewhere")
    assert litter.remove(node.running) == 0
    assert (tmp_path / "elsewhere" / MADE_UP).exists()
