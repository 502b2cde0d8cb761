"""What every command keeps to: exit codes, the options they share, how a refusal is said. Light to import: the offline
commands must not wait for the node's machinery (`gateway.cli.node` has that)."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from gateway.outcomes import Detail, catalogue

REFUSED, USAGE, FAULT, NOT_RUNNING = 1, 2, 3, 4


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


ConfigOption = Annotated[Path | None, typer.Option("--config", help="节点文件夹或其 config 文件夹 / the node's folder")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON / print one JSON document")]
LanguageOption = Annotated[Language, typer.Option("--lang", help="zh | en")]


def say(text: str) -> None:
    """A message for people: on stderr, so that stdout is the answer alone."""
    typer.echo(text, err=True)


def console() -> Console:
    """Where tables are printed; as wide as they need to be where nobody's terminal limits them."""
    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=180)


def answer(document: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False))


def complain(code: str, language: str, status: int, detail: Detail | None = None) -> NoReturn:
    """What a code of the catalogue says, with its remedy, and the end."""
    entry = catalogue()[code]
    say(f"[{code}] {entry.sentence(language, detail)}\n  → {entry.remedy(language, detail)}")
    raise typer.Exit(status)
