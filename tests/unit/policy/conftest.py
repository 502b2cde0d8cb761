"""Real folders of facts: the shipped example, copied to be broken one way at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.policy.loading import find

Edit = Callable[[str, str, str], None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node's folder with a copy of the shipped facts."""
    shipped = find()
    for name in ("config", "schemas", "keys"):
        shutil.copytree(shipped / name, tmp_path / "node" / name)
    return tmp_path / "node"


@pytest.fixture
def edit(home: Path) -> Edit:
    """Replace a text that stands exactly once in a file of the facts."""

    def replace(file: str, old: str, new: str) -> None:
        text = (home / file).read_text("utf-8")
        assert text.count(old) == 1, (file, old, text.count(old))
        (home / file).write_text(text.replace(old, new), "utf-8")

    return replace
