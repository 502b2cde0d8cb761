"""Reminding (催报): a letter into the folder of every party that still owes, and the list of them for the operator."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from gateway import durable
from gateway.adapters.ledger.rows import ObligationRow
from gateway.adapters.ledger.transaction import Reading
from gateway.corridors import superseding
from gateway.corridors.tools import Tools
from gateway.deadlines import SHANGHAI, Calendar
from gateway.log import Entry, Event, rfc3339
from gateway.parcels import AgreementId, PartyId
from gateway.policy.model import Facts, Party
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
    tools: Tools, period: str, *, agreement: str | None, party: str | None, dry_run: bool, actor: str
) -> list[dict[str, Any]]:
    """Remind everybody who owes a submission of the period, or one agreement's or party's. Each letter is logged; none
    goes out before the window opens."""
    now, facts, calendar = tools.clock.now(), tools.facts.current(), tools.facts.calendar()
    if not Period.parse(period).ended(now.date()):
        return []
    with tools.ledger.reading() as reading:
        rows = [
            o
            for o in reading.obligations(period=period)
            if o.state in OWED and agreement in (None, o.agreement) and party in (None, o.party)
        ]
    done, sent = [], []
    for owed in rows:
        file = ""
        if not dry_run:
            letter = _letter(tools, owed, facts, calendar, now, actor)
            to = facts.parties[owed.party]
            file = letters.letter_name(letter, to.id, to.language)
            page = letters.reminder_letter(
                letter,
                node_name=facts.parties[facts.node.party].name,
                contact=_contact(facts.parties[facts.node.party]),
                language=to.language,
                folders=facts.node.folders,
            )
            durable.write_bytes(tools.folder(to, facts.node.folders.receipts) / file, page, MODE)
            sent.append((letter, file))
        label = facts.agreements[owed.agreement].label
        name = facts.parties[owed.party].name
        done.append(Reminded(owed.party, name, owed.agreement, label, owed.due, owed.state, file))
    if sent:
        _cover(tools, facts, period, now.date(), sent)
    return [asdict(reminded) for reminded in done]


def _letter(tools: Tools, owed: ObligationRow, facts: Facts, calendar: Calendar, now: datetime, actor: str) -> Letter:
    """The letter, logged: its number is the entry's."""
    to, agreement, due = facts.parties[owed.party], facts.agreements[owed.agreement], date.fromisoformat(owed.due)
    with tools.ledger.transaction(now) as tx:
        earlier = tuple(
            datetime.fromisoformat(entry.logged_at).astimezone(SHANGHAI).date()
            for entry in tx.entries_of(owed.id)
            if entry.event == Event.REMINDED
        )
        entry = tx.log(
            Entry(
                id=f"{owed.id}/{Event.REMINDED}/{len(earlier) + 1}",
                event=Event.REMINDED,
                time=now,
                actor=actor,
                facts=facts.digest,
                parties=(owed.party,),
                parcel=owed.id,
            )
        )
        tx.update_obligation(owed.id, reminded_at=rfc3339(now))
        lacking, missing = _lacking(tx, owed)
    return Letter(
        number=letters.letter_number(now.date(), entry.seq, to.language),
        day=now.date(),
        party=PartyId(to.id),
        party_name=to.name,
        agreement=AgreementId(agreement.id),
        label=agreement.label,
        period=owed.period,
        due=due,
        working_days=_working_days(now.date(), due, calendar),
        basis=agreement.basis.document,
        lacking=lacking,
        missing_parts=missing,
        names=calendar.on_or_before(due),
        provisional=owed.status == "provisional",
        earlier=earlier,
        contact=_contact(to),
    )


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


def _contact(party: Party) -> str:
    return f"{party.contacts[0].name} {party.contacts[0].phone}".strip() if party.contacts else ""


def _cover(tools: Tools, facts: Facts, period: str, day: date, sent: list[tuple[Letter, str]]) -> None:
    folder = tools.spool.state / "letters"
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
