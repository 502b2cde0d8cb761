"""What the commands of `gateway keys` share: how days are given, where pins stand, how a fault ends a command."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.cli.conventions import say
from gateway.cli.exits import ExitCode

if TYPE_CHECKING:
    from gateway.policy.facts import Facts

FromOption = Annotated[str | None, typer.Option("--from", help="启用日期 YYYY-MM-DD / the day it comes into use")]


def parties_folder(facts: Facts) -> Path:
    """Where the parties' facts stand, which name their keys."""
    return facts.home / "config" / "parties"


def as_day(text: str | None) -> date | None:
    """A day as it is given; ends with exit code 2 when it is none."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        say("日期应为 YYYY-MM-DD / a date is YYYY-MM-DD")
        raise typer.Exit(ExitCode.USAGE) from None


def fail(error: Exception) -> NoReturn:
    """Print the error, which bears no secret, and end with exit code 3."""
    say(str(error))
    raise typer.Exit(ExitCode.FAULT) from error
