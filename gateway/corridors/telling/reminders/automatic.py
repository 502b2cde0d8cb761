"""Prompting: reminders that go out by themselves, at their steps before and after the date, to the responsible party,
and from the step that escalates on to the next level as well.

What is to be sent is decided, logged and entered in one transaction; the ledger's key sends no step twice, whatever is
restarted. Then the letter is written; one that was logged and is in nobody's hands is written by the next round.
Answers that are owed record by record are asked for in one letter. Receivers who have not signed are `chasing`'s.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import groupby

from gateway.adapters.ledger.rows import ObligationRow
from gateway.adapters.ledger.transaction import Transaction
from gateway.corridors.obligations.settling import read
from gateway.corridors.telling.reminders import letters
from gateway.deadlines import Calendar
from gateway.deadlines.reminders import Reminder, Schedule, quiet, reminder, wakes_at
from gateway.instants import SHANGHAI, rfc3339
from gateway.lifecycle import ObligationState
from gateway.node import ACTOR, Node
from gateway.policy.facts import Facts, Party

KINDS = frozenset({"submission", "reply", "feedback"})
_ABOVE = {"department": "county", "township": "county", "county": "province", "province": "national"}
_PREFIX = {"county": 6, "province": 2, "national": 0}
Letters = dict[tuple[str, str, str, int, int], list[tuple[ObligationRow, Reminder]]]


def prompt(node: Node) -> int:
    """Send every reminder that is due now; how many letters. Nothing on rest days and in quiet hours."""
    now, facts, calendar = node.clock.now(), node.facts.current(), node.facts.calendar()
    schedule = Schedule.of(facts.node.reminders)
    if not facts.node.reminders.automatic or quiet(now, calendar, schedule):
        return 0
    with node.ledger.reading() as reading:
        waiting = reading.to_remind(now, limit=1)
    if waiting:
        with node.ledger.transaction(now) as tx:
            _enter(tx, tx.to_remind(now), facts, calendar, schedule)
    return _write(node, facts, calendar)


def above(facts: Facts, party: Party) -> Party:
    """The next level of a party: the one of the tier above it that its area code lies in; else this node itself."""
    tier = _ABOVE.get(party.tier)
    while tier:
        code = party.area_code[: _PREFIX[tier]]
        for other in facts.parties.values():
            if other.tier == tier and other.id != party.id and other.area_code.startswith(code):
                return other
        tier = _ABOVE.get(tier)
    return facts.parties[facts.node.party]


def _enter(tx: Transaction, waiting: list[ObligationRow], facts: Facts, calendar: Calendar, schedule: Schedule) -> None:
    """Decide for each, log one entry for each letter, and say when each has to be looked at again."""
    steps = tx.steps_sent([owed.id for owed in waiting])
    found: Letters = defaultdict(list)
    later: dict[str, list[str]] = defaultdict(list)
    for owed in waiting:
        sent, standing = steps.get((owed.id, owed.due), set()), read(owed)
        known = owed.kind in KINDS and owed.party in facts.parties and owed.agreement in facts.agreements
        due = reminder(standing, ObligationState(owed.state), sent, tx.now, calendar, schedule) if known else None
        if due is not None:
            sent = sent | set(due.covers)
            found[owed.source or owed.id, owed.party, owed.due, due.step, due.level].append((owed, due))
        wakes = wakes_at(standing, sent, tx.now, calendar, schedule) if known else None
        later[rfc3339(wakes) if wakes else ""].append(owed.id)
    for at, ids in later.items():
        tx.update_obligations(ids, remind_at=at)
    for (history, party, _, step, level), many in sorted(found.items()):
        alone = many[0][0].id == history
        name = history if alone else f"{history}/{party}"
        counts = {"step": step, "level": level} | ({} if alone else {"obligations": len(many)})
        seq = letters.logged(tx, name, party, facts, ACTOR, history=history, counts=counts)
        at = rfc3339(tx.now)
        same: dict[str, object] = {"level": level, "at": at, "seq": seq, "written_at": ""}
        rows: list[dict[str, object]] = [
            {"obligation": owed.id, "due": owed.due, "step": one, **same} for owed, due in many for one in due.covers
        ]
        tx.add_reminders(rows)
        tx.update_obligations([owed.id for owed, _ in many], reminded_at=at)


def _copies(upper: Party, to: Party) -> tuple[str, ...]:
    """Who the letter says has a copy: the office above, and the party's own next level by its role, as letters name no
    persons."""
    return (upper.name, *(f"{to.name}{contact.role}" for contact in to.at(1) if contact.role))


def _write(node: Node, facts: Facts, calendar: Calendar) -> int:
    """Put into people's hands what was logged and is not there yet: each letter as it stands now, under its number and
    day. What was settled or given another date meanwhile is not asked for any more."""
    with node.ledger.reading() as reading:
        waiting = reading.unwritten_reminders()
    count = 0
    for seq, group in groupby(waiting, key=lambda row: row.seq):
        rows = list(group)
        with node.ledger.reading() as reading:
            found = (reading.obligation(identity) for identity in dict.fromkeys(row.obligation for row in rows))
            open_ = [owed for owed in found if owed and owed.state in ("open", "missed") and owed.due == rows[0].due]
            if open_:
                to = facts.parties[open_[0].party]
                copy = above(facts, to) if max(row.level for row in rows) else None
                letter = letters.write(
                    reading,
                    open_[0],
                    facts,
                    calendar,
                    seq=seq,
                    day=datetime.fromisoformat(rows[0].at).astimezone(SHANGHAI).date(),
                    records=len(open_) if open_[0].kind != "submission" else 0,
                    copies=_copies(copy, to) if copy else (),
                )
        if open_:
            try:
                letters.send(node, letter, to, copy)
            except OSError as error:  # the folder is away: the next round writes it
                node.log.warning("letter_waits_here", party=to.id, errno=error.errno)
                continue
            count += 1
        with node.ledger.transaction(node.clock.now()) as tx:
            tx.reminder_written(seq)
    return count
