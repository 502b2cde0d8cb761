"""A year of an exchange as it is planned and played: 32 provinces, their quarters, five hundred inquiry files.

What has to come of it is said here from the plan alone, with `chinesecalendar`, which the gateway does not use. Sealing
and the worker's process boundary are stood in for: both are shown elsewhere.
"""

from __future__ import annotations

import shutil
import tempfile
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import chinese_calendar
import pytest

from gateway.adapters.worker import Worker
from gateway.corridors.telling.reminders.automatic import prompt
from gateway.daemon import sweeping
from gateway.demo.files import Planned, render
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.regions import counties, provinces
from gateway.demo.story import file_name
from support.asking import ANSWER, ASK, PERSON, Desk, NearWorker, PlainSealer, with_agreements
from support.nodes import Node, copy_node, edit

A, B = "inquiry-15wd", "inquiry-30d"
BACK = {A: "reply-15wd", B: "reply-30d"}
DUE = {"2025Q4": "2026-02-01", "2026Q1": "2026-05-01", "2026Q2": "2026-08-01", "2026Q3": "2026-11-01"}
EARLY = "110000"
EARLY_DUE = "2026-01-08"
"""One party's own date for 2025Q4, so soon that its first two steps lie before the window opens."""
SESSIONS, PER_SESSION, RECEIVERS, FILES = 10, 50, 4, 500
CODES = sorted(province.code for province in provinces())
FIRST, LAST = date(2026, 1, 2), date(2026, 12, 31)
STILL = (date(2026, 4, 22), date(2026, 4, 28))
"""No round of reminders in these days: their steps merge."""
STEPS = (-10, -5, -2, 0, 1, 5, 10)
DAYS = [date(2025, 11, 1) + timedelta(n) for n in range(425)]
WORKING = [day for day in DAYS if chinese_calendar.is_workday(day)]
ROUNDS = [day for day in WORKING if FIRST <= day <= LAST and not STILL[0] <= day <= STILL[1]]


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
    def file(self) -> str:
        return self.number.partition("-")[0]

    @property
    def due(self) -> date:
        if self.agreement == B:
            return WORKING[bisect_left(WORKING, self.sent + timedelta(days=30))]
        return WORKING[bisect_right(WORKING, self.sent) + 14]

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
        """Sessions of inquiries, each of one or two records that have fates of their own."""
        plan = cls()
        for session in range(SESSIONS):
            sent = date(2026, 1, 8) + timedelta(days=32 * session)
            for place in range(PER_SESSION):
                plan.files += 1
                asker = CODES[(7 * session + 5 * (place % 7)) % 32]
                receiver = CODES[(session * RECEIVERS + place % RECEIVERS) % 32]
                if receiver == asker:
                    receiver = CODES[(CODES.index(receiver) + 1) % 32]
                agreement = B if session % 3 == 2 else A
                for n in range(1 + place % 2):
                    answered, result = cls._answer(sent, plan.files + 5 * n)
                    plan.lines.append(Line(f"{plan.files}-{n}", asker, receiver, agreement, sent, answered, result))
        return plan

    @staticmethod
    def _answer(sent: date, key: int) -> tuple[date | None, str]:
        match key % 23:
            case 0:
                return None, ""
            case 1:
                return sent + timedelta(days=1), "4"
            case 2:
                return sent + timedelta(days=13), "5"
            case 3 | 4:
                return sent + timedelta(days=40), "1"
            case 5 | 6:
                return sent + timedelta(days=13), "2"
            case _:
                return sent + timedelta(days=6), "1"

    @property
    def answered(self) -> list[Line]:
        return [line for line in self.lines if line.answered and line.answered <= LAST]


def fate(place: int, quarter: int) -> str:
    """What a province does for a quarter."""
    return {0: "missing", 1: "late", 2: "nil", 3: "corrected", 4: "replaced"}.get((place + quarter) % 16, "on_time")


@dataclass(frozen=True)
class Owed:
    """Something owed by `due`, whose window opens with the day `opens`; accepted on `ended`, if it was."""

    name: str
    opens: date
    due: date
    ended: date | None

    def reminders(self) -> Iterator[tuple[date, int]]:
        """(day, step) of every letter: a step falls on a day; the first round on it or after it speaks for it; where
        several fall to one round the last of them speaks."""
        spoken: dict[date, int] = {}
        for step, day in zip(STEPS, self._days(), strict=True):
            at = bisect_left(ROUNDS, day)
            if day < self.opens or at == len(ROUNDS) or (self.ended is not None and self.ended < ROUNDS[at]):
                continue
            spoken[ROUNDS[at]] = step
        yield from spoken.items()

    def _days(self) -> list[date]:
        """The days of the steps, as positions in the list of working days: up to the date from the last one not after
        it, beyond it from the first one after it."""
        upto, beyond = bisect_right(WORKING, self.due) - 1, bisect_right(WORKING, self.due)
        return [WORKING[upto + step] if step <= 0 else WORKING[beyond + step - 1] for step in STEPS]


def submissions_owed() -> Iterator[Owed]:
    """What each province owes for each quarter."""
    for quarter, (period, text) in enumerate(DUE.items()):
        for place, code in enumerate(CODES):
            party, last = f"{code}0000", date.fromisoformat(text)
            due = date.fromisoformat(EARLY_DUE) if (party, period) == (EARLY, "2025Q4") else last
            ended = {"late": last + timedelta(20), "corrected": last + timedelta(2), "missing": None}
            opens = last.replace(month=last.month - 1, day=1)
            yield Owed(f"{party} {period}", opens, due, ended.get(fate(place, quarter), last - timedelta(5)))


def letters(plan: Plan) -> Counter[tuple[str, date, int, int, int]]:
    """Every letter of the year: (what of, day, step, level, for how many records)."""
    found: Counter[tuple[str, date, int, int, int]] = Counter()
    for owed in submissions_owed():
        for day, step in owed.reminders():
            found[owed.name, day, step, int(step >= 5), 0] += 1
    for line in plan.lines:  # the records of one file are asked for in one letter
        ended = line.answered if line.answered and line.answered <= LAST else None
        for day, step in Owed(line.file, line.sent, line.due, ended).reminders():
            found[line.file, day, step, int(step >= 5), 1] += 1
    asked = {key[:4]: number for key, number in found.items() if key[4]}
    alone = {key: number for key, number in found.items() if not key[4]}
    return Counter({**alone, **{(*key, number): 1 for key, number in asked.items()}})


@dataclass
class Year:
    """`parcels`: the plan's file → its parcel. `quiet`: letters that went out on rest days and at night."""

    desk: Desk
    plan: Plan
    parcels: dict[str, str] = field(default_factory=dict)
    quiet: int = 0

    def play(self) -> None:
        """Day by day; what is dropped at one moment is taken in, let go and delivered together."""
        events = sorted([*self._submissions(), *self._asking()], key=lambda event: event[0])
        moments = [(moment, [drop for _, drop in many]) for moment, many in groupby(events, key=lambda event: event[0])]
        day = FIRST - timedelta(days=1)
        for moment, drops in [*moments, (f"{LAST} 23:00", [])]:
            while day < date.fromisoformat(moment[:10]):
                day += timedelta(days=1)
                self._morning(day)
            self.desk.set(moment)
            for drop in drops:
                drop()
            self._take()

    def _morning(self, day: date) -> None:
        running = self.desk.running
        if day.day in (1, 15) or day == FIRST:
            self.desk.set(f"{day} 00:00")
            sweeping.oblige(running)
        if STILL[0] <= day <= STILL[1]:
            return
        self.desk.set(f"{day} 08:00")
        self.quiet += prompt(running)
        self.desk.set(f"{day} 09:00")
        sent = prompt(running)
        self.quiet += 0 if day in WORKING else sent

    def _take(self) -> None:
        node = self.desk.node
        for claim in node.scan():
            name = node.running.inbox.name(claim.parcel)
            if name.startswith("核查"):
                self.parcels[name.removeprefix("核查").removesuffix(".csv")] = claim.parcel
            node.work(claim.parcel)
        self.desk.deliver()

    def _submissions(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for quarter, (period, due) in enumerate(DUE.items()):
            last = date.fromisoformat(due)
            for place, code in enumerate(CODES):

                def drop(code: str = code, period: str = period, suffix: str = "", data: bytes = b"") -> None:
                    stem, dot, ending = file_name(INFLOW, period, 0).rpartition(".")
                    key = f"{code}-{period}{suffix}"
                    file = Planned(key, code, INFLOW, period, f"{stem}{dot}{ending}", 3, f"year/{key}")
                    target = self.desk.folder(code, INFLOW) / f"{stem}{suffix}{dot}{ending}"
                    target.write_bytes(data or (b"" if suffix == "-零报告" else render(file)))

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

    def _asking(self) -> Iterator[tuple[str, Callable[[], None]]]:
        files: dict[tuple[date, str, str, str, str], list[str]] = {}
        answers: dict[tuple[date, str, str], list[tuple[str, str]]] = {}
        for line in self.plan.lines:
            files.setdefault((line.sent, line.asker, line.receiver, line.agreement, line.file), []).append(line.number)
        for line in self.plan.answered:
            key = (line.answered or line.sent, line.receiver, BACK[line.agreement])
            answers.setdefault(key, []).append((line.number, line.result))
        for (day, asker, receiver, agreement, file), numbers in files.items():
            known = counties().current.get(receiver, (f"{receiver}0000",))
            area = f"{known[len(numbers) % min(2, len(known))]}000000"
            text = ASK + "".join(f"{number},{PERSON},{area},1\n" for number in numbers)
            yield f"{day} 09:30", lambda a=asker, g=agreement, f=file, t=text: self._lay(a, g, f"核查{f}.csv", t)
        for (day, receiver, back), rows in answers.items():
            text = ANSWER + "".join(f"{number},{result},{day:%Y%m%d}\n" for number, result in rows)
            yield f"{day} 16:00", lambda r=receiver, b=back, t=text: self._lay(r, b, "反馈.csv", t)

    def _lay(self, party: str, agreement: str, name: str, text: str) -> None:
        (self.desk.folder(party, agreement) / name).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def year(template: Path, partners: Partners, worker: Worker) -> Iterator[Year]:
    where = Path(tempfile.mkdtemp(prefix="year", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        home = where / "node"
        copy_node(template, home)
        (home / "config" / "agreements" / f"{OUTFLOW}.toml").unlink()
        with_agreements(home, A, B, *BACK.values())
        edit(home, automatic="true")
        inflow = home / "config" / "agreements" / f"{INFLOW}.toml"
        own = f'\n[frequency.{EARLY}]\nrhythm = "quarterly"\n[frequency.{EARLY}.deadline]\ndue = '
        days = {f"Q{int(p[-1])}": due[5:] for p, due in DUE.items()} | {"Q4": EARLY_DUE[5:]}
        own += "{ " + ", ".join(f'{quarter} = "{day}"' for quarter, day in days.items()) + " }\n"
        inflow.write_text(inflow.read_text("utf-8") + own, "utf-8")
        node = Node(home, partners, worker)
        desk = Desk(node, f"{FIRST} 00:00", sealer=PlainSealer(), worker=NearWorker())
        played = Year(desk, Plan.make())
        played.play()
        yield played
        node.close()
    finally:
        shutil.rmtree(where, ignore_errors=True)
