"""A state is a member of its enumeration, never a text: where a type checker does not see it, this does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from support.sources import Source, sources

ROOMS = ("gateway/corridors/", "gateway/daemon/", "gateway/flow.py", "gateway/step.py", "gateway/node.py")


def texts(node: ast.AST) -> bool:
    """A text, or a tuple, list or set that holds one."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.Tuple | ast.List | ast.Set) and any(map(texts, node.elts))


def is_state(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "state"


def spelled(source: Source) -> Iterator[int]:
    """Lines on which a state is a text: `state="…"`, `row.state == "…"`, `row.state in ("…",)`, `case "…"`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg == "state" and texts(node.value):
            yield node.value.lineno
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(is_state, sides)) and any(map(texts, sides)):
                yield node.lineno
        elif isinstance(node, ast.Match) and is_state(node.subject):
            for case in node.cases:
                for pattern in ast.walk(case.pattern):
                    if isinstance(pattern, ast.MatchValue) and texts(pattern.value):
                        yield pattern.lineno


def test_no_state_is_a_text_in_the_corridors_and_the_daemon() -> None:
    found = [f"{s.file}:{line}" for s in sources() if s.file.startswith(ROOMS) for line in spelled(s)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        'tx.parcels.update("p", state="faulted")',
        'row.state == "faulted"',
        '"faulted" != self.row.state',
        'row.state not in ("faulted", OTHER)',
        'match row.state:\n    case A.B | "faulted":\n        pass',
    ],
)
def test_a_text_is_seen(text: str) -> None:
    assert list(spelled(Source("example", "example.py", text)))


@pytest.mark.parametrize(
    "text", ["row.state is ParcelState.FAULTED", 'where(parcel="p", state=A.B)', 'row.code == "704"']
)
def test_an_enumeration_is_none(text: str) -> None:
    assert not list(spelled(Source("example", "example.py", text)))
