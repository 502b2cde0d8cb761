"""What is written where one party signed in the name of another: an entry of its own, for the one who was named."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.adapters.ledger import Transaction
from gateway.log import Entry
from gateway.outcomes import Refused

CODE: Final = "255"


def impersonated(refused: Refused) -> str | None:
    """The party in whose name something was signed by another, where the facts know it."""
    return str(refused.detail.get("claimed") or "") or None if refused.code == CODE else None


def log_impersonation(tx: Transaction, refused: Refused, entry: Entry) -> None:
    """Log, once, that somebody was named as author by the party that signed, if so it was. `entry` says of what; it
    gets its parties here."""
    named = impersonated(refused)
    if named is not None and tx.entries.get(entry.id) is None:
        tx.log(replace(entry, parties=(named, str(refused.detail["signer"]))))
