"""Inspecting the facts: everything there is to say about them at once, whichever room knows it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gateway.deadlines.editions import read_folder
from gateway.policy import crosscheck, loading
from gateway.policy.faults import FactFault, FactsError, Findings


def findings(where: Path, today: date) -> Findings:
    """Everything there is to say about the facts under `where` on `today`, the calendar's files included."""
    found = crosscheck.inspect(where, today)
    try:
        home = loading.home_of(where)
    except FactsError:
        return found
    calendar = [
        FactFault(
            f"config/calendar/{fault.file}",
            fault.line or 1,
            _sentence(fault.sentence("en")),
            _sentence(fault.sentence("zh")),
        )
        for fault in read_folder(home / "config" / "calendar")[2]
    ]
    return Findings(tuple(sorted({*found.faults, *calendar})), found.warnings)


def _sentence(located: str) -> str:
    """A calendar fault says its file itself; here the file stands in front of every line anyhow."""
    return located.partition(": ")[2]
