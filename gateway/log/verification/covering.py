"""Times that others give: a cosignature or a token says when the log had so many entries. Those below are not later
than it, those above are not dated before it, and what is new has witnesses soon."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.instants import rfc3339
from gateway.log import tiles
from gateway.log.quorum import Policy
from gateway.log.verification.entries import Scan
from gateway.log.verification.findings import Findings
from gateway.log.verification.signatures import Witnessed


def cover(seen: Witnessed, scan: Scan, minutes: int, findings: Findings) -> None:
    """Hold the entries' times against every valid cosignature and token.

    An honest node shows its newest checkpoint, so an entry that came after the one that was shown was logged when it
    was cosigned, or later, but for the `minutes` that a cosignature may take to be made.
    """
    if seen.covers:
        findings.done |= {"covering", "backdated"}
    for size, earliest, latest, who in seen.covers:
        last = scan.instants.get(size, scan.last if size == scan.count else "")
        if last > latest:
            findings.add(
                "covering",
                f"seq {size - 1}",
                f"登记时间 {last} 晚于覆盖它的 {who}（{latest}）",
                f"logged at {last}, later than {who} that covers it ({latest})",
            )
        following = scan.instants.get(size + 1, "") if size < scan.count else ""
        if following and following < _minutes_before(earliest, minutes):
            findings.add(
                "backdated",
                f"seq {size}",
                f"{who} 在 {earliest} 只见到 {size} 条，其后的条目却登记于 {following}：时间倒填，或出示的是旧检查点",
                f"{who} was shown {size} entries at {earliest}, and the next is dated {following}: it was dated back,"
                " or an old checkpoint was shown",
            )


def quorum(policy: Policy, seen: Witnessed, scan: Scan, minutes: int, findings: Findings) -> None:
    """Whether enough witnesses cosigned, and nothing waits longer than `minutes` for them at the end of the log."""
    if policy.quorum == "none":
        return
    findings.done |= {"quorum", "freshness", "cosignature"}
    newest = max(seen.quorums, default=0)
    if not newest:
        findings.add(
            "quorum", tiles.ARCHIVE, "没有任何检查点达到见证数量", "no checkpoint was cosigned by enough witnesses"
        )
        return
    uncovered = scan.instants.get(newest + 1, "") if newest < scan.count else ""
    if uncovered and uncovered < _minutes_before(scan.last, minutes):
        zh = f"第 {newest} 条之后的条目超过 {minutes} 分钟没有见证"
        findings.add("freshness", f"seq {newest}", zh, f"entries from here on had no witness for {minutes} minutes")


def _minutes_before(instant: str, minutes: int) -> str:
    return rfc3339(datetime.fromisoformat(instant) - timedelta(minutes=minutes))
