"""Countersigning: what another gateway's list names was taken in here, so its batch is signed for, as a person would do
it.

The acknowledgement form follows from the list alone; its detached signature goes into the other node's folder for
acknowledgements. What was refused here is told with signed receipts instead, and then the batch waits: for a try that
is accepted, or for a person's word. Waiting is ledger state; the daemon's sweep asks `ripe` and enqueues.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from gateway import durable
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import IncomingRow, ReceiptRow
from gateway.corridors.between import statements, withdrawing
from gateway.corridors.between.statements import Sent
from gateway.corridors.recording import Said, TriedIncoming, of_incoming
from gateway.lifecycle import Event, IncomingState, StatementState
from gateway.outcomes import Decision, Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import PartyId
from gateway.policy.facts import Agreement, Facts
from gateway.receipts import distribution as documents
from gateway.receipts import listing, naming
from gateway.receipts.receipt import parse
from gateway.stages import countersigning
from gateway.step import OK, Done, Step, StepResult, defer, stop

TOLD = ("refused", "partly_refused")  # receipts that a sender has to see
Files = dict[str, tuple[Path, str]]
"""What is pushed: final name -> (path, SHA-256)."""


@dataclass(frozen=True, slots=True)
class Form:
    """The acknowledgement form and its signature; both are empty where nothing was signed."""

    body: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Open:
    """A batch for which something can be done: what, and the receipts that its sender has to see first."""

    batch: IncomingRow
    doing: countersigning.Doing
    told: tuple[ReceiptRow, ...]


class Countersigning(Step[Open, Form]):
    """One of these at a time: withdraw what is to be withdrawn, tell what was refused, ask a person, or sign."""

    name: ClassVar[str] = "answering"

    def ripe(self, now: datetime) -> list[IncomingRow]:
        """Batches for which something can be done now."""
        facts = self.node.facts.current()
        with self.node.ledger.reading() as reading:
            return [
                row
                for row in reading.incoming.open()
                if (row.next_attempt_at is None or row.next_attempt_at <= now) and _doing(reading, row, facts) != "wait"
            ]

    def load(self, reading: Reading, identity: str) -> Open | Done:
        """`Done` where the batch waits for packages or for a person."""
        row, facts = reading.incoming.get(identity), self.node.facts.current()
        assert row is not None, "a batch that is signed for was listed"
        doing = _doing(reading, row, facts)
        if doing == "wait":
            return Done({"outcome": "ok", "code": row.code})
        return Open(row, doing, tuple(_told(reading, row, facts)))

    def effect(self, known: Open, now: datetime) -> Outcome[Form]:
        """Make and push what this step is about."""
        row, doing, facts = known.batch, known.doing, self.node.facts.current()
        if doing == "withdraw":
            gone = withdrawing.withdraw(self.node, row, now)
            return Ok(Form()) if isinstance(gone, Ok) else gone
        if doing == "ask":
            return Ok(Form())
        receipts = self._receipts(row, known.told, facts)
        if not isinstance(receipts, Ok):
            return receipts
        form, files = Form(), receipts.value
        if doing == "sign":
            signed = self._sign(row, facts)
            if not isinstance(signed, Ok):
                return signed
            form, files = signed.value[0], {**files, **signed.value[1]}
        if files:
            party = facts.parties[row.sender]
            folder = facts.node.folders.acknowledge
            pushed = self.node.courier(party).deliver(PartyId(party.id), folder, files)
            if not isinstance(pushed, Ok):
                return pushed
        return Ok(form)

    def commit(self, tx: Transaction, known: Open, decision: Decision[Form]) -> StepResult:
        """One attempt does one thing: what comes next needs a workflow of its own, so the attempt is counted up."""
        row = tx.incoming.get(known.batch.id)
        if row is None or row.state in (IncomingState.ANSWERED, IncomingState.FAULTED):
            return OK
        tried = TriedIncoming(row)
        match decision:
            case Ok(form):
                return self._done(tx, row, known, form)
            case Deferred():
                return defer(tx, tried, decision)
            case Refused(code, detail) | Fault(code, detail):
                return stop(tx, tried, Fault(code, detail))
            case _:
                raise AssertionError("nobody decides about a signature")

    def _done(self, tx: Transaction, row: IncomingRow, known: Open, form: Form) -> StepResult:
        again = row.attempt + 1
        numbered = f"/{again}"
        match known.doing:
            case "ask":
                of_incoming(tx, row, Event.HELD, Said(suffix=numbered))
                return OK
            case "withdraw":
                tx.incoming.update(row.id, code="", attempt=again, next_attempt_at=None)
                return OK
        own = self.node.facts.current().node.party
        for one in known.told:
            signature = (self.node.spool.answer(row.id) / f"{one.number}.receipt.sig").read_bytes()
            statements.add_sent(tx, own, Sent("receipt", row.sender, row.id, one.body, signature, one.number))
        if known.doing == "tell":
            code = next((r.code for r in known.told if r.stage == "refused"), "")
            counts = {"receipts": len(known.told)} | ({"code": int(code)} if code else {})
            of_incoming(tx, row, Event.REFUSED, Said(counts, suffix=numbered))
            return {"outcome": "ok", "code": code}
        statements.add_sent(tx, own, Sent("acknowledgement", row.sender, row.id, form.body, form.signature))
        counts = dict.fromkeys(("included", "withdrawn"), 0)
        for named in tx.incoming.named(row.id):
            counts[named.state] += 1
        digests = {
            "form": hashlib.sha256(form.body).hexdigest(),
            "signature": hashlib.sha256(form.signature).hexdigest(),
        }
        of_incoming(tx, row, Event.ANSWERED, Said(counts, digests))
        return OK

    # -- what is pushed ----------------------------------------------------------------------------------------------

    def _receipts(self, row: IncomingRow, told: Sequence[ReceiptRow], facts: Facts) -> Outcome[Files]:
        """Each receipt as a signature with the receipt as its sidecar: the other node's intake takes both at once."""
        files: Files = {}
        for one in told:
            body = self.node.spool.answer(row.id) / f"{one.number}.receipt.json"
            durable.write_bytes(body, one.body)
            signed = self._signature(body.with_suffix(".sig"), one.body, facts.agreements[row.agreement])
            if not isinstance(signed, Ok):
                return signed
            name = naming.file_name(parse(one.body), facts.agreements[row.agreement].label, "zh", ".sig")
            files |= {f"{name}.json": _file(body), name: _file(body.with_suffix(".sig"))}
        return Ok(files)

    def _sign(self, row: IncomingRow, facts: Facts) -> Outcome[tuple[Form, Files]]:
        """The form with its signature, and the file to push."""
        with self.node.ledger.reading() as reading:
            (stated,) = reading.statements.where(about=row.id, kind="list", state=StatementState.VERIFIED)
        listed = listing.parse(stated.body)
        form = documents.acknowledgement_form(listed)
        target = self.node.spool.answer(row.id) / "form.sig"
        signed = self._signature(target, form, facts.agreements[row.agreement])
        if not isinstance(signed, Ok):
            return signed
        name = f"{naming.form_name(listed, facts.node.party)}.sig"
        return Ok((Form(form, signed.value), {name: _file(target)}))

    def _signature(self, target: Path, data: bytes, agreement: Agreement) -> Outcome[bytes]:
        """Sign once; a step that runs again pushes the same bytes."""
        if not target.exists():
            signed = self.node.sealer.sign(data, agreement.profile)
            if not isinstance(signed, Ok):
                return signed
            durable.write_bytes(target, signed.value)
        return Ok(target.read_bytes())


def _doing(reading: Reading, row: IncomingRow, facts: Facts) -> countersigning.Doing:
    """What is to be done with a batch as things stand."""
    agreement = facts.agreements.get(row.agreement)
    if agreement is None or row.sender not in facts.parties:
        return "wait"
    named = reading.incoming.named(row.id)
    listed = [n.sha256 for n in named if n.included]
    standings = countersigning.standing(listed, reading.incoming.arrived(row.id))
    to_withdraw = len(listed) < len(named) and reading.entries.get(f"{row.id}/{Event.ERASED}") is None
    by_person = agreement.acknowledge == "by_person"
    return countersigning.doing(row.state, by_person, list(standings.values()), to_withdraw)


def _told(reading: Reading, row: IncomingRow, facts: Facts) -> list[ReceiptRow]:
    """Receipts about this batch that its sender has to see and cannot find by itself."""
    party = facts.parties.get(row.sender)
    if party is None or not party.gateway:
        return []  # it collects our receipts, or its people read them in their folder here
    stated = reading.statements.where(receiver=row.sender, kind="receipt", state=StatementState.SENT)
    sent = {statement.number for statement in stated}
    found = [r for p in reading.incoming.arrived(row.id) for r in reading.receipts.where(parcel=p.id)]
    return [r for r in found if r.stage in TOLD and r.number not in sent]


def _file(path: Path) -> tuple[Path, str]:
    return path, durable.sha256_file(path)[0]
