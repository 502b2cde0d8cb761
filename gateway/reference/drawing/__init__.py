"""A machine of `gateway.lifecycle` as a picture: states from left to right, arrows for its transitions, as SVG.

Places are whole numbers of pixels, so that the same table gives the same bytes. No font is measured: the width of a
text is estimated from its characters.
"""

from __future__ import annotations

from typing import Any

from gateway.lifecycle import Machine
from gateway.reference.drawing import graph, layout, svg
from gateway.reference.drawing.parts import Words, wide


def draw(machine: Machine[Any], words: Words, title: str) -> str:
    """The picture of a machine, titled in both languages; `words` say its states and events in Chinese."""
    return svg.write(layout.place(graph.of(machine), words, wide(title, 17)), title)


__all__ = ["Words", "draw"]
