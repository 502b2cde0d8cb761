"""The page of commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args

from gateway import cli
from gateway.cli.commands import COMMANDS
from gateway.cli.exits import ExitCode
from gateway.reference.markdown import code, heading, table
from gateway.reference.markdown import page as joined

_TYPES = {"Path": "PATH", "str": "TEXT", "int": "NUMBER", "float": "NUMBER", "datetime": "YYYY-MM-DD"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument or option as it is typed. `values` is what it takes: a kind of value, or the choices."""

    spelling: str
    option: bool
    values: str
    required: bool
    default: str
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command that can be run: `words` are what follows `gateway`."""

    words: tuple[str, ...]
    help: str
    parameters: tuple[Parameter, ...]

    @property
    def options(self) -> frozenset[str]:
        return frozenset(p.spelling for p in self.parameters if p.option) | {"--help"}

    @property
    def usage(self) -> str:
        parts = ["gateway", *self.words]
        for p in sorted(self.parameters, key=lambda p: (p.option, not p.required)):
            text = f"{p.spelling} {p.values}".strip() if p.option else p.spelling
            parts.append(text if p.required else f"[{text}]")
        return " ".join(parts)


def available() -> list[Command]:
    """Every command there is, in the order of the command line's own table."""
    return [command for name in COMMANDS for command in _walk((name,), cli.loaded(name))]


def page() -> str:
    """The page's text: every command with its usage, parameters and their defaults."""
    lines = heading(
        "Commands · 命令",
        "the command line",
        "`gateway COMMAND --help` says the same. With `--json` a command prints one JSON document on stdout and "
        "nothing else; messages go to stderr. `--config` names the node's folder (or the `config/` in it); without it "
        "`$GATEWAY_CONFIG` does, and failing that the copy of the facts inside the package, which is enough for the "
        "offline commands.",
    )
    lines += ["## Exit codes", "", *table(("Exit", "Meaning"), ((str(int(c)), c.meaning) for c in ExitCode))]
    last = ""
    for command in available():
        if command.words[0] != last and len(command.words) > 1:
            lines += [f"## gateway {command.words[0]}", ""]
        last = command.words[0]
        level = "##" if len(command.words) == 1 else "###"
        lines += [f"{level} gateway {' '.join(command.words)}", "", command.help, "", "```", command.usage, "```", ""]
        if command.parameters:
            lines += table(
                ("Parameter", "Value", "Default", "What it is"),
                (
                    (code(p.spelling), p.values, "**required**" if p.required else code(p.default), p.help)
                    for p in command.parameters
                ),
            )
    return joined(lines)


def _walk(words: tuple[str, ...], command: Any) -> Iterator[Command]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        for name, below in inner.items():
            yield from _walk((*words, name), below)
        return
    parameters = tuple(_parameter(p) for p in command.params if not getattr(p, "hidden", False))
    yield Command(words, _sentence(command.help), parameters)


def _parameter(parameter: Any) -> Parameter:
    option = parameter.param_type_name == "option"
    flag = bool(getattr(parameter, "is_flag", False))
    spelling = parameter.opts[0] if option else str(parameter.metavar or parameter.name).strip("[]").upper()
    default = parameter.default
    shown = "" if default is None or flag else str(default.value if isinstance(default, Enum) else default)
    return Parameter(
        spelling=spelling,
        option=option,
        values="" if flag else _values(parameter),
        required=bool(parameter.required),
        default=shown,
        help=_sentence(parameter.help),
    )


def _values(parameter: Any) -> str:
    kind: Any = parameter.type_descriptor.annotation
    kinds = [k for k in get_args(kind) if k is not type(None)]
    kind = kinds[0] if kinds else kind
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    text = _TYPES.get(getattr(kind, "__name__", ""), "TEXT")
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    return f"{text} ({low}–{high})" if low is not None and high is not None and parameter.opts else text


def _sentence(text: str | None) -> str:
    """A docstring or help text on one line."""
    return " ".join((text or "").split())
