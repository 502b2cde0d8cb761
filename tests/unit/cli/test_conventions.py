"""Options in groups: a dataclass in a command's signature is its fields on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner, Result

from gateway.cli.conventions import JsonOption, group, grouped


@dataclass(frozen=True)
class Route:
    origin: Annotated[str, typer.Option("--from", help="who sends")]
    receiver: Annotated[str | None, typer.Option("--to", help="who receives")] = None


@dataclass(frozen=True)
class Dated(Route):
    days: Annotated[int, typer.Option("--days", min=1)] = 15


called: list[tuple[object, ...]] = []


@grouped
def travel(
    *, file: Annotated[Path, typer.Argument()], when: Dated, copies: Annotated[list[str] | None, typer.Option()] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """What it is for."""
    called.append((file, when, copies, as_json))


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(travel)
    called.clear()
    return CliRunner().invoke(app, arguments)


def test_the_command_gets_the_group_filled() -> None:
    assert run("a.csv", "--from", "11", "--days", "3", "--copies", "x", "--copies", "y", "--json").exit_code == 0
    assert called == [(Path("a.csv"), Dated("11", None, 3), ["x", "y"], True)]


def test_what_is_not_given_is_the_default_of_the_field() -> None:
    assert run("a.csv", "--from", "11").exit_code == 0
    assert called == [(Path("a.csv"), Dated("11"), None, False)]


@pytest.mark.parametrize("arguments", [("a.csv",), ("a.csv", "--from", "11", "--days", "0"), ("--from", "11")])
def test_what_a_field_asks_for_is_asked_for(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
    assert called == []


def test_help_lists_the_fields_in_their_place() -> None:
    app = typer.Typer()
    app.command()(travel)
    command = get_command(app)
    assert command.help == "What it is for."
    assert [p.name for p in command.params if p.name != "help"][:6] == [
        "file", "origin", "receiver", "days", "copies", "as_json",
    ]  # fmt: skip
    assert [p.help for p in command.params][1:3] == ["who sends", "who receives"]


def test_two_options_of_one_name_are_a_mistake() -> None:
    def twice(one: Route, origin: str) -> None:
        """Never called."""

    twice.__annotations__ = {"one": Route, "origin": str}
    with pytest.raises(ValueError, match="origin"):
        grouped(twice)


def test_a_group_of_one_command_stays_a_group() -> None:
    app = group("audit")
    app.command("only")(lambda: called.append(("only",)))
    called.clear()
    assert CliRunner().invoke(app, []).exit_code == 2
    assert CliRunner().invoke(app, ["only"]).exit_code == 0
    assert called == [("only",)]
