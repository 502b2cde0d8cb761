"""Conservation and forgetting, per parcel: what came in was sorted, sealed, released and delivered, record by record
and package by package, by count and by digest; and what is past its retention was erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log.verification import receivers
from gateway.log.verification.findings import Findings

PLAIN_DAYS, QUARANTINE_DAYS = 1, 15


class _Package(NamedTuple):
    sha256: str
    records: int


class _Parcel:
    __slots__ = (
        "accepted", "digest", "digests", "erased", "keep", "parts", "records", "released", "sealed", "settled",
        "settled_at",
    )  # fmt: skip

    def __init__(self) -> None:
        self.records: int | None = None
        self.accepted: int | None = None
        self.digest = ""  # of the accepted records, and below of each receiver's
        self.parts: dict[str, int] = {}
        self.digests: dict[str, str] = {}
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
        self._packages: dict[str, _Package] = {}
        self._ways: dict[tuple[str, str], str] = {}
        self._tells_digests = False
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
        parcel.digest = entry["digests"].get("records", "")
        if parcel.records != parcel.accepted + counts.get("refused", 0):
            self._fail(seq, "检查：总数不等于合格加退回", "checked: records are not accepted + refused")
        if self._tells_digests and not parcel.digest:
            self._differ(seq, "检查：没有写明合格记录的摘要", "checked: the accepted records' digest is left out")
        self._tells_digests = self._tells_digests or bool(parcel.digest)

    def _sorted(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        parcel.parts, parcel.digests = entry["counts"], entry["digests"]
        if not receivers.make_up_somehow(parcel.accepted or 0, parcel.parts.values()):
            out = sum(parcel.parts.values())
            self._fail(seq, f"分拣 {out} 条，合格 {parcel.accepted} 条", f"{out} sorted of {parcel.accepted}")
        if parcel.digest and parcel.parts and parcel.parts.keys() != parcel.digests.keys():
            self._differ(seq, "分拣：有接收方没有摘要", "sorted: a receiver's digest is left out")

    def _sealed(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        counts, digests = entry["counts"], entry["digests"]
        parcel.sealed = counts.get("records", 0)
        if parcel.sealed != parcel.accepted or counts.get("packages", 0) != len(digests):
            self._fail(
                seq,
                f"封装 {parcel.sealed} 条，合格 {parcel.accepted} 条",
                f"{parcel.sealed} sealed of {parcel.accepted}",
            )
        sealed_for = {package: receivers.of_package(package) for package in digests}
        if sorted(sealed_for.values()) != sorted(parcel.parts):
            self._fail(seq, "封装的接收方与分拣的不同", "sealed for others than it was sorted for")
        for package, sha256 in digests.items():
            self._packages[package] = _Package(sha256, parcel.parts.get(sealed_for[package], 0))

    def _accepted(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        counts = entry["counts"]
        if "list" in entry["digests"] and counts.get("records") == 0:
            return  # a withdrawal that a gateway's signed list asked for: nothing came in, and nothing is kept
        out = receivers.groups(counts)
        stated = (counts.get("records"), counts.get("accepted"))
        if stated != (parcel.records, parcel.accepted) or sum(out.values()) != parcel.accepted:
            self._fail(
                seq,
                f"受理 {counts.get('accepted')} 条，检查合格 {parcel.accepted} 条，分给各方 {sum(out.values())} 条",
                f"{counts.get('accepted')} accepted, {parcel.accepted} found good, {sum(out.values())} given out",
            )
        elif not receivers.as_stated(out, parcel.parts):
            self._fail(
                seq, "受理写明的去向与分拣的不同", "accepted for others, or in other shares, than it was sorted for"
            )
        if parcel.sealed != parcel.accepted:
            self._fail(seq, "受理了没有封装的记录", "accepted without being sealed")
        if counts.get("records") != counts.get("accepted", 0) + counts.get("refused", 0):
            self._fail(seq, "受理：总数不等于合格加退回", "accepted: records are not accepted + refused")
        self._one_way(seq, entry, out)
        self._digests(seq, entry, parcel, any(map(receivers.several, out)))
        self._settled(seq, entry, parcel)

    def _one_way(self, seq: int, entry: dict[str, Any], out: dict[str, int]) -> None:
        """Under one agreement, as the facts have it, every record has one receiver, or every record the same several:
        nobody gets once what others' records are not given for."""
        way = next(filter(receivers.several, out), "")
        known = self._ways.setdefault((entry["package"].partition("/")[0], entry["facts"]), way) if out else way
        if way != known:
            self._fail(
                seq,
                f"同一约定下，此前的记录{f'全部分给 {known}' if known else '逐条分给一方'}，这一件却不是",
                f"under one agreement records went to {known or 'one receiver each'} before, and here they do not",
            )

    def _digests(self, seq: int, entry: dict[str, Any], parcel: _Parcel, each: bool) -> None:
        if not parcel.digest:
            return  # a log of a node that did not tell them
        if entry["digests"].get("records") != parcel.digest:
            self._differ(seq, "受理写明的摘要与检查时的不同", "accepted: the digest is not that of what was checked")
        try:
            whole, parts = int(parcel.digest, 16), [int(digest, 16) for digest in parcel.digests.values()]
        except ValueError:
            self._differ(seq, "摘要不是十六进制数", "a digest is no hexadecimal number")
            return
        if not receivers.make_up(whole, parts, each):
            self._differ(
                seq,
                "各接收方的摘要与全部合格记录的摘要不符" if each else "各接收方的摘要之和不等于合格记录的摘要",
                "a receiver's digest is not that of all records" if each else "the receivers' digests do not add up",
            )

    def _differ(self, seq: int, zh: str, en: str) -> None:
        self._findings.add("digest", f"seq {seq}", zh, en)

    def _settled(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        if parcel.settled:
            self._fail(seq, f"已办结（{parcel.settled}）的交换件再次办结", f"settled twice, first as {parcel.settled}")
        parcel.settled, parcel.settled_at = entry["event"], entry["logged_at"]
        parcel.keep = entry["counts"].get("keep_days")

    def _erased(self, _seq: int, _entry: dict[str, Any], parcel: _Parcel) -> None:
        parcel.erased = True

    def _released(self, seq: int, entry: dict[str, Any], parcel: _Parcel) -> None:
        digests, counts = entry["digests"], entry["counts"]
        parcel.released = counts.get("packages", 0)
        if parcel.released != len(digests):
            self._fail(seq, "放行的包数与清单不符", "the number of packages is not that of the list")
        records = 0
        for package, sha256 in digests.items():
            known = self._packages.get(package)
            records += known.records if known else 0
            # A withdrawal notice stands among the packages without a digest: there is no file.
            if sha256 and (known is None or known.sha256 != sha256):
                self._fail(seq, f"放行的包 {package} 不是封装时的包", f"{package} is not what was sealed")
        if counts.get("records", records) != records:
            self._fail(
                seq,
                f"放行 {counts['records']} 条，各包共 {records} 条",
                f"{counts['records']} records released, {records} in the packages",
            )

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
