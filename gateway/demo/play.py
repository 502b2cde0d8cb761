"""The demo's people: liaisons who drop files, read receipts and send again; receivers who open and sign."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.control.client import NotRunning
from gateway.demo import folders
from gateway.demo.files import Planned, write
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners

PATIENCE = 240.0
SETTLED = ("accepted", "refused", "duplicate", "acknowledged")


class Stalled(RuntimeError):
    """Nothing moved for a long time; says what waits."""


@dataclass
class PlainQuarter:
    """A quarter without dates: every file at once, on a clock that runs as it is. `on_tick` gets the parcels at every
    look."""

    node: DemoNode
    partners: Partners
    plan: list[Planned]
    on_tick: Callable[[list[dict[str, Any]]], None] = lambda _: None
    written: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self) -> list[dict[str, Any]]:
        """Drop every file, four at a time; send what was refused again, mended; wait until all are settled. Returns
        the parcels. Raises `Stalled`."""
        first = [p for p in self.plan if p.after is None]
        later = [p for p in self.plan if p.after is not None]
        corrected = {(p.party, p.agreement): p.corrected for p in self.plan if p.corrected is not None}
        with ThreadPoolExecutor(4) as hands:
            drops = [hands.submit(self._drop, planned) for planned in first]
            expected = len(first)
            seen, last = "", time.monotonic()
            while True:
                parcels = self.parcels()
                self.on_tick(parcels)
                for key in self._refused(parcels) & corrected.keys():
                    drops.append(hands.submit(self._drop, corrected.pop(key)))
                    expected += 1
                for planned in [p for p in later if self._accepted(parcels, p.party, p.agreement)]:
                    later.remove(planned)
                    drops.append(hands.submit(self._drop, planned))
                    expected += 1
                settled = sum(p["state"] in SETTLED and p["posted_at"] != "" for p in parcels)
                if settled == expected and not corrected and not later:
                    break
                now = repr([(p["id"], p["state"], p["posted_at"]) for p in parcels])
                if now != seen:
                    seen, last = now, time.monotonic()
                elif time.monotonic() - last > PATIENCE:
                    waiting = [(p["state"], p["code"]) for p in parcels if p["state"] not in SETTLED]
                    raise Stalled(f"{settled} of {expected} files are settled; the others: {waiting}")
                time.sleep(0.4)
            for drop in drops:
                drop.result()
        return parcels

    def await_deliveries(self, state: str, count: int) -> None:
        """Wait until `count` batches have come to `state` (or beyond). Raises `Stalled`."""
        order = ("released", "delivered", "acknowledged")
        beyond = order[order.index(state) :]
        last, seen = time.monotonic(), -1
        while True:
            self.on_tick(self.parcels())
            counts = self._patient(lambda: self.node.get("status"))["counts"]["deliveries"]
            done = sum(counts.get(s, 0) for s in beyond)
            if done >= count:
                return
            if done != seen:
                seen, last = done, time.monotonic()
            elif time.monotonic() - last > PATIENCE:
                raise Stalled(f"{done} of {count} batches are {state}: {counts}")
            time.sleep(0.4)

    def acknowledge(self, provinces: Iterable[str]) -> int:
        """Every receiver signs the forms it got and drops the signatures. Returns how many."""
        signed = 0
        for province in provinces:
            party = self.node.facts.by_province(province)
            assert party is not None, "a province of the exchange"
            names = self.node.facts.node.folders
            into = folders.party_folder(self.node.facts, party) / names.drop / names.acknowledge
            for number, form in enumerate(self.node.forms(province)):
                # Two agreements have forms of the same name; a person would be asked to keep both.
                target = self._sign(province, form, into, number)
                signed += target.suffix == ".sig"
        return signed

    def parcels(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._patient(lambda: self.node.get("parcels", limit="100000"))
        return [p for p in found if p["corridor"] == "submission"]

    def _sign(self, province: str, form: Path, into: Path, number: int) -> Path:
        signature = self.partners[province].acknowledge(form, form.parent)
        target = into / f"{number + 1}-{signature.name}"
        part = into / f"{target.name}.part"
        part.write_bytes(signature.read_bytes())
        part.rename(target)
        signature.unlink()
        return target

    def _drop(self, planned: Planned) -> None:
        facts = self.node.facts
        party, agreement = facts.parties[f"{planned.party}0000"], facts.agreements[planned.agreement]
        write(planned, folders.drop_folder(facts, party, agreement))
        with self._lock:
            self.written += 1

    def _patient(self, ask: Callable[[], Any]) -> Any:
        """Ask again while the daemon is away: in the crash tests it often is."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except NotRunning:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    @staticmethod
    def _refused(parcels: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(p["sender"][:2], p["agreement"]) for p in parcels if p["state"] == "refused" and p["posted_at"]}

    @staticmethod
    def _accepted(parcels: list[dict[str, Any]], party: str, agreement: str) -> bool:
        return any(
            p["state"] == "accepted" and p["posted_at"] and (p["sender"][:2], p["agreement"]) == (party, agreement)
            for p in parcels
        )
