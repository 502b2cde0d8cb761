"""The page of states: of parcels, packages, batches, obligations, receipts; kinds of delivery; events of the log.

What they mean is in `states.toml`; which of them are real is read from the code. A test fails for what is real and
nobody explains.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import gateway
from gateway.lifecycle import Event, ObligationState
from gateway.parcels import Decider, Kind
from gateway.receipts.receipt import Stage
from gateway.receipts.words import Words
from gateway.reference.markdown import code, heading, table
from gateway.reference.markdown import page as joined
from gateway.stages import intake

UNEXPLAINED = "**not explained yet**"
_WRITERS = {
    "parcels": ("add_parcel", "update_parcel"),
    "packages": ("add_package", "add_withdrawal", "update_package", "update_packages"),
    "deliveries": ("update_delivery",),
    "incoming": ("update_incoming", "add_incoming"),
    "statements": ("add_statement", "add"),
}


def page() -> str:
    said = _explained()
    real = _real()
    zh, en = Words("zh"), Words("en")
    lines = heading(
        "States, kinds and events · 状态",
        "the corridors, gateway/parcels.py, gateway/deadlines and gateway/log",
        "What `gateway parcels list`, `gateway status` and the exchange log call things.",
    )
    lines += ["## Parcels · 交换件", "", *_states(said, real, "parcels")]
    lines += ["A parcel that waits keeps its state, and has a code (7xx) and a time of the next try.", ""]
    lines += ["## Packages · 交换包", "", *_states(said, real, "packages")]
    lines += ["## Batches and their delivery · 分发批次", "", *_states(said, real, "deliveries")]
    lines += ["## Batches of other gateways · 收到的批次", "", *_states(said, real, "incoming")]
    lines += ["## What gateways state to each other · 回执与清单", "", *_states(said, real, "statements")]
    lines += ["## Obligations · 限办事项", "", *_states(said, real, "obligations")]
    lines += ["## Kinds of delivery · 报送类型", "", "Said by the sidecar or the file's name; a file without a mark is"]
    lines += ["`new`.", ""]
    taken = getattr(intake, "TAKEN", tuple(Kind))  # the stage names them for as long as some are not taken
    lines += table(
        ("Kind", "中文", "In the file's name", "Taken"),
        (
            (code(k), zh(f"kind.{k}"), said["kinds"].get(k, UNEXPLAINED), "yes" if k in taken else "not yet")
            for k in Kind
        ),
    )
    lines += ["What decided the period is on the receipt:", ""]
    lines += table(("Word", "中文"), ((code(word), zh(f"decided.{word}")) for word in get_args(Decider)))
    lines += ["## Stages of a receipt · 回执", ""]
    lines += table(
        ("Stage", "中文", "English"),
        ((code(stage), zh(f"status.{stage}"), en(f"status.{stage}")) for stage in get_args(Stage)),
    )
    lines += ["## Events of the exchange log · 交换日志", ""]
    lines += ["How an entry is made is told in [the exchange log](../explanation/log.md).", ""]
    written = set(_events())
    lines += table(
        ("Event", "What it records"),
        (
            (code(e), said["events"].get(e, UNEXPLAINED) + ("" if e.name in written else " (**not written yet**)"))
            for e in Event
        ),
    )
    return joined(lines)


def unexplained() -> list[str]:
    """What the code writes and `states.toml` does not explain."""
    said = _explained()
    return [f"{what}.{each}" for what, real in _real().items() for each in real if each not in said[what]]


def _explained() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("states.toml").read_text("utf-8"))


def _real() -> Mapping[str, list[str]]:
    """Everything the code writes, sorted; members of enumerations in their own order."""
    written = {what: sorted(set(_written(functions, what))) for what, functions in _WRITERS.items()}
    members = {"obligations": ObligationState, "events": Event, "kinds": Kind}
    return {**written, **{what: [str(member) for member in enum] for what, enum in members.items()}}


def _states(said: Mapping[str, Any], real: Mapping[str, list[str]], what: str) -> list[str]:
    """The states that are real, in the order they are explained in."""
    order = [state for state in said[what] if state in real[what]]
    missing = {"zh": "", "holds": UNEXPLAINED, "next": ""}
    rows = [(state, said[what].get(state, missing)) for state in [*order, *(s for s in real[what] if s not in order)]]
    titles = ("State", "中文", "What holds", "Next")
    return table(titles, ((code(state), text["zh"], text["holds"], text["next"]) for state, text in rows))


def _written(functions: tuple[str, ...], name: str) -> Iterator[str]:
    """Every state that a call of `functions`, or a statement on the table `name`, writes as a constant."""
    for node in _nodes("corridors", "daemon", "adapters/ledger"):
        if isinstance(node, ast.Call):
            yield from _constants(node, functions, name)


def _events() -> Iterator[str]:
    """The names of the events that something writes."""
    for node in _nodes("corridors", "daemon"):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event":
            yield node.attr


def _nodes(*modules: str) -> Iterator[ast.AST]:
    for module in modules:
        for file in sorted(Path(gateway.__file__).parent.joinpath(module).rglob("*.py")):
            yield from ast.walk(ast.parse(file.read_text("utf-8")))


def _constants(call: ast.Call, functions: tuple[str, ...], name: str) -> Iterator[str]:
    if not isinstance(call.func, ast.Attribute):
        return
    values = [keyword.value for keyword in call.keywords if keyword.arg == "state"]
    if call.func.attr in functions:
        values += call.args[1:]
    elif call.func.attr != "values" or name not in _names(call.func.value):
        return
    for value in values:
        for each in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def _names(statement: ast.expr) -> set[str]:
    return {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
