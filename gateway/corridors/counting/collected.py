"""Collected submissions: a party hands up, part by part, what others report to it, and a signed collection says when
that is whole. What it owes is met when such a list has come and everything on it is accepted; its parts alone meet
nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import ParcelRow
from gateway.deadlines import Delivery
from gateway.lifecycle import ParcelState, StatementState
from gateway.receipts import listing
from gateway.receipts.collection import Collection
from gateway.receipts.listing import DistributionList


def stated(reading: Reading, party: str, agreement: str, period: str) -> tuple[Collection, datetime] | None:
    """The newest collection that a party stated for a period, and when it came; None where it stated none."""
    return _newest(_lists(reading, party, agreement, period))


def is_open(reading: Reading, party: str, agreement: str, period: str, live: Sequence[ParcelRow]) -> bool:
    """Whether a party's submission is collected, and others are waited for still or on their way. Of one that the level
    above hands down, its newest list says so."""
    senders = {parcel.sender for parcel in live if parcel.reported_for}
    if not senders:
        return False
    if party not in senders:
        newest = [_lists(reading, sender, agreement, period)[-1:] for sender in senders]
        lines = (line for lists in newest for listed, _ in lists for line in listed.lines)
        return any(line.origin == party and line.status == "partly" for line in lines)
    lists = _lists(reading, party, agreement, period)
    found = _newest(lists)
    here = {parcel.sha256 for parcel in live}
    return found is None or not found[0].whole or not _named(lists) <= here


def is_nil(reading: Reading, party: str, agreement: str, period: str) -> bool:
    """Whether everybody that a party collects from has said that there is nothing."""
    lists = _lists(reading, party, agreement, period)
    found = _newest(lists)
    return found is not None and found[0].nil and not _named(lists)


def deliveries(reading: Reading, party: str, agreement: str, period: str) -> list[Delivery] | None:
    """What a collected submission counts as: one delivery, once it is whole, everything on its lists is accepted, and
    all who are included have a package here; received when the last of it came. Pending while the list says so and a
    part is in work. None where nothing of it is collected."""
    lists = _lists(reading, party, agreement, period)
    parcels = reading.parcels.where(sender=party, agreement=agreement, period=period, limit=100_000)
    found = _newest(lists)
    if found is None:
        return [] if any(parcel.reported_for for parcel in parcels) else None
    collection, at = found
    if not collection.whole:
        return []
    named = _named(lists)
    if not named:
        return [Delivery(at, "nil")] if collection.nil else []
    taken = [parcel for parcel in parcels if parcel.state is ParcelState.ACCEPTED and parcel.sha256 in named]
    behalf = {parcel.reported_for for parcel in taken}
    if named <= {parcel.sha256 for parcel in taken} and collection.included <= behalf:
        return [Delivery(max([at, *(parcel.received_at for parcel in taken)]), "accepted")]
    in_work = any(parcel.sha256 in named and not parcel.settled for parcel in parcels)
    return [Delivery(at, "pending")] if in_work else []


def _lists(reading: Reading, party: str, agreement: str, period: str) -> list[tuple[DistributionList, datetime]]:
    """The lists of a party's that were believed, by batch, each with the instant at which it came."""
    found = [
        (listing.parse(row.body), batch.listed_at)
        for batch in reading.incoming.where(sender=party, agreement=agreement, period=period)
        for row in reading.statements.where(about=batch.id, kind="list", state=StatementState.VERIFIED)
    ]
    return sorted(found, key=lambda one: one[0].batch)


def _newest(lists: Sequence[tuple[DistributionList, datetime]]) -> tuple[Collection, datetime] | None:
    collection, at = (lists[-1][0].collection, lists[-1][1]) if lists else (None, None)
    return (collection, at) if collection is not None and at is not None else None


def _named(lists: Sequence[tuple[DistributionList, datetime]]) -> set[str]:
    """The digests of everything that the lists name and that no later one withdraws or replaces."""
    lines = [line for listed, _ in lists for line in listed.packages]
    gone = {old for listed, _ in lists for _, old in listed.replacements()}
    gone |= {notice.package for listed, _ in lists for notice in listed.withdrawn}
    return {line.sha256 or "" for line in lines if line.package not in gone}
