"""A parcel is refused: its state, its place given up, the entry, the receipt. One way, wherever it is refused."""

from __future__ import annotations

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.recording.entries import KEEP, Said, content, keeping, of_parcel, parcel_entry
from gateway.corridors.recording.impersonating import log_impersonation
from gateway.corridors.recording.issuing import Issue, issue
from gateway.corridors.recording.tried import kept
from gateway.lifecycle import Event
from gateway.node import Terms
from gateway.outcomes import Refused
from gateway.receipts.receipt import Counts


def refuse(tx: Transaction, parcel: ParcelRow, refusal: Refused, terms: Terms) -> None:
    """Where rows were judged, `detail` has their number as `records`: all of them count as refused."""
    records = int(refusal.detail.get("records", 0))
    days = keeping(terms.facts, parcel.agreement).quarantine
    counts = {"records": records, "code": int(refusal.code), KEEP: days}
    entry = of_parcel(tx, parcel, Event.REFUSED, Said(counts, content(tx, parcel)))
    tx.parcels.update(parcel.id, detail=kept(parcel, refusal.detail))
    tx.places.free(parcel.id)
    log_impersonation(tx, refusal, parcel_entry(tx, parcel, Event.IMPERSONATED))
    told = Issue(
        "refused",
        refusal.code,
        entry,
        Counts(records, 0, records),
        codes=refusal.codes,
        detail=refusal.detail,
        reading=refusal.reading,
    )
    issue(tx, tx.parcels.row(parcel.id), told, terms)
