"""Letters to a party in whose name another one signed something (冒名提醒函): what came, and that it was refused.

A printable A4 page in the form of the reminder letters. It names organisations and an agreement, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.policy.facts import Language
from gateway.receipts.naming import joined, safe
from gateway.receipts.rendering import render
from gateway.receipts.words import Words


@dataclass(frozen=True, slots=True)
class Warned:
    """What one letter says. One signer is told of once a day, however often it tries."""

    party: str
    party_name: str
    signer_name: str
    label: str
    signer: str
    day: date

    @property
    def number(self) -> str:
        """`<year>-<signer>-<month and day>`."""
        return f"{self.day.year}-{self.signer}-{self.day:%m%d}"


def warning_name(letter: Warned, language: Language = "zh") -> str:
    """`冒名提醒函_<party>_<signer>_<day>.html`: the same signer and day have the same name."""
    stem = Words(language)("file.warning")
    return joined(stem, safe(letter.party, 60), safe(letter.signer, 60), letter.day.isoformat()) + ".html"


def warning(letter: Warned, *, node_name: str, contact: str, language: Language) -> bytes:
    """The letter, one A4 page of UTF-8 HTML. `contact`: name and telephone of the node's contact."""
    words = Words(language)
    return render(
        "warning.html",
        language,
        l=letter,
        came=words("warning.came", day=words.day(letter.day), signer=letter.signer_name, label=letter.label),
        node_name=node_name,
        contact=contact,
        today=words.day(letter.day),
    )
