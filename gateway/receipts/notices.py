"""The text of notices: an organisation, an exchange, a period, a number. Nothing about persons, no file's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.policy.facts import Language
from gateway.receipts.words import Words

LISTED = 20
Event = Mapping[str, Any]
"""`event`, `at`, and as far as they apply `party_name`, `label`, `period`, `code`, `days`, `due`, `count`."""


def subject(events: Sequence[Event], node_name: str, language: Language, *, rehearsal: bool = False) -> str:
    """The subject line: one event is named, several are counted."""
    words = Words(language)
    what = line(events[0], words) if len(events) == 1 else words("notice.several", count=len(events))
    return words("notice.subject", node=node_name, what=what) + (words("notice.rehearsal") if rehearsal else "")


def text(
    events: Sequence[Event], node_name: str, contact: str, language: Language, *, operator: bool, folder: str
) -> str:
    """The notice in plain text: the first twenty events one by one, the others counted by kind, and where to look.
    `folder` is the name of the folder of receipts; `operator`: it is for the node's own operator."""
    words = Words(language)
    lines = [f"{number}. {line(event, words)}" for number, event in enumerate(events[:LISTED], 1)]
    left = Counter(str(event["event"]) for event in events[LISTED:])
    lines += [words("notice.more", what=words(f"notice.kind_{kind}"), count=count) for kind, count in left.items()]
    where = words("notice.operator") if operator else words("notice.party", folder=folder)
    ends = [where, *([words("notice.contact", contact=contact)] if contact and not operator else []), ""]
    return "\n".join([words("notice.greeting"), "", *lines, "", *ends, node_name, words("notice.automatic"), ""])


def line(event: Event, words: Words) -> str:
    """One event in a sentence."""
    given = {key: event.get(key, "") for key in ("party_name", "label", "code", "days", "due", "count")}
    period = str(event.get("period") or "")
    return words(f"notice.{event['event']}", **given, period=f" {words.period(period)}" if period else "")
