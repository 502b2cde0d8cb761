"""The distribution corridor: releasing → delivery; `acknowledgement` closes it.

A release is one transaction that gives every receiver a batch; each batch is then composed, signed and delivered by a
workflow of its own, partitioned by receiver, so that one slow partner delays no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import DistributionRow, PackageRow, ParcelRow
from gateway.corridors import recording
from gateway.corridors.between import statements
from gateway.corridors.distribution import composing, four_eyes, unsealing
from gateway.corridors.inquiries import delivering
from gateway.corridors.submission import superseding
from gateway.corridors.submission.steps import StepResult
from gateway.corridors.telling.posting import Posting
from gateway.instants import backoff, rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import DistributionId, Listed, PackageId, ParcelId, PartyId
from gateway.policy.facts import Agreement, Facts, Party
from gateway.stages import delivery, releasing

ARRIVED = ("delivered", "unconfirmed", "acknowledged")
WAITS = ("arriving", "received", "opened", "checked", "sorted")


@dataclass(frozen=True, slots=True)
class _Part:
    """One receiver's part of a batch."""

    identity: DistributionId
    receiver: Party
    mine: Sequence[PackageRow]
    lines: Sequence[Listed]
    withdrawn: Sequence[Mapping[str, str]]

    @property
    def digests(self) -> dict[str, str]:
        return {p.id: p.sha256 for p in self.mine}


class Distribution:
    def __init__(self, node: Node) -> None:
        self._node = node

    # -- releasing ---------------------------------------------------------------------------------------------------

    def ripe(self, now: datetime) -> list[tuple[str, str, int]]:
        """(agreement, period, batch) of everything the release rules let go at `now`."""
        facts = self._node.facts.current()
        found = []
        with self._node.ledger.reading() as reading:
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
                    in_work=sum(p.agreement == agreement_id for p in working if agreement.rhythm != "event"),
                    expires_at=max(datetime.fromisoformat(o.expires_at) for o in owed) if owed else None,
                    last_release=datetime.fromisoformat(max(last)) if last else None,
                    now=now,
                ):
                    found.append((agreement_id, period, batch + 1))
        return found

    def release(self, agreement: str, period: str, batch: int, actor: str) -> list[tuple[str, str]]:
        """Give every receiver its batch. Answers (distribution, receiver) of the batch; the same again when it was
        released before."""
        node = self._node
        now, facts = node.clock.now(), node.facts.current()
        with node.ledger.transaction(now) as tx:
            done = [d for d in tx.distributions(agreement=agreement, period=period) if d.batch == batch]
            if not done:
                self._release(tx, facts, facts.agreements[agreement], period, batch, actor)
                recording.distributed(tx, agreement, period, facts, node.facts.calendar())
                done = [d for d in tx.distributions(agreement=agreement, period=period) if d.batch == batch]
        return [(d.id, d.receiver) for d in done]

    def _release(
        self, tx: Transaction, facts: Facts, agreement: Agreement, period: str, batch: int, actor: str
    ) -> None:
        held = tx.packages(agreement=agreement.id, period=period, state="held")
        if agreement.four_eyes and held:
            held = four_eyes.confirmed(tx, agreement.id, period, batch, held)
        for part in self._parts(tx, facts, agreement, period, batch, held):
            self._enter(tx, facts, agreement, period, batch, actor, part)
            tx.log(
                Entry(
                    id=f"{part.identity}/{Event.RELEASED}",
                    event=Event.RELEASED,
                    time=tx.now,
                    actor=actor,
                    facts=facts.digest,
                    parties=(part.receiver.id,),
                    parcel=part.identity,
                    counts={
                        "packages": len(part.mine),
                        "records": sum(p.records for p in part.mine),
                        "batch": batch,
                        "missing": sum(line.status == "missing" for line in part.lines),
                    },
                    digests=part.digests,
                )
            )

    def restore(
        self,
        tx: Transaction,
        facts: Facts,
        agreement: Agreement,
        period: str,
        batch: int,
        actor: str,
        logged: Mapping[str, Mapping[str, str]],
    ) -> list[str]:
        """Make a released batch again as the log says it was, after a restore: `logged` is each receiver's part with
        the digests of its packages. Answers the parts that come out otherwise; nothing is logged anew."""
        known = {package for digests in logged.values() for package in digests}
        held = [p for p in tx.packages(agreement=agreement.id, period=period) if p.id in known]
        differs = []
        for part in self._parts(tx, facts, agreement, period, batch, held):
            if part.identity in logged:
                self._enter(tx, facts, agreement, period, batch, actor, part)
                if part.digests != dict(logged[part.identity]):
                    differs.append(part.identity)
        return differs + sorted(set(logged) - {d.id for d in tx.distributions(agreement=agreement.id, period=period)})

    @staticmethod
    def _parts(
        tx: Transaction, facts: Facts, agreement: Agreement, period: str, batch: int, held: Sequence[PackageRow]
    ) -> Iterator[_Part]:
        """What each receiver gets of a batch, as things stand before it."""
        if agreement.rhythm == "event":
            # Nobody owes a file: no origin is missing, and whoever gets nothing is told nothing.
            origins = sorted({PartyId(p.origin) for p in held})
            receivers = [r for r in facts.receivers(agreement) if any(p.receiver == r.id for p in held)]
        else:
            origins, receivers = _origins(tx, facts, agreement, period), list(facts.receivers(agreement))
        live = {origin: superseding.counting(tx, origin, agreement.id, period) for origin in origins}
        arrived = [origin for origin, parcels in live.items() if parcels]
        counts = {parcel.id for parcels in live.values() for parcel in parcels}
        gone = [p for p in tx.packages(agreement=agreement.id, period=period) if p.distribution and p.parcel in counts]
        for receiver in receivers:
            mine = [p for p in held if p.receiver == receiver.id]
            before = {p.origin for p in gone if p.receiver == receiver.id and p.sha256}
            packages = [p for p in mine if p.sha256]
            told = origins if agreement.rhythm != "event" else [o for o in origins if any(p.origin == o for p in mine)]
            yield _Part(
                DistributionId(f"d-{agreement.id}-{period}-{batch}-{receiver.id}"),
                receiver,
                mine,
                releasing.lines(PartyId(receiver.id), told, packages, arrived, before),
                [_withdrawn(p, old, live) for p in mine if not p.sha256 for old in p.replaces.split()],
            )

    @staticmethod
    def _enter(
        tx: Transaction, facts: Facts, agreement: Agreement, period: str, batch: int, actor: str, part: _Part
    ) -> None:
        tx.add_distribution(
            part.receiver.channel.kind,
            part.mine,
            id=part.identity,
            agreement=agreement.id,
            period=period,
            batch=batch,
            receiver=part.receiver.id,
            state="released",
            records=sum(p.records for p in part.mine),
            released_at=rfc3339(tx.now),
            released_by=actor,
            facts=facts.digest,
        )
        content = {"lines": [asdict(line) for line in part.lines], "withdrawn": part.withdrawn}
        tx.set_progress(part.identity, "releasing", json.dumps(content))

    # -- delivery ----------------------------------------------------------------------------------------------------

    def deliver(self, distribution: DistributionId) -> StepResult:
        """Compose the signed list if that was not done, put everything into the receiver's channel, record it."""
        node = self._node
        now = node.clock.now()
        with node.ledger.reading() as reading:
            batch = reading.distribution(distribution)
            state = reading.deliveries(distribution=distribution)[0]
            packages = reading.packages(distribution=distribution)
        assert batch is not None, "a batch that is delivered was released"
        if state.state in ARRIVED:
            return {"outcome": "ok", "code": ""}
        facts = node.facts.current()
        receiver, agreement = facts.parties[batch.receiver], facts.agreements[batch.agreement]
        listed, signed = "", None
        try:
            beside = composing.compose(node, batch, receiver, agreement, facts)
            outcome: Outcome[None] = (
                beside
                if not isinstance(beside, Ok)
                else self._hand_over(batch, packages, receiver, agreement, beside.value)
            )
            if isinstance(beside, Ok):
                listed = next(digest for path, digest in beside.value.values() if composing.is_list(path))
                signed = next(path for path, _ in beside.value.values() if path.name.endswith(".json.sig"))
        except OSError as error:
            outcome = Deferred.by(error)
        except Exception as error:
            node.log.error("delivery_failed", distribution=distribution, error=type(error).__name__)
            outcome = Fault("900", {"stage": "delivery", "error": type(error).__name__})
        settled = self._delivered(batch, packages, outcome, now, state.attempt, listed)
        self._post(packages)
        if settled["outcome"] == "ok" and receiver.gateway and signed is not None:
            statement = signed.with_suffix("").read_bytes(), signed.read_bytes()
            with node.ledger.transaction(now) as tx:
                statements.add_sent(tx, facts.node.party, receiver.id, "list", batch.id, *statement)
        node.log.info("delivery", distribution=distribution, **settled)
        return settled

    def _post(self, packages: Sequence[PackageRow]) -> None:
        """What a delivery stated goes to both sides; what cannot be written now stays in the outbox for the sweep."""
        self._post_of({package.parcel for package in packages})

    def post_waiting(self) -> None:
        """Receipts about deliveries that could not be written when they were stated."""
        with self._node.ledger.reading() as reading:
            waiting = reading.receipts(stage="delivered", written_at="")
        self._post_of({receipt.parcel for receipt in waiting})

    def _post_of(self, parcels: set[str]) -> None:
        for parcel in sorted(parcels):
            with self._node.ledger.reading() as reading:
                waiting = [r for r in reading.receipts(parcel=parcel, stage="delivered") if not r.written_at]
            if waiting:
                try:
                    Posting(self._node).post(ParcelId(parcel))
                except OSError as error:
                    self._node.log.warning("posting_waits", parcel=parcel, errno=error.errno)

    def _hand_over(
        self,
        batch: DistributionRow,
        packages: Sequence[PackageRow],
        receiver: Party,
        agreement: Agreement,
        beside: dict[str, tuple[Path, str]],
    ) -> Outcome[None]:
        node, to = self._node, PartyId(receiver.id)
        sealed = {p.id: node.spool.sealed(p.agreement, p.period, PackageId(p.id)) for p in packages if p.sha256}
        plain = agreement.profile == "plain-folder"
        try:
            if plain:
                if (closed := unsealing.reachable(node, receiver)) is not None:
                    return closed
                opened = unsealing.unseal(node, batch.id, packages, node.facts.current())
                if not isinstance(opened, Ok):
                    return opened
                sealed = opened.value
            files = delivery.files(composing.content(self._node, batch.id)[0], sealed, beside)
            done = node.courier(receiver).deliver(to, agreement.label, files)
        finally:
            if plain:
                unsealing.forget(node, batch.id)
        if isinstance(done, Ok) and receiver.gateway:
            # A drop folder takes packages only: the signed list goes where that node takes statements.
            folder = node.facts.current().node.folders.acknowledge
            return node.courier(receiver).deliver(to, folder, delivery.statement(beside))
        return done

    def _delivered(
        self,
        batch: DistributionRow,
        packages: Sequence[PackageRow],
        outcome: Outcome[None],
        now: datetime,
        attempt: int,
        listed: str,
    ) -> StepResult:
        with self._node.ledger.transaction(now) as tx:
            state = tx.deliveries(distribution=batch.id)[0]
            if state.state in ARRIVED:
                return {"outcome": "ok", "code": ""}
            match outcome:
                case Ok():
                    tx.update_delivery(
                        batch.id, state="delivered", code="", next_attempt_at="", delivered_at=rfc3339(now)
                    )
                    tx.update_distribution(batch.id, state="delivered", list_sha256=listed)
                    tx.update_packages(batch.id, "delivered")
                    facts, calendar = self._node.facts.current(), self._node.facts.calendar()
                    delivering.delivered(tx, batch, packages, facts, calendar)
                    counts = {"packages": len(packages), "attempts": attempt}
                    if self._node.facts.current().agreements[batch.agreement].profile == "plain-folder":
                        counts["plain"] = sum(bool(package.sha256) for package in packages)
                    recording.batch_event(tx, batch, Event.DELIVERED, counts, list=listed)
                    recording.delivered(tx, batch, self._node.facts.current(), self._node.facts.calendar())
                    if batch.receiver == self._node.facts.current().node.party:
                        # What is sealed for ourselves has nobody else to sign for it.
                        tx.update_delivery(batch.id, state="acknowledged", acknowledged_at=rfc3339(now))
                        tx.update_distribution(batch.id, state="acknowledged")
                        tx.update_packages(batch.id, "acknowledged")
                        kept = recording.keeping(self._node.facts.current(), batch.agreement).packages
                        counts = {"packages": len(packages), recording.KEEP: kept}
                        recording.batch_event(tx, batch, Event.ACKNOWLEDGED, counts)
                    return {"outcome": "ok", "code": ""}
                case Deferred(code, _, retry_after):
                    at = now + timedelta(seconds=max(min(retry_after, 3600.0), backoff(attempt)))
                    tx.update_delivery(batch.id, code=code, attempt=attempt + 1, next_attempt_at=rfc3339(at))
                    if attempt & (attempt - 1) == 0:
                        recording.batch_event(tx, batch, Event.DEFERRED, {"code": int(code)}, f"/{attempt}")
                    return {"outcome": "deferred", "code": code}
                case Refused(code) | Fault(code):
                    tx.update_delivery(batch.id, state="faulted", code=code, next_attempt_at="")
                    recording.batch_event(tx, batch, Event.FAULTED, {"code": int(code)}, f"/{attempt}")
                    return {"outcome": "fault", "code": code}


def _origins(tx: Transaction, facts: Facts, agreement: Agreement, period: str) -> list[PartyId]:
    """Whoever a receiver is told about: those who owe, or, where a sender relays what others reported, those others."""
    senders = [PartyId(party.id) for party in facts.senders(agreement)]
    packages = tx.packages(agreement=agreement.id, period=period)
    relayed = sorted({p.origin for p in packages} - set(senders))
    return [s for s in senders if not relayed or any(p.origin == s for p in packages)] + [PartyId(r) for r in relayed]


def _withdrawn(notice: PackageRow, package: str, live: Mapping[PartyId, Sequence[ParcelRow]]) -> dict[str, str]:
    """One package that a receiver has to delete: its origin has withdrawn it, or has replaced it by nothing for it."""
    reason = "replaced" if live.get(PartyId(notice.origin)) else "void"
    return {"origin": notice.origin, "package": package, "reason": reason}
