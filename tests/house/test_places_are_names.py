"""No path of a party's folder can be opened, but through descriptors of the exchange root: what names one is no `Path`,
and where the root itself lies is known to those alone that open it, found it, or play the parties."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path, PurePosixPath

from gateway.policy import loading
from gateway.policy.facts import places

HOUSE = Path(__file__).parents[2] / "gateway"
KNOW_THE_ROOT = {
    "policy/facts/node.py": "the setting",
    "wiring.py": "hands it to the adapter",
    "founding.py": "makes it, before there are parties",
    "provisioning.py": "gives it to root and the parties, through descriptors",
    "demo/folders.py": "plays the parties",
}
OPEN_IT = {"adapters/channels", "wiring.py", "key_trial.py"}


def test_every_place_is_a_name_and_no_path() -> None:
    facts = loading.load(HOUSE.parent)
    party, agreement = facts.parties["330000"], facts.agreements["migrants-inflow"]
    known = {"facts": facts, "party": party, "agreement": agreement}
    functions = [one for _, one in inspect.getmembers(places, inspect.isfunction) if one.__module__ == places.__name__]
    assert len(functions) >= 9
    for function in functions:
        made = function(**{name: known[name] for name in inspect.signature(function).parameters})
        for place in made if isinstance(made, tuple) else (made,):
            assert type(place) is PurePosixPath, function.__name__
            assert not place.is_absolute()
    for way in ("open", "unlink", "mkdir", "chmod", "iterdir", "exists", "write_bytes"):
        assert not hasattr(PurePosixPath, way)


def _modules() -> dict[str, ast.Module]:
    return {str(path.relative_to(HOUSE)): ast.parse(path.read_text("utf-8")) for path in sorted(HOUSE.rglob("*.py"))}


def _names_the_root(node: ast.AST) -> bool:
    """`….exchange_root`, and not the function of `wiring`, which gives it opened."""
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.target.id == "exchange_root"
    if not isinstance(node, ast.Attribute) or node.attr != "exchange_root":
        return False
    return not (isinstance(node.value, ast.Name) and node.value.id == "wiring")


def test_few_know_where_the_root_lies() -> None:
    found = {name for name, tree in _modules().items() if any(_names_the_root(node) for node in ast.walk(tree))}
    assert found == {*KNOW_THE_ROOT}


def test_few_open_it() -> None:
    for name, tree in _modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "ExchangeRoot" for alias in node.names):
                assert name.startswith(tuple(OPEN_IT)), name
