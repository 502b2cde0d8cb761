"""What no lifecycle allows: a parcel accepted twice, a batch delivered that was never released, a package released to
another receiver than its own. The tables are those that the node itself goes by (`gateway.lifecycle`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.instants import parse
from gateway.lifecycle import (
    BATCH,
    INCOMING,
    OBLIGATION,
    PACKAGE,
    PARCEL,
    BatchState,
    Event,
    IncomingState,
    NoTransition,
    ObligationState,
    PackageState,
    ParcelState,
)
from gateway.lifecycle.obligation import how
from gateway.lifecycle.package import WHOLE
from gateway.lifecycle.parcel import INITIAL
from gateway.log.verification.findings import Findings

_EVENTS: Final = {str(event): event for event in Event}
_OF_BATCHES: Final = frozenset({Event.RELEASED, Event.DELIVERED, Event.UNCONFIRMED, Event.ACKNOWLEDGED})
_OF_PARCELS: Final = frozenset({Event.CHECKED, Event.SORTED, Event.SEALED, Event.ACCEPTED, Event.DUPLICATE})
"""Events that concern nothing else: told of another thing they would be judged by no table."""


class _Entry:
    """An entry of the log as the lifecycle reads it, without a copy of anything."""

    __slots__ = ("_entry", "event")

    def __init__(self, event: Event, entry: Mapping[str, Any]) -> None:
        self.event, self._entry = event, entry

    @property
    def id(self) -> str:
        return str(self._entry["id"])

    @property
    def time(self) -> datetime:
        return parse(self._entry["time"])

    @property
    def actor(self) -> str:
        return str(self._entry["actor"])

    @property
    def parties(self) -> Sequence[str]:
        parties: Sequence[str] = self._entry["parties"]
        return parties

    @property
    def parcel(self) -> str:
        return str(self._entry["parcel"])

    @property
    def package(self) -> str:
        return str(self._entry["package"])

    @property
    def counts(self) -> Mapping[str, int]:
        counts: Mapping[str, int] = self._entry["counts"]
        return counts

    @property
    def digests(self) -> Mapping[str, str]:
        digests: Mapping[str, str] = self._entry["digests"]
        return digests


class Lifecycle:
    """A watcher of the scan. What an entry says of one thing is judged by what was said of it before."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._parcels: dict[str, ParcelState] = {}
        self._stopped: dict[str, ParcelState] = {}
        self._batches: dict[str, BatchState] = {}
        self._packages: dict[str, PackageState] = {}
        self._released: dict[str, list[str]] = {}
        self._sealed: dict[str, list[str]] = {}
        self._incoming: dict[str, IncomingState] = {}
        self._obligations: dict[str, ObligationState] = {}

    def see(self, seq: int, entry: dict[str, Any]) -> None:
        """Judge the next entry; one that names no thing of a known kind passes."""
        event, name = _EVENTS.get(entry["event"]), entry["parcel"]
        if event is None:
            return
        if _of_nothing(event, name, entry["package"]):
            self._fail(seq, f"{event} 没有写明是哪一件", f"{event}, and not of a parcel or batch")
        if not name:
            return
        read = _Entry(event, entry)
        try:
            if name.startswith("d-"):
                self._batch(seq, name, read)
            elif entry["package"].count("/") == 3:
                self._parcel(name, read)
            elif event is Event.LISTED or name in self._incoming:
                self._of_incoming(name, read)
            else:
                self._obligation(name, read)
        except NoTransition as error:
            at = error.state or "none"
            self._fail(
                seq,
                f"{name}：处于“{at}”时不可能发生 {error.event}",
                f"{name}: {error.event} cannot follow the state {at}",
            )

    def _fail(self, seq: int, zh: str, en: str) -> None:
        self._findings.add("lifecycle", f"seq {seq}", zh, en)

    def _parcel(self, name: str, entry: _Entry) -> None:
        if not PARCEL.knows(entry.event):
            return
        state = self._parcels.get(name, INITIAL)
        after = PARCEL.after(state, entry)
        if entry.event is Event.FAULTED:
            self._stopped[name] = state
        elif entry.event is Event.RETRIED and "reached" not in entry.counts:
            after = self._stopped.pop(name, state)  # an entry from before 0.2 does not say where it goes on
        elif entry.event is Event.SEALED:
            self._sealed[name] = list(entry.digests)
        elif entry.event is Event.ACCEPTED:
            for package in self._sealed.pop(name, ()):
                # Whether it waits for other parts is not told: nobody gets it before it is released.
                self._packages[package] = PACKAGE.after(None, entry, WHOLE)
        self._parcels[name] = after

    def _batch(self, seq: int, name: str, entry: _Entry) -> None:
        if not BATCH.knows(entry.event):
            return
        self._batches[name] = BATCH.after(self._batches.get(name), entry)
        if entry.event is Event.RELEASED:
            self._released[name] = list(entry.digests)
            for package in entry.digests:
                self._to_its_receiver(seq, package, entry)
        if PACKAGE.knows(entry.event):
            for package in self._released.get(name, ()):
                known = self._packages.get(package)
                if known is None and package.endswith("_withdrawal"):
                    known = PackageState.HELD  # a notice has no file, and nothing seals it
                if known is not PackageState.WITHDRAWN:
                    self._packages[package] = PACKAGE.after(known, entry)

    def _to_its_receiver(self, seq: int, package: str, entry: _Entry) -> None:
        """A package's id names the one party that can open it."""
        parts = package.split("_")
        if len(parts) > 2 and entry.parties and parts[2] != entry.parties[0]:
            self._fail(
                seq,
                f"发给 {parts[2]} 的包 {package} 放行给了 {entry.parties[0]}",
                f"{package}, sealed for {parts[2]}, was released to {entry.parties[0]}",
            )

    def _of_incoming(self, name: str, entry: _Entry) -> None:
        if INCOMING.knows(entry.event):
            self._incoming[name] = INCOMING.after(self._incoming.get(name), entry)

    def _obligation(self, name: str, entry: _Entry) -> None:
        """One that was set alone; of many, an entry says how many and not which."""
        role = how(entry) if entry.event is Event.MET else ""
        if "obligations" in entry.counts or not OBLIGATION.knows(entry.event, role):
            return
        if entry.event is Event.OWED or name in self._obligations:
            self._obligations[name] = OBLIGATION.after(self._obligations.get(name), entry, role)


def _of_nothing(event: Event, name: str, address: str) -> bool:
    """Whether an event that only a batch or only a parcel can have is told of something else."""
    if event in _OF_BATCHES:
        return not name.startswith("d-")
    return event in _OF_PARCELS and address.count("/") != 3
