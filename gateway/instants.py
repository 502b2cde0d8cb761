"""Instants: one zone, one spelling, and how long to wait before the next try.

China keeps one civil time, UTC+8 without daylight saving since 1992, so a fixed offset says every instant the gateway
can meet.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
FIRST_WAIT, LONGEST_WAIT = 15.0, 3600.0
CLOCKS_DIFFER = timedelta(hours=1)
"""By so much another's clock may be ahead of ours before what it dates is of the future."""


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`: one spelling per instant, so that equal times are equal bytes. Raises `ValueError`
    for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime is no instant")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def parse(text: str) -> datetime:
    """The instant that `rfc3339` spelled, aware. Raises `ValueError` for anything without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a naive datetime is no instant")
    return moment


def backoff(attempt: int, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> float:
    """Seconds to wait after the `attempt`-th failure (from 1): doubling from `first`, never above `longest`."""
    return min(first * 2.0 ** min(max(attempt, 1) - 1, 24), longest)
