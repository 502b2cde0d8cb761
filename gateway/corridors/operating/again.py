"""What follows from what a person did, and why something cannot be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class Unknown(Exception):
    """There is no such thing."""


class CannotBe(Exception):
    """It cannot be done as things stand; the message says why, to the person who asked."""


@dataclass(frozen=True, slots=True)
class Again:
    """A new attempt at something: `lane` is the corridor of a parcel, or whose queue a batch stands in."""

    what: Literal["parcel", "delivery", "answer"]
    identity: str
    lane: str
    attempt: int
