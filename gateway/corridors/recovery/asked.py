"""Inquiries and their dates after a restore, out of what was logged of them.

The log says which inquiry was accepted with how many records, when it entered its receiver's channel, and how many of
its records were settled, how. It names no record. So dates come back, and counts; which record was answered comes back
where all of them were. The rest is `unclear`, and a person decides. An inquiry whose key was lost with the node cannot
be answered by number any more: it is `unclear` as well, as long as something of it is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import InquiryRow, ObligationRow, ParcelRow
from gateway.adapters.ledger.transaction import Reading
from gateway.corridors.inquiries import closing, delivering
from gateway.corridors.inquiries.entering import own_id
from gateway.corridors.obligations import changes
from gateway.deadlines.changes import Change
from gateway.lifecycle import SETTLED, Event, ObligationState
from gateway.node import Node
from gateway.parcels import SealedPackage
from gateway.policy.facts import Facts

Entry = Mapping[str, Any]
_ENDS: Final[Mapping[str, ObligationState]] = {
    Event.MET: ObligationState.MET,
    Event.RETURNED: ObligationState.RETURNED,
    Event.TRANSFERRED: ObligationState.TRANSFERRED,
    Event.VOIDED: ObligationState.VOID,
}
WHY = "节点恢复后无法核对反馈编号 / replies cannot be matched after a restore"


class Asked:
    """Follows what one log says of inquiries, in order."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.unclear: set[tuple[str, str]] = set()
        """(parcel, receiver) of inquiries of which only some were settled, nobody knows which."""
        self._owed: dict[tuple[str, str], int] = defaultdict(int)

    def owed(self, entry: Entry) -> None:
        """So many dates were set by a source; an inquiry's are entered with its delivery."""
        self._owed[entry["parcel"], entry["parties"][0]] += entry["counts"]["obligations"]

    def undated(self, tx: Transaction) -> list[tuple[str, str]]:
        """(parcel, party) of those whose dates the log does not tell, and of which something is open: what a sender
        owes since a day that stood in the record."""
        return sorted(at for at, n in self._owed.items() if n > 0 and not tx.obligations(kind="", source=at[0]))

    def accepted(self, tx: Transaction, row: ParcelRow, packages: Sequence[SealedPackage], facts: Facts) -> None:
        """An inquiry that the backup does not know: entered without a key, without fingerprints, and with the place of
        its receiver in the place of each county."""
        agreement = facts.agreements.get(row.agreement)
        if agreement is None or agreement.clock is None or not agreement.clock.answered_by:
            return
        for package in packages:
            if tx.inquiries(parcel=row.id, receiver=package.receiver):
                continue
            inquiry = InquiryRow(
                parcel=row.id,
                receiver=package.receiver,
                agreement=row.agreement,
                reply=agreement.clock.answered_by,
                origin=row.origin,
                number=row.revision,
                records=package.records,
                key="",
                delivered_at="",
                closed_at="",
            )
            tx.add_inquiry(**{name: getattr(inquiry, name) for name in InquiryRow.__dataclass_fields__})
            party = facts.parties.get(package.receiver)
            area = party.area_code[:6] if party else ""
            tx.add_dated(
                [
                    {
                        "parcel": row.id,
                        "receiver": package.receiver,
                        "ordinal": ordinal,
                        "fingerprint": "",
                        "area": area,
                        "since": "",
                        "obligation": own_id(inquiry, ordinal),
                        "covers": "",
                        "refused_at": "",
                        "claimed": "",
                    }
                    for ordinal in range(1, package.records + 1)
                ]
            )

    def delivered(self, tx: Transaction, entry: Entry, facts: Facts) -> None:
        """It entered its receiver's channel at the instant of this entry: the dates are those of then."""
        receiver = entry["parties"][-1]
        for inquiry in tx.inquiries(parcel=entry["parcel"], receiver=receiver, delivered_at=""):
            agreement = facts.agreements.get(inquiry.agreement)
            if agreement is None or agreement.clock is None:
                continue
            at = datetime.fromisoformat(entry["time"])
            _, owed = delivering.start(tx, inquiry, agreement.clock, at, facts, self._node.facts.calendar())
            if len(owed) != entry["counts"]["obligations"]:
                self.unclear.add((inquiry.parcel, receiver))  # an open one's date stands for some of them

    def settled(self, tx: Transaction, entry: Entry) -> None:
        """So many of a source's records came to an end. Which does not matter where none is left, nor where no key
        tells them apart; counts are right in any case."""
        source, party = entry["parcel"], entry["parties"][0]
        if entry["id"].endswith("/taken-over"):
            self._taken_over(tx, source, party)
            return
        self._owed[source, party] -= entry["counts"]["obligations"]
        count, late = entry["counts"]["obligations"], entry["counts"].get("late", 0)
        rows = _open(tx, source, party)
        chosen = rows[:count]
        for number, owed in enumerate(chosen):
            state = _ENDS[entry["event"]]
            state = ObligationState.MET_LATE if state is ObligationState.MET and number < late else state
            tx.update_obligation(owed.id, state=str(state), met_at=entry["time"], remind_at="")
        if count < len(rows):
            self.unclear |= tx.asked_under([owed.id for owed in rows])

    def _taken_over(self, tx: Transaction, parcel: str, receiver: str) -> None:
        """Records of other inquiries yielded to this one's. Where its delivery could not tell which, nobody can."""
        for inquiry in tx.inquiries(parcel=parcel, receiver=receiver):
            if inquiry.key:
                continue
            others = tx.inquiries(origin=inquiry.origin, receiver=receiver, closed_at="")
            self.unclear |= {(o.parcel, receiver) for o in others if o.parcel != parcel}

    def missed(self, tx: Transaction, entry: Entry) -> None:
        """So many were open when their date passed."""
        due = entry["id"].split("/missed/")[1].split("/")[0]
        rows = [
            o
            for o in _open(tx, entry["parcel"], entry["parties"][0])
            if o.due == due and o.state == ObligationState.OPEN
        ]
        tx.update_obligations([o.id for o in rows[: entry["counts"]["obligations"]]], state=str(ObligationState.MISSED))

    def closed(self, tx: Transaction, entry: Entry) -> None:
        """Its last record is settled, and its key is gone: here as well."""
        _, agreement, name, receiver = entry["parcel"].split(":")
        for inquiry in tx.inquiries(agreement=agreement, receiver=receiver, closed_at=""):
            if inquiry.name == name:
                tx.close_inquiry(inquiry.parcel, receiver)
                self.unclear.discard((inquiry.parcel, receiver))


def _open(tx: Transaction, source: str, party: str) -> list[ObligationRow]:
    found = tx.obligations(kind="", source=source, party=party)
    return sorted((o for o in found if ObligationState(o.state) not in SETTLED), key=lambda o: _ordinal(o.id))


def _ordinal(identity: str) -> int:
    tail = identity.rpartition("/")[2]
    return int(tail) if tail.isdigit() else 0


def waiting(reading: Reading, unclear: Sequence[tuple[str, str]]) -> list[tuple[InquiryRow, tuple[str, ...]]]:
    """Inquiries that a person has to decide about, with what may be decided: without their key they can only end
    (`void`: the asking side asks again for what it still misses); where it is not known which records were answered,
    they may also go on (`keep`: what was answered may be answered once more)."""
    found: list[tuple[InquiryRow, tuple[str, ...]]] = []
    for inquiry in reading.inquiries(closed_at=""):
        if not inquiry.key:
            found.append((inquiry, ("void",)))
        elif (inquiry.parcel, inquiry.receiver) in unclear:
            found.append((inquiry, ("keep", "void")))
    return found


def void(tx: Transaction, node: Node, parcel: str, receiver: str, actor: str) -> None:
    """Nothing is owed of it any more; it is closed, and its key destroyed."""
    facts, calendar = node.facts.current(), node.facts.calendar()
    ended = []
    for _, owed in tx.dated_with_state(parcel=parcel, receiver=receiver):
        if ObligationState(owed.state) not in SETTLED:
            change = Change("void", owed.id, tx.now, actor, WHY, None)
            changes.changed(tx, change, owed, facts, calendar)
            ended.append(owed.id)
    closing.close(tx, ended, facts)
    for inquiry in tx.inquiries(parcel=parcel, receiver=receiver, closed_at=""):  # not delivered: nothing was owed yet
        tx.close_inquiry(inquiry.parcel, inquiry.receiver)
        for package in tx.packages(parcel=parcel, receiver=receiver):
            if package.state in ("held", "waiting"):
                tx.update_package(package.id, state="lost")
