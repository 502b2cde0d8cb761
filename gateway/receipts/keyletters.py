"""Letters about keys that expire (密钥到期函): to the party whose key it is, or to the operator about the node's own.

A printable A4 page in the form of the reminder letters, with a place for the seal. It names an organisation and the
fingerprint of a public key, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.policy.facts import Language, Profile
from gateway.receipts.naming import joined, safe
from gateway.receipts.rendering import render
from gateway.receipts.words import Words


@dataclass(frozen=True, slots=True)
class KeyLetter:
    """What one letter says. `last_day` is the key's last, `days` how many are left (negative: it has expired), `step`
    the warning it belongs to: 60, 30, 7, or 0 when the key has expired. `own`: it is the node's own key."""

    party: str
    party_name: str
    day: date
    fingerprint: str
    profile: Profile
    last_day: date
    days: int
    step: int
    own: bool = False

    @property
    def number(self) -> str:
        """`<year>-<8 digits of the fingerprint>-<step>`: the same warning has the same number."""
        return f"{self.day.year}-{self.fingerprint[-8:].upper()}-{self.step}"


def key_letter_name(letter: KeyLetter, party: str, language: Language = "zh") -> str:
    """`密钥到期函_<party>_<fingerprint's last 8>_<step>.html`: the same warning has the same name."""
    stem = Words(language)("file.keyletter")
    return joined(stem, safe(party, 60), letter.fingerprint[-8:].upper(), f"{letter.step}") + ".html"


def key_letter(letter: KeyLetter, *, node_name: str, contact: str, language: Language) -> bytes:
    """The letter, one A4 page of UTF-8 HTML. `contact`: name and telephone of the node's contact."""
    words = Words(language)
    left = words("keyletter.gone") if letter.days < 0 else words("keyletter.left", days=letter.days)
    return render(
        "keyletter.html",
        language,
        l=letter,
        algorithm=words("keyletter.sm") if letter.profile == "sm" else words("keyletter.openpgp"),
        last_day=words.day(letter.last_day),
        left=left,
        expired=letter.days < 0,
        node_name=node_name,
        contact=contact,
        today=words.day(letter.day),
    )
