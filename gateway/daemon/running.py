"""What the daemon shows to those that answer for it: a narrow view, and no way to change its course but `reload`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from gateway.node import Node
from gateway.policy.facts import Facts
from gateway.policy.faults import Findings


class Beating(Protocol):
    """Whether the daemon's parts come round (`vitals.Vitals`)."""

    def ages(self) -> dict[str, float]: ...
    def stuck(self) -> list[str]: ...


class Guarding(Protocol):
    """Whether files are taken in (`vitals.Guard`)."""

    @property
    def open(self) -> bool: ...


class Collected(Protocol):
    """Partners that are collected from (`collecting.Collecting`)."""

    def health(self) -> Mapping[str, Any]: ...


class Published(Protocol):
    """The exchange log's publication (`publication.Publication`)."""

    @property
    def failure(self) -> str: ...
    def state(self) -> dict[str, Any]: ...
    def still(self) -> Any: ...


class Running(Protocol):
    """A daemon at work."""

    @property
    def node(self) -> Node: ...
    @property
    def facts(self) -> Facts: ...
    @property
    def last_scan(self) -> datetime | None: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def stopping(self) -> threading.Event: ...
    @property
    def vitals(self) -> Beating: ...
    @property
    def guard(self) -> Guarding: ...
    @property
    def unheard(self) -> str: ...
    @property
    def collecting(self) -> Collected: ...
    @property
    def publication(self) -> Published: ...
    def reload(self) -> Findings: ...
