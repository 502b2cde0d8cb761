"""Time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time is read once per step and passed on."""

    def now(self) -> datetime:
        """Aware, in Asia/Shanghai."""
        ...
