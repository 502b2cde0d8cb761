"""The page of states: of parcels, packages, batches, obligations, receipts; kinds of delivery; events of the log.

What they mean is in `states.toml`. It is held against the code: a state that the code writes and nobody explains, or
one explained that nobody writes, and no page is made.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any, get_args

from gateway.deadlines import State
from gateway.log import Event
from gateway.parcels import Decider, Kind
from gateway.receipts.receipt import Stage
from gateway.receipts.words import Words
from gateway.reference.markdown import code, heading, table
from gateway.reference.markdown import page as joined
from gateway.stages.intake import TAKEN

_WRITERS = {
    "parcels": ("add_parcel", "update_parcel"),
    "packages": ("update_packages",),
    "deliveries": ("update_delivery",),
}


def page() -> str:
    """Raises `ValueError` where the code and `states.toml` differ."""
    said: Mapping[str, Any] = tomllib.loads(files(__package__).joinpath("states.toml").read_text("utf-8"))
    for what, functions in _WRITERS.items():
        _hold(what, said[what], _written(functions, what))
    for what, members in (("obligations", State), ("events", Event), ("kinds", Kind)):
        _hold(what, said[what], (str(member.value) for member in members))
    zh, en = Words("zh"), Words("en")
    lines = heading(
        "States, kinds and events · 状态",
        "the corridors, gateway/parcels.py, gateway/deadlines and gateway/log",
        "What `gateway parcels list`, `gateway status` and the exchange log call things.",
    )
    lines += ["## Parcels · 交换件", "", *_states(said["parcels"])]
    lines += ["A parcel that waits keeps its state, and has a code (7xx) and a time of the next try.", ""]
    lines += ["## Packages · 交换包", "", *_states(said["packages"])]
    lines += ["## Batches and their delivery · 分发批次", "", *_states(said["deliveries"])]
    lines += ["## Obligations · 限办事项", "", *_states(said["obligations"])]
    lines += ["## Kinds of delivery · 报送类型", "", "Said by the sidecar or the file's name; a file without a mark is"]
    lines += ["`new`. A kind that is not taken yet is refused with code 225.", ""]
    lines += table(
        ("Kind", "中文", "In the file's name", "Taken"),
        ((code(k), zh(f"kind.{k}"), said["kinds"][k], "yes" if k in TAKEN else "not yet") for k in Kind),
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
    lines += table(("Event", "What it records"), ((code(event), said["events"][event]) for event in Event))
    return joined(lines)


def _states(known: Mapping[str, Mapping[str, str]]) -> list[str]:
    rows = ((code(state), text["zh"], text["holds"], text["next"]) for state, text in known.items())
    return table(("State", "中文", "What holds", "Next"), rows)


def _hold(what: str, said: Iterable[str], written: Iterable[str]) -> None:
    explained, real = set(said), set(written)
    if explained != real:
        raise ValueError(f"{what}: explained {sorted(explained - real)} and not real, real and not {real - explained}")


def _written(functions: tuple[str, ...], name: str) -> Iterator[str]:
    """Every state that a call of `functions`, or a statement on the table `name`, writes as a constant."""
    for module in ("corridors", "daemon", "adapters/ledger"):
        for file in files("gateway").joinpath(module).iterdir():
            if file.name.endswith(".py"):
                for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                    if isinstance(node, ast.Call):
                        yield from _constants(node, functions, name)


def _constants(call: ast.Call, functions: tuple[str, ...], name: str) -> Iterator[str]:
    if not isinstance(call.func, ast.Attribute):
        return
    values = [keyword.value for keyword in call.keywords if keyword.arg == "state"]
    if call.func.attr in functions:
        values += call.args[1:]
    elif call.func.attr != "values" or name not in _names(call.func.value):
        return
    yield from (v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))


def _names(statement: ast.expr) -> set[str]:
    return {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
