"""Where the control socket is: the same place, read from `gateway.toml` alone and from all facts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gateway import wiring
from gateway.control.place import control_socket
from gateway.policy import loading

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("config", "schemas", "keys"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("line", ["", 'state = "elsewhere/state"', 'state = "/var/lib/gateway"'])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_it_is_where_the_facts_say(home: Path, line: str, mark: str) -> None:
    file = home / "config" / "gateway.toml"
    text, count = re.subn(r"^state = .*$", line, file.read_text("utf-8"), flags=re.MULTILINE)
    assert count == 1, "the shipped file says it"
    file.write_text(mark + text, "utf-8")
    expected = wiring.control_socket(loading.load(home))
    assert control_socket(home) == expected
    assert control_socket(home / "config") == expected


@pytest.mark.parametrize("line", ["state = 1", "state = ", "\udcff"])
def test_what_the_facts_cannot_say_is_not_guessed(home: Path, line: str) -> None:
    file = home / "config" / "gateway.toml"
    file.write_bytes(line.encode("utf-8", "surrogateescape"))
    assert control_socket(home) is None


def test_no_node_has_no_socket(tmp_path: Path) -> None:
    assert control_socket(tmp_path) is None
