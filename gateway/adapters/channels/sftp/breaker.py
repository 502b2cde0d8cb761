"""A circuit breaker per partner: one that fails again and again is left alone for a while, and longer each time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.instants import backoff

State = Literal["closed", "open", "half_open"]


@dataclass
class Breaker:
    """Closed until `threshold` failures in a row (until then the next poll is the next try); then open for
    `first_seconds`, doubling up to `longest_seconds`, ± a quarter by chance, so that a partner that comes back is not
    called by everybody at once. After the wait one try is let through (half open): it closes the breaker or opens it
    again."""

    threshold: int = 3
    first_seconds: float = 60.0
    longest_seconds: float = 3600.0
    monotonic: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    failures: int = 0
    _until: float = field(default=0.0, init=False)

    @property
    def state(self) -> State:
        if self.failures < self.threshold:
            return "closed"
        return "open" if self.seconds_left > 0 else "half_open"

    @property
    def seconds_left(self) -> float:
        """How long the next try has to wait; 0 when it may come now."""
        return max(self._until - self.monotonic(), 0.0) if self.failures >= self.threshold else 0.0

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self, *, at_once: bool = False) -> None:
        """One more failure; `at_once` opens at any count (a changed host key is no passing trouble)."""
        self.failures = max(self.failures + 1, self.threshold if at_once else 0)
        if self.failures >= self.threshold:
            wait = backoff(self.failures - self.threshold + 1, self.first_seconds, self.longest_seconds)
            self._until = self.monotonic() + (self.longest_seconds if at_once else wait) * (0.75 + self.chance() / 2)
