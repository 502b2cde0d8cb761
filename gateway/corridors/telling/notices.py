"""Notices: who is told outside the folders, gathered from the log and sent by the sweep.

The log is what is gathered from: an entry stands in the transaction of the state change it records, and a cursor says
how far it was looked through. So an event is told once, and nothing that happens waits for a mail server. What no entry
records (a folder away, a disk low) comes as a condition of the node. Several matters for one contact are one message; a
message that fails is tried again with backoff, and given up after three days.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.notices import Waiting
from gateway.adapters.ledger.rows import LogRow
from gateway.corridors.telling.reminders import automatic
from gateway.instants import backoff, rfc3339
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.outcomes import Ok
from gateway.policy.facts import Facts, Party
from gateway.ports import Message
from gateway.receipts import notices

PARTY, OPERATOR = "party", "operator"
AUDIENCE: Final[Mapping[Event, frozenset[str]]] = {
    Event.MISSED: frozenset({PARTY, OPERATOR}),
    Event.EXTENDED: frozenset({PARTY}),
    Event.MOVED: frozenset({PARTY}),
    Event.VOIDED: frozenset({PARTY}),
    Event.DELIVERED: frozenset({PARTY}),
    Event.REMINDED: frozenset({PARTY}),
    Event.REFUSED: frozenset({PARTY}),
    Event.HELD: frozenset({PARTY, OPERATOR}),
    Event.FAULTED: frozenset({OPERATOR}),
    Event.UNCONFIRMED: frozenset({PARTY, OPERATOR}),
    Event.KEY_EXPIRING: frozenset({PARTY, OPERATOR}),
    Event.UNWITNESSED: frozenset({OPERATOR}),
    Event.CLOCK: frozenset({OPERATOR}),
    Event.SPLIT: frozenset({OPERATOR}),
    Event.KEY: frozenset({PARTY, OPERATOR}),
    Event.LOG_KEY: frozenset({OPERATOR}),
    Event.OUTAGE: frozenset({OPERATOR}),
    Event.RESTORED: frozenset({OPERATOR}),
    Event.STATED: frozenset({OPERATOR}),
    Event.DISBELIEVED: frozenset({OPERATOR}),
    Event.IMPERSONATED: frozenset({PARTY, OPERATOR}),
}
NOBODY: Final[Mapping[str, frozenset[Event]]] = {
    "it goes on by itself, and a condition of the node says when it does not": frozenset(
        {Event.STARTED, Event.STOPPED, Event.DUPLICATE, Event.DEFERRED, Event.CHECKED, Event.SORTED, Event.SEALED}
    ),
    "its receipt, letter or page lies in the party's folder, and nobody has to do anything soon": frozenset(
        {Event.RECEIVED, Event.ACCEPTED, Event.RECEIPT, Event.OWED, Event.MET, Event.RETURNED, Event.TRANSFERRED}
        | {Event.BULLETIN, Event.ERASED, Event.COPIED}
    ),
    "whoever it concerns did it, or sees it come in": frozenset(
        {Event.FACTS, Event.RETRIED, Event.CONFIRMED, Event.CLOSED, Event.RELEASED, Event.OPERATED, Event.BACKED_UP}
        | {Event.ACKNOWLEDGED, Event.LISTED, Event.ANSWERED}
    ),
}
"""Events nobody is told of, by the reason. Every event is here or in `AUDIENCE`."""
MAIL, WEBHOOK = "mail", "webhook"
OLD, GIVE_UP, KEPT = timedelta(days=1), timedelta(days=3), timedelta(days=30)
BATCH = 1000
NEXT: Final = "/1"
"""After a party's id: its next level, which has a digest of its own. No id holds a `/`."""
REFUSALS = 200
"""Codes from here on say that something was not taken."""


def post(node: Node) -> None:
    """Gather what the log holds, send what is ripe. A scheduler's job of its own, since it waits for others."""
    if node.notices:
        gather(node)
        send(node)


def gather(node: Node) -> int:
    """Look through the entries since the last time; how many notices came of them. A node that begins to tell does not
    tell its history."""
    now, facts, made = node.clock.now(), node.facts.current(), 0
    with node.ledger.reading() as reading:
        head = reading.entries.head()[0]
    with node.ledger.notices() as kept:
        after = kept.cursor()
        if after is None:
            kept.set_cursor(head)
            return 0
    while True:
        with node.ledger.reading() as reading:
            entries = reading.entries.after(after, BATCH)
            rows = [row for entry in entries for row in _of_entry(reading, entry, facts, node, now)]
        if not entries:
            return made
        after, made = entries[-1].seq, made + len(rows)
        with node.ledger.notices() as kept:
            kept.add(rows)
            kept.set_cursor(after)


def tell(node: Node, condition: str, count: int = 0) -> None:
    """A condition of the node began or ended: the operator is told."""
    now, facts = node.clock.now(), node.facts.current()
    about = {"count": count} if count else {}
    own = facts.parties[facts.node.party]
    with node.ledger.notices() as kept:
        kept.add(
            Waiting(f"{condition}/{rfc3339(now)}/{channel}", channel, own.id, condition, about, now, 0)
            for channel in _channels(node, own, operator=True)
        )


def send(node: Node) -> int:
    """Send every digest that is ripe; how many went. Deterministic: the same notices are the same message."""
    now, facts, went = node.clock.now(), node.facts.current(), 0
    with node.ledger.notices() as kept:
        due = kept.due(now)
        kept.forget(now - KEPT)
    groups: dict[tuple[str, str], list[Waiting]] = defaultdict(list)
    for row in due:
        groups[row.channel, row.party].append(row)
    for (channel, identity), rows in groups.items():
        attempt = max(row.attempt for row in rows)
        ripe = now - timedelta(minutes=facts.node.notices.digest_minutes)
        if not attempt and rows[0].created_at > ripe:
            continue
        way, party = node.notices.get(channel), facts.parties.get(identity.removesuffix(NEXT))
        level = int(identity.endswith(NEXT))
        given_up = rows[0].created_at < now - GIVE_UP
        message = _message(facts, party, level, channel, rows, now) if party else None
        if way is None or message is None or given_up:  # nobody to tell any more, or not for three days
            node.log.warning("notice_given_up", party=identity, channel=channel, notices=len(rows))
            with node.ledger.notices() as kept:
                kept.sent(rows, now)
            continue
        outcome = way.send(message)
        with node.ledger.notices() as kept:
            if isinstance(outcome, Ok):
                kept.sent(rows, now)
                went += 1
            else:
                again = node.clock.now() + timedelta(seconds=backoff(attempt + 1))
                kept.failed(rows, attempt + 1, again)
        told = {} if isinstance(outcome, Ok) else {"code": outcome.code, **outcome.detail}
        node.log.info("notice", party=identity, channel=channel, notices=len(rows), **told)
    return went


def _of_entry(reading: Reading, entry: LogRow, facts: Facts, node: Node, now: datetime) -> Iterator[Waiting]:
    told = AUDIENCE.get(entry.event)
    if not told or entry.logged_at < now - OLD:
        return
    body = json.loads(entry.body)
    if not _news(reading, entry, body):
        return
    about = _about(reading, entry, body)
    event = str(entry.event)
    if entry.event is Event.KEY_EXPIRING and not body["counts"].get("step"):
        event = "key_expired"
    concerned = [p for p in body["parties"] if p in facts.parties]
    if concerned:
        about["party"] = concerned[0]
    recipients = {(p, False) for p in concerned if PARTY in told and p != facts.node.party}
    recipients |= {(facts.node.party, True)} if OPERATOR in told or facts.node.party in concerned else set()
    if entry.event is Event.REMINDED and body["counts"].get("level"):
        over = [(p, automatic.above(facts, facts.parties[p])) for p in concerned]
        recipients |= {(upper.id, upper.id == facts.node.party) for _, upper in over}
        for identity, _ in over:
            if _mailed(node, facts.parties[identity], 1):
                whom = f"{identity}{NEXT}"
                yield Waiting(f"{entry.id}@{MAIL}/{whom}", MAIL, whom, event, about, entry.logged_at, 0)
    for identity, operator in sorted(recipients):
        for channel in _channels(node, facts.parties[identity], operator=operator):
            yield Waiting(f"{entry.id}@{channel}/{identity}", channel, identity, event, about, entry.logged_at, 0)


def _news(reading: Reading, entry: LogRow, body: Mapping[str, Any]) -> bool:
    """A partner's receipt that says that something went well is none; nor is a date whose place another has taken, nor
    what becomes of another gateway's batch: its sender learns it by signed receipts, the operator from the page."""
    if entry.event is Event.STATED:
        return bool(body["counts"].get("refused") or body["counts"]["code"] >= REFUSALS)
    if entry.event in (Event.HELD, Event.REFUSED) and reading.incoming.get(entry.parcel) is not None:
        return False
    return not (entry.event is Event.VOIDED and entry.id.endswith("/taken-over"))


def _about(reading: Reading, entry: LogRow, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry is about, as ids: an obligation, a parcel or a batch."""
    counts = body["counts"]
    about = {key: counts[key] for key in ("days",) if key in counts}
    if "due" in counts:
        about["due"] = f"{datetime.strptime(str(counts['due']), '%Y%m%d'):%Y-%m-%d}"  # noqa: DTZ007 - a day
    if "code" in counts:
        about["code"] = f"{counts['code']:03d}"
    owed = reading.obligations.get(entry.id.rpartition("/")[0]) or reading.obligations.get(entry.parcel)
    for found in (owed, reading.parcels.get(entry.parcel), reading.batches.get(entry.parcel)):
        if found is not None:
            return {**about, "agreement": found.agreement, "period": found.period}
    return about


def _channels(node: Node, party: Party, *, operator: bool) -> list[str]:
    found = [MAIL] if _mailed(node, party, 0) else []
    return [*found, *([WEBHOOK] if operator and WEBHOOK in node.notices else [])]


def _mailed(node: Node, party: Party, level: int) -> bool:
    return MAIL in node.notices and any(contact.email for contact in party.at(level))


def _message(
    facts: Facts, party: Party, level: int, channel: str, rows: Sequence[Waiting], now: datetime
) -> Message | None:
    """The digest of a contact's notices; None where there is nobody to send it to."""
    node = facts.parties[facts.node.party]
    operator = party.id == node.id
    language = facts.node.language if operator else party.language
    to = tuple(c.email for c in party.at(level) if c.email)
    if channel == MAIL and not to:
        return None
    events = list(_events(facts, rows))
    folder = facts.node.folders.receipts
    identity = hashlib.sha256("\n".join(sorted(row.id for row in rows)).encode()).hexdigest()[:32]
    return Message(
        id=identity,
        at=now.isoformat(timespec="seconds"),
        to=to,
        language=language,
        subject=notices.subject(events, node.name, language, rehearsal=facts.node.rehearsal is not None),
        text=notices.text(events, node.name, node.contact_line, language, operator=operator, folder=folder),
        events=tuple(events),
    )


def _events(facts: Facts, rows: Iterable[Waiting]) -> Iterator[dict[str, Any]]:
    for row in rows:
        event: dict[str, Any] = {"event": row.event, "at": rfc3339(row.created_at), **row.about}
        party = facts.parties.get(row.about.get("party", ""))
        agreement = facts.agreements.get(row.about.get("agreement", ""))
        event["party_name"] = (party.short or party.name) if party else ""
        event["label"] = agreement.label if agreement else row.about.get("agreement", "")
        yield event
