"""Releasing: one transaction gives every receiver its batch. Each batch is then delivered by a workflow of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import PackageRow, ParcelRow
from gateway.corridors import counting
from gateway.corridors.counting import collected
from gateway.corridors.distribution import collecting, four_eyes
from gateway.corridors.obligations import duties
from gateway.lifecycle import BATCH, OWED, PACKAGE, Event, PackageState, Recorded
from gateway.lifecycle.parcel import REACHED
from gateway.log import Entry
from gateway.node import Node, Terms
from gateway.parcels import DistributionId, Listed, PartyId
from gateway.policy.facts import Agreement, Facts, Party
from gateway.receipts.collection import Collection
from gateway.stages import releasing


def release_id(entry: Recorded) -> str:
    """The release that an entry `released` is of (`d-migrants-inflow-2026Q3-1`): one receiver's batch has the
    receiver's id at the end."""
    return entry.parcel.removesuffix(f"-{entry.parties[0]}")


@dataclass(frozen=True, slots=True)
class Release:
    """One release: every receiver's batch of this number, for one period of an agreement."""

    facts: Facts
    agreement: Agreement
    period: str
    number: int

    @classmethod
    def of(cls, entry: Recorded, facts: Facts) -> Release | None:
        """The release that an entry `released` is of; None where the facts know no such agreement."""
        address, _, number = release_id(entry).rpartition("-")
        known = [a for a in facts.agreements.values() if address.startswith(f"d-{a.id}-")]
        if not known:
            return None
        agreement = max(known, key=lambda a: len(a.id))
        return cls(facts, agreement, address.removeprefix(f"d-{agreement.id}-"), int(number))

    def batch(self, receiver: Party) -> DistributionId:
        """One receiver's batch."""
        return DistributionId(f"d-{self.agreement.id}-{self.period}-{self.number}-{receiver.id}")


@dataclass(frozen=True, slots=True)
class _Part:
    """What one receiver gets of a release: packages and notices of withdrawal (`mine`), and what it is told; where it
    is the level above, with what became of those that are collected from."""

    identity: DistributionId
    receiver: Party
    mine: Sequence[PackageRow]
    lines: Sequence[Listed]
    withdrawn: Sequence[Mapping[str, str]]
    collection: Collection | None = None

    @property
    def records(self) -> int:
        return sum(package.records for package in self.mine)

    @property
    def digests(self) -> dict[str, str]:
        return {package.id: package.sha256 for package in self.mine}

    def entry(self, release: Release, now: datetime, actor: str) -> Entry:
        """What the log says of it."""
        return Entry(
            id=f"{self.identity}/{Event.RELEASED}",
            event=Event.RELEASED,
            time=now,
            actor=actor,
            facts=release.facts.digest,
            parties=(self.receiver.id,),
            parcel=self.identity,
            counts={
                "packages": len(self.mine),
                "records": self.records,
                "batch": release.number,
                "missing": sum(line.status == "missing" for line in self.lines),
                **({name: self.collection.counts[name] for name in ("owing", "reported")} if self.collection else {}),
            },
            digests=self.digests,
        )


class Releasing:
    """The step of `flow.distribution`. It has no effect outside the ledger, so it is its transaction alone."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def listable(self, among: Iterable[tuple[str, str]]) -> list[tuple[str, str, int]]:
        """(agreement, period, batch) of every collection `among` these that is whole and not told to the level above: a
        list goes up also where no package is held, as when all were nil."""
        facts, found = self._node.facts.current(), []
        with self._node.ledger.reading() as reading:
            for name, period in among:
                agreement = facts.agreements.get(name)
                if agreement is None or agreement.four_eyes or agreement.release == "by_operator":
                    continue
                number = reading.batches.last(name, period) + 1  # before what is held, as in `ripe`
                if collecting.is_news(reading, facts, agreement, period) and not _held(reading, name, period):
                    found.append((name, period, number))
        return found

    def ripe(self, now: datetime) -> list[tuple[str, str, int]]:
        """(agreement, period, batch) of everything the release rules let go at `now`."""
        facts = self._node.facts.current()
        found = []
        with self._node.ledger.reading() as reading:
            held = {(p.agreement, p.period) for p in reading.packages.where(state=PackageState.HELD)}
            in_work = Counter(p.agreement for p in reading.parcels.unsettled() if p.state in REACHED)
            for name, period in sorted(held):
                agreement = facts.agreements.get(name)
                if agreement is None:
                    continue
                # A release may be made between two of these readings. The number is read first: that release is then
                # asked for again, which does nothing. Read last, it would be the number of an empty one after it.
                number = reading.batches.last(name, period) + 1
                standing = _standing(reading, agreement, period, in_work[name])
                if releasing.ripe(agreement, standing, now) and _held(reading, name, period):
                    found.append((name, period, number))
        return found

    def release(self, agreement: str, period: str, batch: int, actor: str) -> list[tuple[str, str]]:
        """Give every receiver its batch. Returns (distribution, receiver) of each, and the same again where it was
        released before; none where nothing is held. Raises `four_eyes.NotConfirmed` where two people have to vouch for
        it and did not."""
        terms = self._node.terms()
        with self._node.ledger.transaction(self._node.clock.now()) as tx:
            done = tx.batches.where(agreement=agreement, period=period, batch=batch)
            known, facts = terms.facts.agreements[agreement], terms.facts
            if not done and (_held(tx, agreement, period) or collecting.is_news(tx, facts, known, period)):
                _release(tx, Release(facts, known, period, batch), actor)
                duties.distributed(tx, agreement, period, terms)
                done = tx.batches.where(agreement=agreement, period=period, batch=batch)
        return [(one.id, one.receiver) for one in done]

    @staticmethod
    def restore(tx: Transaction, entries: Sequence[Entry], terms: Terms) -> list[str]:
        """Make a release again as the log says it was: `entries` are its entries `released`, at least one. Returns the
        batches that come out otherwise, or not at all. Nothing is logged."""
        logged = {entry.parcel: entry for entry in entries}
        release = Release.of(entries[0], terms.facts)
        if release is None:
            return sorted(logged)
        known = {package for entry in entries for package in entry.digests}
        there = tx.packages.where(agreement=release.agreement.id, period=release.period)
        made, differing = set(), []
        for part in _parts(tx, release, [package for package in there if package.id in known]):
            entry = logged.get(part.identity)
            if entry is None:
                continue
            _enter(tx, release, part, entry)
            made.add(part.identity)
            if part.digests != dict(entry.digests):
                differing.append(part.identity)
        return differing + sorted(set(logged) - made)


def _held(reading: Reading, agreement: str, period: str) -> list[PackageRow]:
    return reading.packages.where(agreement=agreement, period=period, state=PackageState.HELD)


def _standing(reading: Reading, agreement: Agreement, period: str, in_work: int) -> releasing.Standing:
    owed = reading.obligations.where(agreement=agreement.id, period=period)
    before = reading.batches.where(agreement=agreement.id, period=period)
    decided = reading.entries.get(collecting.closing(agreement.id, period)) is not None
    return releasing.Standing(
        held=True,
        outstanding=0 if decided else sum(o.state in OWED for o in owed) if owed else 1,
        in_work=in_work if agreement.rhythm != "event" else 0,
        expires_at=max(o.expires_at for o in owed) if owed else None,
        last_release=max(batch.released_at for batch in before) if before else None,
    )


def _release(tx: Transaction, release: Release, actor: str) -> None:
    agreement = release.agreement
    held: Sequence[PackageRow] = _held(tx, agreement.id, release.period)
    if agreement.four_eyes:
        held = four_eyes.confirmed(tx, agreement.id, release.period, release.number, held)
    for part in _parts(tx, release, held):
        entry = part.entry(release, tx.now, actor)
        _enter(tx, release, part, entry)
        tx.log(entry)


def _parts(tx: Transaction, release: Release, held: Sequence[PackageRow]) -> Iterator[_Part]:
    """What each receiver gets of these packages, as things stand before the release."""
    facts, agreement, period = release.facts, release.agreement, release.period
    if agreement.rhythm == "event":
        # Nobody owes a file: no origin is missing, and a receiver that gets nothing is told nothing.
        origins = sorted({PartyId(p.origin) for p in held})
        receivers = [r for r in facts.receivers(agreement) if any(p.receiver == r.id for p in held)]
    else:
        origins, receivers = _origins(tx, release), list(facts.receivers(agreement))
    live = {origin: counting.counting(tx, origin, agreement.id, period) for origin in origins}
    collection = collecting.standing(tx, facts, agreement, period) if collecting.hands_up(agreement, facts) else None
    arrived = [
        origin for origin, parcels in live.items() if parcels or collected.is_nil(tx, origin, agreement.id, period)
    ]
    counts = {parcel.id for parcels in live.values() for parcel in parcels}
    there = tx.packages.where(agreement=agreement.id, period=period)
    gone = [p for p in there if p.distribution and p.parcel in counts]
    otherwise = _otherwise(tx, agreement.id, period, live) if agreement.rhythm != "event" else {}
    for receiver in receivers:
        mine = [p for p in held if p.receiver == receiver.id]
        if facts.above(receiver):
            yield _handed_up(release, receiver, mine, gone, live, collection)
            continue
        before = {p.origin for p in gone if p.receiver == receiver.id and p.sha256}
        told = origins if agreement.rhythm != "event" else [o for o in origins if any(p.origin == o for p in mine)]
        yield _Part(
            release.batch(receiver),
            receiver,
            mine,
            releasing.lines(PartyId(receiver.id), told, [p for p in mine if p.sha256], arrived, before, otherwise),
            [_withdrawn(p, old, live) for p in mine if not p.sha256 for old in p.replaces],
        )


def _handed_up(
    release: Release,
    receiver: Party,
    mine: Sequence[PackageRow],
    gone: Sequence[PackageRow],
    live: Mapping[PartyId, Sequence[ParcelRow]],
    collection: Collection | None,
) -> _Part:
    """The same for the level above: all of it is this node's own submission, also what others reported here."""
    own = PartyId(release.facts.node.party)
    packages = [replace(p, origin=own) for p in mine if p.sha256]
    before = {own} if any(p.receiver == receiver.id and p.sha256 for p in gone) else set()
    arrived = {own} if any(live.values()) else set()
    notices = [_withdrawn(p, old, live) for p in mine if not p.sha256 for old in p.replaces]
    lines = releasing.lines(PartyId(receiver.id), [own], packages, arrived, before)
    withdrawn = [{**notice, "origin": str(own)} for notice in notices]
    return _Part(release.batch(receiver), receiver, mine, lines, withdrawn, collection)


def _otherwise(
    reading: Reading, agreement: str, period: str, live: Mapping[PartyId, Sequence[ParcelRow]]
) -> Mapping[str, releasing.Otherwise]:
    """Origins of which not all has come, and those that owe nothing for the period."""
    owed = {row.party for row in reading.obligations.where(agreement=agreement, period=period)}
    found: dict[str, releasing.Otherwise] = {}
    for origin, parcels in live.items():
        if collected.is_open(reading, origin, agreement, period, parcels):
            found[origin] = "partly"
        elif owed and not parcels and origin not in owed:
            found[origin] = "not_due"
    return found


def _enter(tx: Transaction, release: Release, part: _Part, entry: Entry) -> None:
    """Enter one receiver's batch as `entry` says that it was released."""
    tx.batches.add(
        id=part.identity,
        agreement=release.agreement.id,
        period=release.period,
        batch=release.number,
        receiver=part.receiver.id,
        state=BATCH.apply(None, entry).state,
        packages=len(part.mine),
        records=part.records,
        released_at=entry.time,
        released_by=entry.actor,
        facts=entry.facts,
        channel=part.receiver.channel.kind,
    )
    tx.packages.assign([package.id for package in part.mine], part.identity)
    tx.packages.change_batch(part.identity, PACKAGE.apply(PackageState.HELD, entry))
    content: dict[str, object] = {"lines": [asdict(line) for line in part.lines], "withdrawn": part.withdrawn}
    if part.collection is not None:
        content["collection"] = part.collection.to_json()
    tx.progress.set(part.identity, collecting.PROGRESS, json.dumps(content))


def _origins(tx: Transaction, release: Release) -> list[PartyId]:
    """The parties that a receiver is told about: those who owe, or, where a sender hands down what others reported,
    those others."""
    senders = [PartyId(party.id) for party in release.facts.senders(release.agreement)]
    packages = tx.packages.where(agreement=release.agreement.id, period=release.period)
    relayed = sorted({p.origin for p in packages} - set(senders))
    return [s for s in senders if not relayed or any(p.origin == s for p in packages)] + [PartyId(r) for r in relayed]


def _withdrawn(notice: PackageRow, package: str, live: Mapping[PartyId, Sequence[ParcelRow]]) -> dict[str, str]:
    """One package that a receiver has to delete: its origin has withdrawn it, or has replaced it by nothing for it."""
    reason = "replaced" if live.get(PartyId(notice.origin)) else "void"
    return {"origin": notice.origin, "package": package, "reason": reason}
