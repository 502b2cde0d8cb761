"""Clocks. A rehearsal's clock (演练) starts where `gateway.toml` says and survives restarts: its anchor is a file."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.instants import SHANGHAI
from gateway.policy.facts import Rehearsal


class SystemClock:
    """The host's clock, in Shanghai time also where the host has another zone."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), SHANGHAI)


class RehearsalClock:
    """Runs `speed` times as fast from `starts_at`, counted from the first start of the node."""

    def __init__(self, rehearsal: Rehearsal, anchor: Path) -> None:
        if not anchor.exists():
            durable.write_bytes(anchor, json.dumps({"started": time.time()}).encode())
        self._started = float(json.loads(anchor.read_text())["started"])
        self._rehearsal = rehearsal

    def now(self) -> datetime:
        passed = (time.time() - self._started) * self._rehearsal.speed
        return self._rehearsal.starts_at.astimezone(SHANGHAI) + timedelta(seconds=passed)
