"""Collecting: what a node hands up is its own submission, made of what others report to it. Beside the packages goes a
collection (汇总清单): everybody that owes here, and what became of each."""

from __future__ import annotations

import json
from typing import Final

from gateway.adapters.ledger import Reading
from gateway.corridors import counting
from gateway.corridors.counting import collected
from gateway.instants import SHANGHAI
from gateway.lifecycle import ObligationState
from gateway.parcels import Kind
from gateway.policy.facts import Agreement, Facts
from gateway.receipts import collection as documents
from gateway.receipts.collection import Collected, Collection

PROGRESS: Final = "releasing"
"""Under this name the ledger keeps what a batch holds (`progress`), as JSON."""


def hands_up(agreement: Agreement, facts: Facts) -> bool:
    """Whether what others report under an agreement goes to the level above, and to nobody else, period by period."""
    receivers = facts.receivers(agreement)
    if all(party.id == facts.node.party for party in facts.senders(agreement)):
        return False
    return agreement.rhythm != "event" and bool(receivers) and all(facts.above(party) for party in receivers)


def closing(agreement: str, period: str) -> str:
    """The entry of a decision to wait for nobody else."""
    return f"collection:{agreement}:{period}/closed"


def standing(reading: Reading, facts: Facts, agreement: Agreement, period: str) -> Collection:
    """What became of everybody that this node collects from, as things stand. Nobody is missing who does not owe."""
    owed = {row.party: row.state for row in reading.obligations.where(agreement=agreement.id, period=period)}
    own = facts.node.party
    parties = sorted({*(party.id for party in facts.senders(agreement)), *owed} - {own})
    decided = reading.entries.get(closing(agreement.id, period))
    found = tuple(_one(reading, agreement.id, period, party, owed.get(party)) for party in parties)
    if decided is None:
        return Collection(found)
    actor = str(json.loads(decided.body)["actor"])
    return Collection(found, actor, decided.logged_at.astimezone(SHANGHAI).replace(microsecond=0))


def told(reading: Reading, agreement: str, period: str) -> Collection | None:
    """The collection that the last batch went out with."""
    batches = reading.batches.where(agreement=agreement, period=period)
    last = max(batches, key=lambda batch: batch.batch, default=None)
    body = reading.progress.get(last.id, PROGRESS) if last else None
    kept = json.loads(body).get("collection") if body else None
    return documents.parse(kept) if kept else None


def is_news(reading: Reading, facts: Facts, agreement: Agreement, period: str) -> bool:
    """Whether nobody is waited for and the level above does not know so yet, or somebody is again: then a list goes up,
    also without any package."""
    if not hands_up(agreement, facts):
        return False
    now, before = standing(reading, facts, agreement, period), told(reading, agreement.id, period)
    whole = now.whole or (before is not None and before.whole)
    return bool(now.counts["owing"]) and whole and now != before


def _one(reading: Reading, agreement: str, period: str, party: str, state: ObligationState | None) -> Collected:
    live = counting.counting(reading, party, agreement, period)
    nil = live and all(parcel.kind is Kind.NIL for parcel in live)
    if nil or (not live and collected.is_nil(reading, party, agreement, period)):
        return Collected(party, "nil")
    if live:
        waits = collected.is_open(reading, party, agreement, period, live)
        return Collected(party, "partly" if waits else "included", sum(parcel.accepted for parcel in live))
    # Who had reported and withdrew it is missing again, though what was owed then is met.
    return Collected(party, "not_due" if state in (None, ObligationState.VOID) else "missing")
