"""Receipts against entries: a receipt that was handed out must name an entry that is in the log and says the same."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.lifecycle import Event
from gateway.log.entry import is_content
from gateway.log.note import BadNote, VerifierKey
from gateway.log.proof import check_receipt
from gateway.log.verification.findings import Findings


class Receipts:
    """A watcher of the scan: compares each entry with the receipts that name it."""

    def __init__(self, folder: Path, origin: str, keys: Iterable[VerifierKey], findings: Findings) -> None:
        self._findings = findings
        self._by_seq: dict[int, list[tuple[str, dict[str, Any]]]] = {}
        self._digests: dict[str, set[str]] = {}
        self._others: Counter[str] = Counter()
        findings.done.add("receipt")
        keys = tuple(keys)
        for path in sorted(folder.rglob("*.receipt.json")):
            data = path.read_bytes()
            try:
                receipt = json.loads(data)
                number, log = str(receipt["number"]), receipt["log"]
                seq, rests_on = int(log["seq"]), str(log["origin"])
            except (ValueError, KeyError, TypeError):
                continue  # a form to sign, a list: no receipt of this kind
            if rests_on != origin:  # fetched from another node, and not gathered yet: that node's log has it
                self._others[rests_on] += 1
                continue
            self._by_seq.setdefault(seq, []).append((number, receipt))
            self._digests.setdefault(f"receipt/{number}", set()).add(hashlib.sha256(data).hexdigest())
            proof = path.with_name(path.name.removesuffix(".receipt.json") + ".tlog-proof")
            if proof.exists() and keys:
                self._prove(number, data, proof.read_bytes(), keys)

    def _prove(self, number: str, receipt: bytes, proof: bytes, keys: Iterable[VerifierKey]) -> None:
        for key in keys:
            try:
                check_receipt(receipt, proof, key)
            except BadNote:
                continue
            return
        self._findings.add("receipt", number, "收录证明与回执不符或无效", "its proof of inclusion does not hold")

    def see(self, seq: int, entry: dict[str, Any], leaf: str) -> None:
        """Compare an entry, whose leaf hash is `leaf` (hex), with the receipts that rest on it."""
        for number, receipt in self._by_seq.pop(seq, ()):
            wrong = self._differences(receipt, entry, leaf)
            if wrong:
                self._findings.add(
                    "receipt", number, f"回执与第 {seq} 条不符（{wrong}）", f"differs from entry {seq} ({wrong})"
                )

        if entry["event"] == Event.RECEIPT:
            issued, found = entry["digests"].get("receipt"), self._digests.get(entry["id"], set())
            if found - {issued}:
                number = entry["id"].partition("/")[2]
                zh, en = f"不是第 {seq} 条所记的回执", f"is not the receipt that entry {seq} records"
                self._findings.add("receipt", number, zh, en)

    def conclude(self) -> None:
        """Report the receipts whose entry the log does not have; how many rest on another log is said."""
        for rests_on, count in sorted(self._others.items()):
            self._findings.note(
                f"{count} 份回执写明在另一日志（{rests_on}）中，须用该日志核对",
                f"{count} receipts say that they rest on another log ({rests_on}): check them against that one",
            )
        for seq, receipts in self._by_seq.items():
            for number, _ in receipts:
                self._findings.add("receipt", number, f"日志中没有第 {seq} 条", f"the log has no entry {seq}")

    def _differences(self, receipt: dict[str, Any], entry: dict[str, Any], leaf: str) -> str:
        log = receipt["log"]
        if log.get("hash") != leaf:
            return "log"
        if receipt.get("parcel") != entry["parcel"] or receipt.get("sender") not in entry["parties"]:
            return "parcel"
        if not is_content(entry["digests"], str(receipt.get("sha256")), str(receipt.get("salt", ""))):
            return "sha256"
        counts, stated = entry["counts"], receipt.get("counts", {})
        for name, mine in (("records", "in"), ("accepted", "accepted"), ("refused", "refused")):
            if name in counts and counts[name] != stated.get(mine):
                return f"counts.{mine}"
        out = {name[4:]: number for name, number in counts.items() if name.startswith("out_")}
        return "counts.out" if out and out != stated.get("out") else ""
