"""Where a node's control socket is. Who only wants to ask the daemon does not wait for all the facts to be loaded."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gateway.policy.finding import NODE, home_of

NAME = "control.sock"
STATE = "state"
"""What `gateway.toml` means when it does not say where `state` is."""


def control_socket(where: Path) -> Path | None:
    """The socket of the node at `where` (its folder, or the `config/` in it), by its `gateway.toml` alone.

    None when that file is missing or does not say it as a loaded fact would: loading the facts tells what is wrong.
    Raises `FactsError` when `where` is no place for facts.
    """
    home = home_of(where)
    try:
        text = (home / NODE).read_text("utf-8-sig")
        state = tomllib.loads(text).get("state", STATE)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return home / state / NAME if isinstance(state, str) else None
