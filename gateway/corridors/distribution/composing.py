"""Composing a batch: the list, its signature, its page, the form to sign and the transmittal sheet; written once, and
adopted ever after."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger.rows import DistributionRow
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event
from gateway.node import Tools
from gateway.outcomes import Ok, Outcome
from gateway.parcels import AgreementId, DistributionId, Listed, PartyId, Released
from gateway.policy.facts.facts import Agreement, Facts, Party
from gateway.receipts import distribution as documents
from gateway.receipts import naming
from gateway.receipts.listing import Withdrawn
from gateway.receipts.parties import Issuer, Receiver
from gateway.receipts.receipt import LogEntry, number


def compose(
    tools: Tools, batch: DistributionRow, receiver: Party, agreement: Agreement, facts: Facts
) -> Outcome[dict[str, tuple[Path, str]]]:
    """The list, its signature, its page, the form to sign and the transmittal sheet: written once, then adopted."""
    folder = tools.spool.batch(DistributionId(batch.id))
    whole = folder / ".whole"
    if not whole.exists():
        made = _documents(tools, batch, receiver, agreement, facts)
        if not isinstance(made, Ok):
            return made
        for name, data in made.value.items():
            durable.write_bytes(folder / name, data, 0o640)
        durable.write_bytes(whole, b"")
    files = sorted((f for f in folder.iterdir() if not f.name.startswith(".")), key=_list_last)
    return Ok({f.name: (f, durable.sha256_file(f)[0]) for f in files})


def _documents(
    tools: Tools, batch: DistributionRow, receiver: Party, agreement: Agreement, facts: Facts
) -> Outcome[dict[str, bytes]]:
    with tools.ledger.reading() as reading:
        entry = reading.entry(f"{batch.id}/{Event.RELEASED}")
    assert entry is not None, "a release is logged with the batch"
    log = LogEntry(facts.node.name, entry.seq, entry.leaf)
    lines, withdrawn = content(tools, batch.id)
    released = Released(
        DistributionId(batch.id),
        AgreementId(agreement.id),
        batch.period,
        batch.batch,
        PartyId(receiver.id),
        batch.facts,
        lines,
    )
    issued_at = datetime.fromisoformat(batch.released_at).astimezone(SHANGHAI)
    listing = documents.DistributionList.of(
        released,
        label=agreement.label,
        issuer=PartyId(facts.node.party),
        issued_at=issued_at,
        log=log,
        withdrawn=withdrawn,
    )
    body = listing.to_json()
    signed = tools.sealer.sign(body, agreement.profile)
    if not isinstance(signed, Ok):
        return signed
    language = receiver.language
    names = {party.id: party.name for party in facts.parties.values()}
    node = facts.parties[facts.node.party]
    own = node.sealing_key(agreement.profile, issued_at.date()) or ""
    issuer = Issuer(node.name, fingerprint=own, profile=agreement.profile, folders=facts.node.folders)
    to = Receiver(receiver.name, next(iter(receiver.pins(agreement.profile)), ""), receiver.id)
    page = documents.page(listing, issuer, to, language, names)
    sheet_number = number(issued_at.date(), entry.seq)
    sheet = documents.transmittal_sheet(listing, issuer, to, language, names, number=sheet_number)
    form_name = naming.form_name(listing, receiver.id, language, agreement.profile)
    list_name = naming.list_name(listing, receiver.id, language)
    return Ok(
        {
            form_name: documents.acknowledgement_form(listing),
            naming.sheet_name(listing, receiver.id, language): sheet,
            naming.list_name(listing, receiver.id, language, ".html"): page,
            f"{list_name}.sig": signed.value,
            list_name: body,
        }
    )


def content(tools: Tools, distribution: str) -> tuple[tuple[Listed, ...], tuple[Withdrawn, ...]]:
    """What a batch holds: its lines, and what its receiver has to delete."""
    with tools.ledger.reading() as reading:
        body = reading.progress(distribution, "releasing")
    assert body is not None, "a release keeps its lines"
    held = json.loads(body)
    lines, withdrawn = held["lines"], held["withdrawn"]
    return tuple(Listed(**line) for line in lines), tuple(Withdrawn(**notice) for notice in withdrawn)


def is_list(path: Path) -> bool:
    """Whether a file of a batch is the signed list itself."""
    return path.suffix == ".json" and not path.name.endswith(".receipt.json")


def _list_last(path: Path) -> tuple[bool, str]:
    """Whoever sees the list finds everything that it names, so the list goes last."""
    return is_list(path), path.name
