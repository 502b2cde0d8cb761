"""Posting: receipts that were issued become files that people find.

Names follow from the receipt's number, so posting again writes the same files. What is personal (the file's own name,
the returned rows) goes only into the sender's own folder; afterwards the spool forgets the parcel, or keeps the
original in quarantine until its retention ends.
"""

from __future__ import annotations

import csv
from dataclasses import replace

from gateway.adapters.ledger.rows import ParcelRow, ReceiptRow
from gateway.corridors.recording import erased, keeping
from gateway.lifecycle import ParcelState
from gateway.node import Node
from gateway.outcomes import Ok
from gateway.parcels import ParcelId
from gateway.policy.facts import Agreement, Facts, Party, Profile, places
from gateway.receipts import naming, pages
from gateway.receipts.codes import CodeLine, code_lines
from gateway.receipts.pages import Legend, SentFile
from gateway.receipts.parties import Issuer
from gateway.receipts.receipt import Receipt, parse
from gateway.records import schema
from gateway.step import OK, StepResult


class Posting:
    """The last step of a parcel. It writes what is in the ledger already, so its own transactions only say that it was
    written."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def run(self, identity: str) -> StepResult:
        """Put the parcel's receipts, lists and originals where their people look, then let the spool forget it.
        Deferred 709 while a folder is away or full: what is not written stays in the ledger, and the sweep comes back
        to it."""
        try:
            self.post(ParcelId(identity))
        except OSError as error:
            self._node.log.warning("posting_waits", parcel=identity, errno=error.errno)
            return {"outcome": "deferred", "code": "709"}
        return OK

    def post(self, parcel: ParcelId) -> None:
        """Write every receipt of the parcel that is not written yet; then clean up after a settled parcel. Raises
        `OSError` where a folder is away or full, or no signature can be made."""
        node = self._node
        with node.ledger.reading() as reading:
            row = reading.parcels.get(parcel)
            waiting = reading.receipts.where(parcel=parcel, written_at=None)
        if row is None:
            return
        failed: OSError | None = None
        for receipt in waiting:
            missed = self._laid(row, receipt)
            if missed is None:
                with node.ledger.transaction(node.clock.now()) as tx:
                    tx.receipts.written(receipt.number)
            failed = failed or missed
        if failed is not None:
            raise failed
        if row.state is ParcelState.DUPLICATE:
            self._again(row)
        if row.settled:
            self._clean(row)
            with node.ledger.transaction(node.clock.now()) as tx:
                tx.parcels.update(parcel, posted_at=tx.now)

    def _laid(self, row: ParcelRow, receipt: ReceiptRow) -> OSError | None:
        """A receipt, to everybody who gets it: one whose folder is away keeps nobody else waiting."""
        failed: OSError | None = None
        for to in ("", receipt.about) if receipt.about else ("",):
            try:
                self._write(row, receipt, to=to)
            except OSError as error:
                failed = failed or error
        return failed

    def _write(self, row: ParcelRow, stored: ReceiptRow, *, duplicate: bool = False, to: str = "") -> None:
        """`to`: the receiver whose delivery the receipt states, which gets it too."""
        node, facts = self._node, self._node.facts.current()
        party, receipt = facts.parties[to or stored.party], parse(stored.body)
        machine = places.machine_folder(facts, party)
        name = naming.file_name(receipt, receipt.label, party.language, ".receipt.json")
        node.folders.write(machine, name, stored.body)
        agreement = facts.agreements.get(receipt.agreement)
        profile: Profile = agreement.profile if agreement else "openpgp"
        signed = node.sealer.sign(stored.body, profile)
        if isinstance(signed, Ok):
            node.folders.write(machine, f"{name}.sig", signed.value)
        else:
            raise OSError(0, "signing is not available")
        returned, listed = ("", "") if duplicate else self._return(row, party, receipt, facts)
        shown = replace(receipt, code="220") if duplicate else receipt
        ours = facts.parties[facts.node.party]
        key = ours.sealing_key(profile, node.clock.now().date()) or ""
        page = pages.receipt_page(
            shown,
            party.language,
            party_name=party.name,
            issuer=Issuer(ours.name, ours.contact_line, key, profile, facts.node.folders),
            file=SentFile(
                name=None if to else node.inbox.name(ParcelId(row.id)) or returned or None,
                lines=self._findings(ParcelId(row.id), receipt, party, facts),
                returned_list=listed,
                returned_days=keeping(facts, receipt.agreement).returned,
            ),
            legend=Legend(
                names={key: p.name for p in facts.parties.values() for key in _names(p)},
                labels={a.id: a.label for a in facts.agreements.values()},
                targets=agreement.targets.model_dump() if agreement else {},
            ),
        )
        name = naming.file_name(shown, receipt.label, party.language)
        node.folders.write(places.receipts_folder(facts, party), name, page)

    def _findings(self, parcel: ParcelId, receipt: Receipt, party: Party, facts: Facts) -> tuple[CodeLine, ...] | None:
        """What is wrong, field by field, from the examination's list in the spool; the receipt knows codes only."""
        listed, agreement = self._node.spool.violations(parcel), facts.agreements.get(receipt.agreement)
        if agreement is None or not receipt.codes or not listed.exists():
            return None
        fields = schema.document(facts.schemas, agreement.dataset, agreement.version_for(receipt.period))["fields"]
        titles = {field["name"]: field.get("title", field["name"]) for field in fields}
        with listed.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            next(rows, None)
            return code_lines(rows, titles, party.language)

    def _again(self, row: ParcelRow) -> None:
        """A duplicate gets the original receipt again: the same document, and a page that says why."""
        with self._node.ledger.reading() as reading:
            originals = reading.receipts.where(parcel=row.original)
        for original in originals:
            self._write(row, original, duplicate=True)

    def _return(self, row: ParcelRow, party: Party, receipt: Receipt, facts: Facts) -> tuple[str, str]:
        """Lay the refused original and the list of refused rows into 退回. Returns their names there."""
        node, parcel = self._node, ParcelId(row.id)
        returned, listed = "", ""
        if receipt.stage == "refused":
            outcome = node.inbox.return_original(parcel)
            if not isinstance(outcome, Ok):
                raise OSError(0, "the original cannot be returned yet")
            returned = outcome.value
        source = node.spool.refused_list(parcel)
        if source.exists():
            agreement = facts.agreements[row.agreement]
            listed = list_name(agreement, receipt, party)
            node.folders.write(places.returned_folder(facts, party), listed, source)
        return returned, listed

    def _clean(self, row: ParcelRow) -> None:
        """Plain records go. A refused original stays in quarantine for its retention."""
        node, parcel = self._node, ParcelId(row.id)
        node.inbox.finish(parcel)
        if row.state is ParcelState.REFUSED:
            node.spool.to_quarantine(parcel)
            node.inbox.forget(parcel)
            return
        node.inbox.forget(parcel)
        with node.ledger.transaction(node.clock.now()) as tx:
            erased(tx, tx.parcels.row(parcel))


def _names(party: Party) -> tuple[str, ...]:
    """What receipts call a party by: provinces by two digits where records are counted."""
    return (party.province, party.id) if party.tier == "province" else (party.id,)


def list_name(agreement: Agreement, receipt: Receipt, party: Party) -> str:
    """The list of refused rows is named so that it can be repaired and dropped back as it is: it names its period and
    says 补报 where the rest was accepted."""
    serial = receipt.number.partition("-")[2]
    suffix = "-补报" if receipt.stage == "partly_refused" else ""
    head = "退回清单" if party.language == "zh" else "returned-rows"
    return naming.safe(f"{agreement.label}-{receipt.period}{suffix}-{head}{serial}") + ".xlsx"
