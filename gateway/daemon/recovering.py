"""A restored node: it answers, and does nothing else. No intake, no delivery, no workflow, no signature under the log
until it has been told, by `gateway restore --reconcile`, what happened after the backup.

`state/recovering.json` is what makes it so; it is there from the moment of the restore until nothing is open.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway import __version__, durable
from gateway.adapters import systemd
from gateway.adapters.publishing import Contradiction, LogKeys, NoKey
from gateway.adapters.sealing import keyring
from gateway.control.server import ControlServer, Handler, Rejected, Request
from gateway.corridors import recording, recovery
from gateway.corridors.comparing import repeating
from gateway.corridors.views import counts
from gateway.daemon import vitals
from gateway.daemon.running import Running
from gateway.instants import rfc3339
from gateway.lifecycle import Event, ParcelState
from gateway.log import Entry
from gateway.node import Node
from gateway.parcels import ParcelId
from gateway.policy.facts import Facts
from gateway.wiring import control_socket

MARKER = "recovering.json"
_KEPT = "report"


def marker(facts: Facts) -> Path:
    return facts.path(facts.node.state) / MARKER


class Recovering:
    """Serves the control socket until the node is recovered or told to stop."""

    def __init__(self, daemon: Running, others: Mapping[str, Handler]) -> None:
        """`others`: what a running node answers, and this one not yet."""
        self._node, self._stopping = daemon.node, daemon.stopping
        self._facts = daemon.facts
        self._turn = threading.Lock()
        self._done = threading.Event()
        self._routes = {
            **dict.fromkeys(others, _not_yet),
            "GET health": self.health,
            "GET status": self.status,
            "POST reconcile": self.reconcile,
        }

    def wait(self) -> bool:
        """True once the node is recovered, False when it was told to stop before."""
        control = ControlServer(control_socket(self._facts), self._routes)
        control.start()
        systemd.notify("READY=1")
        self._node.log.warning("recovering", node=self._facts.node.name)
        try:
            while not self._done.is_set() and not self._stopping.wait(0.2):
                systemd.notify("WATCHDOG=1")
            return self._done.is_set()
        finally:
            control.close()

    def health(self, _request: Request) -> dict[str, Any]:
        """As a running node tells it, and not well: it takes nothing in."""
        node, down = self._node, vitals.folders_down(self._node)
        return {
            "ok": False,
            "recovering": True,
            "node": self._facts.node.name,
            "version": __version__,
            "rehearsal": self._facts.node.rehearsal is not None,
            "now": node.clock.now().isoformat(),
            "worker": {"pid": None},
            "sources": {"ok": 0, "down": sorted(down), "reasons": dict(sorted(down.items()))},
            "disk_free_mb": node.spool.free_bytes() >> 20,
            "facts": self._facts.digest,
            "pid": os.getpid(),
        }

    def status(self, request: Request) -> dict[str, Any]:
        return {**self.health(request), **counts.standing(self._node)}

    def reconcile(self, request: Request) -> dict[str, Any]:
        """Take over what the newest log and the parties' folders say; carry out what was decided; go on when nothing is
        open any more."""
        copies = [Path(str(path)) for path in request.query.get("logs", [])]
        decisions = {str(k): str(v) for k, v in dict(request.query.get("decisions", {})).items()}
        with self._turn:
            if self._done.is_set():
                raise Rejected("the node is recovered")
            try:
                return self._reconcile(copies, decisions, request.actor)
            except NoKey:
                raise Rejected("private/log.key is missing: put the node's private folder back first") from None
            except keyring.KeyringError as error:
                raise Rejected(f"the node's key cannot be used: {error}") from None
            except recovery.Unusable as error:
                raise Rejected(f"a copy of the log cannot be used: {error}") from None
            except recovery.Behind as error:
                raise Rejected(
                    f"the newest log that was given has {error.size} entries, and somebody holds a checkpoint over "
                    f"{error.seen}: give the newest copy with --log"
                ) from None
            except Contradiction:
                raise Rejected(
                    "the logs, or the log and the ledger, contradict each other: nothing is changed; keep everything "
                    "for the auditor"
                ) from None
            except ValueError as error:
                raise Rejected(str(error)) from None

    def _reconcile(self, copies: list[Path], decisions: Mapping[str, str], actor: str) -> dict[str, Any]:
        node, facts = self._node, self._facts
        keys = [s.verifier for s in LogKeys(facts.path(facts.node.private), facts.node.name).signers()]
        own = keyring.own_fingerprints(facts.path(facts.node.private))
        marked = json.loads(marker(facts).read_bytes())
        history = recovery.newest(node, [facts.path(facts.node.log), *copies], keys)
        report = recovery.roll(node, history, keys, own, marked["restored_at"])
        arrived = recovery.adopt_arrived(node)
        recovery.adopt(node)
        decided = list(marked.get("decided", []))
        known = {item.id: item for item in recovery.items(node, report, decided)}
        for name, decision in decisions.items():
            if name not in known:
                raise ValueError(f"{name}: no such item is open")
            recovery.decide(node, known[name], decision, actor)
            decided.append(name)
            durable.write_bytes(marker(facts), json.dumps({**marked, "decided": decided}).encode())
        left = recovery.items(node, report, decided)
        if not left:
            self._finish(report, len(decided), actor)
        return {
            **report.to_json(),
            "arrived": arrived,
            "recovered": not left,
            "uncompared": repeating.uncompared(node),
            "open": [{"id": i.id, "kind": i.kind, "party": i.party, "decisions": list(i.decisions)} for i in left],
        }

    def _finish(self, report: recovery.Report, decided: int, actor: str) -> None:
        node, now = self._node, self._node.clock.now()
        differing = recovery.recompose(node)
        with node.ledger.transaction(now) as tx:
            for row in tx.parcels.where(state=ParcelState.REFUSED, limit=1_000_000):
                kept = (node.spool.quarantine / row.id).exists() or node.spool.parcel(ParcelId(row.id)).exists()
                if not kept:
                    recording.erased(tx, row)  # its original went with the lost disk
            tx.log(
                Entry(
                    id=f"restore/{rfc3339(now)}",
                    event=Event.RESTORED,
                    time=now,
                    actor=actor,
                    facts=self._facts.digest,
                    counts={
                        "entries": report.entries,
                        "receipts": report.receipts,
                        "decided": decided,
                        "differing": len({*report.differing, *differing}),
                    },
                )
            )
        with node.ledger.notices() as notices:
            notices.set_cursor(report.size - 1)  # of what the lost node logged people were told then
        durable.remove(marker(self._facts))
        node.log.warning("recovered", entries=report.entries, decided=decided)
        self._done.set()


def _not_yet(_request: Request) -> dict[str, Any]:
    raise Rejected("节点正在恢复，先运行 gateway restore --reconcile。/ The node is recovering: reconcile it first.")


def is_marked(node: Node) -> bool:
    return marker(node.facts.current()).exists()
