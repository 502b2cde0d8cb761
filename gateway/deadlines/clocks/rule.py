"""Rules of a clock: how long something takes, in working days or natural days, and how its end is rounded."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import time
from typing import Literal

Roll = Literal["none", "forward", "backward"]
Unit = Literal["workdays", "days"]
LONGEST = 3650
_ROLLS: tuple[Roll, ...] = ("none", "forward", "backward")
_RULE = re.compile(r"(workdays|days):([1-9][0-9]{0,3})((?:,[a-z-]+=[a-z0-9:]+)*)", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class RuleError(ValueError):
    """A rule that cannot be read, or a deadline without a date for the period: code 603."""

    code = "603"


@dataclass(frozen=True, slots=True)
class Rule:
    """`workdays:N` or `days:N`, with options after commas.

    `roll=none|forward|backward` (`days` only, default forward): what happens when the last day is a rest day.
    `cutoff=HH:MM`: the last day ends then and not at 24:00 (民法典 203, 有业务时间的). `after-hours=HH:MM`: what
    arrives at that time or later, or on a rest day, counts as received on the next working day.
    """

    unit: Unit
    count: int
    roll: Roll = "forward"
    cutoff: time | None = None
    after_hours: time | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= LONGEST:
            raise RuleError(f"a period lasts 1 to {LONGEST} days")

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The rule that `text` spells. Raises `RuleError` for another unit, an unknown option, or one given twice."""
        match = _RULE.fullmatch(text)
        if match is None:
            raise RuleError("expected workdays:N or days:N")
        unit: Unit = "workdays" if match[1] == "workdays" else "days"
        rule = cls(unit, int(match[2]))
        seen: set[str] = set()
        for option in match[3].split(",")[1:]:
            key, _, value = option.partition("=")
            if key in seen:
                raise RuleError("an option is given twice")
            seen.add(key)
            rule = rule._with(key, value)
        return rule

    def _with(self, key: str, value: str) -> Rule:
        if key == "roll" and self.unit == "days":
            for roll in _ROLLS:
                if value == roll:
                    return replace(self, roll=roll)
        elif key in ("cutoff", "after-hours") and _TIME.fullmatch(value):
            clock = time.fromisoformat(value)
            return replace(self, cutoff=clock) if key == "cutoff" else replace(self, after_hours=clock)
        raise RuleError("an option is unknown or has no such value")

    def __str__(self) -> str:
        text = f"{self.unit}:{self.count}"
        if self.roll != "forward":
            text += f",roll={self.roll}"
        if self.cutoff:
            text += f",cutoff={self.cutoff:%H:%M}"
        if self.after_hours:
            text += f",after-hours={self.after_hours:%H:%M}"
        return text
