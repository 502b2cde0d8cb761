"""No imports run in a circle, not even those inside functions or for types alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sources import circles, imports, sources


def test_no_imports_run_in_a_circle() -> None:
    found = [" ↔ ".join(group) for group in circles(imports(sources()))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "back",
    [
        "from house import a",
        "from house.a import thing",
        "import house.a",
        "from . import a",
        "from .a import thing",
        "def later():\n    from house.a import thing",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.a import thing",
    ],
)
def test_a_circle_is_found_however_it_is_closed(back: str, tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").touch()
    (house / "a.py").write_text("from house import b\nthing = 1\n")
    (house / "b.py").write_text("from house import c\n")
    (house / "c.py").write_text("")
    assert circles(imports(sources(house))) == []
    (house / "c.py").write_text(back)
    assert circles(imports(sources(house))) == [["house.a", "house.b", "house.c"]]


def test_circles_apart_from_each_other_are_told_apart() -> None:
    graph = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c"}, "f": {"f"}}
    assert circles({name: frozenset(others) for name, others in graph.items()}) == [["a", "b"], ["c", "d", "e"]]
