"""A whole year with a moved clock: 32 provinces, quarterly submissions, inquiries with partial and late answers.

What the bulletins have to say is worked out from the plan of the play with `chinesecalendar`, which the gateway does
not use. Sealing and the worker's process boundary are stood in for: both are shown elsewhere, and the play is some
hundred files long.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import chinese_calendar
import pytest
from asking import Desk, NearWorker, PlainSealer, at, with_agreements
from nodes import Node, copy_node

from gateway.adapters.worker import Worker
from gateway.corridors import bulletins
from gateway.daemon import sweeping
from gateway.demo.files import Planned, render
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.regions import counties, provinces
from gateway.demo.story import file_name

A, B = "inquiry-15wd", "inquiry-30d"
BACK = {A: "reply-15wd", B: "reply-30d"}
DUE = {"2025Q4": "2026-02-01", "2026Q1": "2026-05-01", "2026Q2": "2026-08-01", "2026Q3": "2026-11-01"}
SESSIONS, PER_SESSION, RECEIVERS = 2, 25, 8
CODES = sorted(province.code for province in provinces())


@dataclass
class Line:
    """One record of the plan: who asks whom under what, when it is delivered, and what becomes of it when."""

    number: str
    asker: str
    receiver: str
    agreement: str
    sent: date
    answered: date | None
    result: str

    @property
    def due(self) -> date:
        day, left = self.sent, 15
        if self.agreement == B:
            day += timedelta(days=30)
            while not chinese_calendar.is_workday(day):
                day += timedelta(days=1)
            return day
        while left:
            day += timedelta(days=1)
            left -= chinese_calendar.is_workday(day)
        return day

    @property
    def became(self) -> str:
        if self.answered is None:
            return "open"
        if self.result in "45":
            return {"4": "returned", "5": "transferred"}[self.result]
        return "on_time" if self.answered <= self.due else "late"


@dataclass
class Plan:
    lines: list[Line] = field(default_factory=list)
    files: int = 0

    @classmethod
    def make(cls) -> Plan:
        """Sessions of inquiries, each of one to three records that have fates of their own."""
        plan = cls()
        for session in range(SESSIONS):
            sent = date(2026, 1, 8) + timedelta(days=320 // SESSIONS * session)
            for place in range(PER_SESSION):
                plan.files += 1
                asker = CODES[(session + 3 * place) % 32]
                receiver = CODES[(session * RECEIVERS + place % RECEIVERS) % 32]
                if receiver == asker:
                    receiver = CODES[(CODES.index(receiver) + 1) % 32]
                agreement = B if session % 3 == 2 else A
                for n in range(1 + place % 3):
                    answered, result = cls._answer(sent, plan.files + 5 * n)
                    plan.lines.append(Line(f"{plan.files}-{n}", asker, receiver, agreement, sent, answered, result))
        return plan

    @staticmethod
    def _answer(sent: date, key: int) -> tuple[date | None, str]:
        match key % 12:
            case 0:
                return None, ""
            case 1:
                return sent + timedelta(days=1), "4"
            case 2:
                return sent + timedelta(days=6), "5"
            case 3 | 4:
                return sent + timedelta(days=60), "1"
            case 5 | 6 | 7:
                return sent + timedelta(days=13), "2"
            case _:
                return sent + timedelta(days=6), "1"


def fate(place: int, quarter: int) -> str:
    """What a province does for a quarter."""
    return {0: "missing", 1: "late", 2: "nil", 3: "corrected", 4: "replaced"}.get((place + quarter) % 16, "on_time")


@dataclass
class Year:
    desk: Desk
    plan: Plan


def submissions(desk: Desk) -> Iterator[tuple[str, Callable[[], None]]]:
    for quarter, (period, due) in enumerate(DUE.items()):
        last = date.fromisoformat(due)
        for place, code in enumerate(CODES):
            key = f"{code}-{period}"

            def drop(
                code: str = code, key: str = key, period: str = period, suffix: str = "", data: bytes = b""
            ) -> None:
                name = file_name(INFLOW, period, 0)
                stem, dot, ending = name.rpartition(".")
                file = Planned(key + suffix, code, INFLOW, period, name, 3, f"year/{key}{suffix}")
                target = desk.folder(code, INFLOW) / f"{stem}{suffix}{dot}{ending}"
                target.write_bytes(data or (b"" if suffix == "-零报告" else render(file)))
                (claim,) = desk.node.scan()
                desk.node.work(claim.parcel)

            early = f"{last - timedelta(days=5)} 10:00"
            match fate(place, quarter):
                case "late":
                    yield f"{last + timedelta(days=20)} 10:00", drop
                case "nil":
                    yield early, lambda drop=drop: drop(suffix="-零报告")
                case "corrected":
                    yield f"{last} 15:00", lambda drop=drop: drop(data=b"nothing,of,this\n1,2,3\n")
                    yield f"{last + timedelta(days=2)} 10:00", drop
                case "replaced":
                    yield early, drop
                    yield f"{last - timedelta(days=2)} 10:00", lambda drop=drop: drop(suffix="-更正")
                case "on_time":
                    yield early, drop


def asking(desk: Desk, plan: Plan) -> Iterator[tuple[str, Callable[[], None]]]:
    files: dict[tuple[date, str, str, str, str], list[str]] = {}
    answers: dict[tuple[date, str, str], list[tuple[str, str]]] = {}
    for line in plan.lines:
        file = line.number.partition("-")[0]
        files.setdefault((line.sent, line.asker, line.receiver, line.agreement, file), []).append(line.number)
        if line.answered and line.answered.year == 2026:
            key = (line.answered, line.receiver, BACK[line.agreement])
            answers.setdefault(key, []).append((line.number, line.result))
    for (day, asker, receiver, agreement, _), numbers in files.items():
        known = counties().current.get(receiver, (f"{receiver}0000",))
        area = f"{known[len(numbers) % min(2, len(known))]}000000"
        yield f"{day} 09:00", lambda a=asker, g=agreement, n=numbers, c=area: desk.ask(a, g, n, c)
    for (day, receiver, back), rows in answers.items():
        yield f"{day} 16:00", lambda r=receiver, b=back, w=rows: desk.answer(r, b, w)


@pytest.fixture(scope="module")
def year(template: Path, partners: Partners, worker: Worker) -> Iterator[Year]:
    where = Path(tempfile.mkdtemp(prefix="year", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        home = where / "node"
        copy_node(template, home)
        (home / "config" / "agreements" / f"{OUTFLOW}.toml").unlink()
        with_agreements(home, A, B, *BACK.values())
        node = Node(home, partners, worker)
        desk = Desk(node, "2026-01-02 08:00", sealer=PlainSealer(), worker=NearWorker())
        plan = Plan.make()
        events = sorted([*submissions(desk), *asking(desk, plan)], key=lambda event: event[0])
        day = date(2026, 1, 2)
        for moment, act in [*events, ("2027-01-01 00:00", lambda: None)]:
            while day < date.fromisoformat(moment[:10]):
                day += timedelta(days=1)
                if day.day in (1, 15):
                    desk.set(f"{day} 00:00")
                    sweeping.oblige(desk.tools)
            desk.set(moment)
            act()
        yield Year(desk, plan)
        node.close()
    finally:
        shutil.rmtree(where, ignore_errors=True)


def made(year: Year, period: str) -> dict[str, list[list[object]]]:
    year.desk.clock.moment = at("2027-01-04 09:00")
    done = bulletins.make(year.desk.tools, period, "uid:0 test")
    assert isinstance(done, dict)
    assert all((Path(done["folder"]) / name).stat().st_size for name in done["files"])
    tables: dict[str, list[list[object]]] = done["tables"]
    return tables


def account(lines: list[Line], first: date, last: date) -> dict[str, int]:
    """The account of [first, last] from the plan alone."""
    found: Counter[str] = Counter()
    for line in lines:
        ended = line.answered if line.answered and line.answered <= date(2026, 12, 31) else None
        if line.sent > last or (ended and ended < first):
            continue
        found["carried" if line.sent < first else "received"] += 1
        if ended is None or ended > last:
            found["open"] += 1
            found["overdue"] += line.due <= last
        else:
            found[line.became] += 1
    return {name: found[name] for name in NAMES}


NAMES = ("carried", "received", "on_time", "corrected", "late", "returned", "transferred", "void", "open", "overdue")


def test_every_file_of_the_year_was_taken(year: Year) -> None:

    with year.desk.tools.ledger.reading() as reading:
        asked = reading.parcels(agreement=A, limit=10_000) + reading.parcels(agreement=B, limit=10_000)
        replies = [p for back in BACK.values() for p in reading.parcels(agreement=back, limit=10_000)]
        inquiries = reading.inquiries()
    assert Counter(p.state for p in asked) == {"accepted": 50}
    assert {p.state for p in replies} == {"accepted"}
    assert sum(p.refused for p in replies) == 0
    answered = [line for line in year.plan.lines if line.answered and line.answered.year == 2026]
    assert sum(p.accepted for p in replies) == len(answered)
    assert sum(i.records for i in inquiries) == len(year.plan.lines)
    closed = Counter(line.number.partition("-")[0] for line in year.plan.lines)
    closed.subtract(line.number.partition("-")[0] for line in answered)
    assert sum(bool(i.closed_at) for i in inquiries) == sum(left == 0 for left in closed.values())
    assert all(bool(i.key) is not bool(i.closed_at) for i in inquiries)


@pytest.mark.parametrize("month", range(1, 13))
def test_each_month_adds_up_to_the_plan_province_by_province(year: Year, month: int) -> None:
    first = date(2026, month, 1)
    last = date(2026 + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    tables = made(year, f"2026-{month:02d}")
    *rows, totals = tables["replies"]
    assert dict(zip(NAMES, totals[1:11], strict=True)) == account(year.plan.lines, first, last)
    facts = year.desk.node.facts
    told = {row[0]: row[1:11] for row in rows}
    for code in CODES:
        mine = [line for line in year.plan.lines if line.receiver == code]
        expected = list(account(mine, first, last).values())
        assert told.get(facts.parties[f"{code}0000"].short, [0] * 10) == expected
    by_class = [tables[back][-1][1:11] for back in BACK.values()]
    assert [sum(column) for column in zip(*by_class, strict=True)] == totals[1:11]
    counties = tables["counties"]
    assert [sum(column) for column in zip(*(row[2:12] for row in counties[:-1]), strict=True)] == counties[-1][2:12]
    assert all(cell not in (1, 2) for row in counties[:-1] if row[1] != "其他县合计" for cell in row[2:12])


def test_a_months_median_is_that_of_the_plan(year: Year) -> None:
    days = []
    for line in year.plan.lines:
        if line.answered and (line.answered.year, line.answered.month) == (2026, 3) and line.result in "12":
            span = (line.answered - line.sent).days
            days.append(sum(chinese_calendar.is_workday(line.sent + timedelta(n)) for n in range(1, span + 1)))
    assert made(year, "2026-03")["replies"][-1][12] == median(days)


def test_the_half_year_and_the_quarters_say_who_sent_what(year: Year) -> None:
    tables = made(year, "2026H1")
    lines = account(year.plan.lines, date(2026, 1, 1), date(2026, 6, 30))
    assert dict(zip(NAMES, tables["replies"][-1][1:11], strict=True)) == lines
    sent = [line for line in year.plan.lines if line.sent <= date(2026, 6, 30)]
    assert tables["asked"][-1][1:] == [len({line.number.partition("-")[0] for line in sent}), len(sent)]
    for quarter, period in enumerate(DUE):
        fates = Counter(fate(place, quarter) for place in range(32))
        on_time = fates["on_time"] + fates["nil"] + fates["replaced"]
        *rows, totals = made(year, period)["punctuality"]
        assert len(rows) == 32
        assert totals[1:6] == [32, on_time, fates["corrected"], fates["late"], fates["missing"]]
        rows = made(year, period)["submissions"]
        assert rows[-1][5:8] == [3 * (32 - fates["missing"] - fates["nil"])] * 2 + [0]


def test_the_log_has_an_entry_for_every_step(year: Year) -> None:
    with year.desk.tools.ledger.reading() as reading:
        seq, _ = reading.head()
        entries = [json.loads(entry.body) for entry in reading.entries(limit=seq + 1)]
        inquiries = reading.inquiries()
        receipts = reading.receipts()
    events = Counter(entry["event"] for entry in entries)
    assert [entry["seq"] for entry in entries] == list(range(seq + 1))
    issued = [entry for entry in entries if entry["event"] == "receipt_issued"]
    assert sorted(e["parcel"] for e in issued if e["parcel"]) == sorted(i.parcel for i in inquiries)
    assert {e["id"] for e in issued if not e["parcel"]} == {f"receipt/{receipt.number}" for receipt in receipts}
    keys = [e for e in entries if e["event"] == "erased" and e["parcel"].startswith("inquiry:")]
    assert len(keys) == sum(bool(i.closed_at) for i in inquiries)
    late = sum(
        e["counts"].get("late", 0) for e in entries if e["event"] == "obligation_met" and e["parcel"].startswith("p")
    )
    assert late == sum(
        line.became == "late" for line in year.plan.lines if line.answered and line.answered.year == 2026
    )
    assert events["bulletin_made"] >= 12
