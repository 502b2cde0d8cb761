"""The duties around a release: the node's own, to distribute after the close of a period, and the receivers', to
collect what was delivered. Both only where the agreement names the days."""

from __future__ import annotations

from datetime import datetime

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import BatchRow
from gateway.corridors.obligations.settling import set_obligation, settle
from gateway.deadlines import Delivery, Obligation, since_day
from gateway.lifecycle import OWED
from gateway.node import Terms


def closed(tx: Transaction, agreement: str, period: str, terms: Terms) -> None:
    """The period has closed and something came: the node owes its distribution, counted from the last date of all.
    Released already, it is met at once."""
    owed = distribution(tx, agreement, period, terms)
    if owed is not None and set_obligation(tx, owed, terms):
        _settle(tx, agreement, period, terms)


def distribution(tx: Transaction, agreement: str, period: str, terms: Terms) -> Obligation | None:
    """What the node owes once the period has closed: every submission settled, or every date run out. None before, and
    where nothing came that could be distributed."""
    facts = terms.facts
    within = facts.agreements[agreement].distribute_within
    rows = tx.obligations.where(agreement=agreement, period=period)
    if not within or not rows or not tx.packages.where(agreement=agreement, period=period):
        return None
    if any(row.state in OWED and row.expires_at > tx.now for row in rows):
        return None
    since = since_day(max(row.due for row in rows))
    matter = deadlines.Matter("distribution", facts.node.party, agreement, period)
    return deadlines.owed(matter, since, within, terms.calendar)


def distributed(tx: Transaction, agreement: str, period: str, terms: Terms) -> None:
    """A batch was released: the first one meets the duty, which is entered now where the release was quicker than the
    round that enters it."""
    closed(tx, agreement, period, terms)
    _settle(tx, agreement, period, terms)


def delivered(tx: Transaction, batch: BatchRow, terms: Terms) -> None:
    """A batch is in its receiver's channel: the receiver owes its signature from now on."""
    owed = collection(batch, tx.now, terms)
    if owed is not None:
        set_obligation(tx, owed, terms)


def collection(batch: BatchRow, at: datetime, terms: Terms) -> Obligation | None:
    """What the receiver owes for a batch that came into its channel `at`; None where its agreement names no days."""
    agreement = terms.facts.agreements.get(batch.agreement)
    if agreement is None or not agreement.collect_within or batch.receiver == terms.facts.node.party:
        return None
    matter = deadlines.Matter("collection", batch.receiver, batch.agreement, _occasion(batch))
    return deadlines.owed(matter, at, agreement.collect_within, terms.calendar)


def collected(tx: Transaction, batch: BatchRow, parcel: str, received_at: datetime, terms: Terms) -> None:
    """The receiver has signed for the batch, with a signature that came as `parcel` and was received then."""
    for owed in tx.obligations.where(
        kind="collection", agreement=batch.agreement, party=batch.receiver, subject=_occasion(batch)
    ):
        settle(tx, owed, [Delivery(received_at, "accepted")], terms, parcel)


def _settle(tx: Transaction, agreement: str, period: str, terms: Terms) -> None:
    releases = [batch.released_at for batch in tx.batches.where(agreement=agreement, period=period)]
    for owed in tx.obligations.where(kind="distribution", agreement=agreement, period=period):
        settle(tx, owed, [Delivery(at, "accepted") for at in releases], terms)


def _occasion(batch: BatchRow) -> str:
    return f"{batch.period or '-'}/{batch.batch}"
