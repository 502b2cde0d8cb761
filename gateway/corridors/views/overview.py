"""What the operator sees: read from the ledger, shaped for `gateway.receipts.status`. No names, no file names."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from gateway.adapters.ledger import between_tables, tables
from gateway.adapters.ledger.between import IncomingRow
from gateway.adapters.ledger.rows import DistributionRow, ObligationRow, ParcelRow
from gateway.adapters.ledger.transaction import Reading
from gateway.adapters.sealing.key_health import survey
from gateway.corridors.between import statements
from gateway.corridors.submission import superseding
from gateway.corridors.views import figures
from gateway.node import ACKNOWLEDGE, Tools
from gateway.parcels import Kind
from gateway.policy.facts import Agreement, Facts
from gateway.policy.periods import Period, for_rhythm
from gateway.receipts.views import (
    Dataset,
    Disk,
    ExpiringKey,
    LogHead,
    PartyRow,
    ReceiverRow,
    State,
    StatusView,
    StoppedParcel,
    Submission,
)
from gateway.stages import intake

_REACHED = {"erased": "acknowledged", "waiting": "held"}
_ORDER = ("held", "released", "delivered", "acknowledged")
_SETTLED: Mapping[str, State] = {"met": "sent", "nil": "nil", "met_after_correction": "corrected", "met_late": "late"}


def view(
    tools: Tools, period: str | None, last_scan: datetime | None, started_at: datetime | None = None
) -> StatusView:
    """The state of the node for one period (default: the last one that ended, of the first agreement's rhythm)."""
    facts, now = tools.facts.current(), tools.clock.now()
    period = period or _current(facts, now)
    agreements = [a for a in sorted(facts.agreements.values(), key=lambda a: a.id) if a.rhythm != "event"]
    with tools.ledger.reading() as reading:
        obligations = {
            (o.agreement, o.party): o for a in agreements for o in reading.obligations(agreement=a.id, period=period)
        }
        parcels: dict[tuple[str, str], list[ParcelRow]] = defaultdict(list)
        for agreement in agreements:
            for parcel in reading.parcels(agreement=agreement.id, period=period, limit=100_000):
                parcels[parcel.agreement, parcel.sender].append(parcel)
        agreements = [a for a in agreements if any(key[0] == a.id for key in (*obligations, *parcels))]
        before = _records(reading, agreements, str(Period.parse(period).previous()))
        receivers = _receivers(reading, facts, agreements, period)
        parties = _parties(reading, facts, agreements, obligations, parcels, before)
        stopped = tuple(_stopped(p, facts) for p in reading.unsettled() if p.code and p.state != "accepted")
        incoming = reading.count(between_tables.incoming, "state")
        stated = reading.count(between_tables.statements, "state")
        own = reading.obligations(kind="distribution", state="missed")
        seq, leaf = reading.head()
        last = reading.entries(after=seq - 1, limit=1)
    usage = shutil.disk_usage(tools.spool.state)
    return StatusView(
        node=facts.parties[facts.node.party].name,
        at=now,
        period=period,
        running=True,
        disk=Disk(usage.free, usage.total, facts.node.intake.min_free_mb << 20),
        log=LogHead(facts.node.name, seq + 1, leaf, _instant(last[0].logged_at) if last else None),
        last_scan=last_scan,
        started_at=started_at,
        scan_seconds=facts.node.intake.scan_seconds,
        rehearsal=facts.node.rehearsal is not None,
        datasets=tuple(_dataset(a, obligations) for a in agreements),
        parties=parties,
        stopped=stopped,
        receivers=receivers,
        keys=_expiring(facts, now),
        undistributed=tuple(_title(facts, o.agreement, o.period) for o in own),
        unanswered=sum(incoming.get(state, 0) for state in ("by_person", "incomplete", "faulted")),
        disbelieved=stated.get("refused", 0),
    )


def counts(tools: Tools) -> dict[str, dict[str, int]]:
    """How much stands where: what a live view or a monitor polls."""
    with tools.ledger.reading() as reading:
        return {
            "parcels": reading.count(tables.parcels, "state"),
            "packages": reading.count(tables.packages, "state"),
            "deliveries": reading.count(tables.deliveries, "state"),
            "obligations": reading.count_obligations(kind="submission"),
            "replies": reading.count_obligations(kind="reply"),
            "incoming": reading.count(between_tables.incoming, "state"),
            "statements": reading.count(between_tables.statements, "state"),
        }


def standing(tools: Tools) -> dict[str, Any]:
    """What there is in which state, what waits, which keys run out: what every state of the node can tell."""
    return {"counts": counts(tools), **waiting(tools)}


def waiting(tools: Tools) -> dict[str, Any]:
    """What asks for somebody: parcels and deliveries that wait or stopped, by code; keys that run out or have."""
    now = tools.clock.now()
    with tools.ledger.reading() as reading:
        codes = Counter(p.code for p in reading.unsettled() if p.code and p.state != "accepted")
        codes += Counter(d.code for s in ("released", "faulted") for d in reading.deliveries(state=s) if d.code)
    found = _expiring(tools.facts.current(), now)
    keys = [
        {"party": key.party, "key": key.fingerprint[-16:], "days": (key.expires_at - now).days, "name": key.name}
        for key in found
    ]
    return {"waiting": dict(sorted(codes.items())), "keys": keys}


def parcel(tools: Tools, identity: str) -> dict[str, Any] | None:
    """One parcel or batch with its history, for `gateway parcels show`. `statements`: what other gateways signed about
    it, and what this node did."""
    with tools.ledger.reading() as reading:
        shown: Any = reading.parcel(identity)
        packages = reading.packages(parcel=identity)
        stated = [s for p in packages for s in reading.between.statements(package=p.id)]
        if shown is None:  # a batch of ours, or of another gateway's
            shown = reading.distribution(identity) or reading.between.incoming(identity)
            packages = reading.packages(distribution=identity)
            stated = reading.between.statements(about=identity)
        if shown is None:
            return None
        return {
            "parcel": row(shown),
            "packages": [
                {"id": p.id, "receiver": p.receiver, "records": p.records, "state": p.state, "sha256": p.sha256}
                for p in packages
            ],
            "receipts": [
                {"number": r.number, "stage": r.stage, "code": r.code} for r in reading.receipts(parcel=identity)
            ],
            "statements": [dict(statements.told(s)) for s in stated],
            "log": [{"seq": e.seq, "event": e.event, "logged_at": e.logged_at} for e in reading.entries_of(identity)],
        }


def row(found: ParcelRow | DistributionRow | IncomingRow) -> dict[str, Any]:
    return {field: getattr(found, field) for field in found.__dataclass_fields__}


def _current(facts: Facts, now: datetime) -> str:
    rhythms = [a.rhythm for a in facts.agreements.values() if a.rhythm != "event"]
    return str(for_rhythm(rhythms[0] if rhythms else "quarterly", now.date()))


def _dataset(agreement: Agreement, obligations: Mapping[tuple[str, str], ObligationRow]) -> Dataset:
    mine = [o for (a, _), o in obligations.items() if a == agreement.id]
    common = Counter((o.due, o.status) for o in mine).most_common(1)
    if not common:
        return Dataset(agreement.id, agreement.label)
    due, status = common[0][0]
    return Dataset(agreement.id, agreement.label, date.fromisoformat(due), status == "provisional")


def _parties(
    reading: Reading,
    facts: Facts,
    agreements: Iterable[Agreement],
    obligations: Mapping[tuple[str, str], ObligationRow],
    parcels: Mapping[tuple[str, str], list[ParcelRow]],
    before: Mapping[tuple[str, str], int],
) -> tuple[PartyRow, ...]:
    rows: dict[str, dict[str, Submission]] = {}
    for agreement in agreements:
        for party in facts.senders(agreement):
            key = (agreement.id, party.id)
            found = _submission(reading, agreement, obligations.get(key), parcels.get(key, []), before.get(key))
            rows.setdefault(party.id, {})[agreement.id] = found
    return tuple(
        PartyRow(
            party.id,
            party.area_code,
            party.short or party.name,
            rows[party.id],
            party.contact_line,
        )
        for party in sorted(facts.parties.values(), key=lambda p: p.area_code)
        if party.id in rows
    )


def _submission(
    reading: Reading,
    agreement: Agreement,
    owed: ObligationRow | None,
    parcels: list[ParcelRow],
    previous: int | None,
) -> Submission:
    """What became of one obligation, from the deliveries that count."""
    accepted = sorted((p for p in parcels if p.state == "accepted"), key=lambda p: p.revision)
    done = intake.current(accepted)
    received = min((_instant(p.received_at) for p in (done or parcels)), default=None)
    parts = (len({p.part for p in done}), done[0].parts) if done and done[0].part else None
    told = figures.of(reading, agreement, done)
    return Submission(
        state=_state(owed, parcels, accepted, done),
        records=sum(p.records for p in done),
        refused=sum(p.refused for p in done),
        received_at=received,
        due=date.fromisoformat(owed.due) if owed else None,
        previous=previous,
        reminded_at=_instant(owed.reminded_at) if owed and owed.reminded_at else None,
        parts=parts,
        quality=told.quality,
        below=told.below,
        fields=told.fields,
        differing=told.differing,
        extended=bool(owed and owed.extended_until),
        provisional=bool(owed and owed.status == "provisional"),
        corrected_in_time=bool(owed and owed.state == "met_after_correction"),
    )


def _state(
    owed: ObligationRow | None, parcels: list[ParcelRow], accepted: list[ParcelRow], done: list[ParcelRow]
) -> State:
    if accepted and not done:
        return "withdrawn"
    if owed is None:
        return "sent" if done else "none"
    if owed.state == "void":
        return "sent" if done else "void"
    state: State = _SETTLED.get(owed.state, "missing" if owed.state == "missed" else "owed")
    if state in ("owed", "missing"):
        if any(p.state == "held" for p in parcels):
            return "held"
        return "refused" if state == "owed" and any(p.state == "refused" for p in parcels) else state
    if state in ("sent", "nil") and any(p.kind == Kind.REPLACE for p in done):
        state = "corrected"
    if state in ("sent", "corrected") and any(p.refused for p in done):
        state = "partly_refused"
    return state


def _records(reading: Reading, agreements: Iterable[Agreement], period: str) -> dict[tuple[str, str], int]:
    """Records per agreement and party that count for a period; nothing where nothing is known of it."""
    found: dict[tuple[str, str], list[ParcelRow]] = defaultdict(list)
    for agreement in agreements:
        for p in reading.parcels(agreement=agreement.id, period=period, state="accepted", limit=100_000):
            found[p.agreement, p.sender].append(p)
    counting = {key: intake.current(sorted(rows, key=lambda p: p.revision)) for key, rows in found.items()}
    return {key: sum(p.records for p in rows) for key, rows in counting.items() if rows}


def _receivers(reading: Reading, facts: Facts, agreements: Iterable[Agreement], period: str) -> tuple[ReceiverRow, ...]:
    tally: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_ORDER, 0))
    oldest: dict[str, datetime] = {}
    unconfirmed: dict[str, int] = defaultdict(int)
    waits: set[str] = set()
    for agreement in agreements:
        for package in reading.packages(agreement=agreement.id, period=period):
            if package.state in superseding.GONE or not package.sha256:
                continue
            reached = _REACHED.get(package.state, package.state)
            for stage in _ORDER[: _ORDER.index(reached) + 1]:
                tally[package.receiver][stage] += 1
            if package.state == "held" and (agreement.release == "by_operator" or agreement.four_eyes):
                waits.add(package.receiver)
        for batch in reading.distributions(agreement=agreement.id, period=period):
            if batch.state not in ("delivered", "unconfirmed"):
                continue
            unconfirmed[batch.receiver] += batch.state == "unconfirmed"
            at = _instant(reading.deliveries(distribution=batch.id)[0].delivered_at)
            oldest[batch.receiver] = min(at, oldest.get(batch.receiver, at))
    return tuple(
        ReceiverRow(
            party=p,
            code=facts.parties[p].area_code,
            name=facts.parties[p].short or facts.parties[p].name,
            sealed=tally[p]["held"],
            released=tally[p]["released"],
            delivered=tally[p]["delivered"],
            acknowledged=tally[p]["acknowledged"],
            open_since=oldest.get(p),
            release_owed=p in waits,
            unconfirmed=unconfirmed[p],
        )
        for p in sorted(tally, key=lambda identity: facts.parties[identity].area_code)
    )


def _title(facts: Facts, agreement: str, period: str) -> str:
    known = facts.agreements.get(agreement)
    return f"{known.label if known else agreement} {period}"


def _expiring(facts: Facts, now: datetime) -> tuple[ExpiringKey, ...]:
    """Keys that run out within the warning time, in both profiles, next ones and the node's own too; soonest first."""
    found = [
        ExpiringKey(
            key.party, facts.parties[key.party].short or facts.parties[key.party].name, key.fingerprint, key.expires
        )
        for key in survey(facts, now, private=False)
        if key.step is not None and key.fingerprint is not None and key.expires is not None
    ]
    return tuple(sorted(found, key=lambda key: key.expires_at))


def _stopped(found: ParcelRow, facts: Facts) -> StoppedParcel:
    agreement = facts.agreements.get(found.agreement)
    title = facts.node.folders.acknowledge if found.agreement == ACKNOWLEDGE or agreement is None else agreement.label
    return StoppedParcel(
        parcel=found.id,
        party=facts.parties[found.sender].short or facts.parties[found.sender].name,
        title=title,
        blame="fault" if found.state == "faulted" else "held" if found.state == "held" else "deferred",
        code=found.code,
        since=_instant(found.received_at),
        next_try=_instant(found.next_attempt_at) if found.next_attempt_at else None,
        detail={k: v for k, v in found.details.items() if isinstance(v, str | int)},
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
