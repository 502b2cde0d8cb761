"""One receiver's batch, from its release to the signature: it stays that receiver's, nothing happens to it before its
release, and who acknowledged it had signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, NamedTuple

from gateway.instants import parse
from gateway.lifecycle import Event
from gateway.log.verification.findings import Findings

_ABOUT_RELEASED: Final = frozenset({Event.DELIVERED, Event.UNCONFIRMED, Event.ACKNOWLEDGED})
SET_BACK: Final = timedelta(minutes=5)
"""So far a clock may have been set back between two entries."""
_SIGNATURES: Final = "acknowledge/"
"""How the address of a parcel begins that is a signature."""


class _Batch(NamedTuple):
    receiver: str
    released: str
    delivered: str = ""


class _Signed(NamedTuple):
    seq: int
    batch: str
    receiver: str
    signature: str


class Batches:
    """A watcher of the scan (`see`), then `conclude`."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._batches: dict[str, _Batch] = {}
        self._signed: list[_Signed] = []
        self._closed: dict[tuple[str, str], set[str]] = {}  # who signed, the signature's digest → the batches
        self._own: set[str] = set()

    def see(self, seq: int, entry: dict[str, Any]) -> None:
        """Judge the next entry."""
        event, name = entry["event"], entry["parcel"]
        if event == Event.STARTED:
            self._own.update(entry["parties"])
        elif event == Event.RECEIVED and entry["package"].startswith(_SIGNATURES):
            for party in entry["parties"][:1]:  # who handed it over
                closed = self._closed.setdefault((party, entry["digests"].get("content", "")), set())
                closed.add(entry["digests"].get("batch", ""))  # entries from before 0.2 do not name it
        elif event == Event.RELEASED:
            self._released(seq, entry)
        elif event in _ABOUT_RELEASED and name in self._batches:
            self._about(seq, entry, self._batches[name])

    def conclude(self) -> None:
        """Judge the signatures, once all of them were seen: an acknowledgement and its signature are written at once,
        in either order."""
        for seq, batch, receiver, signature in self._signed:
            if not {batch, ""} & self._closed.get((receiver, signature), set()):
                self._fail(
                    seq,
                    f"{batch} 已签收，日志中却没有收到 {receiver} 对它的签名",
                    f"{batch} is acknowledged by a signature that did not come in from {receiver} for it",
                )

    def _fail(self, seq: int, zh: str, en: str) -> None:
        self._findings.add("delivery", f"seq {seq}", zh, en)

    def _released(self, seq: int, entry: dict[str, Any]) -> None:
        if len(entry["parties"]) != 1:
            self._fail(seq, "放行没有写明一个接收方", "released to nobody, or to more than one")
            return
        self._batches[entry["parcel"]] = _Batch(entry["parties"][0], entry["time"])

    def _about(self, seq: int, entry: dict[str, Any], batch: _Batch) -> None:
        name, event = entry["parcel"], entry["event"]
        if entry["parties"] != [batch.receiver]:
            others = ", ".join(entry["parties"]) or "–"
            self._fail(
                seq,
                f"{name} 放行给 {batch.receiver}，这里却是 {others}",
                f"{name}, released to {batch.receiver}: {others}",
            )
        if parse(entry["time"]) + SET_BACK < parse(batch.released):
            self._fail(seq, f"{name} 的 {event} 早于放行", f"{event} of {name} is dated before its release")
        if event == Event.DELIVERED:
            self._batches[name] = batch._replace(delivered=entry["logged_at"])
        elif event == Event.ACKNOWLEDGED:
            self._acknowledged(seq, entry, batch)

    def _acknowledged(self, seq: int, entry: dict[str, Any], batch: _Batch) -> None:
        name, signature = entry["parcel"], entry["digests"].get("signature", "")
        if signature:
            self._signed.append(_Signed(seq, name, batch.receiver, signature))
        elif entry["logged_at"] != batch.delivered or (self._own and batch.receiver not in self._own):
            # What a node seals for itself has nobody else to sign for it: delivered and acknowledged in one.
            self._fail(seq, f"{name} 没有签名就签收了", f"{name} is acknowledged without a signature")
