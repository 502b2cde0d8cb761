"""Prompting: reminders that go out by themselves, at their steps before and after the date, to the responsible party,
and from the step that escalates on to the next level as well.

What is to be sent is decided, logged and entered in one transaction; the ledger's key sends no step twice, whatever is
restarted. Then the letter is written; one that was logged and is in nobody's hands is written by the next round.
Answers that are owed record by record are asked for in one letter. Receivers who have not signed are `chasing`'s.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from itertools import groupby

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ObligationRow, ReminderRow
from gateway.corridors.obligations.settling import read
from gateway.corridors.telling.reminders import letters
from gateway.deadlines.reminders import Reminder, Schedule, quiet, reminder, wakes_at
from gateway.instants import SHANGHAI
from gateway.lifecycle import OWED
from gateway.node import ACTOR, Node, Terms
from gateway.policy.facts import Facts, Party

KINDS = frozenset({"submission", "reply", "feedback"})
_ABOVE = {"department": "county", "township": "county", "county": "province", "province": "national"}
_PREFIX = {"county": 6, "province": 2, "national": 0}
Letters = dict[tuple[str, str, date, int, int], list[tuple[ObligationRow, Reminder]]]


def prompt(node: Node) -> int:
    """Send every reminder that is due now; how many letters. Nothing on rest days and in quiet hours."""
    now, terms = node.clock.now(), node.terms()
    facts, calendar = terms.facts, terms.calendar
    schedule = Schedule.of(facts.node.reminders)
    if not facts.node.reminders.automatic or quiet(now, calendar, schedule):
        return 0
    with node.ledger.reading() as reading:
        waiting = reading.obligations.to_remind(now, limit=1)
    if waiting:
        with node.ledger.transaction(now) as tx:
            _enter(tx, tx.obligations.to_remind(now), terms, schedule)
    return _write(node, terms)


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


def _enter(tx: Transaction, waiting: list[ObligationRow], terms: Terms, schedule: Schedule) -> None:
    """Decide for each, log one entry for each letter, and say when each has to be looked at again."""
    facts, calendar = terms.facts, terms.calendar
    steps = tx.reminders.sent([owed.id for owed in waiting])
    found: Letters = defaultdict(list)
    later: dict[datetime | None, list[str]] = defaultdict(list)
    for owed in waiting:
        sent, standing = steps.get((owed.id, owed.due), set()), read(owed)
        known = owed.kind in KINDS and owed.party in facts.parties and owed.agreement in facts.agreements
        due = reminder(standing, owed.state, sent, tx.now, calendar, schedule) if known else None
        if due is not None:
            sent = sent | set(due.covers)
            found[owed.source or owed.id, owed.party, owed.due, due.step, due.level].append((owed, due))
        wakes = wakes_at(standing, sent, tx.now, calendar, schedule) if known else None
        later[wakes].append(owed.id)
    for at, ids in later.items():
        tx.obligations.update_many(ids, remind_at=at)
    for (_, _, _, step, level), many in sorted(found.items()):
        seq = letters.logged(tx, [owed for owed, _ in many], terms, ACTOR, {"step": step, "level": level})
        tx.reminders.add(
            [ReminderRow(owed.id, owed.due, one, level, tx.now, seq) for owed, due in many for one in due.covers]
        )


def _copies(upper: Party, to: Party) -> tuple[str, ...]:
    """Who the letter says has a copy: the office above, and the party's own next level by its role, as letters name no
    persons."""
    return (upper.name, *(f"{to.name}{contact.role}" for contact in to.at(1) if contact.role))


def _write(node: Node, terms: Terms) -> int:
    """Put into people's hands what was logged and is not there yet: each letter as it stands now, under its number and
    day. What was settled or given another date meanwhile is not asked for any more."""
    facts = terms.facts
    with node.ledger.reading() as reading:
        waiting = reading.reminders.unwritten()
    count = 0
    for seq, group in groupby(waiting, key=lambda row: row.seq):
        rows = list(group)
        with node.ledger.reading() as reading:
            found = (reading.obligations.get(identity) for identity in dict.fromkeys(row.obligation for row in rows))
            open_ = [owed for owed in found if owed and owed.state in OWED and owed.due == rows[0].due]
            if open_:
                to = facts.parties[open_[0].party]
                copy = above(facts, to) if max(row.level for row in rows) else None
                stands = letters.Numbered(
                    seq,
                    rows[0].at.astimezone(SHANGHAI).date(),
                    records=len(open_) if open_[0].kind != "submission" else 0,
                    copies=_copies(copy, to) if copy else (),
                )
                letter = letters.write(reading, open_[0], terms, stands)
        if open_:
            try:
                letters.send(node, letter, to, copy)
            except OSError as error:  # the folder is away: the next round writes it
                node.log.warning("letter_waits_here", party=to.id, errno=error.errno)
                continue
            count += 1
        with node.ledger.transaction(node.clock.now()) as tx:
            tx.reminders.written(seq)
    return count
