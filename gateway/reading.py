"""How a table was read: what its sender is told of it beside what is wrong with its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table was read, as far as its sender has to know. No value of a record.

    `passed`: lines that are no records, by what they are, and how many; `rows`: where the first of them stand, as runs
    of rows (first and last). `dropped`: columns that may be there and do not travel, by the agreement's titles.
    `hidden`: records in rows that the spreadsheet does not show. `merged`: how many ranges of merged cells the records
    lie in; `ranges` names the first."""

    passed: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    hidden: int = 0
    merged: int = 0
    ranges: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What there is to say, as plain JSON; nothing where a table was read as it is."""
        said = {
            "passed": dict(self.passed),
            "rows": {kind: [list(run) for run in runs] for kind, runs in self.rows.items()},
            "dropped": list(self.dropped),
            "hidden": self.hidden,
            "merged": self.merged,
            "ranges": list(self.ranges),
        }
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Reading:
        """The inverse. `TypeError` for what it does not know, `ValueError` for a run that is none."""
        rows = {kind: tuple((first, last) for first, last in runs) for kind, runs in document.get("rows", {}).items()}
        lists = {name: tuple(document[name]) for name in ("dropped", "ranges") if name in document}
        return cls(**{**document, **lists, "rows": rows})
