"""Posting: the outbox of receipts becomes files that people find (design: formats, "What a party sees on disk").

Names follow from the receipt's number, so posting again writes the same files. What is personal (the file's own name,
the returned rows) goes only into the sender's own folder; afterwards the spool forgets the parcel, or keeps the
original in quarantine until its retention ends.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger.rows import ParcelRow, ReceiptRow
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Tools
from gateway.outcomes import Ok
from gateway.parcels import ParcelId
from gateway.policy.facts.base import Profile
from gateway.policy.facts.facts import Agreement, Facts, Party, Retention
from gateway.policy.facts.routing import version_for
from gateway.receipts import naming, pages
from gateway.receipts.codes import CodeLine, code_lines
from gateway.receipts.pages import Legend, SentFile
from gateway.receipts.parties import Issuer
from gateway.receipts.receipt import Receipt, parse
from gateway.records import schema

MODE = 0o660


class Posting:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def post(self, parcel: ParcelId) -> None:
        """Write every receipt of the parcel that is not written yet; then clean up after a settled parcel."""
        tools = self._tools
        with tools.ledger.reading() as reading:
            row = reading.parcel(parcel)
            waiting = [r for r in reading.receipts(parcel=parcel) if not r.written_at]
        if row is None:
            return
        for receipt in waiting:
            self._write(row, receipt)
            if receipt.about:
                self._write(row, receipt, to=receipt.about)
            with tools.ledger.transaction(tools.clock.now()) as tx:
                tx.receipt_written(receipt.number)
        if row.state == "duplicate":
            self._again(row)
        if row.settled:
            self._clean(row)
            with tools.ledger.transaction(tools.clock.now()) as tx:
                tx.update_parcel(parcel, posted_at=rfc3339(tx.now))

    def _write(self, row: ParcelRow, stored: ReceiptRow, *, duplicate: bool = False, to: str = "") -> None:
        """`to`: the receiver whose delivery the receipt states, which gets it too."""
        tools, facts = self._tools, self._tools.facts.current()
        party, receipt = facts.parties[to or stored.party], parse(stored.body)
        folders = facts.node.folders
        machine = tools.folder(party, folders.receipts, folders.machine)
        durable.make_folder(machine, 0o770)
        name = naming.file_name(receipt, receipt.label, party.language, ".receipt.json")
        durable.write_bytes(machine / name, stored.body, MODE)
        agreement = facts.agreements.get(receipt.agreement)
        profile: Profile = agreement.profile if agreement else "openpgp"
        signed = tools.sealer.sign(stored.body, profile)
        if isinstance(signed, Ok):
            durable.write_bytes(machine / f"{name}.sig", signed.value, MODE)
        else:
            raise OSError(0, "signing is not available")
        returned, listed = ("", "") if duplicate else self._return(row, party, receipt, facts)
        shown = replace(receipt, code="220") if duplicate else receipt
        node = facts.parties[facts.node.party]
        key = node.sealing_key(profile, tools.clock.now().date()) or ""
        page = pages.receipt_page(
            shown,
            party.language,
            party_name=party.name,
            issuer=Issuer(node.name, _contact(node), key, profile, facts.node.folders),
            file=SentFile(
                name=None if to else tools.inbox.name(ParcelId(row.id)) or returned or None,
                lines=self._findings(ParcelId(row.id), receipt, party, facts),
                returned_list=listed,
                returned_days=_returned_days(facts, receipt),
            ),
            legend=Legend(
                names={key: p.name for p in facts.parties.values() for key in _names(p)},
                labels={a.id: a.label for a in facts.agreements.values()},
                targets=agreement.targets.model_dump() if agreement else {},
            ),
        )
        target = tools.folder(party, folders.receipts) / naming.file_name(shown, receipt.label, party.language)
        durable.write_bytes(target, page, MODE)

    def _findings(self, parcel: ParcelId, receipt: Receipt, party: Party, facts: Facts) -> tuple[CodeLine, ...] | None:
        """What is wrong, field by field, from the examination's list in the spool; the receipt knows codes only."""
        listed, agreement = self._tools.spool.violations(parcel), facts.agreements.get(receipt.agreement)
        if agreement is None or not receipt.codes or not listed.exists():
            return None
        fields = schema.document(facts.schemas, agreement.dataset, version_for(agreement, receipt.period))["fields"]
        titles = {field["name"]: field.get("title", field["name"]) for field in fields}
        with listed.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            next(rows, None)
            return code_lines(rows, titles, party.language)

    def _again(self, row: ParcelRow) -> None:
        """A duplicate gets the original receipt again: the same document, and a page that says why."""
        with self._tools.ledger.reading() as reading:
            for original in reading.receipts(parcel=row.original):
                self._write(row, original, duplicate=True)

    def _return(self, row: ParcelRow, party: Party, receipt: Receipt, facts: Facts) -> tuple[str, str]:
        """Lay the refused original and the list of refused rows into 退回. Answers their names there."""
        tools, parcel = self._tools, ParcelId(row.id)
        returned, listed = "", ""
        if receipt.stage == "refused":
            outcome = tools.inbox.return_original(parcel)
            if not isinstance(outcome, Ok):
                raise OSError(0, "the original cannot be returned yet")
            returned = outcome.value
        source = tools.spool.refused_list(parcel)
        if source.exists():
            agreement = facts.agreements[row.agreement]
            listed = list_name(agreement, receipt, party)
            target = tools.folder(party, facts.node.folders.returned) / listed
            durable.make_folder(target.parent, 0o770)
            durable.write(target, lambda stream: _copy(source, stream), MODE)
        return returned, listed

    def _clean(self, row: ParcelRow) -> None:
        """Plain records go. A refused original stays in quarantine for its retention."""
        tools, parcel = self._tools, ParcelId(row.id)
        tools.inbox.finish(parcel)
        if row.state == "refused":
            tools.spool.to_quarantine(parcel)
            tools.inbox.forget(parcel)
            return
        tools.inbox.forget(parcel)
        now = tools.clock.now()
        with tools.ledger.transaction(now) as tx:
            if tx.entry(f"{parcel}/{Event.ERASED}") is None:
                tx.log(
                    Entry(
                        id=f"{parcel}/{Event.ERASED}",
                        event=Event.ERASED,
                        time=now,
                        actor="gateway",
                        facts=row.facts,
                        parties=(row.sender,),
                        parcel=row.id,
                    )
                )


def _names(party: Party) -> tuple[str, ...]:
    """What receipts call a party by: provinces by two digits where records are counted."""
    return (party.province, party.id) if party.tier == "province" else (party.id,)


def _contact(party: Party) -> str:
    return f"{party.contacts[0].name} {party.contacts[0].phone}".strip() if party.contacts else ""


def _returned_days(facts: Facts, receipt: Receipt) -> int:
    agreement = facts.agreements.get(receipt.agreement)
    return agreement.retention.returned if agreement else Retention().returned


def list_name(agreement: Agreement, receipt: Receipt, party: Party) -> str:
    """The list of refused rows is named so that it can be repaired and dropped back as it is: it names its period and
    says 补报 where the rest was accepted."""
    serial = receipt.number.partition("-")[2]
    suffix = "-补报" if receipt.stage == "partly_refused" else ""
    head = "退回清单" if party.language == "zh" else "returned-rows"
    return naming.safe(f"{agreement.label}-{receipt.period}{suffix}-{head}{serial}") + ".xlsx"


def _copy(source: Path, stream: object) -> None:
    with source.open("rb") as reading:
        while block := reading.read(durable.CHUNK):
            stream.write(block)  # type: ignore[attr-defined]
