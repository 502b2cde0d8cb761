"""A bounded memory of results, looked up at the speed of a dict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Memo(dict[str, V], Generic[V]):
    """`memo[text]` is `judge(text)`, kept until there are `room` of them; then all are dropped. `room` 0 keeps none."""

    def __init__(self, judge: Callable[[str], V], room: int) -> None:
        super().__init__()
        self._judge = judge
        self._room = room

    def __missing__(self, text: str) -> V:
        found = self._judge(text)
        if self._room:
            if len(self) >= self._room:
                self.clear()
            self[text] = found
        return found
