"""The replay: what each entry of the log means for the ledger, by the tables that a running node asks.

Only states, counts and digests come back this way: content cannot. A parcel that the log leaves between two stages is
`interrupted`: its stages would be logged a second time, so it cannot go on, and a person decides. A batch is made again
as it was; one that comes out otherwise is `differing` and stands still. So does what an entry would move in a way that
the lifecycle does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow, Place
from gateway.corridors.distribution import Releasing
from gateway.corridors.obligations import duties, settling
from gateway.corridors.recovery.asked import Asked
from gateway.corridors.recovery.stated import Stated
from gateway.corridors.submission import superseding
from gateway.instants import SHANGHAI
from gateway.lifecycle import BATCH, OBLIGATION, PACKAGE, PARCEL, Event, NoTransition, ParcelState
from gateway.lifecycle.obligation import how
from gateway.lifecycle.parcel import INITIAL
from gateway.log import Entry
from gateway.node import ACKNOWLEDGE, Node, Terms
from gateway.parcels import Kind, PackageId, PartyId, SealedPackage
from gateway.policy.facts import dates
from gateway.policy.faults import FactsError
from gateway.policy.periods import Period, for_rhythm

_BEGUN: Final = frozenset({Event.RECEIVED, Event.CHECKED, Event.SORTED, Event.SEALED, Event.HELD, Event.CONFIRMED})
"""After one of these a parcel is on its way, and stays interrupted until an entry ends it."""


class Replay:
    """Follows the entries of one log, in order."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._releasing = Releasing(node)
        self.interrupted: set[str] = set()
        self.differing: set[str] = set()
        self.erased: set[str] = set()
        self.asked, self.stated = Asked(node), Stated()
        self._by_parcel: Mapping[str, Sequence[Entry]] = {}
        self._released: Mapping[str, Sequence[Entry]] = {}
        self._follows: Mapping[Event, Callable[[Transaction, ParcelRow, Entry], None]] = {
            Event.RECEIVED: _take_place,
            Event.ACCEPTED: self._accepted,
            Event.REFUSED: _free_place,
        }

    def follow(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Write what the entries say; they follow those that the ledger knows."""
        self._by_parcel = _grouped(entries, lambda entry: entry.parcel)
        released = [entry for entry in entries if entry.event is Event.RELEASED]
        self._released = _grouped(released, _batch_name)
        for entry in entries:
            self._one(tx, entry)

    def _one(self, tx: Transaction, entry: Entry) -> None:
        name, event = entry.parcel, entry.event
        if name.startswith("d-"):
            self._batch(tx, entry)
        elif name and entry.package and PARCEL.knows(event) and tx.obligations.get(name) is None:
            self._parcel(tx, entry)
        if event is Event.ERASED:
            self._erased(tx, entry)
        elif event is Event.RECEIPT and name and "obligations" in entry.counts:
            self.asked.stated(tx, entry, self.terms(entry))
        elif OBLIGATION.knows(event, how(entry) if event is Event.MET else "") and "obligations" in entry.counts:
            self.asked.follow(tx, entry)
        elif OBLIGATION.knows(event, how(entry) if event is Event.MET else ""):
            self._obligation(tx, entry)
        else:
            self.stated.follow(entry)

    def terms(self, entry: Entry) -> Terms:
        """The facts that the entry names; today's where they changed after the backup: they are the best there is."""
        try:
            return self._node.terms(entry.facts)
        except FactsError:
            return self._node.terms()

    # -- parcels -----------------------------------------------------------------------------------------------------

    def _parcel(self, tx: Transaction, entry: Entry) -> None:
        row = self._row(tx, entry)
        try:
            change = PARCEL.apply(row.state, entry)
        except NoTransition:
            self.interrupted.add(row.id)
            return
        tx.parcels.change(row.id, change)
        row = tx.parcels.row(row.id)
        if entry.event in self._follows:
            self._follows[entry.event](tx, row, entry)
        if row.settled and entry.event is not Event.ERASED:
            # What is left of it in the spool is cleared as after any other end: by one more attempt.
            tx.parcels.update(row.id, attempt=row.attempt + 1, next_attempt_at=tx.now)
            self.interrupted.discard(row.id)
        elif entry.event in _BEGUN:
            self.interrupted.add(row.id)

    def _row(self, tx: Transaction, entry: Entry) -> ParcelRow:
        """The parcel's row, made where the ledger has none, at the address that the entry names."""
        sender = entry.parties[0] if entry.parties else ""
        agreement, period, kind, revision = ("" if part == "-" else part for part in entry.package.split("/"))
        if tx.parcels.get(entry.parcel) is None:
            tx.parcels.add(
                id=entry.parcel,
                corridor="acknowledgement" if agreement == ACKNOWLEDGE else "submission",
                sender=sender,
                origin="" if agreement == ACKNOWLEDGE else self._origin(entry, sender),
                reported_for="".join(entry.parties[2:3]),
                stated=entry.counts.get("stated", 0),
                agreement=agreement,
                state=INITIAL,
                facts=entry.facts,
                received_at=entry.time,
            )
        tx.parcels.update(
            entry.parcel,
            period=period,
            kind=Kind(kind) if kind else None,
            revision=int(revision.removeprefix("r") or 0),
            facts=entry.facts,
        )
        return tx.parcels.row(entry.parcel)

    def _origin(self, received: Entry, sender: str) -> str:
        """Who reported. Entries from before 0.3 do not say it where another handed it over, but the packages do."""
        if len(received.parties) > 1:
            return received.parties[1]
        for entry in self._by_parcel.get(received.parcel, ()):
            if entry.event is Event.SEALED and entry.digests:
                origin = next(iter(entry.digests)).split("_")[1]
                return sender if "." in origin else origin
        return sender

    def _accepted(self, tx: Transaction, row: ParcelRow, entry: Entry) -> None:
        packages = _packages(tx, row)
        superseding.enter(tx, row, packages, entry)
        self.asked.accepted(tx, row, packages, entry)

    # -- batches -----------------------------------------------------------------------------------------------------

    def _batch(self, tx: Transaction, entry: Entry) -> None:
        row = tx.batches.get(entry.parcel)
        if entry.event is Event.RELEASED:
            if row is None:
                terms = self.terms(entry)
                self.differing |= set(self._releasing.restore(tx, self._released[_batch_name(entry)], terms))
            return
        if row is None or not BATCH.knows(entry.event):
            return
        packages = tx.packages.where(distribution=row.id) if PACKAGE.knows(entry.event) else []
        try:
            change = BATCH.apply(row.state, entry)
            moved = [(package.id, PACKAGE.apply(package.state, entry)) for package in packages]
        except NoTransition:
            self.differing.add(row.id)
            return
        tx.batches.change(row.id, change)
        for package, becomes in moved:
            tx.packages.change(package, becomes)
        if entry.event is Event.DELIVERED:
            self.asked.delivered(tx, entry, {package.parcel for package in packages}, self.terms(entry))

    # -- obligations -------------------------------------------------------------------------------------------------

    def _obligation(self, tx: Transaction, entry: Entry) -> None:
        """Set, met, missed, reminded of. What is owed is reckoned as it was then."""
        if tx.obligations.get(entry.parcel) is None:
            self._owe(tx, entry)
        row = tx.obligations.get(entry.parcel)
        if row is not None and entry.event is not Event.OWED:
            role = how(entry) if entry.event is Event.MET else ""
            try:
                tx.obligations.change(row.id, OBLIGATION.apply(row.state, entry, role))
            except NoTransition:
                self.differing.add(row.id)

    def _owe(self, tx: Transaction, entry: Entry) -> None:
        terms = self.terms(entry)
        kind, agreement = (*entry.parcel.split(":", 2), "")[:2]
        if agreement not in terms.facts.agreements:
            return
        match kind:
            case "submission":
                day = entry.time.astimezone(SHANGHAI).date()
                rhythms = sorted(dates.rhythms(terms.facts.agreements[agreement]))
                spans = [span for r in rhythms for span in (for_rhythm(r, day), Period.containing(r, day))]
                found = [owed for span in spans for owed in deadlines.expected(terms.facts, span, terms.calendar)]
            case "distribution":
                period = entry.parcel.rpartition(":")[2]
                found = [one for one in (duties.distribution(tx, agreement, period, terms),) if one is not None]
            case "collection":
                batches = tx.batches.where(agreement=agreement, receiver=entry.parties[0])
                found = [owed for b in batches if (owed := duties.collection(b, entry.time, terms)) is not None]
            case _:
                found = []
        for owed in found:
            if owed.id == entry.parcel and tx.obligations.get(owed.id) is None:
                settling.set_obligation(tx, owed, terms)

    def _erased(self, tx: Transaction, entry: Entry) -> None:
        """What was gone is gone: a backup must not bring it back."""
        if entry.parcel.startswith("inquiry:"):
            self.asked.closed(tx, entry)
        elif entry.parcel:
            self.erased.add(entry.parcel)


def _grouped(entries: Sequence[Entry], name: Callable[[Entry], str]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(name(entry), []).append(entry)
    return found


def _batch_name(entry: Entry) -> str:
    """A batch's name without its receiver: `d-<agreement>-<period>-<number>`."""
    return entry.parcel.removesuffix(f"-{entry.parties[0]}") if entry.parties else entry.parcel


def _take_place(tx: Transaction, row: ParcelRow, _entry: Entry) -> None:
    if row.revision and row.state is ParcelState.RECEIVED:
        tx.places.take(Place(row.origin, row.agreement, row.period, row.revision), row.id)


def _free_place(tx: Transaction, row: ParcelRow, _entry: Entry) -> None:
    tx.places.free(row.id)


def _packages(tx: Transaction, row: ParcelRow) -> list[SealedPackage]:
    """A parcel's packages, out of what was logged of its sorting and sealing; the files may be lost."""
    entries = {log.event: Entry.parse(log.body) for log in tx.entries.of(row.id)}
    if Event.SEALED not in entries:
        return []
    records = entries[Event.SORTED].counts if Event.SORTED in entries else {}
    sealed, found = entries[Event.SEALED], []
    for package, sha256 in sorted(sealed.digests.items()):
        receiver = PartyId(package.split("_")[2])
        size, content = sealed.counts.get(f"bytes_{receiver}", 0), package.rpartition("_")[2]
        found.append(SealedPackage(PackageId(package), receiver, records.get(receiver, 0), content, sha256, size))
    return found
