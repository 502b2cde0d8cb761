"""What comes round by itself over many open obligations: the ledger's scans on SQLite, at a million by default.

    python -m bench.deadlines [--open 1000000] [--due 10000] [DIR]

Obligations are replies of 32 provinces to inquiries of 500 records. The rounds are the daemon's own: `missed` when
nothing has run out, `remind` when no step is due, both again when `--due` records have come to it; a recomputation
under the same calendar looks at every one. The floor is SQLite counting the same rows without an index.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar, cast

import structlog

from gateway import deadlines
from gateway.adapters.channels.folders import ExchangeRoot, Folders
from gateway.adapters.ledger import Ledger
from gateway.corridors.obligations import dating, obliging, settling
from gateway.corridors.telling.reminders import automatic
from gateway.deadlines import Calendar
from gateway.instants import SHANGHAI
from gateway.lifecycle import OWED
from gateway.node import Node as RunningNode
from gateway.node import Terms
from gateway.parcels import AgreementId, PartyId
from gateway.policy import loading

RECORDS = 500
FIRST = datetime(2026, 9, 1, 9, 0, tzinfo=SHANGHAI)
T = TypeVar("T")


class Clock:
    def __init__(self) -> None:
        self.moment = FIRST

    def now(self) -> datetime:
        return self.moment


def fill(node: RunningNode, count: int, received: datetime) -> None:
    """Enter `count` replies that were asked for at `received`, due fifteen working days later."""
    terms, rule = node.terms(), "workdays:15"
    provinces = [PartyId(party.id) for party in terms.facts.parties.values() if party.tier == "province"]
    limit = deadlines.due(received, rule, terms.calendar)
    day, expires_at = limit.settled
    first = deadlines.Obligation(
        id="",
        duty="reply",
        party=provinces[0],
        agreement=AgreementId("migrants-inflow"),
        occasion="",
        opens_at=received,
        due=day,
        expires_at=expires_at,
        status="final",
        edition=limit.edition,
        rule=rule,
    )
    for number in range(0, count, RECORDS):
        source = f"inquiry-{received:%m%d}-{number}"
        asked = replace(first, party=provinces[number // RECORDS % len(provinces)])
        owed = [deadlines.recurring(asked, f"{source}-{n}") for n in range(min(RECORDS, count - number))]
        with node.ledger.transaction(received) as tx:
            settling.set_obligations(tx, owed, terms, source=source)


def timed(name: str, work: Callable[[], T]) -> T:
    started, cpu = time.perf_counter(), time.process_time()
    found = work()
    took, spent = time.perf_counter() - started, time.process_time() - cpu
    print(f"{name:58} {took:8.3f} s  (CPU {spent:.3f} s)", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--open", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=10_000)
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="bench-deadlines-"))
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "node"
    shutil.copytree(Path(__file__).parents[1] / "config", home / "config")
    facts = loading.load(home)
    (home / "exchange").mkdir()
    for party in facts.parties.values():
        (home / "exchange" / party.folder_name / facts.node.folders.receipts).mkdir(parents=True)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    ledger.migrate()
    calendar, clock = Calendar.load(facts.calendar), Clock()
    running = SimpleNamespace(
        facts=SimpleNamespace(current=lambda: facts, calendar=lambda: calendar),
        terms=lambda: Terms(facts, calendar),
        clock=clock,
        ledger=ledger,
        log=structlog.get_logger("bench"),
        spool=SimpleNamespace(state=folder),
        folders=Folders(ExchangeRoot(home / "exchange", folder / "record")),
    )
    node = cast(RunningNode, running)
    # 15 working days from 1 September end on 21 September (the 20th, a Sunday, is worked); from the 14th, after the
    # holiday in October.
    timed(f"{chosen.due:,} entered", lambda: fill(node, chosen.due, FIRST))
    timed(f"{chosen.open:,} entered", lambda: fill(node, chosen.open, FIRST + timedelta(days=13)))
    clock.moment = FIRST + timedelta(days=14)
    for what in ("first round: the agreements' own are entered", "second round: those of old are marked"):
        timed(what, lambda: obliging.enter(node))
    timed("a round of `missed`, nothing has run out", lambda: obliging.enter(node))
    letters = timed("a round of reminders: the first steps", lambda: automatic.prompt(node))
    while letters:
        letters = automatic.prompt(node)
    timed("a round of reminders, none is due", lambda: automatic.prompt(node))
    timed("recomputing under the same calendar", lambda: dating.recompute(node))
    clock.moment = datetime(2026, 9, 22, 9, 0, tzinfo=SHANGHAI)
    timed(f"a round of `missed`, {chosen.due:,} have run out", lambda: obliging.enter(node))
    with ledger.reading() as reading:
        states = timed("counting by state", reading.obligations.count)
        timed(
            "a list of 200, by date",
            lambda: reading.obligations.listed(limit=200, states=OWED),
        )
        timed("counting what is overdue", lambda: reading.obligations.count_overdue(clock.moment, states=OWED))
    print(f"{'':58} { ({str(state): count for state, count in states.items()}) }")
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        query = "SELECT count(*) FROM obligations NOT INDEXED WHERE state = 'open' AND expires_at <= ?"
        timed("the floor: SQLite looks at every row", lambda: connection.execute(query, ("2026-09-21",)).fetchone())
    ledger.close()
    if chosen.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
