"""What every command keeps to: the options they share, options in groups, how a result and a refusal are printed.

Light to import: commands must not wait for the node's machinery (`gateway.cli.node` has that), nor for `rich` where
nothing is printed with it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_type_hints

import typer

from gateway.cli.commands import COMMANDS
from gateway.cli.exits import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.outcomes import Detail

WIDE = 180


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


ConfigOption = Annotated[Path | None, typer.Option("--config", help="节点文件夹或其 config 文件夹 / the node's folder")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON / print one JSON document")]
LanguageOption = Annotated[Language, typer.Option("--lang", help="zh | en")]


def group(name: str) -> typer.Typer:
    """The group of commands of that name; `COMMANDS` says what it is for."""

    def stay_a_group() -> None:
        """Without a callback typer makes a group of one command into that command."""

    app = typer.Typer(help=COMMANDS[name].sentence, no_args_is_help=True, add_completion=False)
    app.callback()(stay_a_group)
    return app


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer, made of one that takes options in groups.

    A parameter whose type is a dataclass stands for the fields of it: each is a parameter of the result, in its place,
    with the annotation (`Annotated[…, typer.Option(…)]`) and the default of the field. `command` is called with the
    dataclass filled. Raises `ValueError` when two parameters have one name.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _parameters_of(groups[parameter.name])
        else:
            kind, hint = inspect.Parameter.KEYWORD_ONLY, hints[parameter.name]
            parameters.append(parameter.replace(kind=kind, annotation=hint))

    def called(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        command(**values)

    called.__name__, called.__doc__, called.__module__ = command.__name__, command.__doc__, command.__module__
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def _parameters_of(kind: type) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
        )


def say(text: str) -> None:
    """Print a message for people on stderr: stdout has the result alone."""
    typer.echo(text, err=True)


def console() -> Console:
    """Where tables are printed; as wide as they need to be where no terminal limits them."""
    from rich.console import Console

    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=WIDE)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False))


def say_code(code: str, language: str, detail: Detail | None = None) -> None:
    """Print what a code of the catalogue says, with its remedy, on stderr."""
    from gateway.outcomes import catalogue

    entry = catalogue()[code]
    say(f"[{code}] {entry.sentence(language, detail)}\n  → {entry.remedy(language, detail)}")


def complain(code: str, language: str, status: ExitCode, detail: Detail | None = None) -> NoReturn:
    """`say_code`, and end."""
    say_code(code, language, detail)
    raise typer.Exit(status)
