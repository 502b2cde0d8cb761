"""What is owed: entered once, judged by the receipts' instants, marked missed; each with its entry."""

from __future__ import annotations

from datetime import date
from typing import Literal

from gateway import deadlines
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ObligationRow, ParcelRow
from gateway.corridors import superseding
from gateway.corridors.recording.entries import instant
from gateway.corridors.tools import ACTOR
from gateway.deadlines import Calendar, Delivery, Obligation, State
from gateway.deadlines.obligations import SETTLED, opens_at
from gateway.log import Entry, Event, rfc3339
from gateway.parcels import AgreementId, Kind, PartyId
from gateway.policy.model import Facts
from gateway.policy.periods import Period


def settle_obligation(tx: Transaction, parcel: ParcelRow, facts: Facts, calendar: Calendar) -> None:
    """Judge the submission this parcel answers, by the receipts' instants, once it is accepted. Met is met."""
    owed = tx.obligations(agreement=parcel.agreement, party=parcel.sender, period=parcel.period)
    if not owed or owed[0].state in SETTLED:
        return
    judged = deadlines.judge(
        _obligation(owed[0]),
        _deliveries(tx, owed[0]),
        tx.now,
        calendar,
    )
    tx.update_obligation(owed[0].id, state=str(judged.state), parcel=parcel.id, met_at=parcel.received_at)
    if judged.state in SETTLED:
        tx.log(
            Entry(
                id=f"{owed[0].id}/met",
                event=Event.MET,
                time=tx.now,
                actor=ACTOR,
                facts=facts.digest,
                parties=(parcel.sender,),
                counts={"late": int(judged.state is State.MET_LATE)},
            )
        )


def missed(tx: Transaction, owed: ObligationRow, facts: Facts, calendar: Calendar) -> bool:
    """Mark an obligation missed if it is, and say so in the log; the arrival that comes after is marked late."""
    judged = deadlines.judge(_obligation(owed), _deliveries(tx, owed), tx.now, calendar)
    if judged.state is not State.MISSED:
        return False
    tx.update_obligation(owed.id, state=str(State.MISSED))
    tx.log(
        Entry(
            id=f"{owed.id}/missed",
            event=Event.MISSED,
            time=tx.now,
            actor=ACTOR,
            facts=facts.digest,
            parties=(owed.party,),
        )
    )
    return True


def set_obligation(tx: Transaction, owed: Obligation, facts: Facts) -> None:
    """Enter what is owed, once."""
    added = tx.add_obligation(
        id=owed.id,
        agreement=owed.agreement,
        party=owed.party,
        period=owed.occasion,
        due=owed.due.isoformat(),
        expires_at=rfc3339(owed.expires_at),
        status=owed.status,
        edition=owed.edition,
        state=str(State.OPEN),
    )
    if added:
        tx.log(
            Entry(
                id=f"{owed.id}/set",
                event=Event.OWED,
                time=tx.now,
                actor=ACTOR,
                facts=facts.digest,
                parties=(owed.party,),
            )
        )


def _obligation(owed: ObligationRow) -> Obligation:
    period = Period.parse(owed.period)
    return Obligation(
        id=owed.id,
        duty="submission",
        party=PartyId(owed.party),
        agreement=AgreementId(owed.agreement),
        occasion=owed.period,
        opens_at=opens_at(period),
        due=date.fromisoformat(owed.due),
        expires_at=instant(owed.expires_at),
        status=standing(owed.status),
        edition=owed.edition,
    )


def _deliveries(tx: Transaction, owed: ObligationRow) -> list[Delivery]:
    """Everything the party sent for the period. What is still being checked is pending, so that nobody is late while
    the node is slow; parts count once, when the last of them is here."""
    parcels = tx.parcels(sender=owed.party, agreement=owed.agreement, period=owed.period)
    found = [_delivery(p) for p in parcels if p.state != "duplicate" and not (p.part and p.state == "accepted")]
    live = superseding.counting(tx, owed.party, owed.agreement, owed.period)
    parts = [instant(p.received_at) for p in live if p.part]
    return [*found, Delivery(max(parts), "accepted")] if parts else found


def _delivery(parcel: ParcelRow) -> Delivery:
    received = instant(parcel.received_at)
    if parcel.state == "refused":
        return Delivery(received, "refused", instant(parcel.updated_at))
    if parcel.state == "accepted":
        return Delivery(received, "nil" if parcel.kind == Kind.NIL else "accepted")
    return Delivery(received, "pending")


def standing(status: str) -> Literal["final", "provisional"]:
    return "provisional" if status == "provisional" else "final"
