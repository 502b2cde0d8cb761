"""Conservation and forgetting, per parcel: what came in was sorted, sealed, released and delivered, record by record
and package by package; and what is past its retention was erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log.verification.findings import Findings

PLAIN_DAYS, QUARANTINE_DAYS = 1, 15


class _Parcel:
    __slots__ = ("accepted", "erased", "keep", "out", "records", "released", "sealed", "settled", "settled_at")

    def __init__(self) -> None:
        self.records: int | None = None
        self.accepted: int | None = None
        self.out: int | None = None
        self.sealed: int | None = None
        self.released: int | None = None
        self.keep: int | None = None
        self.settled = ""
        self.settled_at = ""
        self.erased = False


class Parcels:
    """A watcher of the scan (`see`), then `conclude`."""

    def __init__(
        self, findings: Findings, *, plain_days: int = PLAIN_DAYS, quarantine_days: int = QUARANTINE_DAYS
    ) -> None:
        self._findings = findings
        self._parcels: dict[str, _Parcel] = {}
        self._packages: dict[str, str] = {}
        self._days = {Event.ACCEPTED: plain_days, Event.DUPLICATE: plain_days, Event.REFUSED: quarantine_days}
        self._handlers = {
            Event.CHECKED: self._checked,
            Event.SORTED: self._sorted,
            Event.SEALED: self._sealed,
            Event.ACCEPTED: self._accepted,
            Event.REFUSED: self._settled,
            Event.DUPLICATE: self._settled,
            Event.ERASED: self._erased,
            Event.RELEASED: self._released,
            Event.DELIVERED: self._delivered,
            Event.ACKNOWLEDGED: self._acknowledged,
        }

    def see(self, seq: int, entry: dict[str, Any]) -> None:
        """Judge the next entry."""
        handler = self._handlers.get(entry["event"])
        if handler is not None and entry["parcel"]:
            parcel = self._parcels.get(entry["parcel"])
            if parcel is None:
                parcel = self._parcels[entry["parcel"]] = _Parcel()
            handler(seq, entry, parcel)

    def conclude(self, last: str) -> None:
        """Judge what should have been erased by the log's last instant."""
        if not last:
            return
        now = datetime.fromisoformat(last)
        limits: dict[int, str] = {}
        for name, parcel in self._parcels.items():
            if not parcel.settled or parcel.erased:
                continue
            # The days the entry itself names, else those the auditor was told.
            # The node sweeps by the hour: one day more, so that nobody is blamed for an hour.
            days = self._days[Event(parcel.settled)] if parcel.keep is None else parcel.keep + 1
            if days not in limits:
                limits[days] = rfc3339(now - timedelta(days=days))
            if parcel.settled_at < limits[days]:
                self._findings.add(
                    "retention",
                    name,
                    f"{parcel.settled_at} 已办结，保存期已过，日志中没有销毁记录",
                    f"settled at {parcel.settled_at}, past its retention, and not logged as erased",
                )

    def _fail(self, seq: int, zh: str, en: str) -> None:
        self._findings.add("conservation", f"seq {seq}", zh, en)

    def _checked(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        counts = entry["counts"]
        parcel.records, parcel.accepted = counts.get("records", 0), counts.get("accepted", 0)
        if parcel.records != parcel.accepted + counts.get("refused", 0):
            self._fail(seq, "检查：总数不等于合格加退回", "checked: records are not accepted + refused")

    def _sorted(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        parcel.out = sum(entry["counts"].values())
        if parcel.out != parcel.accepted:
            self._fail(
                seq, f"分拣 {parcel.out} 条，合格 {parcel.accepted} 条", f"{parcel.out} sorted of {parcel.accepted}"
            )

    def _sealed(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        counts = entry["counts"]
        parcel.sealed = counts.get("records", 0)
        if parcel.sealed != parcel.out or counts.get("packages", 0) != len(entry["digests"]):
            self._fail(seq, f"封装 {parcel.sealed} 条，分拣 {parcel.out} 条", f"{parcel.sealed} sealed of {parcel.out}")
        self._packages.update(entry["digests"])

    def _accepted(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        counts = entry["counts"]
        if "list" in entry["digests"] and counts.get("records") == 0:
            return  # a withdrawal that a gateway's signed list asked for: nothing came in, and nothing is kept
        out = sum(number for name, number in counts.items() if name.startswith("out_"))
        stated = (counts.get("records"), counts.get("accepted"))
        if stated != (parcel.records, parcel.accepted) or out != parcel.accepted or parcel.sealed != out:
            self._fail(
                seq,
                f"受理 {counts.get('accepted')} 条，检查合格 {parcel.accepted} 条，分给各方 {out} 条",
                f"{counts.get('accepted')} accepted, {parcel.accepted} found good, {out} given out",
            )
        if counts.get("records") != counts.get("accepted", 0) + counts.get("refused", 0):
            self._fail(seq, "受理：总数不等于合格加退回", "accepted: records are not accepted + refused")
        self._settled(seq, entry, parcel)

    def _settled(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        if parcel.settled:
            self._fail(seq, f"已办结（{parcel.settled}）的交换件再次办结", f"settled twice, first as {parcel.settled}")
        parcel.settled, parcel.settled_at = entry["event"], entry["logged_at"]
        parcel.keep = entry["counts"].get("keep_days")

    def _erased(self, _seq: int, _entry: dict[str, Any], parcel: _Parcel) -> None:
        parcel.erased = True

    def _released(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        digests = entry["digests"]
        parcel.released = entry["counts"].get("packages", 0)
        if parcel.released != len(digests):
            self._fail(seq, "放行的包数与清单不符", "the number of packages is not that of the list")
        known = self._packages
        for package, sha256 in digests.items():
            # A withdrawal notice stands among the packages without a digest: there is no file.
            if sha256 and known.get(package) != sha256:
                self._fail(seq, f"放行的包 {package} 不是封装时的包", f"{package} is not what was sealed")

    def _acknowledged(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        """From now on the batch's packages are kept for so many days and no longer."""
        self._delivered(seq, entry, parcel)
        parcel.keep = entry["counts"].get("keep_days")
        if parcel.keep is not None:
            parcel.settled, parcel.settled_at = entry["event"], entry["logged_at"]

    def _delivered(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        packages = entry["counts"].get("packages")
        if parcel.released is not None and packages != parcel.released:
            self._fail(
                seq,
                f"放行 {parcel.released} 包，送达或签收 {packages} 包",
                f"{packages} packages delivered or acknowledged of {parcel.released} released",
            )
