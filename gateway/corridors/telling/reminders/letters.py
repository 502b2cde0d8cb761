"""Reminding (催报): a letter into the folder of every party that still owes, and the list of them for the operator. A
person asks for it here; what goes out by itself is in `gateway.corridors.telling.reminders.automatic`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from gateway import durable
from gateway.adapters.ledger.rows import ObligationRow
from gateway.adapters.ledger.transaction import Reading, Transaction
from gateway.corridors.obligations.settling import obligation_event
from gateway.corridors.submission import superseding
from gateway.deadlines import Calendar
from gateway.instants import SHANGHAI, rfc3339
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.parcels import AgreementId, PartyId
from gateway.policy.facts import Facts, Party
from gateway.policy.periods import Period
from gateway.receipts import letters
from gateway.receipts.letters import Lacking, Letter
from gateway.stages import intake

OWED = ("open", "missed")
MODE = 0o660


@dataclass(frozen=True, slots=True)
class Reminded:
    """One letter: to whom, about what, and the file in the party's folder of receipts (empty in a dry run)."""

    party: str
    name: str
    agreement: str
    label: str
    due: str
    state: str
    file: str


def remind(
    node: Node, period: str, *, agreement: str | None, party: str | None, dry_run: bool, actor: str
) -> list[dict[str, Any]]:
    """Remind everybody who owes a submission of the period, or one agreement's or party's. Each letter is logged; none
    goes out before the window opens."""
    now, facts, calendar = node.clock.now(), node.facts.current(), node.facts.calendar()
    if not Period.parse(period).ended(now.date()):
        return []
    with node.ledger.reading() as reading:
        rows = [
            o
            for o in reading.obligations(period=period)
            if o.state in OWED and agreement in (None, o.agreement) and party in (None, o.party)
        ]
    done, sent = [], []
    for owed in rows:
        file = ""
        if not dry_run:
            letter = _letter(node, owed, facts, calendar, now, actor)
            file = send(node, letter, facts.parties[owed.party])
            sent.append((letter, file))
        label = facts.agreements[owed.agreement].label
        name = facts.parties[owed.party].name
        done.append(Reminded(owed.party, name, owed.agreement, label, owed.due, owed.state, file))
    if sent:
        _cover(node, facts, period, now.date(), sent)
    return [asdict(reminded) for reminded in done]


def send(node: Node, letter: Letter, to: Party, above: Party | None = None) -> str:
    """The one place where a reminder leaves: into the party's folder of receipts, and, where it escalates, a copy to
    the level `above`. Answers the file's name; sent again, it is the same file."""
    facts = node.facts.current()
    ours = facts.parties[facts.node.party]
    file = letters.letter_name(letter, to.id, to.language)
    page = letters.reminder_letter(
        letter, node_name=ours.name, contact=ours.contact_line, language=to.language, folders=facts.node.folders
    )
    durable.write_bytes(node.folder(to, facts.node.folders.receipts) / file, page, MODE)
    if above is not None and above.id != ours.id:
        durable.write_bytes(node.folder(above, facts.node.folders.receipts) / file, page, MODE)
    elif above is not None:
        copies = node.spool.state / "letters"
        durable.make_folder(copies)
        durable.write_bytes(copies / file, page)
    return file


def write(
    reading: Reading,
    owed: ObligationRow,
    facts: Facts,
    calendar: Calendar,
    *,
    seq: int,
    day: date,
    records: int = 0,
    copies: Sequence[str] = (),
) -> Letter:
    """What the letter says that entry `seq` stands for. `records`: for how many of them an answer is owed, under the
    same date as `owed`."""
    to, agreement, due = facts.parties[owed.party], facts.agreements[owed.agreement], date.fromisoformat(owed.due)
    earlier = tuple(
        datetime.fromisoformat(entry.logged_at).astimezone(SHANGHAI).date()
        for entry in reading.entries_of(owed.source or owed.id)
        if entry.event == Event.REMINDED and entry.seq < seq
    )
    lacking: Lacking
    lacking, missing = ("records", str(records)) if records else _lacking(reading, owed)
    return Letter(
        number=letters.letter_number(day, seq, to.language),
        day=day,
        party=PartyId(to.id),
        party_name=to.name,
        agreement=AgreementId(agreement.id),
        label=agreement.label,
        period=owed.period or owed.subject.partition("/")[0],
        due=due,
        working_days=_working_days(day, due, calendar),
        basis=agreement.basis.document,
        lacking=lacking,
        missing_parts=missing,
        names=calendar.on_or_before(due),
        provisional=owed.status == "provisional",
        earlier=earlier,
        copy_to=("、" if to.language == "zh" else ", ").join(copies),
        contact=to.contact_line,
    )


def _letter(node: Node, owed: ObligationRow, facts: Facts, calendar: Calendar, now: datetime, actor: str) -> Letter:
    """The letter that a person asked for, logged: its number is the entry's."""
    with node.ledger.transaction(now) as tx:
        seq = logged(tx, owed.id, owed.party, facts, actor, history=owed.id)
        tx.update_obligation(owed.id, reminded_at=rfc3339(now))
        return write(tx, owed, facts, calendar, seq=seq, day=now.date())


def logged(
    tx: Transaction,
    name: str,
    party: str,
    facts: Facts,
    actor: str,
    *,
    history: str,
    counts: Mapping[str, int] | None = None,
) -> int:
    """Log one reminder; answers the entry's number, which is the letter's."""
    number = 1 + sum(entry.event == Event.REMINDED for entry in tx.entries_of(history))
    suffix = f"{Event.REMINDED}/{number}"
    return obligation_event(tx, Event.REMINDED, name, party, facts, suffix, actor=actor, counts=counts, history=history)


def _lacking(reading: Reading, owed: ObligationRow) -> tuple[Lacking, str]:
    """What is not there: parts of what came, anything that could be accepted, or anything at all."""
    parts = [p for p in reading.places(owed.party, owed.agreement, owed.period) if p.state == "accepted" and p.part]
    missing = intake.missing_parts(intake.current(parts))
    if missing:
        return "parts", "、".join(map(str, missing))
    came = reading.parcels(sender=owed.party, agreement=owed.agreement, period=owed.period)
    refused = any(p.state == "refused" for p in came)
    counting = superseding.counting(reading, owed.party, owed.agreement, owed.period)
    return ("refused" if refused and not counting else "nothing"), ""


def _working_days(day: date, due: date, calendar: Calendar) -> int:
    """From `day` to `due`: negative while it is still to come, positive after it has passed."""
    first, last = min(day, due), max(day, due)
    count = sum(1 for working in calendar.working_days(first, last) if working > first)
    return count if day > due else -count


def _cover(node: Node, facts: Facts, period: str, day: date, sent: list[tuple[Letter, str]]) -> None:
    folder = node.spool.state / "letters"
    durable.make_folder(folder)
    page = letters.cover_list(
        [letter for letter, _ in sent],
        node_name=facts.parties[facts.node.party].name,
        period=period,
        day=day,
        language=facts.node.language,
        files=[file for _, file in sent],
    )
    durable.write_bytes(folder / letters.cover_name(period, day, facts.node.language), page)
