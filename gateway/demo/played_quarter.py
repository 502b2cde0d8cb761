"""The quarter with its dates, played on a node whose clock is turned: October in a minute, then hour by hour.

People act when their moment has come and what they wait for is there: a receipt, a returned list, a batch. The clock
waits before the deadline until everything that came in time is settled, so that what is late is late because the story
says so, and never because a machine was slow.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.adapters.sealing import keyring
from gateway.control.client import Refusal
from gateway.demo import chronicle, folders
from gateway.demo.chronicle import Act
from gateway.demo.files import Planned, records, render, titles, write
from gateway.demo.holdings import Holdings
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners
from gateway.demo.people import FIELDS
from gateway.demo.play import PATIENCE, SETTLED, Stalled
from gateway.demo.submitting import sealed
from gateway.demo.workbooks import mended
from gateway.lifecycle import BatchState, PackageState, ParcelState

Parcel = dict[str, Any]
WALK = 60.0
"""Speed of the clock while people act: a minute in a second."""
FAST_UNTIL = chronicle.moment(10, 23, 18)
LOOK = 0.5


class PlayedQuarter:
    """A quarter with its dates. `on_look` gets the parcels, the counts and the node's time at every look, `on_scene`
    the title of what happens now. `scale` only sets how long October takes."""

    def __init__(
        self,
        node: DemoNode,
        partners: Partners,
        acts: Iterable[Act],
        scale: float = 1.0,
        on_look: Callable[[list[Parcel], Mapping[str, Any], datetime], None] = lambda *_: None,
        on_scene: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.node = node
        self.partners = partners
        self.acts = list(acts)
        self.reminded: list[Parcel] = []
        self._pending = list(self.acts)
        self._october = 25.0 + 65.0 * scale
        self._on_look, self._on_scene = on_look, on_scene
        self._dropped: dict[str, str] = {}  # key -> SHA-256 of what was dropped
        self._drops: list[Future[None]] = []
        self._confirmed: set[str] = set()
        self._fingerprint = keyring.own_fingerprint(node.home / "private")
        self.holdings = Holdings(node, partners, self._fingerprint)

    def play(self) -> list[Parcel]:
        """From 1 October to 10 November. Returns the parcels. Raises `Stalled`."""
        node, stop = self.node, threading.Event()
        with ThreadPoolExecutor(4) as self._hands, ThreadPoolExecutor(1) as aside:
            receivers = aside.submit(self.holdings.keep_collecting, stop)
            try:
                speed = (FAST_UNTIL - node.now()).total_seconds() / self._october
                node.turn(node.now(), speed)
                self._on_scene("十月：各省报送 / October: provinces report")
                self._until(lambda *_: node.now() >= FAST_UNTIL)
                node.turn(chronicle.LAST_DAYS, WALK)
                self._on_scene("期限前最后一个周六，等在办件办完 / the last Saturday; the clock waits for work in hand")
                self._until(lambda parcels, _: self._done(parcels, chronicle.EXPIRES))
                node.turn(chronicle.EXPIRES + timedelta(minutes=1), WALK)
                self._on_scene("期限已过：第一批放行、投递 / the deadline has passed: the first batches go out")
                self._until(lambda _, counts: self._delivered(counts, 64))
                node.turn(chronicle.AFTER, WALK)
                self._on_scene("迟报、更正、撤回、催报 / latecomers, a correction, a withdrawal, reminders")
                self._remind()
                self._until(lambda parcels, _: self._done(parcels, chronicle.ENDS))
                node.turn(chronicle.AFTER + timedelta(hours=22), WALK)
                self._on_scene("次日：下一批放行、投递 / a day later: the next batch goes out")
                self._until(lambda _, counts: self._delivered(counts, 96))
                node.turn(chronicle.ENDS - timedelta(hours=8), WALK)
                self._on_scene(
                    "接收方开包、核对、删除已替换的、签收 / receivers open, compare, delete what is replaced, sign"
                )
                self._until(lambda _, counts: self._acknowledged(counts))
            finally:
                stop.set()
            receivers.result()
            self._on_scene("完成 / done")
        return self._look()[0]

    def found(self, parcels: Iterable[Parcel]) -> dict[str, Parcel]:
        """By the file's key, the parcel that it became: same sender, folder and bytes, in the order of dropping."""
        waiting: dict[tuple[str, str, str], list[Parcel]] = defaultdict(list)
        for parcel in sorted(parcels, key=lambda p: (p["received_at"], p["id"])):
            waiting[parcel["sender"][:2], parcel["agreement"], parcel["sha256"]].append(parcel)
        files = {act.file.key: act.file for act in self.acts}
        matched = {}
        for key, digest in list(self._dropped.items()):
            same = waiting[files[key].party, files[key].agreement, digest]
            if same:
                matched[key] = same.pop(0)
        return matched

    # -- looking -----------------------------------------------------------------------------------------------------

    def _until(self, over: Callable[[list[Parcel], Mapping[str, Any]], bool]) -> None:
        """Look, act, and wait until it is over. Raises `Stalled` when nothing moves."""
        seen, last = "", time.monotonic()
        while True:
            parcels, counts = self._look()
            self._act(parcels)
            self._on_look(parcels, counts, self.node.now())
            if over(parcels, counts):
                return
            states = [(p["id"], p["state"], p["posted_at"]) for p in parcels]
            now = repr((states, counts, len(self._pending), self.holdings.total("opened")))
            if now != seen:
                seen, last = now, time.monotonic()
            stopped = [(p["sender"], p["code"]) for p in parcels if p["state"] == ParcelState.FAULTED]
            if stopped or counts["deliveries"].get(BatchState.FAULTED) or time.monotonic() - last > PATIENCE:
                waiting = [(p["state"], p["code"]) for p in parcels if p["state"] not in SETTLED]
                problems = [p for r in self.holdings.receivers.values() for p in r.problems]
                raise Stalled(f"stopped: {stopped}, waiting: {waiting}, counts: {counts}, receivers: {problems[:3]}")
            time.sleep(LOOK)

    def _look(self) -> tuple[list[Parcel], Mapping[str, Any]]:
        parcels = [p for p in self.node.get("parcels", limit="100000") if p["corridor"] == "submission"]
        return parcels, self.node.get("status")["counts"]

    def _done(self, parcels: list[Parcel], before: datetime) -> bool:
        """Whether everything planned before a moment was dropped and is settled, receipt and all."""
        found = self.found(parcels)
        keys = [act.file.key for act in self.acts if act.at < before]
        return all(key in found and _settled(found[key]) for key in keys)

    @staticmethod
    def _delivered(counts: Mapping[str, Any], least: int) -> bool:
        deliveries = counts["deliveries"]
        waits = counts["packages"].get(PackageState.HELD, 0) + deliveries.get(BatchState.RELEASED, 0)
        return not waits and sum(deliveries.values()) >= least

    @staticmethod
    def _acknowledged(counts: Mapping[str, Any]) -> bool:
        return set(counts["deliveries"]) == {BatchState.ACKNOWLEDGED}

    # -- acting ------------------------------------------------------------------------------------------------------

    def _act(self, parcels: list[Parcel]) -> None:
        now, found = self.node.now(), self.found(parcels)
        for drop in [drop for drop in self._drops if drop.done()]:
            self._drops.remove(drop)
            drop.result()
        for act in list(self._pending):
            before = act.file.after
            ready = before is None or (before in found and _settled(found[before]))
            if act.at <= now and ready:
                self._pending.remove(act)
                self._drops.append(self._hands.submit(self._drop, act.file))
        for act in self.acts:
            parcel = found.get(act.file.key)
            if not act.confirmed or parcel is None or parcel["id"] in self._confirmed:
                continue
            if parcel["state"] == ParcelState.AWAITING:
                self._confirmed.add(parcel["id"])
                self.node.post("confirm", parcel["id"])

    def _drop(self, file: Planned) -> None:
        facts = self.node.facts
        party, agreement = facts.parties[f"{file.party}0000"], facts.agreements[file.agreement]
        folder, made, name = folders.drop_folder(facts, party, agreement), None, file.name
        if file.form in ("package", "forged"):
            signer = self.partners[chronicle.FORGER if file.form == "forged" else file.party]
            made = sealed(file, signer, facts.node.party, self._fingerprint, self.node.now())
        elif file.form == "mended":
            listed = self._returned(file)
            made, name = mended(listed, right_rows(file)), listed.name
        data = render(file) if made is None else made
        self._dropped[file.key] = hashlib.sha256(data).hexdigest()
        write(replace(file, name=name), folder, made=data)

    def _returned(self, file: Planned) -> Path:
        """The list of refused rows in the province's folder 退回, under the name that it came back with."""
        facts = self.node.facts
        party, label = facts.parties[f"{file.party}0000"], facts.agreements[file.agreement].label
        folder = folders.party_folder(facts, party) / facts.node.folders.returned
        (listed,) = folder.glob(f"{label}-*补报*.xlsx")
        return listed

    def _remind(self) -> None:
        """The operator chases who still owes; a node without that route is an older one."""
        try:
            self.reminded = self.node.post("remind", chronicle.PERIOD, period=chronicle.PERIOD)["reminded"]
        except Refusal as refusal:
            if refusal.status != 404:
                raise


def outcomes(
    acts: Iterable[Act], found: Mapping[str, Parcel], truth: Mapping[str, tuple[str, frozenset[str]]]
) -> list[str]:
    """Which files did not become what the story says, without their names."""
    states = {"accepted": "accepted", "partly_refused": "accepted", "nil": "accepted"}
    wrong = []
    for act in acts:
        outcome, codes = truth[act.file.key]
        parcel = found.get(act.file.key)
        if parcel is None or parcel["state"] != states.get(outcome, outcome) or parcel["code"] not in codes:
            became = f"{parcel['state']} {parcel['code']}" if parcel else "nothing"
            wrong.append(f"{act.file.key}: {became}, not {outcome} {sorted(codes)}")
    return wrong


def latest(parcels: Iterable[Parcel]) -> list[Parcel]:
    """The accepted parcels that count: of each province and dataset the last replacement and what came after it."""
    counting: dict[tuple[str, str], list[Parcel]] = defaultdict(list)
    for parcel in sorted(parcels, key=lambda p: int(p["revision"])):
        if parcel["state"] == "accepted":
            files = counting[parcel["sender"], parcel["agreement"]]
            if parcel["kind"] in ("replace", "void"):
                files.clear()
            if parcel["kind"] != "void":
                files.append(parcel)
    return [parcel for files in counting.values() for parcel in files]


def refusals(parcels: Iterable[Parcel]) -> dict[str, int]:
    """Whole files refused, by code."""
    return dict(sorted(Counter(p["code"] for p in parcels if p["state"] == "refused").items()))


def _settled(parcel: Parcel) -> bool:
    return parcel["state"] in SETTLED and parcel["posted_at"] != ""


def right_rows(file: Planned) -> dict[int, dict[str, str]]:
    """What belongs into each refused row, by the row's number in a spreadsheet and the list's headings."""
    source = file.mends
    assert source is not None, "a mended list is one of an earlier file"
    headings = titles(source.agreement)
    first = 3 if source.titled else 2
    aliases = {"公民身份号码": "身份证号", "现居住地": "现居住地地址"}
    found = {}
    for (number, _), row in zip(source.row_faults, records(file), strict=True):
        right = {**dict(zip(headings, row, strict=True)), **dict(zip(FIELDS, row, strict=True))}
        right |= {aliases[title]: right[title] for title in aliases}
        found[number - 1 + first] = right
    return found
