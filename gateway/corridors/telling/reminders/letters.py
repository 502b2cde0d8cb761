"""Reminding (催报): a letter into the folder of every party that still owes, and the list of them for the operator. A
person asks for it here; what goes out by itself is in `gateway.corridors.telling.reminders.automatic`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from gateway import durable
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import ObligationRow
from gateway.corridors.counting import counting
from gateway.corridors.obligations import entries
from gateway.corridors.recording import Said
from gateway.corridors.telling import laying
from gateway.deadlines import Calendar
from gateway.instants import SHANGHAI
from gateway.lifecycle import OWED, Event, ParcelState
from gateway.node import Node, Terms
from gateway.parcels import AgreementId, PartyId
from gateway.policy.facts import Facts, Party, places
from gateway.policy.periods import Period
from gateway.receipts import letters
from gateway.receipts.letters import Lacking, Letter
from gateway.stages import intake


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


@dataclass(frozen=True, slots=True)
class Numbered:
    """A letter's number (that of its entry) and day. `records`: for how many of them an answer is owed; `copies`: who
    the letter says has one."""

    seq: int
    day: date
    records: int = 0
    copies: Sequence[str] = ()


def remind(
    node: Node, period: str, actor: str, *, agreement: str | None, party: str | None, dry_run: bool
) -> list[dict[str, Any]]:
    """Remind everybody who owes a submission of the period, or one agreement's or party's. Each letter is logged; none
    goes out before the window opens."""
    now, terms = node.clock.now(), node.terms()
    facts = terms.facts
    if not Period.parse(period).ended(now.date()):
        return []
    with node.ledger.reading() as reading:
        rows = [
            o
            for o in reading.obligations.where(period=period)
            if o.state in OWED and agreement in (None, o.agreement) and party in (None, o.party)
        ]
    done, sent = [], []
    for owed in rows:
        file = ""
        if not dry_run:
            letter = _letter(node, owed, terms, now, actor)
            file = send(node, letter, facts.parties[owed.party], keep=True)
            sent.append((letter, file))
        label = facts.agreements[owed.agreement].label
        name = facts.parties[owed.party].name
        done.append(Reminded(owed.party, name, owed.agreement, label, owed.due.isoformat(), str(owed.state), file))
    if sent:
        _cover(node, facts, period, now.date(), sent)
    return [asdict(reminded) for reminded in done]


def send(node: Node, letter: Letter, to: Party, above: Party | None = None, *, keep: bool = False) -> str:
    """The one place where a reminder leaves: into the party's folder of receipts, and, where it escalates, a copy to
    the level `above`. Answers the file's name; sent again, it is the same file. Where a folder is in the way the other
    one gets its letter all the same; then it is kept for later (`keep`), or `OSError` says that it has to be sent
    again."""
    facts = node.facts.current()
    ours = facts.parties[facts.node.party]
    file = letters.letter_name(letter, to.id, to.language)
    page = letters.reminder_letter(
        letter, node_name=ours.name, contact=ours.contact_line, language=to.language, folders=facts.node.folders
    )
    put = partial(laying.lay, node) if keep else node.folders.write
    failed: OSError | None = None
    for party in (to, above) if above is not None and above.id != ours.id else (to,):
        try:
            put(places.receipts_folder(facts, party), file, page)
        except OSError as error:
            failed = failed or error
    if above is not None and above.id == ours.id:
        copies = node.spool.state / "letters"
        durable.make_folder(copies)
        durable.write_bytes(copies / file, page)
    if failed is not None:
        raise failed
    return file


def write(reading: Reading, owed: ObligationRow, terms: Terms, stands: Numbered) -> Letter:
    """What the letter says, about `owed` and whatever else is owed under the same date."""
    facts, calendar, day = terms.facts, terms.calendar, stands.day
    to, agreement, due = facts.parties[owed.party], facts.agreements[owed.agreement], owed.due
    earlier = tuple(
        entry.logged_at.astimezone(SHANGHAI).date()
        for entry in reading.entries.of(owed.source or owed.id)
        if entry.event is Event.REMINDED and entry.seq < stands.seq
    )
    lacking: Lacking
    lacking, missing = ("records", str(stands.records)) if stands.records else _lacking(reading, owed)
    return Letter(
        number=letters.letter_number(day, stands.seq, to.language),
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
        copy_to=("、" if to.language == "zh" else ", ").join(stands.copies),
        contact=to.contact_line,
    )


def _letter(node: Node, owed: ObligationRow, terms: Terms, now: datetime, actor: str) -> Letter:
    """The letter that a person asked for, logged: its number is the entry's."""
    with node.ledger.transaction(now) as tx:
        seq = logged(tx, [owed], terms, actor, {})
        return write(tx, owed, terms, Numbered(seq, now.date()))


def logged(tx: Transaction, asked: Sequence[ObligationRow], terms: Terms, actor: str, counts: Mapping[str, int]) -> int:
    """Log one reminder of obligations of one party and source; returns the entry's number, which is the letter's."""
    about = entries.alike(asked)
    number = 1 + sum(entry.event is Event.REMINDED for entry in tx.entries.of(about.history))
    many = {"obligations": len(asked)} if asked[0].source else {}
    said = Said({**counts, **many}, suffix=f"/{Event.REMINDED}/{number}", actor=actor)
    return entries.of_many(tx, about, asked, Event.REMINDED, terms, said)


def _lacking(reading: Reading, owed: ObligationRow) -> tuple[Lacking, str]:
    """What is not there: parts of what came, anything that could be accepted, or anything at all."""
    holders = reading.places.holders(owed.party, owed.agreement, owed.period)
    parts = [p for p in holders if p.state is ParcelState.ACCEPTED and p.part]
    missing = intake.missing_parts(intake.current(parts))
    if missing:
        return "parts", "、".join(map(str, missing))
    came = reading.parcels.where(sender=owed.party, agreement=owed.agreement, period=owed.period)
    refused = any(p.state is ParcelState.REFUSED for p in came)
    live = counting(reading, owed.party, owed.agreement, owed.period)
    return ("refused" if refused and not live else "nothing"), ""


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
