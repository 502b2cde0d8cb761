"""Nobody reads the daemon's journal any more: the work goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodes import Daemon, copy_node, planned


class Listened(Daemon):
    """Its journal goes into a pipe with a name."""

    @property
    def daemon_log(self) -> Path:
        return self.home / "journal"


@pytest.fixture
def heard(template: Path, tmp_path: Path) -> Iterator[tuple[Listened, int]]:
    copy_node(template, tmp_path / "node")
    node = Listened(tmp_path / "node")
    os.mkfifo(node.daemon_log)
    reader = os.open(node.daemon_log, os.O_RDONLY | os.O_NONBLOCK)
    node.start()
    yield node, reader
    assert node.stop() == 0


def test_its_reader_is_gone(heard: tuple[Listened, int]) -> None:
    node, reader = heard
    os.close(reader)
    node.drop(planned(8))
    (row,) = node.await_settled(1)
    assert row["state"] == "accepted"


def test_its_reader_does_not_read(heard: tuple[Listened, int]) -> None:
    """The pipe is filled from beside, as by a service manager that stands still."""
    node, reader = heard
    filler = os.open(node.daemon_log, os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(filler, b" " * 4096)
    except BlockingIOError:
        pass
    node.drop(planned(8))
    (row,) = node.await_settled(1)
    assert row["state"] == "accepted"
    os.close(filler)
    os.close(reader)
