"""What each entry of the log means for the ledger. Only states, counts and digests: content cannot come back this way.

A parcel that the log leaves between two stages is `interrupted`: its stages would be logged a second time, so it cannot
go on, and a person decides. A batch is made again as it was; one that comes out otherwise is `differing` and stands
still.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors import recording
from gateway.corridors.distribution.steps import Distribution
from gateway.corridors.recovery.asked import Asked
from gateway.corridors.recovery.stated import Stated
from gateway.corridors.submission import superseding
from gateway.deadlines import since_day
from gateway.instants import rfc3339
from gateway.lifecycle import Event, ObligationState
from gateway.node import ACKNOWLEDGE, Node
from gateway.parcels import PackageId, PartyId, SealedPackage, Tally
from gateway.policy.facts import Facts
from gateway.policy.faults import FactsError
from gateway.policy.periods import for_rhythm

Entry = Mapping[str, Any]
_OBLIGATIONS = frozenset(
    {
        *(Event.OWED, Event.MET, Event.MISSED, Event.REMINDED, Event.EXTENDED),
        *(Event.MOVED, Event.VOIDED, Event.RETURNED, Event.TRANSFERRED),
    }
)
_ENDED = {
    Event.VOIDED: ObligationState.VOID,
    Event.RETURNED: ObligationState.RETURNED,
    Event.TRANSFERRED: ObligationState.TRANSFERRED,
}


class Forward:
    """Follows the entries of one log, in order."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._distribution = Distribution(node)
        self.interrupted: set[str] = set()
        self.differing: set[str] = set()
        self.erased: set[str] = set()
        self.asked, self.stated = Asked(node), Stated()
        self._entries: Sequence[Entry] = ()
        self._parcel: Mapping[str, Callable[[Transaction, Entry, ParcelRow], None]] = {
            Event.CHECKED: self._checked,
            Event.SORTED: self._sorted,
            Event.SEALED: self._began,
            Event.ACCEPTED: self._accepted,
            Event.REFUSED: self._refused,
            Event.DUPLICATE: self._duplicate,
            Event.HELD: self._held,
            Event.CONFIRMED: self._began,
            Event.FAULTED: self._tried,
            Event.DEFERRED: self._tried,
            Event.RETRIED: self._tried,
        }
        self._batch: Mapping[str, Callable[[Transaction, Entry], None]] = {
            Event.RELEASED: self._released,
            Event.DELIVERED: self._delivered,
            Event.UNCONFIRMED: self._unconfirmed,
            Event.ACKNOWLEDGED: self._signed,
            Event.FAULTED: self._batch_tried,
            Event.DEFERRED: self._batch_tried,
            Event.RETRIED: self._batch_tried,
            Event.ERASED: self._batch_erased,
        }

    def follow(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        self._entries = entries
        for entry in entries:
            event, name = entry["event"], entry["parcel"]
            if name.startswith("d-"):
                if event in self._batch:
                    self._batch[event](tx, entry)
            elif name and event == Event.RECEIVED:
                self._received(tx, entry)
            elif name and event in self._parcel:
                self._parcel[event](tx, entry, self._row(tx, entry))
            if event == Event.ERASED:
                self._erased(tx, entry)
            elif event == Event.RECEIPT and name and "obligations" in entry["counts"]:
                self.asked.delivered(tx, entry, self._facts(entry))
            elif event in _OBLIGATIONS and "obligations" in entry["counts"]:
                self._many(tx, entry)
            elif event in _OBLIGATIONS:
                self._obligation(tx, entry)
            else:
                self.stated.follow(entry)

    # -- parcels -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _settled(tx: Transaction, row: ParcelRow, state: str, code: str) -> None:
        """Its end. What is left of it in the spool is cleared as after any other end: by one more attempt."""
        now = rfc3339(tx.now)
        tx.update_parcel(row.id, state=state, code=code, attempt=row.attempt + 1, next_attempt_at=now)

    def _received(self, tx: Transaction, entry: Entry) -> None:
        row = self._row(tx, entry)
        digest = entry["digests"].get("content", "")
        tx.update_parcel(row.id, sha256=digest, size=entry["counts"].get("bytes", row.size), next_attempt_at="")
        if row.agreement == ACKNOWLEDGE:
            self._settled(tx, row, "acknowledged", "100")
            return
        tx.update_parcel(row.id, state="received")
        self.interrupted.add(row.id)
        if row.revision:
            tx.take_place(row.origin, row.agreement, row.period, row.revision, row.id)

    def _row(self, tx: Transaction, entry: Entry) -> ParcelRow:
        """The parcel's row, made where the ledger has none, at the address that the entry names."""
        parcel, sender = entry["parcel"], entry["parties"][0] if entry["parties"] else ""
        agreement, period, kind, revision = ("" if part == "-" else part for part in entry["package"].split("/"))
        if tx.parcel(parcel) is None:
            tx.add_parcel(
                id=parcel,
                corridor="acknowledgement" if agreement == ACKNOWLEDGE else "submission",
                sender=sender,
                origin=self._origin(parcel, sender),
                agreement=agreement,
                state="arriving",
                facts=entry["facts"],
                received_at=entry["time"],
            )
        number = int(revision.removeprefix("r") or 0)
        tx.update_parcel(parcel, period=period, kind=kind, revision=number, facts=entry["facts"])
        return recording.row(tx, parcel)

    def _origin(self, parcel: str, sender: str) -> str:
        """Who reported: its packages say so where another relayed them."""
        for entry in self._entries:
            if entry["parcel"] == parcel and entry["event"] == Event.SEALED and entry["digests"]:
                return str(next(iter(entry["digests"])).split("_")[1])
        return sender

    def _began(self, _tx: Transaction, _entry: Entry, row: ParcelRow) -> None:
        self.interrupted.add(row.id)

    def _checked(self, tx: Transaction, entry: Entry, row: ParcelRow) -> None:
        counts = entry["counts"]
        tx.update_parcel(row.id, state="checked", next_attempt_at="")
        tx.tally(row.id, Tally(counts["records"], counts["accepted"], counts["refused"], 0))
        self.interrupted.add(row.id)

    def _sorted(self, tx: Transaction, _entry: Entry, row: ParcelRow) -> None:
        tx.update_parcel(row.id, state="sorted", next_attempt_at="")
        self.interrupted.add(row.id)

    def _held(self, tx: Transaction, entry: Entry, row: ParcelRow) -> None:
        tx.update_parcel(row.id, state="held", code=str(entry["counts"]["code"]), next_attempt_at="")
        self.interrupted.add(row.id)

    def _accepted(self, tx: Transaction, entry: Entry, row: ParcelRow) -> None:
        counts = entry["counts"]
        code = "101" if counts["refused"] else {"nil": "102", "void": "104", "replace": "105"}.get(row.kind, "100")
        packages = self._packages(tx, row)
        superseding.enter(tx, row, packages)
        self.asked.accepted(tx, row, packages, self._facts(entry))
        self._settled(tx, row, "accepted", code)
        tally = (counts["records"], counts["accepted"], counts["refused"], counts.get("warned", 0))
        tx.tally(row.id, Tally(*tally))
        self.interrupted.discard(row.id)

    def _packages(self, tx: Transaction, row: ParcelRow) -> list[SealedPackage]:
        """A parcel's packages, out of what was logged of its sorting and sealing; the files may be lost."""
        entries = {log.event: json.loads(log.body) for log in tx.entries_of(row.id)}
        records: Mapping[str, int] = entries[Event.SORTED]["counts"] if Event.SORTED in entries else {}
        found = []
        for package, sha256 in sorted(entries[Event.SEALED]["digests"].items()):
            receiver = PartyId(package.split("_")[2])
            size = entries[Event.SEALED]["counts"].get(f"bytes_{receiver}", 0)
            content = package.rpartition("_")[2]
            found.append(SealedPackage(PackageId(package), receiver, records.get(receiver, 0), content, sha256, size))
        return found

    def _refused(self, tx: Transaction, entry: Entry, row: ParcelRow) -> None:
        records = entry["counts"].get("records", 0)
        self._settled(tx, row, "refused", str(entry["counts"]["code"]))
        tx.tally(row.id, Tally(records, 0, records, 0))
        tx.free_place(row.id)
        self.interrupted.discard(row.id)

    def _duplicate(self, tx: Transaction, _entry: Entry, row: ParcelRow) -> None:
        self._settled(tx, row, "duplicate", "220")
        self.interrupted.discard(row.id)

    def _tried(self, tx: Transaction, entry: Entry, row: ParcelRow) -> None:
        """Entries of tries are numbered: the next try must not take a number again."""
        tx.update_parcel(row.id, attempt=max(row.attempt, _number(entry) + 1))
        if entry["event"] == Event.FAULTED:
            tx.update_parcel(row.id, state="faulted", code=str(entry["counts"]["code"]), next_attempt_at="")

    # -- batches -----------------------------------------------------------------------------------------------------

    def _released(self, tx: Transaction, entry: Entry) -> None:
        if tx.distribution(entry["parcel"]) is not None:
            return
        facts = self._facts(entry)
        batch = entry["parcel"].removesuffix(f"-{entry['parties'][0]}")
        address, _, number = batch.rpartition("-")
        agreement = max((a for a in facts.agreements if address.startswith(f"d-{a}-")), key=len, default=None)
        if agreement is None:
            self.differing.add(entry["parcel"])
            return
        period = address.removeprefix(f"d-{agreement}-")
        logged = {
            other["parcel"]: other["digests"]
            for other in self._entries
            if other["event"] == Event.RELEASED and other["parcel"].removesuffix(f"-{other['parties'][0]}") == batch
        }
        found = facts.agreements[agreement]
        self.differing |= set(self._distribution.restore(tx, facts, found, period, int(number), entry["actor"], logged))
        for identity in logged:
            if tx.distribution(identity) is not None:
                tx.update_distribution(identity, released_at=entry["time"])

    def _facts(self, entry: Entry) -> Facts:
        try:
            return self._node.facts.at(entry["facts"])
        except FactsError:  # changed after the backup: those of today are the best there is
            return self._node.facts.current()

    def _delivered(self, tx: Transaction, entry: Entry) -> None:
        batch = entry["parcel"]
        tx.update_delivery(batch, state="delivered", code="", next_attempt_at="", delivered_at=entry["time"])
        tx.update_distribution(batch, state="delivered", list_sha256=entry["digests"].get("list", ""))
        tx.update_packages(batch, "delivered")

    def _unconfirmed(self, tx: Transaction, entry: Entry) -> None:
        tx.update_delivery(entry["parcel"], state="unconfirmed")
        tx.update_distribution(entry["parcel"], state="unconfirmed")

    def _signed(self, tx: Transaction, entry: Entry) -> None:
        batch = entry["parcel"]
        tx.update_delivery(batch, state="acknowledged", next_attempt_at="", acknowledged_at=entry["time"])
        tx.update_distribution(batch, state="acknowledged")
        tx.update_packages(batch, "acknowledged")

    def _batch_tried(self, tx: Transaction, entry: Entry) -> None:
        known = tx.deliveries(distribution=entry["parcel"])
        if known:
            tx.update_delivery(entry["parcel"], attempt=max(known[0].attempt, _number(entry) + 1))
            if entry["event"] != Event.DEFERRED and known[0].state in ("released", "faulted"):
                state = "faulted" if entry["event"] == Event.FAULTED else "released"
                tx.update_delivery(entry["parcel"], state=state, code=str(entry["counts"].get("code", "")))

    def _batch_erased(self, tx: Transaction, entry: Entry) -> None:
        tx.update_packages(entry["parcel"], "erased")
        tx.update_distribution(entry["parcel"], state="erased")

    # -- obligations -------------------------------------------------------------------------------------------------

    def _obligation(self, tx: Transaction, entry: Entry) -> None:
        """Set, met, missed, reminded of. What is owed is reckoned as it was then."""
        identity = entry["parcel"]
        if tx.obligation(identity) is None:
            self._owe(tx, entry, identity)
        match entry["event"]:
            case Event.MET:
                late = entry["counts"].get("late", 0)
                state = ObligationState.MET_LATE if late else ObligationState.MET
                tx.update_obligation(identity, state=str(state), met_at=entry["time"])
            case Event.MISSED:
                tx.update_obligation(identity, state=str(ObligationState.MISSED))
            case Event.REMINDED:
                tx.update_obligation(identity, reminded_at=entry["time"])
            case Event.EXTENDED | Event.MOVED:
                tx.update_obligation(identity, **_date(entry))
            case Event.VOIDED | Event.RETURNED | Event.TRANSFERRED as event:
                tx.update_obligation(identity, state=str(_ENDED[event]), remind_at="")

    def _many(self, tx: Transaction, entry: Entry) -> None:
        """What one entry says of the dates of many records."""
        match entry["event"]:
            case Event.OWED:
                self.asked.owed(entry)
            case Event.MISSED:
                self.asked.missed(tx, entry)
            case Event.MOVED:
                was, moved = _day(entry["counts"]["was"]).isoformat(), _date(entry)
                rows = tx.obligations(kind="", source=entry["parcel"], party=entry["parties"][0])
                tx.update_obligations([o.id for o in rows if o.due == was], **moved)
            case Event.MET | Event.VOIDED | Event.RETURNED | Event.TRANSFERRED:
                self.asked.settled(tx, entry)

    def _erased(self, tx: Transaction, entry: Entry) -> None:
        """What was gone is gone: a backup must not bring it back."""
        if entry["parcel"].startswith("inquiry:"):
            self.asked.closed(tx, entry)
        elif entry["parcel"]:
            self.erased.add(entry["parcel"])

    def _owe(self, tx: Transaction, entry: Entry, identity: str) -> None:
        facts, calendar = self._facts(entry), self._node.facts.calendar()
        day = datetime.fromisoformat(entry["time"]).date()
        for rhythm in sorted({a.rhythm for a in facts.agreements.values() if a.rhythm != "event"}):
            for owed in deadlines.expected(facts, for_rhythm(rhythm, day), calendar):
                if owed.id == identity:
                    recording.set_obligation(tx, owed, facts, calendar)


def _day(number: int) -> date:
    """`20261101`, as entries have it."""
    return datetime.strptime(str(number), "%Y%m%d").date()  # noqa: DTZ007 - a day


def _date(entry: Entry) -> dict[str, str]:
    """The columns of the date that an entry says was given."""
    due = _day(entry["counts"]["due"])
    found = {"due": due.isoformat(), "expires_at": rfc3339(since_day(due + timedelta(days=1)))}
    return found | ({"extended_until": due.isoformat()} if entry["event"] == Event.EXTENDED else {})


def _number(entry: Entry) -> int:
    tail = entry["id"].rpartition("/")[2]
    return int(tail) if tail.isdigit() else 1
