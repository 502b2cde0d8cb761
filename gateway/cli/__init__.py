"""The command line: one module per command group, each thin over the room that does the work.

A module is imported when its command is asked for: `gateway check` must not wait for the workflow engine.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer
from typer.core import TyperGroup
from typer.main import get_command

# command -> (module, attribute, is a group)
COMMANDS: dict[str, tuple[str, str, bool]] = {
    "init": ("init", "init", False),
    "demo": ("demo", "demo", False),
    "run": ("run", "run", False),
    "config": ("config", "app", True),
    "check": ("check", "check", False),
    "sort": ("sort", "sort", False),
    "seal": ("seal", "seal", False),
    "open": ("seal", "open_", False),
    "quarter": ("status", "quarter", False),
    "remind": ("remind", "remind", False),
    "bulletin": ("bulletin", "bulletin", False),
    "inquiries": ("inquiries", "app", True),
    "parcels": ("parcels", "app", True),
    "deadlines": ("deadlines", "app", True),
    "calendar": ("calendar", "app", True),
    "parties": ("parties", "app", True),
    "keys": ("keys", "app", True),
    "schemas": ("schemas", "app", True),
    "status": ("status", "status", False),
    "log": ("log", "app", True),
    "audit": ("audit", "app", True),
    "backup": ("backup", "backup", False),
    "restore": ("backup", "restore", False),
}


class _Lazy(TyperGroup):
    """Knows every command's name and loads the one that is called."""

    def list_commands(self, _ctx: object) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: object, cmd_name: str) -> object:  # type: ignore[override]
        if cmd_name not in COMMANDS:
            return None
        module, attribute, group = COMMANDS[cmd_name]
        found = getattr(import_module(f"gateway.cli.{module}"), attribute)
        if not group:
            single = typer.Typer(add_completion=False)
            single.command(cmd_name)(found)
            found = single
        command = get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Lazy,
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
    could show a value."""
    try:
        app()
    except Exception as error:
        print(f"系统内部错误 / internal error: {type(error).__name__}", file=sys.stderr)
        sys.exit(3)
