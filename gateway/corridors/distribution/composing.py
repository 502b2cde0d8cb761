"""Composing a batch: the list, its signature, its page, the form to sign and the transmittal sheet; written once, and
adopted ever after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from gateway import durable
from gateway.adapters.ledger.rows import BatchRow
from gateway.corridors.distribution.collecting import PROGRESS
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.outcomes import Ok, Outcome
from gateway.parcels import AgreementId, DistributionId, Listed, PartyId, Released
from gateway.policy.facts import Agreement, Facts, Party
from gateway.receipts import collection as collections
from gateway.receipts import distribution as documents
from gateway.receipts import naming
from gateway.receipts.collection import Collection
from gateway.receipts.distribution import DistributionList
from gateway.receipts.listing import Withdrawn
from gateway.receipts.parties import Issuer, Receiver
from gateway.receipts.receipt import LogEntry, number

Beside: TypeAlias = Mapping[str, tuple[Path, str]]
"""What lies beside the packages of a batch: name -> (path, SHA-256)."""


def compose(
    node: Node, batch: BatchRow, receiver: Party, agreement: Agreement, facts: Facts
) -> Outcome[dict[str, tuple[Path, str]]]:
    """What lies beside the packages, the list last. Deferred and Fault as the sealer's `sign`; `ValueError` where what
    is known of the packages makes no list."""
    folder = node.spool.batch(DistributionId(batch.id))
    whole = folder / ".whole"
    if not whole.exists():
        listing, seq = _list(node, batch, agreement, facts)
        body = listing.to_json()
        signed = node.sealer.sign(body, agreement.profile)
        if not isinstance(signed, Ok):
            return signed
        writing = _Writing(listing, receiver, agreement, facts)
        pages = writing.pages(number(writing.issued_at.date(), seq))
        listed = naming.list_name(listing, receiver.id, receiver.language)
        made = {**pages, f"{listed}.sig": signed.value, listed: body}
        for name, data in made.items():
            durable.write_bytes(folder / name, data, 0o640)
        durable.write_bytes(whole, b"")
    files = sorted((f for f in folder.iterdir() if not f.name.startswith(".")), key=_list_last)
    return Ok({f.name: (f, durable.sha256_file(f)[0]) for f in files})


def _list(node: Node, batch: BatchRow, agreement: Agreement, facts: Facts) -> tuple[DistributionList, int]:
    """The list of a batch, and the place of its release in the log."""
    with node.ledger.reading() as reading:
        entry = reading.entries.get(f"{batch.id}/{Event.RELEASED}")
    assert entry is not None, "a release is logged with the batch"
    lines, withdrawn, collection = content(node, batch.id)
    released = Released(
        DistributionId(batch.id),
        AgreementId(agreement.id),
        batch.period,
        batch.batch,
        PartyId(batch.receiver),
        batch.facts,
        lines,
    )
    listing = DistributionList.of(
        released,
        label=agreement.label,
        issuer=PartyId(facts.node.party),
        issued_at=batch.released_at.astimezone(SHANGHAI),
        log=LogEntry(facts.node.name, entry.seq, entry.leaf),
        withdrawn=withdrawn,
    )
    return replace(listing, collection=collection), entry.seq


@dataclass(frozen=True, slots=True)
class _Writing:
    """A list, and what its pages are written with."""

    listing: DistributionList
    receiver: Party
    agreement: Agreement
    facts: Facts

    @property
    def issued_at(self) -> datetime:
        return self.listing.issued_at

    @property
    def ours(self) -> Party:
        return self.facts.parties[self.facts.node.party]

    def pages(self, sheet_number: str) -> dict[str, bytes]:
        """Name -> content of the form, the sheet and the page."""
        listing, receiver, language = self.listing, self.receiver, self.receiver.language
        profile, names = self.agreement.profile, {party.id: party.name for party in self.facts.parties.values()}
        own = self.ours.sealing_key(profile, self.issued_at.date()) or ""
        issuer = Issuer(self.ours.name, fingerprint=own, profile=profile, folders=self.facts.node.folders)
        to = Receiver(receiver.name, next(iter(receiver.pins(profile)), ""), receiver.id)
        sheet = documents.transmittal_sheet(listing, issuer, to, language, names, number=sheet_number)
        return {
            naming.form_name(listing, receiver.id, language, profile): documents.acknowledgement_form(listing),
            naming.sheet_name(listing, receiver.id, language): sheet,
            naming.list_name(listing, receiver.id, language, ".html"): documents.page(
                listing, issuer, to, language, names
            ),
        }


def content(node: Node, distribution: str) -> tuple[tuple[Listed, ...], tuple[Withdrawn, ...], Collection | None]:
    """What a batch holds: its lines, what its receiver has to delete, and, for the level above, who was collected
    from."""
    with node.ledger.reading() as reading:
        body = reading.progress.get(distribution, PROGRESS)
    assert body is not None, "a release keeps its lines"
    held = json.loads(body)
    lines, withdrawn = held["lines"], held["withdrawn"]
    told = collections.parse(held["collection"]) if "collection" in held else None
    return tuple(Listed(**line) for line in lines), tuple(Withdrawn(**notice) for notice in withdrawn), told


def is_list(path: Path) -> bool:
    """Whether a file of a batch is the signed list itself."""
    return path.suffix == ".json" and not path.name.endswith(".receipt.json")


def signed_list(beside: Beside) -> tuple[bytes, bytes]:
    """The list's bytes and their signature."""
    signature = next(path for path, _ in beside.values() if path.name.endswith(".json.sig"))
    return signature.with_suffix("").read_bytes(), signature.read_bytes()


def _list_last(path: Path) -> tuple[bool, str]:
    """A receiver that sees the list finds everything that it names, so the list goes last."""
    return is_list(path), path.name
