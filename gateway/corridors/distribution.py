"""The distribution corridor: releasing → delivery → acknowledging.

A release is one transaction that gives every receiver a batch; each batch is then composed, signed and delivered by a
workflow of its own, partitioned by receiver, so that one slow partner delays no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DistributionRow, PackageRow, ParcelRow
from gateway.corridors import recording, superseding
from gateway.corridors.submission import StepResult
from gateway.corridors.tools import ACTOR, FULL, Tools
from gateway.deadlines import SHANGHAI
from gateway.log import Entry, Event, rfc3339
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import AgreementId, DistributionId, Listed, PackageId, ParcelId, PartyId, Released
from gateway.policy.model import Agreement, Facts, Party
from gateway.receipts import distribution as documents
from gateway.receipts import naming
from gateway.receipts.listing import Withdrawn
from gateway.receipts.receipt import LogEntry, number
from gateway.stages import acknowledging, delivery, releasing

WAITS = ("arriving", "received", "opened", "checked", "sorted")


class Distribution:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    # -- releasing ---------------------------------------------------------------------------------------------------

    def ripe(self, now: datetime) -> list[tuple[str, str, int]]:
        """(agreement, period, batch) of everything the release rules let go at `now`."""
        facts = self._tools.facts.current()
        found = []
        with self._tools.ledger.reading() as reading:
            held = reading.packages(state="held")
            working = [p for p in reading.unsettled() if p.state in WAITS]
            for agreement_id, period in sorted({(p.agreement, p.period) for p in held}):
                agreement = facts.agreements.get(agreement_id)
                if agreement is None:
                    continue
                owed = reading.obligations(agreement=agreement_id, period=period)
                batch = reading.last_batch(agreement_id, period)
                last = [d.released_at for d in reading.distributions(agreement=agreement_id, period=period)]
                if releasing.ripe(
                    agreement,
                    held=True,
                    outstanding=sum(o.state in ("open", "missed") for o in owed) if owed else 1,
                    in_work=sum(p.agreement == agreement_id for p in working),
                    expires_at=max(datetime.fromisoformat(o.expires_at) for o in owed) if owed else None,
                    last_release=datetime.fromisoformat(max(last)) if last else None,
                    now=now,
                ):
                    found.append((agreement_id, period, batch + 1))
        return found

    def release(self, agreement: str, period: str, batch: int, actor: str) -> list[tuple[str, str]]:
        """Give every receiver its batch. Answers (distribution, receiver) of the batch; the same again when it was
        released before."""
        tools = self._tools
        now, facts = tools.clock.now(), tools.facts.current()
        with tools.ledger.transaction(now) as tx:
            done = [d for d in tx.distributions(agreement=agreement, period=period) if d.batch == batch]
            if not done:
                self._release(tx, facts, facts.agreements[agreement], period, batch, actor)
                done = [d for d in tx.distributions(agreement=agreement, period=period) if d.batch == batch]
        return [(d.id, d.receiver) for d in done]

    def _release(
        self, tx: Transaction, facts: Facts, agreement: Agreement, period: str, batch: int, actor: str
    ) -> None:
        held = tx.packages(agreement=agreement.id, period=period, state="held")
        live = {
            origin.id: superseding.counting(tx, origin.id, agreement.id, period) for origin in facts.senders(agreement)
        }
        arrived = [origin for origin, parcels in live.items() if parcels]
        counts = {parcel.id for parcels in live.values() for parcel in parcels}
        gone = [p for p in tx.packages(agreement=agreement.id, period=period) if p.distribution and p.parcel in counts]
        for receiver in facts.receivers(agreement):
            mine = [p for p in held if p.receiver == receiver.id]
            identity = DistributionId(f"d-{agreement.id}-{period}-{batch}-{receiver.id}")
            before = {p.origin for p in gone if p.receiver == receiver.id and p.sha256}
            packages = [p for p in mine if p.sha256]
            lines = releasing.lines(PartyId(receiver.id), agreement, facts, packages, arrived, before)
            withdrawn = [_withdrawn(p, old, live) for p in mine if not p.sha256 for old in p.replaces.split()]
            tx.add_distribution(
                receiver.channel.kind,
                mine,
                id=identity,
                agreement=agreement.id,
                period=period,
                batch=batch,
                receiver=receiver.id,
                state="released",
                records=sum(p.records for p in mine),
                released_at=rfc3339(tx.now),
                released_by=actor,
                facts=facts.digest,
            )
            content = {"lines": [asdict(line) for line in lines], "withdrawn": withdrawn}
            tx.set_progress(identity, "releasing", json.dumps(content))
            tx.log(
                Entry(
                    id=f"{identity}/{Event.RELEASED}",
                    event=Event.RELEASED,
                    time=tx.now,
                    actor=actor,
                    facts=facts.digest,
                    parties=(receiver.id,),
                    parcel=identity,
                    counts={
                        "packages": len(mine),
                        "records": sum(p.records for p in mine),
                        "batch": batch,
                        "missing": sum(line.status == "missing" for line in lines),
                    },
                    digests={p.id: p.sha256 for p in mine},
                )
            )

    # -- delivery ----------------------------------------------------------------------------------------------------

    def deliver(self, distribution: DistributionId) -> StepResult:
        """Compose the signed list if that was not done, put everything into the receiver's channel, record it."""
        tools = self._tools
        now = tools.clock.now()
        with tools.ledger.reading() as reading:
            batch = reading.distribution(distribution)
            state = reading.deliveries(distribution=distribution)[0]
            packages = reading.packages(distribution=distribution)
        assert batch is not None, "a batch that is delivered was released"
        if state.state in ("delivered", "acknowledged"):
            return {"outcome": "ok", "code": ""}
        facts = tools.facts.current()
        receiver, agreement = facts.parties[batch.receiver], facts.agreements[batch.agreement]
        listed = ""
        try:
            beside = self._compose(batch, receiver, agreement, facts)
            outcome: Outcome[None] = (
                beside
                if not isinstance(beside, Ok)
                else self._hand_over(batch, packages, receiver, agreement, beside.value)
            )
            if isinstance(beside, Ok):
                listed = next(digest for path, digest in beside.value.values() if _list_last(path)[0])
        except OSError as error:
            outcome = Deferred("702" if error.errno in FULL else "709", {"errno": error.errno or 0})
        except Exception as error:
            tools.log.error("delivery_failed", distribution=distribution, error=type(error).__name__)
            outcome = Fault("900", {"stage": "delivery", "error": type(error).__name__})
        settled = self._delivered(batch, packages, outcome, now, state.attempt, listed)
        tools.log.info("delivery", distribution=distribution, **settled)
        return settled

    def _hand_over(
        self,
        batch: DistributionRow,
        packages: Sequence[PackageRow],
        receiver: Party,
        agreement: Agreement,
        beside: dict[str, tuple[Path, str]],
    ) -> Outcome[None]:
        tools = self._tools
        sealed = {p.id: tools.spool.sealed(p.agreement, p.period, PackageId(p.id)) for p in packages if p.sha256}
        files = delivery.files(self._content(batch.id)[0], sealed, beside)
        return tools.courier(receiver).deliver(PartyId(receiver.id), agreement.label, files)

    def _compose(
        self, batch: DistributionRow, receiver: Party, agreement: Agreement, facts: Facts
    ) -> Outcome[dict[str, tuple[Path, str]]]:
        """The list, its signature, its page, the form to sign and the transmittal sheet: written once, then adopted."""
        folder = self._tools.spool.batch(DistributionId(batch.id))
        whole = folder / ".whole"
        if not whole.exists():
            made = self._documents(batch, receiver, agreement, facts)
            if not isinstance(made, Ok):
                return made
            for name, data in made.value.items():
                durable.write_bytes(folder / name, data, 0o640)
            durable.write_bytes(whole, b"")
        files = sorted((f for f in folder.iterdir() if not f.name.startswith(".")), key=_list_last)
        return Ok({f.name: (f, durable.sha256_file(f)[0]) for f in files})

    def _documents(
        self, batch: DistributionRow, receiver: Party, agreement: Agreement, facts: Facts
    ) -> Outcome[dict[str, bytes]]:
        with self._tools.ledger.reading() as reading:
            entry = reading.entry(f"{batch.id}/{Event.RELEASED}")
        assert entry is not None, "a release is logged with the batch"
        log = LogEntry(facts.node.name, entry.seq, entry.leaf)
        lines, withdrawn = self._content(batch.id)
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
        signed = self._tools.sealer.sign(body, agreement.profile)
        if not isinstance(signed, Ok):
            return signed
        language = receiver.language
        names = {party.id: party.name for party in facts.parties.values()}
        node = facts.parties[facts.node.party]
        page = documents.page(
            listing,
            receiver_name=receiver.name,
            node_name=node.name,
            language=language,
            names=names,
            folders=facts.node.folders,
            receiver_key=receiver.key or "",
            fingerprint=node.key or "",
            file_receiver=receiver.id,
        )
        sheet = documents.transmittal_sheet(
            listing,
            number=number(issued_at.date(), entry.seq),
            receiver_name=receiver.name,
            node_name=node.name,
            language=language,
            names=names,
        )
        list_name = naming.list_name(listing, receiver.id, language)
        return Ok(
            {
                naming.form_name(listing, receiver.id, language): documents.acknowledgement_form(listing),
                naming.sheet_name(listing, receiver.id, language): sheet,
                naming.list_name(listing, receiver.id, language, ".html"): page,
                f"{list_name}.sig": signed.value,
                list_name: body,
            }
        )

    def _content(self, distribution: str) -> tuple[tuple[Listed, ...], tuple[Withdrawn, ...]]:
        """What a batch holds: its lines, and what its receiver has to delete."""
        with self._tools.ledger.reading() as reading:
            body = reading.progress(distribution, "releasing")
        assert body is not None, "a release keeps its lines"
        content = json.loads(body)
        lines, withdrawn = content["lines"], content["withdrawn"]
        return tuple(Listed(**line) for line in lines), tuple(Withdrawn(**notice) for notice in withdrawn)

    def _delivered(
        self,
        batch: DistributionRow,
        packages: Sequence[PackageRow],
        outcome: Outcome[None],
        now: datetime,
        attempt: int,
        listed: str,
    ) -> StepResult:
        with self._tools.ledger.transaction(now) as tx:
            state = tx.deliveries(distribution=batch.id)[0]
            if state.state in ("delivered", "acknowledged"):
                return {"outcome": "ok", "code": ""}
            match outcome:
                case Ok():
                    tx.update_delivery(
                        batch.id, state="delivered", code="", next_attempt_at="", delivered_at=rfc3339(now)
                    )
                    tx.update_distribution(batch.id, state="delivered", list_sha256=listed)
                    tx.update_packages(batch.id, "delivered")
                    self._log(tx, batch, Event.DELIVERED, {"packages": len(packages), "attempts": attempt}, list=listed)
                    if batch.receiver == self._tools.facts.current().node.party:
                        # What is sealed for ourselves has nobody else to sign for it.
                        tx.update_delivery(batch.id, state="acknowledged", acknowledged_at=rfc3339(now))
                        tx.update_distribution(batch.id, state="acknowledged")
                        tx.update_packages(batch.id, "acknowledged")
                        self._log(tx, batch, Event.ACKNOWLEDGED, {"packages": len(packages)})
                    return {"outcome": "ok", "code": ""}
                case Deferred(code, _, retry_after):
                    at = now + timedelta(seconds=max(min(retry_after, 3600.0), delivery.wait(attempt)))
                    tx.update_delivery(batch.id, code=code, attempt=attempt + 1, next_attempt_at=rfc3339(at))
                    if attempt & (attempt - 1) == 0:
                        self._log(tx, batch, Event.DEFERRED, {"code": int(code)}, f"/{attempt}")
                    return {"outcome": "deferred", "code": code}
                case Refused(code) | Fault(code):
                    tx.update_delivery(batch.id, state="faulted", code=code, next_attempt_at="")
                    self._log(tx, batch, Event.FAULTED, {"code": int(code)}, f"/{attempt}")
                    return {"outcome": "fault", "code": code}

    # -- acknowledging -----------------------------------------------------------------------------------------------

    def acknowledge(self, parcel: ParcelId) -> StepResult:
        """Judge a signature that a receiver dropped. Accepted, it settles one batch; else it is refused with a receipt
        of its own."""
        tools = self._tools
        now, facts = tools.clock.now(), tools.facts.current()
        claim = tools.inbox.claim(parcel)
        with tools.ledger.reading() as reading:
            row = reading.parcel(parcel)
            waiting = reading.distributions(receiver=claim.sender, state="delivered") if claim else []
        if row is not None and row.settled:
            tools.inbox.finish(parcel)
            return {"outcome": "settled", "code": row.code}
        if claim is None:
            return {"outcome": "fault", "code": "900"}
        copied = tools.inbox.copy(parcel)
        outcome: Outcome[DistributionId]
        receiver = facts.parties[claim.sender]
        pins, fingerprint = (*receiver.pins("openpgp"), *receiver.pins("sm")), ""
        if isinstance(copied, Ok):
            signature = copied.value.path.read_bytes() if copied.value.size < 65_536 else b""
            forms = {DistributionId(d.id): self._form(DistributionId(d.id)) for d in waiting}
            outcome = acknowledging.match(forms, lambda form: tools.verifier.verify(form, signature, *pins))
            if isinstance(outcome, Ok):
                form = forms[outcome.value]
                fingerprint = next(p for p in pins if isinstance(tools.verifier.verify(form, signature, p), Ok))
        else:
            outcome = copied
        with tools.ledger.transaction(now) as tx:
            if tx.parcel(parcel) is None:
                tx.add_parcel(
                    id=parcel,
                    corridor="acknowledgement",
                    sender=claim.sender,
                    agreement=claim.agreement,
                    state="arriving",
                    facts=facts.digest,
                    received_at=rfc3339(min(claim.first_seen, now)),
                    **({"sha256": copied.value.sha256, "size": copied.value.size} if isinstance(copied, Ok) else {}),
                )
            result = self._acknowledged(tx, parcel, outcome, fingerprint, facts)
        if result["outcome"] != "deferred":
            tools.inbox.finish(parcel)
        tools.log.info("acknowledgement", parcel=parcel, **result)
        return result

    def _acknowledged(
        self, tx: Transaction, parcel: ParcelId, outcome: Outcome[DistributionId], fingerprint: str, facts: Facts
    ) -> StepResult:
        row = recording.row(tx, parcel)
        match outcome:
            case Ok(distribution):
                batch = tx.distribution(distribution)
                assert batch is not None, "a form that was signed belongs to a batch"
                tx.update_delivery(
                    distribution, state="acknowledged", acknowledged_at=row.received_at, fingerprint=fingerprint
                )
                tx.update_distribution(distribution, state="acknowledged")
                tx.update_packages(distribution, "acknowledged")
                self._log(tx, batch, Event.ACKNOWLEDGED, {"packages": batch.packages}, signature=row.sha256)
                recording.acknowledged(tx, parcel, batch, facts, self._tools.facts.calendar())
                return {"outcome": "ok", "code": ""}
            case Refused(code, detail):
                recording.refused(tx, parcel, code, detail, facts, {}, self._tools.facts.calendar())
                return {"outcome": "refused", "code": code}
            case Deferred(code, detail, retry_after):
                recording.deferred(tx, row, code, detail, max(retry_after, delivery.wait(row.attempt)))
                return {"outcome": "deferred", "code": code}
            case Fault(code, detail):
                recording.faulted(tx, row, code, detail)
                return {"outcome": "fault", "code": code}

    def _form(self, distribution: DistributionId) -> bytes:
        folder = self._tools.spool.batch(distribution)
        return next(f.read_bytes() for f in folder.iterdir() if f.name.endswith(".receipt.json"))

    @staticmethod
    def _log(
        tx: Transaction,
        batch: DistributionRow,
        event: Event,
        counts: dict[str, int],
        suffix: str = "",
        **digests: str,
    ) -> None:
        tx.log(
            Entry(
                id=f"{batch.id}/{event}{suffix}",
                event=event,
                time=tx.now,
                actor=ACTOR,
                facts=batch.facts,
                parties=(batch.receiver,),
                parcel=batch.id,
                counts=counts,
                digests=digests,
            )
        )


def _withdrawn(notice: PackageRow, package: str, live: Mapping[str, Sequence[ParcelRow]]) -> dict[str, str]:
    """One package that a receiver has to delete: its origin has withdrawn it, or has replaced it by nothing for it."""
    reason = "replaced" if live.get(notice.origin) else "void"
    return {"origin": notice.origin, "package": package, "reason": reason}


def _list_last(path: Path) -> tuple[bool, str]:
    """Whoever sees the list finds everything that it names, so the list goes last."""
    return (path.suffix == ".json" and not path.name.endswith(".receipt.json"), path.name)
