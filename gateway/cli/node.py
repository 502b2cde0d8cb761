"""Commands that need a node: its facts, and its daemon on the control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from gateway import wiring
from gateway.cli.conventions import FAULT, NOT_RUNNING, REFUSED, say
from gateway.control.client import ControlClient, NotRunning, Refusal
from gateway.policy.facts import Facts
from gateway.policy.faults import FactsError

HOURS = 12 * 3600.0


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
    return _asked(ControlClient(wiring.control_socket(facts)), method, path, values)


def ask_for_hours(facts: Facts, *path: str, **values: Any) -> Any:
    """Ask for something that takes as long as the node is large."""
    return _asked(ControlClient(wiring.control_socket(facts), HOURS), "POST", path, values)


def _asked(client: ControlClient, method: str, path: tuple[str, ...], values: dict[str, Any]) -> Any:
    try:
        return client.get(*path, **values) if method == "GET" else client.post(*path, **values)
    except NotRunning:
        say("守护进程没有运行（gateway run）。/ The daemon is not running.")
        raise typer.Exit(NOT_RUNNING) from None
    except Refusal as error:
        say(str(error))
        raise typer.Exit(REFUSED) from None
