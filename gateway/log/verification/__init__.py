"""`verify`: a copy of the log judged offline, read-only, with nothing but a key.

Judged is also what a tree cannot show: replayed ids, false times, counts that do not add up. Without witnesses neither
a fork after the last saved checkpoint nor a return to an old backup can be found; the report says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.lifecycle import Event
from gateway.log import merkle, tiles
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, read_checkpoint
from gateway.log.quorum import Policy
from gateway.log.timestamps import Authorities
from gateway.log.verification import covering, signatures
from gateway.log.verification.batches import Batches
from gateway.log.verification.entries import Scan
from gateway.log.verification.findings import Findings, Problem, Report
from gateway.log.verification.lifecycle import Lifecycle
from gateway.log.verification.parcels import PLAIN_DAYS, QUARANTINE_DAYS, Parcels
from gateway.log.verification.receipts import Receipts
from gateway.log.verification.tree import Published

FRESH_MINUTES = 60
_ENTRY_CHECKS = ("canonical", "format", "seq", "id", "logged_at", "time", "prev")
_STORY_CHECKS = ("conservation", "digest", "delivery", "lifecycle")


@dataclass(frozen=True, slots=True)
class Auditor:
    """How a log is judged. `now` is aware (default: the time of verifying); a cosignature or token may not be later.
    `plain_days` and `quarantine_days`: after how many days an accepted and a refused parcel must be erased, where its
    entry names no days; `fresh_minutes`: how long entries may stay without enough witnesses, and a cosignature may take
    to be made."""

    now: datetime | None = None
    plain_days: int = PLAIN_DAYS
    quarantine_days: int = QUARANTINE_DAYS
    fresh_minutes: int = FRESH_MINUTES

    def verify(
        self,
        folder: Path,
        keys: Sequence[VerifierKey],
        *,
        since: Sequence[bytes] = (),
        policy: Policy | None = None,
        authorities: Authorities | None = None,
        receipts: Path | None = None,
    ) -> Report:
        """Judge the log in `folder` by the verifier keys `keys` (any of them may have signed; where none is given, by
        those of the policy).

        `since`: checkpoints saved earlier, as bytes. `policy`: the witnesses and how many are enough. `authorities`:
        the time-stamping authorities that are trusted. `receipts`: a folder searched for `*.receipt.json`. Raises
        `BadNote` when the folder holds no checkpoint at all; everything else is a problem in the report.
        """
        findings = Findings()
        policy = policy or Policy()
        keys = _pinned(keys, policy, findings)
        note, checkpoint = _read(folder)
        signers = _signed(note, checkpoint, keys, findings)
        archived = signatures.archive(folder, findings)
        others = [*archived, *_saved(since, findings)]

        parcels = Parcels(findings, plain_days=self.plain_days, quarantine_days=self.quarantine_days)
        batches, starts = Batches(findings), _Starts()
        given = Receipts(receipts, checkpoint.origin, keys, findings) if receipts else None
        marks = {one.checkpoint.size for one in others} | {one.checkpoint.size + 1 for one in others}
        watchers = (parcels.see, batches.see, Lifecycle(findings).see, starts.see)
        scan = Scan(findings, watchers, marks, given.see if given else None)
        levels = Published(folder, scan, findings).read(checkpoint)

        good = signatures.earlier(others, keys, checkpoint.size, lambda n: merkle.root_of(levels, n), findings)
        here = signatures.Shown(tiles.CHECKPOINT, note, checkpoint)
        now = self.now or datetime.fromtimestamp(time.time(), UTC)
        seen = signatures.witnessed([*good, here], policy, authorities, now, findings)
        rehearsal = starts.rehearsal(findings)
        _settle((parcels, batches), scan, rehearsal, findings)
        if given:
            given.conclude()
        if not rehearsal:
            covering.cover(seen, scan, self.fresh_minutes, findings)
        covering.quorum(policy, seen, scan, self.fresh_minutes, findings)
        _not_shown(policy, authorities, archived, (bool(since), receipts is not None), findings)
        return findings.report(checkpoint, (scan.first, scan.last), seen.attested(signers, policy))


verify = Auditor().verify
"""`Auditor.verify` with the usual limits."""


def _read(folder: Path) -> tuple[Note, Checkpoint]:
    try:
        return read_checkpoint((folder / tiles.CHECKPOINT).read_bytes())
    except OSError:
        raise BadNote("there is no checkpoint to be read") from None


def _pinned(keys: Sequence[VerifierKey], policy: Policy, findings: Findings) -> Sequence[VerifierKey]:
    """The keys that count: those given, whatever a policy names. A policy often comes with the log, from the one whose
    log it is; the key has to come another way."""
    names = {key.name for key in keys}
    others = [key for key in policy.logs if key.name in names and key not in keys]
    if not others:
        return keys or policy.logs
    named = ", ".join(f"{key.name}+{key.id.hex()}" for key in others)
    findings.note(
        f"见证规则中另有日志公钥 {named}，没有采用：以给定的公钥为准。",
        f"The policy names another key of the log, {named}; it was not used: the key given counts.",
    )
    return keys


def _signed(
    note: Note, checkpoint: Checkpoint, keys: Sequence[VerifierKey], findings: Findings
) -> Sequence[VerifierKey]:
    """Those of the keys that signed the checkpoint; none is a problem."""
    findings.done |= {"signature", "structure", "tile", "root", *_ENTRY_CHECKS, *_STORY_CHECKS}
    if signers := signatures.signers(note, checkpoint, keys):
        return signers
    if all(checkpoint.origin != key.name for key in keys):
        zh, en = "检查点属于另一个日志", "the checkpoint is another log's"
    elif any(note.claims(key) for key in keys):
        zh, en = "检查点的签名无效", "the checkpoint's signature is not valid"
    else:
        zh, en = "检查点不是用给定的公钥签的", "the checkpoint is not signed by the key given"
    findings.add("signature", tiles.CHECKPOINT, zh, en)
    return ()


def _saved(since: Sequence[bytes], findings: Findings) -> list[signatures.Shown]:
    """The checkpoints saved earlier that can be read; the others are reported."""
    found = []
    for number, data in enumerate(since, 1):
        findings.done |= {"consistency", "rollback"}
        place = f"since {number}"
        try:
            found.append(signatures.Shown(place, *read_checkpoint(data)))
        except BadNote as error:
            findings.add("signature", place, "先前保存的检查点读不懂", f"a saved checkpoint that is none: {error}")
    return found


class _Starts:
    """A watcher of the scan: where the node first started in earnest, and where in a rehearsal."""

    def __init__(self) -> None:
        self._first: dict[bool, int] = {}

    def see(self, seq: int, entry: dict[str, Any]) -> None:
        if entry["event"] == Event.STARTED:
            self._first.setdefault(bool(entry["counts"].get("rehearsal")), seq)

    def rehearsal(self, findings: Findings) -> bool:
        """Whether this is the log of a rehearsal. Its clock is not the world's: neither covering times nor retention
        are judged. A log that is both is judged as one in earnest."""
        if True not in self._first:
            return False
        if False in self._first:
            at = f"seq {self._first[True]}"
            findings.add("covering", at, "演练与正式运行混在同一日志", "a rehearsal in the log of a node in earnest")
            return False
        findings.note(
            "这是演练的日志：节点时钟不是真实时间，未与见证和时间戳比对，也未核对保存期。",
            "A rehearsal's log: its clock is not the world's, and is not held against witnesses, tokens or retention.",
        )
        return True


def _settle(judges: tuple[Parcels, Batches], scan: Scan, rehearsal: bool, findings: Findings) -> None:
    parcels, batches = judges
    if not scan.whole:
        findings.done -= {*_STORY_CHECKS}
        findings.note(
            "有条目无法读取，收支与销毁未能逐件核对。", "Some entries are unreadable; parcels were not judged."
        )
        return
    batches.conclude()
    if not rehearsal:
        findings.done.add("retention")
        parcels.conclude(scan.last)


def _not_shown(
    policy: Policy,
    authorities: Authorities | None,
    archived: Sequence[signatures.Shown],
    given: tuple[bool, bool],
    findings: Findings,
) -> None:
    """Note what this verification cannot show, for want of something to judge by. `given`: checkpoints saved earlier,
    and receipts."""
    since, receipts = given
    if any(one.token for one in archived):
        findings.done.add("timestamp")
        if authorities is None:
            zh = "没有给出时间戳机构的证书（--tsa）：只核对了时间戳覆盖的内容，没有核对其签名。"
            findings.note(zh, "No authority's certificate was given: the tokens' signatures were not judged.")
    if policy.quorum == "none":
        zh = "没有使用见证方：在最后一次保存的检查点之后另写一份历史，或者恢复旧备份，仅凭本日志无法发现。"
        en = "No witnesses: a second history after the last saved checkpoint, or an old backup, cannot be seen."
        findings.note(zh, en)
    if not since and not archived:
        zh = "没有给出先前保存的检查点（--since）：只能证明这份日志自身完整，不能证明它与以前出示的是同一份。"
        en = "No earlier checkpoint was given: this log is whole, but may not be the one that was shown before."
        findings.note(zh, en)
    if not receipts:
        zh = "没有给出各方自己保存的回执（--receipts）：从未登记的交换件、凭空登记的事项，仅凭日志看不出来。"
        en = "No receipts that the parties hold were given: what was never logged, or invented, cannot be seen."
        findings.note(zh, en)


__all__ = ["FRESH_MINUTES", "Auditor", "Problem", "Report", "verify"]
