"""The command line: one module per command group, each thin over the room that does the work.

A module is imported when its command is called: `gateway check` must not wait for the workflow engine, nor
`gateway --help` for anything.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gateway.cli.commands import COMMANDS
from gateway.cli.exits import ExitCode

COMPLETION = "_GATEWAY_COMPLETE"
"""The variable by which a shell asks for completions."""


def loaded(name: str) -> Any:
    """The click command or group of that name in `COMMANDS`; its module is imported. Raises `KeyError`."""
    entry = COMMANDS[name]
    found = getattr(import_module(f"gateway.cli.{entry.module}"), entry.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name, help=entry.sentence)(found)
        found = single
    command = get_command(found)
    command.name = name
    return command


class _Commands(TyperGroup):
    """Has a stand-in for every command, with the sentence that help and completion show; the command that is called is
    loaded."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {name: TyperCommand(name, help=entry.sentence) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """As click's, which ends with 2 for a name that no command has."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name else stand_in, rest


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="人口数据安全交换网关 / secure file-exchange gateway",
)


@app.callback()
def _main() -> None:
    """人口数据安全交换网关 / secure file-exchange gateway."""


def main() -> None:
    """Entry point of the `gateway` command. An error of ours ends with 3 and its class, never with a traceback that
    could show a value. Shells complete after `eval "$(_GATEWAY_COMPLETE=source_bash gateway)"`, or `source_zsh`."""
    if COMPLETION in os.environ:
        completion_init()
    try:
        app(prog_name="gateway")
    except Exception as error:
        print(f"系统内部错误 / internal error: {type(error).__name__}", file=sys.stderr)
        sys.exit(ExitCode.FAULT)
