"""What every command keeps to: exit codes, the options they share, how a refusal is said, how the daemon is asked."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gateway import wiring
from gateway.control.client import ControlClient, NotRunning, Refusal
from gateway.outcomes import Detail, catalogue
from gateway.policy.faults import FactsError
from gateway.policy.model import Facts

OK, REFUSED, USAGE, FAULT, NOT_RUNNING = 0, 1, 2, 3, 4


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


ConfigOption = Annotated[Path | None, typer.Option("--config", help="节点文件夹或其 config 文件夹 / the node's folder")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON / print one JSON document")]
LanguageOption = Annotated[Language, typer.Option("--lang", help="zh | en")]


def say(text: str) -> None:
    """A message for people: on stderr, so that stdout is the answer alone."""
    typer.echo(text, err=True)


def answer(document: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False))


def complain(code: str, language: str, status: int, detail: Detail | None = None) -> NoReturn:
    """What a code of the catalogue says, with its remedy, and the end."""
    entry = catalogue()[code]
    say(f"[{code}] {entry.sentence(language, detail)}\n  → {entry.remedy(language, detail)}")
    raise typer.Exit(status)


def load_facts(config: Path | None) -> Facts:
    """The node's facts; every fault of them is listed, and the command ends with 3."""
    try:
        return wiring.load(config)
    except FactsError as error:
        for fault in error.faults:
            say(str(fault))
        raise typer.Exit(FAULT) from None


def ask(facts: Facts, method: str, *path: str, **values: Any) -> Any:
    """Ask the daemon of this node; says so, and ends with 4, when it is not running, with 1 when it says no."""
    client = ControlClient(wiring.control_socket(facts))
    try:
        return client.get(*path, **values) if method == "GET" else client.post(*path, **values)
    except NotRunning:
        say("守护进程没有运行（gateway run）。/ The daemon is not running.")
        raise typer.Exit(NOT_RUNNING) from None
    except Refusal as error:
        say(str(error))
        raise typer.Exit(REFUSED) from None
