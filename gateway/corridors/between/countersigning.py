"""Answering: what another gateway's list names was taken in here, so its batch is signed for, as a person would do it.

The acknowledgement form follows from the list alone; its detached signature goes into the other node's folder for
acknowledgements. What was refused here is told with signed receipts instead, and then the batch waits: for a try that
is accepted, or for a person's word. Waiting is ledger state; the daemon's sweep asks `ripe` and enqueues.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.between import IncomingRow
from gateway.adapters.ledger.rows import ReceiptRow
from gateway.adapters.ledger.transaction import Reading
from gateway.corridors.between import statements, withdrawing
from gateway.corridors.submission.steps import StepResult
from gateway.instants import backoff, rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import ACTOR, Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import PartyId
from gateway.policy.facts import Agreement, Facts
from gateway.receipts import distribution as documents
from gateway.receipts import listing, naming
from gateway.receipts.receipt import parse
from gateway.stages import countersigning

TOLD = ("refused", "partly_refused")  # receipts that a sender has to see


class Answering:
    """The step of `flow.answering`, and what it is enqueued for."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def ripe(self, now: datetime) -> list[IncomingRow]:
        """Batches for which something can be done now."""
        facts = self._node.facts.current()
        with self._node.ledger.reading() as reading:
            return [
                row
                for row in reading.between.open()
                if row.next_attempt_at <= rfc3339(now) and self._step(reading, row, facts) != "wait"
            ]

    def answer(self, identity: str) -> StepResult:
        """Withdraw what is to be withdrawn, or tell what was refused, or ask a person, or sign and push the signature:
        one of them at a time."""
        node = self._node
        now, facts = node.clock.now(), node.facts.current()
        with node.ledger.reading() as reading:
            row = reading.between.incoming(identity)
            assert row is not None, "a batch that is answered was listed"
            step = self._step(reading, row, facts)
            told = self._told(reading, row)
        if step == "wait":
            return {"outcome": "ok", "code": row.code}
        outcome: Outcome[dict[str, tuple[Path, str]]] = Ok({})
        form = signature = b""
        try:
            if step == "withdraw":
                gone = withdrawing.withdraw(node, row, now)
                outcome = outcome if isinstance(gone, Ok) else gone
            elif step != "ask":
                outcome = self._receipts(row, told, facts)
            if step == "sign" and isinstance(outcome, Ok):
                signed = self._sign(row, facts)
                outcome = Ok({**outcome.value, **signed.value[1]}) if isinstance(signed, Ok) else signed
                form, signature = signed.value[0] if isinstance(signed, Ok) else (b"", b"")
            if isinstance(outcome, Ok) and outcome.value:
                party = facts.parties[row.sender]
                folder = facts.node.folders.acknowledge
                pushed = node.courier(party).deliver(PartyId(party.id), folder, outcome.value)
                outcome = outcome if isinstance(pushed, Ok) else pushed
        except OSError as error:
            outcome = Deferred.by(error)
        except Exception as error:
            node.log.error("answering_failed", incoming=identity, error=type(error).__name__)
            outcome = Fault("900", {"stage": "answering", "error": type(error).__name__})
        with node.ledger.transaction(now) as tx:
            result = self._answered(tx, row, step, outcome, told, (form, signature))
        node.log.info("answering", incoming=identity, step=step, **result)
        return result

    # -- what is known -----------------------------------------------------------------------------------------------

    def _step(self, reading: Reading, row: IncomingRow, facts: Facts) -> countersigning.Step:
        agreement = facts.agreements.get(row.agreement)
        if agreement is None or row.sender not in facts.parties:
            return "wait"
        named = reading.between.named(row.id)
        listed = [n.sha256 for n in named if n.state == "included"]
        standings = countersigning.standing(listed, reading.between.arrived(row.id))
        to_withdraw = len(listed) < len(named) and reading.entry(f"{row.id}/{Event.ERASED}") is None
        return countersigning.step(
            row.state, agreement.acknowledge == "by_person", list(standings.values()), to_withdraw
        )

    def _told(self, reading: Reading, row: IncomingRow) -> list[ReceiptRow]:
        """Receipts about this batch that its sender has to see and cannot find by itself."""
        party = self._node.facts.current().parties.get(row.sender)
        if party is None or not party.gateway:
            return []  # it collects our receipts, or its people read them in their folder here
        sent = {s.number for s in reading.between.statements(receiver=row.sender, kind="receipt", state="sent")}
        found = [r for p in reading.between.arrived(row.id) for r in reading.receipts(parcel=p.id)]
        return [r for r in found if r.stage in TOLD and r.number not in sent]

    # -- effects -----------------------------------------------------------------------------------------------------

    def _receipts(self, row: IncomingRow, told: list[ReceiptRow], facts: Facts) -> Outcome[dict[str, tuple[Path, str]]]:
        """Each receipt as a signature with the receipt as its sidecar: the other node's intake takes both at once."""
        files: dict[str, tuple[Path, str]] = {}
        for one in told:
            body = self._node.spool.answer(row.id) / f"{one.number}.receipt.json"
            durable.write_bytes(body, one.body)
            signed = self._signature(body.with_suffix(".sig"), one.body, facts.agreements[row.agreement])
            if not isinstance(signed, Ok):
                return signed
            name = naming.file_name(parse(one.body), facts.agreements[row.agreement].label, "zh", ".sig")
            files |= {f"{name}.json": _file(body), name: _file(body.with_suffix(".sig"))}
        return Ok(files)

    def _sign(self, row: IncomingRow, facts: Facts) -> Outcome[tuple[tuple[bytes, bytes], dict[str, tuple[Path, str]]]]:
        """The form, its signature and the file to push."""
        with self._node.ledger.reading() as reading:
            (stated,) = reading.between.statements(about=row.id, kind="list", state="verified")
        listed = listing.parse(stated.body)
        form = documents.acknowledgement_form(listed)
        target = self._node.spool.answer(row.id) / "form.sig"
        signed = self._signature(target, form, facts.agreements[row.agreement])
        if not isinstance(signed, Ok):
            return signed
        name = f"{naming.form_name(listed, facts.node.party)}.sig"
        return Ok(((form, signed.value), {name: _file(target)}))

    def _signature(self, target: Path, data: bytes, agreement: Agreement) -> Outcome[bytes]:
        """Sign once; a step that runs again pushes the same bytes."""
        if not target.exists():
            signed = self._node.sealer.sign(data, agreement.profile)
            if not isinstance(signed, Ok):
                return signed
            durable.write_bytes(target, signed.value)
        return Ok(target.read_bytes())

    # -- the transaction ---------------------------------------------------------------------------------------------

    def _answered(
        self,
        tx: Transaction,
        row: IncomingRow,
        step: countersigning.Step,
        outcome: Outcome[dict[str, tuple[Path, str]]],
        told: list[ReceiptRow],
        signed: tuple[bytes, bytes],
    ) -> StepResult:
        between, own = tx.between, self._node.facts.current().node.party
        current = between.incoming(row.id)
        if current is None or current.state in ("answered", "faulted"):
            return {"outcome": "ok", "code": ""}
        again = row.attempt + 1  # one attempt does one thing: what comes next needs a workflow of its own
        match outcome:
            case Ok() if step == "ask":
                between.update_incoming(row.id, state="by_person", code="", attempt=again, next_attempt_at="")
                return {"outcome": "ok", "code": ""}
            case Ok() if step == "withdraw":
                between.update_incoming(row.id, code="", attempt=again, next_attempt_at="")
                return {"outcome": "ok", "code": ""}
            case Ok():
                for one in told:
                    signature = (self._node.spool.answer(row.id) / f"{one.number}.receipt.sig").read_bytes()
                    statements.add_sent(tx, own, row.sender, "receipt", row.id, one.body, signature, one.number)
                if step == "tell":
                    code = next((r.code for r in told if r.stage == "refused"), "")
                    between.update_incoming(row.id, state="incomplete", code=code, attempt=again, next_attempt_at="")
                    return {"outcome": "ok", "code": code}
                form, signature = signed
                statements.add_sent(tx, own, row.sender, "acknowledgement", row.id, form, signature)
                between.update_incoming(
                    row.id, state="answered", code="", next_attempt_at="", answered_at=rfc3339(tx.now)
                )
                counts = dict.fromkeys(("included", "withdrawn"), 0)
                for named in between.named(row.id):
                    counts[named.state] += 1
                digests = {
                    "form": hashlib.sha256(form).hexdigest(),
                    "signature": hashlib.sha256(signature).hexdigest(),
                }
                tx.log(_entry(tx, row, Event.ANSWERED, counts, digests=digests))
                return {"outcome": "ok", "code": ""}
            case Deferred(code, _, retry_after):
                at = tx.now + timedelta(seconds=max(min(retry_after, 3600.0), backoff(row.attempt)))
                between.update_incoming(row.id, code=code, attempt=again, next_attempt_at=rfc3339(at))
                if row.attempt & (row.attempt - 1) == 0:
                    tx.log(_entry(tx, row, Event.DEFERRED, {"code": int(code)}, f"/{row.attempt}"))
                return {"outcome": "deferred", "code": code}
            case Refused(code) | Fault(code):
                between.update_incoming(row.id, state="faulted", code=code, next_attempt_at="")
                tx.log(_entry(tx, row, Event.FAULTED, {"code": int(code)}, f"/{row.attempt}"))
                return {"outcome": "fault", "code": code}


def confirm(tx: Transaction, row: IncomingRow, actor: str) -> None:
    """A person has the node sign for a batch that waits for one."""
    tx.between.update_incoming(row.id, state="confirmed", code="", attempt=row.attempt + 1, next_attempt_at="")
    tx.log(_entry(tx, row, Event.CONFIRMED, {}, f"/{row.attempt}", actor=actor))


def retry(tx: Transaction, row: IncomingRow, actor: str) -> None:
    """A person sets a stopped or waiting batch going again."""
    state = "listed" if row.state == "faulted" else row.state
    tx.between.update_incoming(row.id, state=state, code="", attempt=row.attempt + 1, next_attempt_at="")
    tx.log(_entry(tx, row, Event.RETRIED, {}, f"/{row.attempt}", actor=actor))


def _file(path: Path) -> tuple[Path, str]:
    return path, durable.sha256_file(path)[0]


def _entry(
    tx: Transaction,
    row: IncomingRow,
    event: Event,
    counts: dict[str, int],
    suffix: str = "",
    *,
    digests: dict[str, str] | None = None,
    actor: str = ACTOR,
) -> Entry:
    return Entry(
        id=f"{row.id}/{event}{suffix}",
        event=event,
        time=tx.now,
        actor=actor,
        facts=row.facts,
        parties=(row.sender,),
        parcel=row.id,
        counts=counts,
        digests=digests or {},
    )
