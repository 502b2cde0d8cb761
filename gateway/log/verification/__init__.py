"""`verify`: a copy of the log judged offline, read-only, with nothing but a key.

What no tree can catch is judged too: replayed ids, times that lie, counts that do not add up. Without witnesses nothing
can catch a fork after the last checkpoint that somebody saved, or a return to an old backup; the report says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import merkle, tiles
from gateway.log.merkle import HEIGHT, WIDTH
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, read_checkpoint
from gateway.log.quorum import Policy
from gateway.log.timestamps import Authorities
from gateway.log.verification import signatures
from gateway.log.verification.entries import Scan
from gateway.log.verification.findings import CHECKS, Findings, Problem, Report
from gateway.log.verification.lifecycle import Lifecycle
from gateway.log.verification.parcels import PLAIN_DAYS, QUARANTINE_DAYS, Parcels
from gateway.log.verification.receipts import Receipts

FRESH_MINUTES = 60
_ENTRY_CHECKS = ("canonical", "format", "seq", "id", "logged_at", "time", "prev")


def verify(
    folder: Path,
    keys: Sequence[VerifierKey],
    *,
    since: Sequence[bytes] = (),
    policy: Policy | None = None,
    authorities: Authorities | None = None,
    receipts: Path | None = None,
    now: datetime | None = None,
    plain_days: int = PLAIN_DAYS,
    quarantine_days: int = QUARANTINE_DAYS,
    fresh_minutes: int = FRESH_MINUTES,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:
    """Judge the log in `folder` by the verifier keys `keys` (any of them may have signed).

    `since`: checkpoints saved earlier, as bytes. `receipts`: a folder searched for `*.receipt.json`. Raises `BadNote`
    when the folder holds no checkpoint at all; everything else is a problem in the report.
    """
    now = now or datetime.fromtimestamp(time.time(), UTC)
    findings = Findings()
    policy = policy or Policy()
    keys = (*keys, *(key for key in policy.logs if key not in keys))
    note, checkpoint = _read(folder)
    _signed(note, checkpoint, keys, findings)
    archived = signatures.archive(folder, findings)
    saved = [_saved(number, data, findings) for number, data in enumerate(since, 1)]
    others = [*archived, *(one for one in saved if one is not None)]

    parcels = Parcels(findings, plain_days=plain_days, quarantine_days=quarantine_days)
    starts: dict[bool, int] = {}
    watchers: list[Callable[[int, dict[str, Any]], None]] = [parcels.see, Lifecycle(findings).see]
    watchers.append(lambda seq, entry: _start(starts, seq, entry))
    told = Receipts(receipts, checkpoint.origin, keys, findings) if receipts else None
    marks = {one.checkpoint.size for one in others} | {one.checkpoint.size + 1 for one in others}
    scan = Scan(findings, watchers, marks, told.see if told else None)
    levels = _tree(folder, checkpoint, scan, findings, progress)

    size = checkpoint.size
    good = signatures.earlier(others, keys, size, lambda n: merkle.root_of(levels, n), findings)
    here = signatures.Shown(tiles.CHECKPOINT, note, checkpoint)
    seen = signatures.witnessed([*good, here], policy, authorities, now, findings)
    rehearsal = _rehearsed(starts, findings)
    if scan.whole and not rehearsal:
        findings.done.add("retention")
        parcels.conclude(scan.last)
    elif not scan.whole:
        findings.done -= {"conservation", "lifecycle"}
        findings.note(
            "有条目无法读取，收支与销毁未能逐件核对。", "Some entries are unreadable; parcels were not judged."
        )
    if told:
        told.conclude()
    if not rehearsal:
        _cover(seen, scan, findings)
    _quorum(policy, seen, scan, fresh_minutes, size, findings)
    _tell(findings, policy, bool(since), authorities, archived, told)
    return Report(
        origin=checkpoint.origin,
        size=size,
        root=checkpoint.root,
        problems=tuple(findings.listed),
        counted=findings.counted,
        notes=tuple(findings.notes),
        done=frozenset(findings.done),
        first=scan.first,
        last=scan.last,
        witnessed=max(seen.quorums, default=0),
        stamped=seen.stamped,
    )


def _read(folder: Path) -> tuple[Note, Checkpoint]:
    try:
        return read_checkpoint((folder / tiles.CHECKPOINT).read_bytes())
    except OSError:
        raise BadNote("there is no checkpoint to be read") from None


def _signed(note: Note, checkpoint: Checkpoint, keys: Sequence[VerifierKey], findings: Findings) -> None:
    findings.done |= {"signature", "structure", "tile", "root", *_ENTRY_CHECKS, "conservation", "lifecycle"}
    if signatures.signed(note, checkpoint, keys):
        return
    if all(checkpoint.origin != key.name for key in keys):
        zh, en = "检查点属于另一个日志", "the checkpoint is another log's"
    elif any(note.claims(key) for key in keys):
        zh, en = "检查点的签名无效", "the checkpoint's signature is not valid"
    else:
        zh, en = "检查点不是用给定的公钥签的", "the checkpoint is not signed by the key given"
    findings.add("signature", tiles.CHECKPOINT, zh, en)


def _saved(number: int, data: bytes, findings: Findings) -> signatures.Shown | None:
    findings.done |= {"consistency", "rollback"}
    place = f"since {number}"
    try:
        return signatures.Shown(place, *read_checkpoint(data))
    except BadNote as error:
        findings.add("signature", place, "先前保存的检查点读不懂", f"a saved checkpoint that is none: {error}")
        return None


def _tree(
    folder: Path, checkpoint: Checkpoint, scan: Scan, findings: Findings, progress: Callable[[int, int], None]
) -> list[list[bytes]]:
    """Read every entry, compute every tile and compare it with the file; answers the complete hashes per level."""
    size = checkpoint.size
    levels: list[list[bytes]] = [[]]
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        levels[0] += _bundle(folder, number, width, scan, findings)
        progress(min(size, (number + 1) * WIDTH), size)
    while len(levels[-1]) >= WIDTH:
        below = levels[-1]
        levels.append([merkle.fold(below[at : at + WIDTH]) for at in range(0, len(below) // WIDTH * WIDTH, WIDTH)])
    for level, number, width in tiles.shapes(size):
        if level:
            expected = b"".join(levels[level][number * WIDTH : number * WIDTH + width])
            _compare(folder, level, number, width, expected, findings)
    if merkle.root_of(levels, size) != checkpoint.root:
        findings.add("root", tiles.CHECKPOINT, "条目算出的树根与签名的不同", "the entries do not give the signed root")
    return levels


def _bundle(folder: Path, number: int, width: int, scan: Scan, findings: Findings) -> list[bytes]:
    place = str(tiles.path_of(tiles.ENTRIES, number, width))
    try:
        entries, rest = tiles.salvage(tiles.read_tile(folder, tiles.ENTRIES, number, width))
    except OSError:
        entries, rest = [], 0
        findings.add("structure", place, "条目文件缺失", "the bundle is missing")
    if rest:
        findings.add("structure", place, f"多出 {rest} 个字节", f"{rest} bytes that are no entry")
    if entries and len(entries) != width:
        findings.add(
            "structure", place, f"应有 {width} 条，实有 {len(entries)} 条", f"{len(entries)} entries of {width}"
        )
        entries = entries[:width]
    leaves = [scan.feed(entry) for entry in entries]
    if len(leaves) == width:
        _compare(folder, 0, number, width, b"".join(leaves), findings)
        return leaves
    scan.skip(width - len(leaves))
    try:
        data = tiles.read_tile(folder, 0, number, width)
    except (OSError, ValueError):
        data = bytes(32 * width)
    return [*leaves, *(data[at : at + 32] for at in range(32 * len(leaves), 32 * width, 32))]


def _compare(folder: Path, level: int, number: int, width: int, expected: bytes, findings: Findings) -> None:
    place = str(tiles.path_of(level, number, width))
    try:
        data = tiles.read_tile(folder, level, number, width)
    except OSError:
        findings.add("structure", place, "瓦片缺失", "the tile is missing")
    except ValueError:
        findings.add("structure", place, "瓦片长度不对", "the tile has the wrong length")
    else:
        if data != expected:
            at = next(i for i in range(width) if data[i * 32 : i * 32 + 32] != expected[i * 32 : i * 32 + 32])
            zh, en = f"第 {at} 个哈希与条目不符", f"hash {at} is not that of the entries"
            findings.add("tile", place, zh, en)


def _start(starts: dict[bool, int], seq: int, entry: dict[str, Any]) -> None:
    if entry["event"] == Event.STARTED:
        starts.setdefault(bool(entry["counts"].get("rehearsal")), seq)


def _rehearsed(starts: dict[bool, int], findings: Findings) -> bool:
    """Is this the log of a rehearsal? Its clock is not the world's: neither covering times nor retention are judged. A
    log that is both is not excused from anything."""
    if True not in starts:
        return False
    if False in starts:
        at = f"seq {starts[True]}"
        findings.add("covering", at, "演练与正式运行混在同一日志", "a rehearsal in the log of a node in earnest")
        return False
    findings.note(
        "这是演练的日志：节点时钟不是真实时间，未与见证和时间戳比对，也未核对保存期。",
        "A rehearsal's log: its clock is not the world's, and is not held against witnesses, tokens or retention.",
    )
    return True


def _cover(seen: signatures.Witnessed, scan: Scan, findings: Findings) -> None:
    if seen.covers:
        findings.done.add("covering")
    for size, instant, who in seen.covers:
        last = scan.instants.get(size, scan.last if size == scan.count else "")
        if last > instant:
            findings.add(
                "covering",
                f"seq {size - 1}",
                f"登记时间 {last} 晚于覆盖它的 {who}（{instant}）",
                f"logged at {last}, later than {who} that covers it ({instant})",
            )


def _quorum(
    policy: Policy, seen: signatures.Witnessed, scan: Scan, fresh_minutes: int, size: int, findings: Findings
) -> None:
    if policy.quorum == "none":
        return
    findings.done |= {"quorum", "freshness", "cosignature"}
    newest = max(seen.quorums, default=0)
    if not newest:
        findings.add(
            "quorum", tiles.ARCHIVE, "没有任何检查点达到见证数量", "no checkpoint was cosigned by enough witnesses"
        )
        return
    uncovered = scan.instants.get(newest + 1, "") if newest < size else ""
    if uncovered:
        limit = rfc3339(datetime.fromisoformat(scan.last) - timedelta(minutes=fresh_minutes))
        if uncovered < limit:
            zh = f"第 {newest} 条之后的条目超过 {fresh_minutes} 分钟没有见证"
            findings.add(
                "freshness", f"seq {newest}", zh, f"entries from here on had no witness for {fresh_minutes} minutes"
            )


def _tell(
    findings: Findings,
    policy: Policy,
    since: bool,
    authorities: Authorities | None,
    archived: Sequence[signatures.Shown],
    told: Receipts | None,
) -> None:
    if told:
        findings.done.add("receipt")
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


__all__ = ["CHECKS", "HEIGHT", "Problem", "Report", "verify"]
