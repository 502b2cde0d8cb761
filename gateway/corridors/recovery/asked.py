"""Inquiries and their dates after a restore, out of what was logged of them.

The log says which inquiry was accepted with how many records, when it entered its receiver's channel, and how many of
its records were settled, how. It names no record. So dates come back, and counts; which record was answered comes back
where all of them were. The rest is `unclear`, and a person decides. An inquiry whose key was lost with the node cannot
be answered by number any more: it is `unclear` as well, as long as something of it is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow, ParcelRow
from gateway.corridors.inquiries import closing, delivering
from gateway.corridors.obligations import changes
from gateway.corridors.obligations.replies import own_id
from gateway.deadlines.changes import Change
from gateway.lifecycle import INQUIRY, OBLIGATION, PACKAGE, SETTLED, Event, InquiryState, ObligationState, PackageState
from gateway.lifecycle.carried import day
from gateway.lifecycle.obligation import COUNTED, HOW
from gateway.log import Entry
from gateway.node import Node, Terms
from gateway.parcels import SealedPackage

WHY: Final = "节点恢复后无法核对反馈编号 / replies cannot be matched after a restore"


class Asked:
    """Follows what one log says of inquiries, in order."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.unclear: set[tuple[str, str]] = set()
        """(parcel, receiver) of inquiries of which only some were settled, nobody knows which."""
        self._owed: dict[tuple[str, str], int] = defaultdict(int)
        self._many: Mapping[Event, Callable[[Transaction, Entry], None]] = {
            Event.OWED: self._set,
            Event.MISSED: self._missed,
            Event.MOVED: self._moved,
            Event.MET: self._settled,
            Event.VOIDED: self._settled,
            Event.RETURNED: self._settled,
            Event.TRANSFERRED: self._settled,
        }

    def follow(self, tx: Transaction, entry: Entry) -> None:
        """What one entry says of the dates of many records."""
        if entry.event in self._many:
            self._many[entry.event](tx, entry)

    def _set(self, _tx: Transaction, entry: Entry) -> None:
        """So many dates were set by a source; an inquiry's are entered with its delivery."""
        self._owed[entry.parcel, entry.parties[0]] += entry.counts["obligations"]

    def undated(self, tx: Transaction) -> list[tuple[str, str]]:
        """(parcel, party) of those whose dates the log does not tell, and of which something is open: what a sender
        owes since a day that stood in the record."""
        return sorted(at for at, n in self._owed.items() if n > 0 and not tx.obligations.where(kind=None, source=at[0]))

    def accepted(self, tx: Transaction, row: ParcelRow, packages: Sequence[SealedPackage], entry: Entry) -> None:
        """An inquiry that the backup does not know: entered without a key, without fingerprints, and with the place of
        its receiver in the place of each county."""
        facts = self._node.facts.current()
        agreement = facts.agreements.get(row.agreement)
        if agreement is None or agreement.clock is None or not agreement.clock.answered_by:
            return
        for package in packages:
            if tx.inquiries.where(parcel=row.id, receiver=package.receiver):
                continue
            inquiry = InquiryRow(
                parcel=row.id,
                receiver=package.receiver,
                agreement=row.agreement,
                reply=agreement.clock.answered_by,
                origin=row.origin,
                number=row.revision,
                state=INQUIRY.apply(None, entry).state,
                records=package.records,
                key="",
            )
            tx.inquiries.add(inquiry)
            party = facts.parties.get(package.receiver)
            area = party.area_code[:6] if party else ""
            tx.dated.add(
                [
                    DatedRow(row.id, package.receiver, ordinal, area, obligation=own_id(inquiry, ordinal))
                    for ordinal in range(1, package.records + 1)
                ]
            )

    def delivered(self, tx: Transaction, entry: Entry, parcels: set[str], terms: Terms) -> None:
        """Inquiries of these parcels entered their receiver's channel with the batch of this entry: the dates are those
        of then."""
        receiver = entry.parties[-1]
        for parcel in sorted(parcels):
            for inquiry in tx.inquiries.where(parcel=parcel, receiver=receiver, state=InquiryState.WAITING):
                _start(tx, inquiry, entry, terms)

    def stated(self, tx: Transaction, entry: Entry, terms: Terms) -> None:
        """The first receipt that states the dates says how many there were: where the replay has set another number,
        an open inquiry's date stands for some of them, and nobody knows for which."""
        receiver = entry.parties[-1]
        if not entry.id.endswith(f"/{Event.RECEIPT}"):
            return
        for inquiry in tx.inquiries.where(parcel=entry.parcel, receiver=receiver):
            if inquiry.state is InquiryState.WAITING:
                _start(tx, inquiry, entry, terms)
            set_ = tx.obligations.where(kind=None, source=inquiry.parcel, party=receiver)
            if len(set_) != entry.counts["obligations"]:
                self.unclear.add((inquiry.parcel, receiver))

    def _settled(self, tx: Transaction, entry: Entry) -> None:
        """So many of a source's records came to an end. Which does not matter where none is left, nor where no key
        tells them apart; counts are right in any case."""
        source, party = entry.parcel, entry.parties[0]
        if entry.id.endswith("/taken-over"):
            self._taken_over(tx, source, party)
            return
        count = entry.counts["obligations"]
        self._owed[source, party] -= count
        rows = _open(tx, source, party)
        for owed, role in zip(rows, _roles(entry), strict=False):
            tx.obligations.change(owed.id, OBLIGATION.apply(owed.state, entry, role))
        if count < len(rows):
            self.unclear |= tx.dated.asked_under([owed.id for owed in rows])

    def _taken_over(self, tx: Transaction, parcel: str, receiver: str) -> None:
        """Records of other inquiries yielded to this one's. Where its delivery could not tell which, nobody can."""
        for inquiry in tx.inquiries.where(parcel=parcel, receiver=receiver):
            if inquiry.key:
                continue
            others = tx.inquiries.where(origin=inquiry.origin, receiver=receiver, closed_at=None)
            self.unclear |= {(o.parcel, receiver) for o in others if o.parcel != parcel}

    def _missed(self, tx: Transaction, entry: Entry) -> None:
        """So many were open when their date passed."""
        due = entry.id.split("/missed/")[1].split("/")[0]
        still = _open(tx, entry.parcel, entry.parties[0])
        rows = [o for o in still if o.due.isoformat() == due and o.state is ObligationState.OPEN]
        for owed in rows[: entry.counts["obligations"]]:
            tx.obligations.change(owed.id, OBLIGATION.apply(owed.state, entry))

    def _moved(self, tx: Transaction, entry: Entry) -> None:
        """All of a source that had one date have another."""
        was = day(entry.counts["was"])
        for owed in tx.obligations.where(kind=None, source=entry.parcel, party=entry.parties[0]):
            if owed.due == was and owed.state not in SETTLED:
                tx.obligations.change(owed.id, OBLIGATION.apply(owed.state, entry))

    def closed(self, tx: Transaction, entry: Entry) -> None:
        """Its last record is settled, and its key is gone: here as well."""
        _, agreement, name, receiver = entry.parcel.split(":")
        for inquiry in tx.inquiries.where(agreement=agreement, receiver=receiver, closed_at=None):
            if inquiry.name == name and inquiry.state is InquiryState.OPEN:
                tx.inquiries.change(inquiry.parcel, receiver, INQUIRY.apply(inquiry.state, entry))
                self.unclear.discard((inquiry.parcel, receiver))


def _start(tx: Transaction, inquiry: InquiryRow, entry: Entry, terms: Terms) -> None:
    agreement = terms.facts.agreements.get(inquiry.agreement)
    if agreement is not None and agreement.clock is not None:
        tx.inquiries.change(inquiry.parcel, inquiry.receiver, INQUIRY.apply(inquiry.state, entry))
        delivering.start(tx, inquiry, agreement.clock, entry.time, terms)


def _roles(entry: Entry) -> list[str]:
    """The role of each obligation that one entry settles: those that were not simply met in time come first."""
    count = entry.counts["obligations"]
    if entry.event is not Event.MET:
        return [""] * count
    special = [HOW[state] for state, name in COUNTED.items() for _ in range(entry.counts.get(name, 0))]
    return special + [HOW[ObligationState.MET]] * (count - len(special))


def _open(tx: Transaction, source: str, party: str) -> list[ObligationRow]:
    found = tx.obligations.where(kind=None, source=source, party=party)
    return sorted((o for o in found if o.state not in SETTLED), key=lambda o: _ordinal(o.id))


def _ordinal(identity: str) -> int:
    tail = identity.rpartition("/")[2]
    return int(tail) if tail.isdigit() else 0


def waiting(reading: Reading, unclear: Sequence[tuple[str, str]]) -> list[tuple[InquiryRow, tuple[str, ...]]]:
    """Inquiries that a person has to decide about, with what may be decided: without their key they can only end
    (`void`: the asking side asks again for what it still misses); where it is not known which records were answered,
    they may also go on (`keep`: what was answered may be answered once more)."""
    found: list[tuple[InquiryRow, tuple[str, ...]]] = []
    for inquiry in reading.inquiries.where(closed_at=None):
        if not inquiry.key:
            found.append((inquiry, ("void",)))
        elif (inquiry.parcel, inquiry.receiver) in unclear:
            found.append((inquiry, ("keep", "void")))
    return found


def void(tx: Transaction, node: Node, parcel: str, receiver: str, decided: Entry) -> None:
    """Nothing is owed of it any more; it is closed, and its key destroyed. `decided` is the entry of the person's
    decision."""
    terms = node.terms()
    ended = []
    for _, owed in tx.dated.with_obligations(parcel=parcel, receiver=receiver):
        if owed.state not in SETTLED:
            change = Change("void", owed.id, tx.now, decided.actor, WHY, None)
            changes.changed(tx, change, owed, terms)
            ended.append(owed.id)
    closing.close(tx, ended, terms.facts)
    for inquiry in tx.inquiries.where(parcel=parcel, receiver=receiver, state=InquiryState.WAITING):
        tx.inquiries.change(parcel, receiver, INQUIRY.apply(inquiry.state, decided))  # nothing was owed yet
        for package in tx.packages.where(parcel=parcel, receiver=receiver):
            if package.state in (PackageState.HELD, PackageState.WAITING):
                tx.packages.change(package.id, PACKAGE.apply(package.state, decided))
