"""What a person asks of a node and cannot be done is told with code and remedy, in Chinese first, in English by
setting; the remedies are followed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodes import PERIOD, Daemon, edit, planned

from gateway.demo.people import INFLOW

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    made = Daemon(home)
    made.start()
    yield made
    made.close()


def refused(daemon: Daemon, *words: str) -> tuple[str, str]:
    """The code, and all that is said."""
    done = daemon.command("parcels", *words)
    assert (done.returncode, done.stdout) == (1, "")
    found = re.match(r"\[([0-9]{3})\] .+\n  → .+", done.stderr)
    assert found, done.stderr
    return found[1], done.stderr


def test_refusals_have_a_code_and_a_remedy_in_the_nodes_language(daemon: Daemon) -> None:
    daemon.drop(planned(3))
    (parcel,) = daemon.await_settled(1)
    about = ("--agreement", INFLOW, "--period", "2026Q2")
    asked = {
        "637": ("release", *about),
        "633": ("close", *about),
        "638": ("retry", parcel["id"]),
        "640": ("confirm", parcel["id"]),
    }
    for code, words in asked.items():
        told, text = refused(daemon, *words)
        assert told == code
        assert CHINESE.search(text)
    # The remedies, followed.
    _, said = refused(daemon, "release", *about)
    (command,) = re.findall(r"gateway (parcels list [ -~]+)", said)
    assert daemon.command(*command.split()).returncode == 0
    assert daemon.command("parcels", "show", parcel["id"]).returncode == 0
    assert daemon.command("parcels", "list", "--state", "awaiting").returncode == 0
    assert daemon.command("parcels", "release", "--agreement", INFLOW, "--period", PERIOD).returncode == 0

    edit(daemon.home, language='"en"')
    daemon.post("reload")
    for code, words in asked.items():
        told, text = refused(daemon, *words)
        assert told == code
        assert not CHINESE.search(text)
    nothing = daemon.command("parcels", "retry", "nothing-like-it")
    assert (nothing.returncode, nothing.stderr) == (1, "没有所指的对象。/ There is no such thing here.\n")
