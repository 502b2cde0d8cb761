"""The operator's page: the node for one period, shaped for `gateway.receipts.status`. No names, no file names."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import ObligationRow, PackageRow, ParcelRow
from gateway.corridors.counting import collected
from gateway.corridors.views import figures
from gateway.corridors.views.counts import expiring
from gateway.lifecycle import BatchState, IncomingState, ObligationState, PackageState, ParcelState, StatementState
from gateway.lifecycle.package import GONE
from gateway.node import ACKNOWLEDGE, Node
from gateway.parcels import Kind
from gateway.policy.facts import Agreement, Facts
from gateway.policy.periods import Period, for_rhythm
from gateway.receipts.views import (
    Dataset,
    Disk,
    LogHead,
    PartyRow,
    ReceiverRow,
    State,
    StatusView,
    StoppedParcel,
    Submission,
)
from gateway.stages import intake

_STAGES: Final = (PackageState.HELD, PackageState.RELEASED, PackageState.DELIVERED, PackageState.ACKNOWLEDGED)
_REACHED: Final[Mapping[PackageState, PackageState]] = {
    PackageState.ERASED: PackageState.ACKNOWLEDGED,
    PackageState.WAITING: PackageState.HELD,
    PackageState.LOST: PackageState.HELD,
}
_SETTLED: Final[Mapping[ObligationState, State]] = {
    ObligationState.MET: "sent",
    ObligationState.NIL: "nil",
    ObligationState.MET_AFTER_CORRECTION: "corrected",
    ObligationState.MET_LATE: "late",
}
_UNANSWERED: Final = (IncomingState.BY_PERSON, IncomingState.INCOMPLETE, IncomingState.FAULTED)
_ALL: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger holds of one period, by (agreement, party)."""

    owed: Mapping[tuple[str, str], ObligationRow]
    parcels: Mapping[tuple[str, str], list[ParcelRow]]
    before: Mapping[tuple[str, str], int]


def view(
    node: Node,
    period: str | None,
    last_scan: datetime | None,
    started_at: datetime | None = None,
    unheard: str = "",
) -> StatusView:
    """The state of the node for one period (default: the last one that ended, of most agreements' rhythm)."""
    facts, now = node.facts.current(), node.clock.now()
    period = period or _current(facts, now)
    periodic = [a for a in sorted(facts.agreements.values(), key=lambda a: a.id) if a.rhythm != "event"]
    with node.ledger.reading() as reading:
        known = _known(reading, periodic, period)
        agreements = [a for a in periodic if any(key[0] == a.id for key in (*known.owed, *known.parcels))]
        receivers = _receivers(reading, facts, agreements, period)
        parties = _parties(reading, facts, agreements, known)
        stopped = tuple(_stopped(p, facts) for p in reading.parcels.unsettled() if p.code)
        incoming = reading.incoming.counts()
        stated = reading.statements.counts()
        own = reading.obligations.where(kind="distribution", state=ObligationState.MISSED)
        seq, leaf = reading.entries.head()
        last = reading.entries.after(seq - 1, 1)
    usage = shutil.disk_usage(node.spool.state)
    return StatusView(
        node=facts.parties[facts.node.party].name,
        at=now,
        period=period,
        running=True,
        disk=Disk(usage.free, usage.total, facts.node.intake.min_free_mb << 20),
        log=LogHead(facts.node.name, seq + 1, leaf, last[0].logged_at if last else None),
        last_scan=last_scan,
        started_at=started_at,
        unheard=unheard,
        scan_seconds=facts.node.intake.scan_seconds,
        rehearsal=facts.node.rehearsal is not None,
        datasets=tuple(_dataset(a, known) for a in agreements),
        parties=parties,
        stopped=stopped,
        receivers=receivers,
        keys=expiring(facts, now),
        undistributed=tuple(_title(facts, o.agreement, o.period) for o in own),
        unanswered=sum(incoming.get(state, 0) for state in _UNANSWERED),
        disbelieved=stated.get(StatementState.REFUSED, 0),
    )


def _known(reading: Reading, agreements: Sequence[Agreement], period: str) -> _Known:
    owed = {
        (o.agreement, o.party): o for a in agreements for o in reading.obligations.where(agreement=a.id, period=period)
    }
    parcels: dict[tuple[str, str], list[ParcelRow]] = defaultdict(list)
    for agreement in agreements:
        for parcel in reading.parcels.where(agreement=agreement.id, period=period, limit=_ALL):
            parcels[parcel.agreement, parcel.sender].append(parcel)
    return _Known(owed, parcels, _records(reading, agreements, str(Period.parse(period).previous())))


def _current(facts: Facts, now: datetime) -> str:
    """The last period of the rhythm that most agreements have."""
    rhythms = Counter(a.rhythm for a in facts.agreements.values() if a.rhythm != "event")
    return str(for_rhythm(rhythms.most_common(1)[0][0] if rhythms else "quarterly", now.date()))


def _dataset(agreement: Agreement, known: _Known) -> Dataset:
    mine = [o for (a, _), o in known.owed.items() if a == agreement.id]
    common = Counter((o.due, o.status) for o in mine).most_common(1)
    if not common:
        return Dataset(agreement.id, agreement.label)
    due, status = common[0][0]
    return Dataset(agreement.id, agreement.label, due, status == "provisional")


def _parties(reading: Reading, facts: Facts, agreements: Iterable[Agreement], known: _Known) -> tuple[PartyRow, ...]:
    rows: dict[str, dict[str, Submission]] = {}
    for agreement in agreements:
        for party in facts.senders(agreement):
            rows.setdefault(party.id, {})[agreement.id] = _submission(reading, agreement, party.id, known)
    return tuple(
        PartyRow(party.id, party.area_code, party.short or party.name, rows[party.id], party.contact_line)
        for party in sorted(facts.parties.values(), key=lambda p: p.area_code)
        if party.id in rows
    )


def _submission(reading: Reading, agreement: Agreement, party: str, known: _Known) -> Submission:
    """What became of one obligation, from the deliveries that count."""
    key = (agreement.id, party)
    owed, parcels = known.owed.get(key), known.parcels.get(key, [])
    accepted = sorted((p for p in parcels if p.state is ParcelState.ACCEPTED), key=lambda p: p.revision)
    done = intake.current(accepted)
    told = figures.of(reading, agreement, done)
    period = owed.period if owed else parcels[0].period if parcels else ""
    stated = collected.stated(reading, party, agreement.id, period) if period else None
    counts = stated[0].counts if stated else {}
    return Submission(
        state=_state(owed, parcels, accepted, done),
        records=sum(p.records for p in done),
        refused=sum(p.refused for p in done),
        received_at=min((p.received_at for p in (done or parcels)), default=None),
        due=owed.due if owed else None,
        previous=known.before.get(key),
        reminded_at=owed.reminded_at if owed else None,
        parts=(len({p.part for p in done}), done[0].parts) if done and done[0].part else None,
        quality=told.quality,
        below=told.below,
        fields=told.fields,
        differing=told.differing,
        extended=bool(owed and owed.extended_until),
        provisional=bool(owed and owed.status == "provisional"),
        corrected_in_time=bool(owed and owed.state is ObligationState.MET_AFTER_CORRECTION),
        collected=(counts["reported"], counts["owing"]) if counts else None,
    )


def _state(
    owed: ObligationRow | None, parcels: list[ParcelRow], accepted: list[ParcelRow], done: list[ParcelRow]
) -> State:
    if accepted and not done:
        return "withdrawn"
    if owed is None:
        return "sent" if done else "none"
    if owed.state is ObligationState.VOID:
        return "sent" if done else "void"
    state: State = _SETTLED.get(owed.state, "missing" if owed.state is ObligationState.MISSED else "owed")
    if state in ("owed", "missing"):
        if any(p.state is ParcelState.AWAITING for p in parcels):
            return "held"
        return "refused" if state == "owed" and any(p.state is ParcelState.REFUSED for p in parcels) else state
    if state in ("sent", "nil") and any(p.kind == Kind.REPLACE for p in done):
        state = "corrected"
    if state in ("sent", "corrected") and any(p.refused for p in done):
        state = "partly_refused"
    return state


def _records(reading: Reading, agreements: Iterable[Agreement], period: str) -> dict[tuple[str, str], int]:
    """Records per agreement and party that count for a period; nothing where nothing is known of it."""
    found: dict[tuple[str, str], list[ParcelRow]] = defaultdict(list)
    for agreement in agreements:
        for p in reading.parcels.where(agreement=agreement.id, period=period, state=ParcelState.ACCEPTED, limit=_ALL):
            found[p.agreement, p.sender].append(p)
    counting = {key: intake.current(sorted(rows, key=lambda p: p.revision)) for key, rows in found.items()}
    return {key: sum(p.records for p in rows) for key, rows in counting.items() if rows}


@dataclass(slots=True)
class _Receiver:
    """What is on its way to one receiver."""

    tally: Counter[PackageState]
    oldest: datetime | None = None
    unconfirmed: int = 0
    release_owed: bool = False


def _receivers(reading: Reading, facts: Facts, agreements: Iterable[Agreement], period: str) -> tuple[ReceiverRow, ...]:
    found: dict[str, _Receiver] = defaultdict(lambda: _Receiver(Counter()))
    for agreement in agreements:
        by_person = agreement.release == "by_operator" or agreement.four_eyes
        for package in reading.packages.where(agreement=agreement.id, period=period):
            _count(found, package, by_person=by_person)
        for batch in reading.batches.where(agreement=agreement.id, period=period):
            if batch.state in (BatchState.DELIVERED, BatchState.UNCONFIRMED) and batch.delivered_at is not None:
                receiver = found[batch.receiver]
                receiver.unconfirmed += batch.state is BatchState.UNCONFIRMED
                receiver.oldest = min(batch.delivered_at, receiver.oldest or batch.delivered_at)
    return tuple(
        ReceiverRow(
            party=p,
            code=facts.parties[p].area_code,
            name=facts.parties[p].short or facts.parties[p].name,
            sealed=one.tally[PackageState.HELD],
            released=one.tally[PackageState.RELEASED],
            delivered=one.tally[PackageState.DELIVERED],
            acknowledged=one.tally[PackageState.ACKNOWLEDGED],
            open_since=one.oldest,
            release_owed=one.release_owed,
            unconfirmed=one.unconfirmed,
        )
        for p, one in sorted(found.items(), key=lambda pair: facts.parties[pair[0]].area_code)
        if one.tally
    )


def _count(found: Mapping[str, _Receiver], package: PackageRow, *, by_person: bool) -> None:
    """A package counts at every stage that it has reached."""
    if package.state in GONE or not package.sha256:
        return
    receiver, reached = found[package.receiver], _REACHED.get(package.state, package.state)
    for stage in _STAGES[: _STAGES.index(reached) + 1]:
        receiver.tally[stage] += 1
    receiver.release_owed |= package.state is PackageState.HELD and by_person


def _title(facts: Facts, agreement: str, period: str) -> str:
    known = facts.agreements.get(agreement)
    return f"{known.label if known else agreement} {period}"


def _stopped(found: ParcelRow, facts: Facts) -> StoppedParcel:
    agreement = facts.agreements.get(found.agreement)
    title = facts.node.folders.acknowledge if found.agreement == ACKNOWLEDGE or agreement is None else agreement.label
    return StoppedParcel(
        parcel=found.id,
        party=facts.parties[found.sender].short or facts.parties[found.sender].name,
        title=title,
        blame=_blame(found.state),
        code=found.code,
        since=found.received_at,
        next_try=found.next_attempt_at,
        detail=found.detail,
    )


def _blame(state: ParcelState) -> Literal["fault", "held", "deferred"]:
    if state is ParcelState.FAULTED:
        return "fault"
    return "held" if state is ParcelState.AWAITING else "deferred"
