"""Judging entries one after the other: form, `seq`, ids, times, chains. A tree alone shows neither a replayed id nor a
false time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from gateway.log import canonical
from gateway.log.entry import KNOWN, LIMIT
from gateway.log.verification.findings import Findings

FIELDS = {
    "v": int,
    "seq": int,
    "id": str,
    "time": str,
    "logged_at": str,
    "event": str,
    "actor": str,
    "parties": list,
    "parcel": str,
    "package": str,
    "counts": dict,
    "digests": dict,
    "commit": str,
    "facts": str,
    "prev": str,
}
# In canonical form the fields stand in the order of their names.
_NAMES = tuple(sorted(FIELDS))
_TYPES = tuple(FIELDS[name] for name in _NAMES)
_INSTANT = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
).fullmatch
_INT, _STR = {int}, {str}

Watcher = Callable[[int, dict[str, Any]], None]
LeafWatcher = Callable[[int, dict[str, Any], str], None]


class Scan:
    """Feed it the log's entries in order. `instants[n]` is the latest `logged_at` among the first n entries, for every
    n in `marks`."""

    def __init__(
        self,
        findings: Findings,
        watchers: Iterable[Watcher] = (),
        marks: Iterable[int] = (),
        receipts: LeafWatcher | None = None,
    ) -> None:
        self._findings = findings
        self._receipts = receipts
        self._watchers = tuple(watchers)
        self._ids: set[str] = set()
        self._chains: dict[str, str] = {}
        self._whole = True
        self._marks = frozenset(marks)
        self.instants: dict[int, str] = {}
        self.first = self.last = ""
        self.count = 0

    def feed(self, data: bytes) -> bytes:
        """Judge the next entry. Returns its leaf hash."""
        leaf = hashlib.sha256(b"\x00" + data)
        seq = self.count
        self.count = seq + 1
        try:
            entry = canonical.loads(data)
        except ValueError:
            self._findings.add("canonical", f"seq {seq}", "条目不是规范格式", "the entry is not in canonical form")
            self._gap()
        else:
            if self._formed(seq, entry, len(data)):
                self._judge(seq, entry, leaf)
            else:
                self._gap()
        if self.count in self._marks:
            self.instants[self.count] = self.last
        return leaf.digest()

    def skip(self, count: int) -> None:
        """Pass over `count` entries that cannot be read."""
        for _ in range(count):
            self.count += 1
            if self.count in self._marks:
                self.instants[self.count] = self.last
        self._gap()

    def _gap(self) -> None:
        self._whole = False

    @property
    def whole(self) -> bool:
        """Whether every entry was readable. Chains and counts are judged only then."""
        return self._whole

    def _formed(self, seq: int, entry: dict[str, Any], size: int) -> bool:
        fault = ""
        if tuple(entry) != _NAMES:
            fault = "fields"
        elif tuple(map(type, entry.values())) != _TYPES:
            fault = next(name for name, kind in FIELDS.items() if type(entry[name]) is not kind)
        else:
            counts, digests = entry["counts"], entry["digests"]
            if entry["v"] not in KNOWN or size > LIMIT:
                fault = "v" if entry["v"] not in KNOWN else "size"
            elif counts and (
                not set(map(type, counts.values())) <= _INT
                or max(counts.values()) > canonical.SAFE
                or min(counts.values()) < -canonical.SAFE
            ):
                fault = "counts"
            elif not set(map(type, digests.values())) <= _STR or not set(map(type, entry["parties"])) <= _STR:
                fault = "digests"
            elif not (_INSTANT(entry["time"]) and _INSTANT(entry["logged_at"])):
                fault = "time"
        if fault:
            self._findings.add("format", f"seq {seq}", f"条目格式不符（{fault}）", f"not of the format ({fault})")
        return not fault

    def _judge(self, seq: int, entry: dict[str, Any], leaf: Any) -> None:
        add = self._findings.add
        if entry["seq"] != seq:
            add("seq", f"seq {seq}", f"序号应为 {seq}，条目写的是 {entry['seq']}", f"the entry says {entry['seq']}")
        identity = entry["id"]
        if identity in self._ids:
            add("id", f"seq {seq}", f"编号 {identity} 已用过", f"the id {identity} was used before")
        self._ids.add(identity)
        logged_at = entry["logged_at"]
        if logged_at < self.last:
            add(
                "logged_at",
                f"seq {seq}",
                f"登记时间倒退到 {logged_at}",
                f"the time of logging goes back to {logged_at}",
            )
        else:
            self.last = logged_at
        if not self.first:
            self.first = logged_at
        if entry["time"] > logged_at:
            add("time", f"seq {seq}", "事件时间晚于登记时间", "logged before it happened")
        parcel = entry["parcel"]
        if parcel:
            expected = self._chains.get(parcel, "")
            if self._whole and entry["prev"] != expected:
                add(
                    "prev", f"seq {seq}", f"交换件 {parcel} 的前一条不符", f"does not follow the last entry of {parcel}"
                )
            self._chains[parcel] = leaf.hexdigest()
        elif entry["prev"]:
            add("prev", f"seq {seq}", "没有交换件却有前一条", "a predecessor without a parcel")
        if self._whole:  # after a gap every parcel would seem to lack something
            for watch in self._watchers:
                watch(seq, entry)
        if self._receipts is not None:
            self._receipts(seq, entry, leaf.hexdigest())
