"""A node whose ledger is damaged: it says so, and does nothing else. Nothing is taken from a folder, nothing delivered,
nothing signed, nothing written to the ledger; what lies in the folders stays where it is until the ledger is restored.

It is alive: starting it again would mend nothing, so the service manager is told that all is well, and monitors that it
is not ready.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from gateway import __version__, wiring
from gateway.adapters import systemd
from gateway.adapters.ledger import LedgerAway, integrity
from gateway.control.monitor import MonitorServer
from gateway.control.server import DAMAGED, ControlServer, Handler, Request, Response, damaged
from gateway.daemon import metrics
from gateway.daemon.vitals import LEDGER_DAMAGED
from gateway.node import Node
from gateway.policy.facts import Facts

WEEK = 7 * 24 * 3600
_STARTING = "EXTEND_TIMEOUT_USEC=60000000"
"""A large ledger is looked at for longer than a service may take to start."""


def found(facts: Facts, stopping: threading.Event) -> bool:
    """Whether the ledger is damaged, before anything is done with it. Nobody waits for more than a start, which ends
    when it is told to."""

    def breathe() -> bool:
        systemd.notify(_STARTING)
        return stopping.is_set()

    try:
        return not integrity.whole(wiring.database_url(facts), breathe)
    except LedgerAway:
        return False  # what works with it next says so


def examine(node: Node) -> None:
    """The same beside the work, once a week: on a connection of its own, which only reads."""
    if integrity.whole(node.ledger.url):
        node.log.info("ledger_whole")
    else:
        node.ledger.distrust()


class Damaged:
    """Serves the control socket, and the port for monitors, until told to stop."""

    def __init__(self, facts: Facts, stopping: threading.Event, others: Mapping[str, Handler]) -> None:
        """`others`: what a running node answers."""
        self._facts, self._stopping, self._clock = facts, stopping, wiring.make_clock(facts)
        self._monitored: Mapping[str, Handler] = {
            "GET healthz": lambda _: Response(200, {"ok": True, "stuck": []}),
            "GET readyz": lambda _: Response(503, {"ok": False, "reasons": [LEDGER_DAMAGED], "code": DAMAGED}),
            "GET metrics": lambda _: Response(200, "".join(metrics.render(metrics.damaged(facts))), metrics.TEXT),
        }
        self._routes = {
            **dict.fromkeys(others, lambda _: damaged()),
            "GET health": self.status,
            "GET status": self.status,
            **self._monitored,
        }

    def wait(self) -> None:
        """Until the daemon is told to stop."""
        facts, port = self._facts, self._facts.node.monitoring.port
        control = ControlServer(wiring.control_socket(facts), self._routes)
        control.start()
        monitor = None
        if port is not None:
            with suppress(OSError):  # taken: the socket says it as well
                monitor = MonitorServer(port, self._monitored)
                monitor.start()
        systemd.notify(f"READY=1\nSTATUS={LEDGER_DAMAGED}")
        structlog.get_logger("gateway").error(LEDGER_DAMAGED, node=facts.node.name, code=DAMAGED)
        try:
            while not self._stopping.wait(0.5):
                systemd.notify("WATCHDOG=1")
        finally:
            control.close()
            if monitor is not None:
                monitor.close()

    def status(self, _request: Request) -> dict[str, Any]:
        """As a running node tells it, as far as it can be told without the ledger."""
        facts = self._facts
        return {
            "ok": False,
            "damaged": DAMAGED,
            "node": facts.node.name,
            "version": __version__,
            "rehearsal": facts.node.rehearsal is not None,
            "now": self._clock.now().isoformat(),
            "worker": {"pid": None},
            "sources": {"ok": 0, "down": [], "reasons": {}},
            "counts": {},
            "waiting": {},
            "keys": [],
            "facts": facts.digest,
            "pid": os.getpid(),
        }
