"""The layers of `pyproject.toml` hold, and are held: each way of breaking them, in a copy of the house, is caught. What
runs in a circle may break a second contract too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gateway

ROOT = Path(__file__).parents[2]
TOOL = Path(sys.executable).with_name("lint-imports")
DOWN = "Data flows one way: imports point down the house"
CORRIDORS = "The corridors stand on each other"

BREACHES = {
    "a room below imports one above": (DOWN, "policy/faults.py", "from gateway.corridors import counting"),
    "only inside a function": (DOWN, "lifecycle/machine.py", "def late():\n    from gateway.log import Entry"),
    "only for types": (
        DOWN,
        "records/text.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gateway.adapters.ledger import Ledger",
    ),
    "rooms side by side": (DOWN, "stages/intake.py", "from gateway.adapters import clock"),
    "a module without a layer": (DOWN, "conveniences.py", '"""Of all kinds."""'),
    "a corridor imports what stands on it": (
        CORRIDORS,
        "corridors/recording/tried.py",
        "from gateway.corridors.submission import steps",
    ),
    "a corridor without a layer": (CORRIDORS, "corridors/sundries.py", '"""Of all kinds."""'),
    "a view that writes": (
        "Views read, and write nothing",
        "corridors/views/figures.py",
        "from gateway.corridors import recording",
    ),
    "facts that load": (
        "Facts are read, judged and loaded in this order",
        "policy/facts/party.py",
        "from gateway.policy import loading",
    ),
    "an adapter imports what stands on it": (
        "Adapters stand on each other",
        "adapters/storage/spool.py",
        "from gateway.adapters.channels import room",
    ),
    "technology in a stage": ("Stages are decisions: no technology", "stages/sorting.py", "import sqlite3"),
    "a stage imports another": (
        "No stage imports another",
        "stages/countersigning.py",
        "from gateway.stages import intake",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The house in another folder."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "gateway", folder / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", folder)
    return folder


@contextmanager
def added(file: Path, text: str) -> Iterator[None]:
    """These lines at the end of a module, or a module of them."""
    before = file.read_bytes() if file.exists() else None
    file.write_bytes((before or b"") + f"\n{text}\n".encode())
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


def broken(folder: Path) -> tuple[set[str], str]:
    """The contracts that are broken in this folder, and everything the linter says."""
    assert TOOL.exists(), "import-linter is missing: lint-imports"
    command = [TOOL, "--no-logo", "--no-cache"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    assert "Contracts: " in said, said[-3000:]
    return set(re.findall(r"^(.+) BROKEN$", said, re.MULTILINE)), said


def test_the_house_keeps_its_layers() -> None:
    found, said = broken(ROOT)
    assert found == set(), said[-3000:]


@pytest.mark.parametrize("way", BREACHES)
def test_a_breach_is_caught(way: str, copy: Path) -> None:
    contract, file, text = BREACHES[way]
    with added(copy / "gateway" / file, text):
        found, said = broken(copy)
    assert contract in found, said[-3000:]
    assert file.removesuffix(".py").replace("/", ".") in re.sub(r"\s+", "", said)


def rooms(folder: Path) -> set[str]:
    """Modules and packages in a folder, without what every package has."""
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    return found - {"__init__", "__main__"}


def test_the_map_of_the_house_names_every_room() -> None:
    """`gateway.__doc__`, and the rooms of the corridors in their explanation."""
    house = set(re.findall(r"``(\w+)``", (gateway.__doc__ or "").partition("|---|")[2]))
    assert house == rooms(ROOT / "gateway")
    section = (ROOT / "docs/explanation/corridors.md").read_text("utf-8").partition("## The rooms of the corridors")[2]
    first = re.findall(r"^\|( `.+`) \|", section.partition("\n## ")[0], re.MULTILINE)
    assert {name for cell in first for name in re.findall(r"`(\w+)`", cell)} == rooms(ROOT / "gateway" / "corridors")
