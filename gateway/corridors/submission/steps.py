"""The submission corridor: intake → opening → checking → sorting → sealing, and the receipt.

Every step may run again: it adopts what its last run left, in the spool (named by the parcel's id) or in the ledger
(`progress`). Only codes and ids cross a step, so nothing personal enters the workflow engine's tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.corridors import recording
from gateway.corridors.inquiries import answering, entering
from gateway.corridors.inquiries.answering import Answering
from gateway.corridors.submission import packing, repeating, superseding
from gateway.corridors.telling.posting import Posting
from gateway.instants import backoff, rfc3339
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.packages import DESCRIPTOR, Descriptor
from gateway.parcels import Arrival, Checked, Claim, Kind, Opened, ParcelId, Sealed, Sorted, Tally
from gateway.policy.facts import Facts
from gateway.policy.periods import Period
from gateway.ports import Copied
from gateway.records import Examination
from gateway.stages import checking, intake, recognising, sorting

STAGES = ("intake", "opening", "checking", "sorting", "sealing")
CONFIRMED = "confirmed"
SMALLEST_REPLACEMENT = 0.9  # of the replaced records; with fewer a person is asked (design: formats)
LONGEST_TRIES = 8  # a file whose worker dies again and again is ours to look at, not the world's to mend
_TYPES: Mapping[str, TypeAdapter[Any]] = {
    "intake": TypeAdapter(Arrival),
    "opening": TypeAdapter(Opened),
    "checking": TypeAdapter(Checked),
    "sorting": TypeAdapter(Sorted),
    "sealing": TypeAdapter(Sealed),
}
StepResult = dict[str, str]


class Submission:
    """The steps of `flow.submission`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._posting = Posting(node)
        self._answering = Answering(node)
        self._stages: Mapping[str, Callable[[ParcelId, datetime], Outcome[Any]]] = {
            "intake": self._intake,
            "opening": self._opening,
            "checking": self._checking,
            "sorting": self._sorting,
            "sealing": self._sealing,
        }

    def step(self, stage: str, parcel: ParcelId) -> StepResult:
        """Run one stage: adopt, or effect and transaction. Answers `{"outcome", "code"}`."""
        node = self._node
        now = node.clock.now()
        with node.ledger.reading() as reading:
            row, done = reading.parcel(parcel), reading.progress(parcel, stage)
        if done is not None:
            self._after(stage, parcel)
            return {"outcome": "ok", "code": ""}
        if row is not None and row.settled:
            self._after("intake", parcel)
            return {"outcome": "settled", "code": row.code}
        outcome: Outcome[Any]
        try:
            outcome = self._stages[stage](parcel, now)
        except OSError as error:
            outcome = Deferred.by(error)
        except Exception as error:
            # The class and the place, never the message: it could hold a value out of a record.
            node.log.error("stage_failed", stage=stage, parcel=parcel, error=type(error).__name__, at=_where(error))
            outcome = Fault("900", {"stage": stage, "error": type(error).__name__})
        settled = self._settle(stage, parcel, outcome, now)
        self._after(stage, parcel)
        node.log.info("stage", stage=stage, parcel=parcel, **settled)
        return settled

    def post(self, parcel: ParcelId) -> StepResult:
        """Put the parcel's receipts, lists and originals where their people look, then let the spool forget it."""
        try:
            self._posting.post(parcel)
        except OSError as error:
            # A folder is away or full. The outbox keeps what is not written; the sweep comes back to it.
            self._node.log.warning("posting_waits", parcel=parcel, errno=error.errno)
            return {"outcome": "deferred", "code": "709"}
        return {"outcome": "ok", "code": ""}

    # -- effects and decisions ---------------------------------------------------------------------------------------

    def _intake(self, parcel: ParcelId, now: datetime) -> Outcome[Arrival]:
        node, facts = self._node, self._node.facts.current()
        claim = node.inbox.claim(parcel)
        if claim is None:
            return Fault("900", {"stage": "intake", "error": "NoClaim"})
        copied = node.inbox.copy(parcel)
        if not isinstance(copied, Ok):
            return copied
        package = self._package(parcel, claim, copied.value, facts)
        if not isinstance(package, Ok):
            return package
        return intake.decide(claim, copied.value, self._sidecar(parcel), package.value, facts, self._owed(claim, now))

    def _package(self, parcel: ParcelId, claim: Claim, copied: Copied, facts: Facts) -> Outcome[Descriptor | None]:
        """A sealed package is opened under the sender's pinned key before anything is believed of it."""
        with copied.path.open("rb") as stream:
            if not recognising.is_sealed(stream.read(16), copied.name):
                return Ok(None)
        into = self._node.spool.opened(parcel)
        if into.exists():
            return Ok(Descriptor.parse((into / DESCRIPTOR).read_bytes()))
        sender = facts.parties[claim.sender]
        pins = (*sender.pins("openpgp"), *sender.pins("sm"))
        if not pins:
            return Refused("211")
        received = self._node.opener.open(
            copied.path, into, *pins, accept=lambda package: intake.judge_package(package, claim, facts)
        )
        return Ok(received.value.descriptor) if isinstance(received, Ok) else received

    def _opening(self, parcel: ParcelId, _now: datetime) -> Outcome[Opened]:
        arrival: Arrival = self._load("intake", parcel)
        agreement = self._node.facts.at(arrival.facts).agreements[arrival.agreement]
        with self._node.spool.table(parcel).open("rb") as stream:
            return recognising.decide(arrival, stream.read(64), document=agreement.content == "document")

    def _checking(self, parcel: ParcelId, now: datetime) -> Outcome[Checked]:
        opened: Opened = self._load("opening", parcel)
        if opened.content in ("void", "document"):
            return Ok(checking.unread(opened, durable.sha256_file(self._node.spool.table(parcel))[0]))
        node = self._node
        facts = node.facts.at(opened.arrival.facts)
        job = checking.job(opened, facts, node.spool.table(parcel), node.spool.clear_out(parcel))
        replies = bool(facts.inquiries(opened.arrival.agreement))
        if not replies:
            job = replace(job, repeats=repeating.key(node, opened.arrival.agreement, opened.arrival.period, now))
        answer = self._answering.examine(opened.arrival, job, facts) if replies else node.worker.examine(parcel, job)
        if not isinstance(answer, Ok):
            return answer
        found = Examination.from_json(answer.value)
        judged = checking.judge(opened, found, facts.agreements[opened.arrival.agreement])
        if isinstance(judged, Refused):
            return replace(judged, detail={**judged.detail, "codes": json.dumps(dict(found.codes))})
        if not isinstance(judged, Ok):
            return judged
        repeated = repeating.find(node, parcel, judged.value, job)
        checked = replace(judged.value, codes={**judged.value.codes, **repeated})
        return self._held(parcel, checked) or Ok(checked)

    def _held(self, parcel: ParcelId, checked: Checked) -> Deferred | None:
        """A replacement much smaller than what it replaces waits until a person has confirmed it (224)."""
        with self._node.ledger.reading() as reading:
            row, confirmed = reading.parcel(parcel), reading.progress(parcel, CONFIRMED)
            assert row is not None, "a parcel that is checked was received"
            if row.kind != Kind.REPLACE or confirmed is not None:
                return None
            replaced = sum(earlier.accepted for earlier in superseding.before(reading, row))
        if checked.tally.accepted >= SMALLEST_REPLACEMENT * replaced:
            return None
        detail = {"accepted": checked.tally.accepted, "replaced": replaced, **asdict(checked.tally)}
        return Deferred("224", detail)

    def _sorting(self, parcel: ParcelId, _now: datetime) -> Outcome[Sorted]:
        checked: Checked = self._load("checking", parcel)
        return sorting.sort(checked, self._node.facts.at(checked.opened.arrival.facts))

    def _sealing(self, parcel: ParcelId, now: datetime) -> Outcome[Sealed]:
        return packing.pack(self._node, self._load("sorting", parcel), now)

    # -- transactions ------------------------------------------------------------------------------------------------

    def _settle(self, stage: str, parcel: ParcelId, outcome: Outcome[Any], now: datetime) -> StepResult:
        node = self._node
        with node.ledger.transaction(now) as tx:
            if stage == "intake":
                outcome = self._enter(tx, parcel, outcome)
            row = recording.row(tx, parcel)
            facts = node.facts.at(row.facts)
            if stage == "checking":
                outcome = self._answering.settle(tx, row, outcome, facts)
            match outcome:
                case Ok(value):
                    tx.set_progress(parcel, stage, _TYPES[stage].dump_json(value).decode())
                    self._record(tx, stage, parcel, value)
                    return {"outcome": "ok", "code": ""}
                case Refused("220", detail):
                    recording.duplicate(tx, parcel, str(detail["original"]))
                    return {"outcome": "duplicate", "code": "220"}
                case Refused(code, detail):
                    plain = {k: v for k, v in detail.items() if k != "codes"}
                    codes = json.loads(str(detail.get("codes", "{}")))
                    recording.refused(tx, parcel, code, plain, facts, codes, node.facts.calendar())
                    return {"outcome": "refused", "code": code}
                case Deferred("224", detail):
                    tally = Tally(*(int(detail[key]) for key in ("records", "accepted", "refused", "warned")))
                    told = {key: detail[key] for key in ("accepted", "replaced")}
                    recording.held(tx, parcel, tally, "224", told, facts, node.facts.calendar())
                    return {"outcome": "held", "code": "224"}
                case Deferred(code, detail, retry_after):
                    if code == "704":  # other reasons to wait do not count: a file may have waited often and died once
                        deaths = int(row.details.get("deaths", 0)) + 1 if row.code == "704" else 1
                        detail = {**detail, "deaths": deaths}
                    if code == "704" and deaths >= LONGEST_TRIES:
                        recording.faulted(tx, row, "900", {"stage": stage, "error": "WorkerDied"})
                        return {"outcome": "fault", "code": "900"}
                    recording.deferred(tx, row, code, detail, max(min(retry_after, 3600), backoff(row.attempt) / 3))
                    return {"outcome": "deferred", "code": code}
                case Fault(code, detail):
                    recording.faulted(tx, row, code, detail)
                    return {"outcome": "fault", "code": code}

    def _enter(self, tx: Transaction, parcel: ParcelId, outcome: Outcome[Arrival]) -> Outcome[Arrival]:
        """Make the parcel's row, whatever the outcome, and give the arrival its place."""
        node = self._node
        if tx.parcel(parcel) is None:
            claim = node.inbox.claim(parcel)
            tx.add_parcel(
                id=parcel,
                corridor="submission",
                sender=claim.sender if claim else "",
                origin=claim.sender if claim else "",
                agreement=claim.agreement if claim else "",
                state="arriving",
                facts=node.facts.current().digest,
                received_at=rfc3339(min(claim.first_seen, tx.now) if claim else tx.now),
            )
        copied = node.inbox.copied(parcel)
        if copied is not None:
            tx.update_parcel(parcel, sha256=copied.sha256, size=copied.size)
        if isinstance(outcome, Ok):
            arrival = outcome.value
            holders, tries = tx.places(arrival.origin, arrival.agreement, arrival.period), recording.row(tx, parcel)
            placed = intake.place(arrival, holders, tries.attempt)
            tx.update_parcel(
                parcel,
                period=arrival.period,
                kind=str((placed.value if isinstance(placed, Ok) else arrival).kind),
                origin=arrival.origin,
                facts=arrival.facts,
                detail=json.dumps({"decided_by": arrival.decided_by}),
            )
            outcome = placed
            if isinstance(placed, Ok):
                arrival = placed.value
                if not tx.take_place(arrival.origin, arrival.agreement, arrival.period, arrival.revision, parcel):
                    return Deferred("708", retry_after=5)
                tx.update_parcel(
                    parcel,
                    state="received",
                    revision=arrival.revision,
                    part=arrival.part,
                    parts=arrival.parts,
                    next_attempt_at="",
                )
        if not isinstance(outcome, Deferred) and tx.entry(f"{parcel}/{Event.RECEIVED}") is None:
            row = recording.row(tx, parcel)
            commit, salt = recording.commitment(node.inbox.name(parcel))
            tx.keep_salt(commit, salt, parcel)
            digests = {"content": row.sha256} if row.sha256 else {}
            received = datetime.fromisoformat(row.received_at)
            recording.parcel_event(
                tx, Event.RECEIVED, row, time=received, counts={"bytes": row.size}, digests=digests, commit=commit
            )
        return outcome

    def _record(self, tx: Transaction, stage: str, parcel: ParcelId, value: Any) -> None:
        row = recording.row(tx, parcel)
        facts = self._node.facts.at(row.facts)
        match stage:
            case "opening":
                tx.update_parcel(parcel, state="opened")
            case "checking":
                tally = value.tally
                tx.update_parcel(parcel, state="checked")
                tx.tally(parcel, tally)
                counts = {"records": tally.records, "accepted": tally.accepted, "refused": tally.refused}
                recording.parcel_event(tx, Event.CHECKED, row, counts=counts, digests={"records": value.digest})
            case "sorting":
                tx.update_parcel(parcel, state="sorted")
                counts = {party: part.records for party, part in value.parts.items()}
                digests = {party: part.digest for party, part in value.parts.items()}
                recording.parcel_event(tx, Event.SORTED, row, counts=counts, digests=digests)
            case "sealing":
                calendar = self._node.facts.calendar()
                entering.enter(tx, self._node.spool, row, value, facts, calendar)
                recording.accepted(tx, parcel, value, facts, calendar)
                answering.accepted(tx, row, facts, calendar)

    def _after(self, stage: str, parcel: ParcelId) -> None:
        """What follows a commit: the claimed file goes from the drop folder once its copy is in the ledger."""
        if stage == "intake":
            with self._node.ledger.reading() as reading:
                row = reading.parcel(parcel)
            if row is not None and row.state != "arriving":
                self._node.inbox.finish(parcel)

    # -- what is known -----------------------------------------------------------------------------------------------

    def _load(self, stage: str, parcel: ParcelId) -> Any:
        with self._node.ledger.reading() as reading:
            body = reading.progress(parcel, stage)
        assert body is not None, "a stage runs after its predecessor"
        return _TYPES[stage].validate_json(body)

    def _sidecar(self, parcel: ParcelId) -> Mapping[str, Any]:
        path = self._node.spool.parcel(parcel) / "sidecar.json"
        try:
            loaded = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def _owed(self, claim: Claim, now: datetime) -> list[Period]:
        with self._node.ledger.reading() as reading:
            return recording.owed_periods(reading, claim.agreement, claim.sender, now)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
