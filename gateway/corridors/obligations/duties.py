"""The duties around a release: the node's own, to distribute after the close of a period, and the receivers', to
collect what was delivered. Both only where the agreement names the days."""

from __future__ import annotations

from datetime import date

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.owing import OWED
from gateway.adapters.ledger.rows import DistributionRow
from gateway.corridors.obligations.settling import set_obligation, settle
from gateway.corridors.recording.entries import instant
from gateway.deadlines import Calendar, Delivery, Obligation, since_day
from gateway.policy.facts.facts import Facts


def closed(tx: Transaction, agreement: str, period: str, facts: Facts, calendar: Calendar) -> None:
    """The period has closed and something came: the node owes its distribution, counted from the last date of all.
    Released already, it is met at once."""
    owed = distribution(tx, agreement, period, facts, calendar)
    if owed is not None and set_obligation(tx, owed, facts, calendar):
        _settle(tx, agreement, period, facts, calendar)


def distribution(tx: Transaction, agreement: str, period: str, facts: Facts, calendar: Calendar) -> Obligation | None:
    """What the node owes once the period has closed: every submission settled, or every date run out. None before, and
    where nothing came that could be distributed."""
    within = facts.agreements[agreement].distribute_within
    rows = tx.obligations(kind="submission", agreement=agreement, period=period)
    if not within or not rows or not tx.packages(agreement=agreement, period=period):
        return None
    if any(row.state in OWED and instant(row.expires_at) > tx.now for row in rows):
        return None
    last = date.fromisoformat(max(row.due for row in rows))
    matter = deadlines.Matter("distribution", facts.node.party, agreement, period)
    return deadlines.owed(matter, since_day(last), within, calendar)


def distributed(tx: Transaction, agreement: str, period: str, facts: Facts, calendar: Calendar) -> None:
    """A batch was released: the first one meets the duty, which is entered now where the release was quicker than the
    round that enters it."""
    closed(tx, agreement, period, facts, calendar)
    _settle(tx, agreement, period, facts, calendar)


def _settle(tx: Transaction, agreement: str, period: str, facts: Facts, calendar: Calendar) -> None:
    for owed in tx.obligations(kind="distribution", agreement=agreement, period=period):
        releases = [instant(batch.released_at) for batch in tx.distributions(agreement=agreement, period=period)]
        settle(tx, owed, [Delivery(at, "accepted") for at in releases], facts, calendar)


def delivered(tx: Transaction, batch: DistributionRow, facts: Facts, calendar: Calendar) -> None:
    """A batch is in its receiver's channel: the receiver owes its signature from now on."""
    agreement = facts.agreements.get(batch.agreement)
    if agreement is None or not agreement.collect_within or batch.receiver == facts.node.party:
        return
    occasion = f"{batch.period or '-'}/{batch.batch}"
    matter = deadlines.Matter("collection", batch.receiver, batch.agreement, occasion)
    owed = deadlines.owed(matter, tx.now, agreement.collect_within, calendar)
    set_obligation(tx, owed, facts, calendar)


def collected(tx: Transaction, batch: DistributionRow, parcel: str, at: str, facts: Facts, calendar: Calendar) -> None:
    """The receiver has signed for the batch; `at` is when its signature was received."""
    subject = f"{batch.period or '-'}/{batch.batch}"
    for owed in tx.obligations(kind="collection", agreement=batch.agreement, party=batch.receiver, subject=subject):
        settle(tx, owed, [Delivery(instant(at), "accepted")], facts, calendar, parcel=parcel)
