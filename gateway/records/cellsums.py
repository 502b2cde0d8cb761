"""Sums out of a statistical table's canonical records: how many, per value of one field and other side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gateway.records.readers.lines import split

Cells = Mapping[str, Mapping[str, int]]


def read(parts: Iterable[Path], columns: Sequence[str]) -> Cells:
    """Add up files as `Parts` writes them. `columns`: the fields that hold the value, the other side, and how many."""
    found: dict[str, dict[str, int]] = {}
    for part in parts:
        with part.open(encoding="utf-8", newline="\n") as stream:
            header = split(next(stream).rstrip("\n"), ",") or []
            by, side, count = (header.index(column) for column in columns)
            for line in stream:
                cells = split(line.rstrip("\n"), ",") or []
                sums = found.setdefault(cells[by], {})
                sums[cells[side]] = sums.get(cells[side], 0) + int(cells[count])
    return found
