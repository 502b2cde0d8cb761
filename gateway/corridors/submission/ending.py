"""What is written of a parcel where its corridor ends: accepted, waiting for a person, or the same as one before."""

from __future__ import annotations

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.comparing import statistics
from gateway.corridors.obligations import settling
from gateway.corridors.recording import Issue, Said, content, issue, kept, of_parcel, parcel_entry
from gateway.corridors.submission import superseding
from gateway.lifecycle import PARCEL, Event
from gateway.node import Terms
from gateway.outcomes import Detail, Held
from gateway.parcels import Checked, Kind, Sealed, Tally
from gateway.policy.facts import Facts
from gateway.receipts.receipt import Counts


def accepted(tx: Transaction, row: ParcelRow, sealed: Sealed, terms: Terms) -> None:
    """Everything is sealed: packages, entries, the obligation met, the receipt."""
    checked, tally = sealed.sorted.checked, sealed.sorted.checked.tally
    missing = superseding.missing(tx, row)
    code = _code(row, tally, parts_missing=bool(missing))
    of_parcel(tx, row, Event.SEALED, _sealed(sealed))
    out = out_of(sealed, terms.facts)
    counts = {
        "records": tally.records,
        "accepted": tally.accepted,
        "refused": tally.refused,
        "warned": tally.warned,
        "code": int(code),
        **{f"out_{province}": records for province, records in out.items()},
    }
    said = Said(counts, {**content(tx, row), "records": checked.digest})
    entry = parcel_entry(tx, row, Event.ACCEPTED, said)
    superseding.enter(tx, row, sealed.packages, entry)
    tx.parcels.change(row.id, PARCEL.apply(row.state, entry))
    detail: Detail = {}
    if missing:
        detail = {"part": row.part, "parts": row.parts, "missing": "、".join(map(str, missing))}
    tx.parcels.update(row.id, detail=kept(row, detail))
    logged = tx.log(entry)
    done = tx.parcels.row(row.id)
    settling.settle_submission(tx, done, terms)
    if (overdue := settling.overdue(tx, done, terms)) is not None:
        detail = {**detail, "timeliness": overdue.timeliness}
    agreement = terms.facts.agreements.get(row.agreement)
    told = Issue(
        "partly_refused" if tally.refused else "accepted",
        code,
        logged,
        Counts(tally.records, tally.accepted, tally.refused, tally.warned, out),
        codes=checked.codes,
        packages=tuple(package.package for package in sealed.packages),
        detail=detail,
        passed=(overdue.due,) if overdue else (),
        checked=checked,
        reconciled=statistics.told(tx, agreement, done, checked.sums) if agreement else {},
    )
    issue(tx, done, told, terms)


def awaits(tx: Transaction, row: ParcelRow, held: Held[Checked], terms: Terms) -> None:
    """A parcel waits for a person's word: nothing of it is sealed, and its sender is told."""
    tally = held.value.tally
    counts = {
        "code": int(held.code),
        "records": tally.records,
        "accepted": tally.accepted,
        "refused": tally.refused,
        "warned": tally.warned,
    }
    entry = of_parcel(tx, row, Event.HELD, Said(counts))
    tx.parcels.update(row.id, detail=kept(row, held.detail))
    told = Counts(tally.records, tally.accepted, tally.refused, tally.warned)
    issue(tx, tx.parcels.row(row.id), Issue("held", held.code, entry, told, detail=held.detail), terms)


def duplicate(tx: Transaction, row: ParcelRow, original: str) -> None:
    """The same bytes again: the receipt of the parcel `original` is posted again, no new one is issued."""
    of_parcel(tx, row, Event.DUPLICATE, Said(digests={**content(tx, row), "original": original}))


def _sealed(sealed: Sealed) -> Said:
    """What the entry says of the packages: how many records, each one's bytes by receiver, each one's digest."""
    sizes = {f"bytes_{package.receiver}": package.size for package in sealed.packages}
    counts = {"packages": len(sealed.packages), "records": sealed.sorted.checked.tally.accepted, **sizes}
    return Said(counts, {package.package: package.sha256 for package in sealed.packages})


def _code(parcel: ParcelRow, tally: Tally, *, parts_missing: bool) -> str:
    if tally.refused:
        return "101"
    if parts_missing:
        return "103"
    return {Kind.NIL: "102", Kind.VOID: "104", Kind.REPLACE: "105"}.get(parcel.kind or Kind.NEW, "100")


def out_of(sealed: Sealed, facts: Facts) -> dict[str, int]:
    """Records per two-digit province, or per receiver's id where other parties are routed to; a fixed route has one
    part, under its receiver's id."""
    agreement = facts.agreements[sealed.sorted.checked.opened.arrival.agreement]
    parts = sealed.sorted.checked.parts
    if agreement.by_province:
        return {part.province: part.records for part in parts}
    if agreement.receivers == "routed":
        routes = facts.routes(agreement)
        return {routes[part.province].id: part.records for part in parts}
    listed = list(agreement.receivers) if not isinstance(agreement.receivers, str) else []
    everybody = [party.id for party in facts.receivers(agreement)]  # in the order of the facts, then that of a tier
    everybody.sort(key=lambda party: listed.index(party) if party in listed else len(listed))
    return {"+".join(everybody): part.records for part in parts}
