"""A clock that tests move, for a node in this process: policy time is played, never slept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from gateway.instants import SHANGHAI
from support.nodes import Node, copy_node, edit


def at(text: str) -> datetime:
    """`2026-11-01 23:59:59` on Shanghai's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


class MovedClock:
    """`now` is what it was set to last."""

    def __init__(self, text: str) -> None:
        self.moment = at(text)

    def now(self) -> datetime:
        return self.moment


def move(node: Node, text: str) -> datetime:
    """Set the node's clock."""
    clock = MovedClock(text)
    node.running = replace(node.running, clock=clock)
    return clock.now()


def make_home(template: Path, home: Path, request: pytest.FixtureRequest, database: str) -> Path:
    """A node's folder on SQLite or PostgreSQL."""
    copy_node(template, home)
    if database == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
        edit(home, database=f'"{url}"')
    return home
