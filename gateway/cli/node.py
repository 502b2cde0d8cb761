"""Commands that need a node: its daemon on the control socket, or its facts.

Asking the daemon takes where its socket is and no more, so that it is quick; all facts are loaded where a command works
on them, or where the place of the socket cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from gateway.cli.conventions import say
from gateway.cli.exits import ExitCode
from gateway.control.client import ControlClient, NotRunning, Refusal
from gateway.control.place import NAME, control_socket
from gateway.policy.faults import FactsError
from gateway.policy.finding import find

if TYPE_CHECKING:
    from gateway.policy.facts import Facts

NOT_FOUND = 404
SECONDS = 30.0
HOURS = 12 * 3600.0
T = TypeVar("T")


def load_facts(config: Path | None) -> Facts:
    """The node's facts; every fault of them is listed, and the command ends with 3."""
    from gateway.policy.loading import load  # the shapes of all facts: a third of a second on a slow machine

    return _listing_faults(lambda: load(find(config)))


def ask(config: Path | None, method: str, *path: str, **values: Any) -> Any:
    """Ask the daemon of the node at `config`; says so, and ends with 4, when it is not running, with 1 when it refuses,
    with 3 when there is no usable node."""
    return _asked(_client(config, SECONDS), method, path, values)


def ask_for_hours(config: Path | None, *path: str, **values: Any) -> Any:
    """Post something that takes as long as the node is large."""
    return _asked(_client(config, HOURS), "POST", path, values)


def _client(config: Path | None, seconds: float) -> ControlClient:
    socket = _listing_faults(lambda: control_socket(find(config)))
    if socket is None:
        facts = load_facts(config)
        socket = facts.path(facts.node.state) / NAME
    return ControlClient(socket, seconds)


def _asked(client: ControlClient, method: str, path: tuple[str, ...], values: dict[str, Any]) -> Any:
    try:
        return client.get(*path, **values) if method == "GET" else client.post(*path, **values)
    except NotRunning:
        say("守护进程没有运行（gateway run）。/ The daemon is not running.")
        raise typer.Exit(ExitCode.NOT_RUNNING) from None
    except Refusal as error:
        say("没有所指的对象。/ There is no such thing here." if error.status == NOT_FOUND else str(error))
        raise typer.Exit(ExitCode.REFUSED) from None


def _listing_faults(load: Callable[[], T]) -> T:
    try:
        return load()
    except FactsError as error:
        for fault in error.faults:
            say(str(fault))
        raise typer.Exit(ExitCode.FAULT) from None
