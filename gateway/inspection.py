"""Inspecting the facts: everything there is to say about them at once, from every room that has a rule about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from gateway.deadlines.editions import read_folder
from gateway.log.note import BadNote, VerifierKey
from gateway.policy.faults import FactFault, FactsError, Findings
from gateway.policy.loading import home_of
from gateway.policy.rules import Draft, inspect


def findings(where: Path, today: date) -> Findings:
    """Everything there is to say about the facts under `where` on `today`, the calendar's files included.

    Raises nothing for a fault: what cannot be read is a fault among the findings.
    """
    found = inspect(where, today, (log_keys,))
    try:
        home = home_of(where)
    except FactsError:
        return found
    return replace(found, faults=tuple(sorted({*found.faults, *_calendar(home)})))


def log_keys(draft: Draft) -> Iterator[FactFault]:
    """A partner's log key is one, with the id that belongs to it."""
    for party in draft.parties.values():
        for line in party.log_keys:
            try:
                VerifierKey.parse(line)
            except BadNote:
                message = "not a log key as gateway log key prints it"
                yield draft.fault(party.file, ("log_keys",), message, "不是 gateway log key 给出的日志公钥")


def _calendar(home: Path) -> Iterator[FactFault]:
    """The calendar is read even where other facts cannot be: it stands by itself."""
    for fault in read_folder(home / "config" / "calendar")[2]:
        english, chinese = _sentence(fault.sentence("en")), _sentence(fault.sentence("zh"))
        yield FactFault(f"config/calendar/{fault.file}", fault.line or 1, english, chinese)


def _sentence(located: str) -> str:
    """A calendar's fault names its file itself; here the file stands in front of every line already."""
    return located.partition(": ")[2]
