"""What follows from what a person did, and why something cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.outcomes import Refused


class Unknown(Exception):
    """There is no such thing."""


class CannotBe(Exception):
    """It cannot be done as things stand; `refused` says why, to the person who asked."""

    def __init__(self, code: str, **detail: str) -> None:
        super().__init__(code)
        self.refused = Refused(code, detail)


@dataclass(frozen=True, slots=True)
class Again:
    """A new attempt at something: `lane` is the corridor of a parcel, or whose queue a batch stands in."""

    what: Literal["parcel", "delivery", "answer"]
    identity: str
    lane: str
    attempt: int
