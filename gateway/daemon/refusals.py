"""What the control socket answers where something cannot be done: code, sentence and remedy, in the node's language."""

from __future__ import annotations

from gateway.control.server import Rejected
from gateway.outcomes import Detail, catalogue
from gateway.policy.facts import Facts


def rejected(facts: Facts, code: str, detail: Detail | None = None) -> Rejected:
    """To be raised."""
    entry, language = catalogue()[code], facts.node.language
    return Rejected(f"[{code}] {entry.sentence(language, detail)}\n  → {entry.remedy(language, detail)}")
