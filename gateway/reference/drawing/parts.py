"""What a picture is made of: states as boxes, arrows as steps or rails; and how wide a text is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MARGIN: Final = 28
HEAD: Final = 44
"""Above everything: the title."""
BOX: Final = 52
LOOP: Final = 18
LINE: Final = 16
"""Of a label on a rail."""
BETWEEN: Final = 10
"""Two labels, one under the other, and a label and a row of states."""
PORT: Final = 16
START: Final = 34
"""From the dot to the first state, without a label."""
DOT: Final = 7
WIDTH: Final = 560
"""At least, of what stands between the margins."""

Words = Mapping[str, str]
"""Chinese for events by their name, and for states by `state:` and theirs."""


def wide(text: str, size: int, other: int = 60) -> int:
    """How wide a text is set, about: a Chinese character is as wide as it is high, any `other` so many hundredths."""
    return -(-sum(100 if ord(char) > 0x2E80 else other for char in text) * size // 100)


def wrap(note: str, most: int) -> list[str]:
    """A note in lines of at most so many characters."""
    return textwrap.wrap(note, most)


@dataclass(frozen=True, slots=True)
class Label:
    """An event in both languages; `width` in pixels."""

    zh: str
    en: str

    @property
    def width(self) -> int:
        return wide(self.zh, 13) + 5 + wide(self.en, 11)


def note_width(lines: Sequence[str]) -> int:
    return max((wide(line, 11, 54) for line in lines), default=0)


@dataclass(slots=True)
class Box:
    """A state. `x` is its middle, `y` its upper edge; ports are on the side that faces the rails."""

    state: StrEnum
    zh: str
    loops: tuple[Label, ...]
    final: bool
    above: bool
    ports: list[Port] = field(default_factory=list)
    width: int = 0
    x: int = 0
    y: int = 0

    @property
    def room(self) -> int:
        """The width it needs with what stands beside it."""
        return max(self.width, *(18 + loop.width for loop in self.loops), 0)


@dataclass(slots=True)
class Port:
    """Where a rail meets a state: it leaves it, arrives there, or both."""

    rail: Rail
    leaves: bool
    arrives: bool
    above: bool
    x: int = 0


@dataclass(slots=True)
class Rail:
    """An arrow by way of a track between the rows. `y` is its line's; its label is as high as it has lines."""

    labels: tuple[Label, ...]
    note: Sequence[str]
    ports: list[Port] = field(default_factory=list)
    y: int = 0
    label_x: int = 0

    @property
    def width(self) -> int:
        return max(note_width(self.note), *(label.width for label in self.labels))

    @property
    def height(self) -> int:
        return LINE * (len(self.labels) + len(self.note)) + 4

    @property
    def ends(self) -> tuple[int, int]:
        found = [port.x for port in self.ports]
        return min(found), max(found)

    @property
    def span(self) -> tuple[int, int]:
        """From where to where nothing else may stand on its track: with its label."""
        left, right = self.ends
        more = max(0, self.width + 28 - (right - left)) // 2
        return left - more, right + more


@dataclass(frozen=True, slots=True)
class Step:
    """A straight arrow to the neighbour in the main row."""

    before: int
    after: int
    labels: tuple[Label, ...]
    note: Sequence[str]


@dataclass(slots=True)
class Picture:
    """Everything with its place. `start` is the middle of the dot, `left` the least x."""

    boxes: list[Box]
    steps: list[Step]
    rails: list[Rail]
    start: tuple[int, int]
    left: int
    width: int
    height: int
