"""A whole year with a moved clock: 32 provinces, quarterly submissions, 500 inquiry files with partial and late
answers, reminders once each. What has to come of it is worked out from the plan of the play (`years`), which knows
nothing of the code under test.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median

import chinese_calendar
import pytest
from support.asking import at
from support.years import BACK, CODES, DUE, EARLY, FILES, A, B, Line, Year, fate, letters, year

from gateway.corridors.telling import bulletins
from gateway.instants import SHANGHAI

__all__ = ["year"]


def made(year: Year, period: str) -> dict[str, list[list[object]]]:
    year.desk.clock.moment = at("2027-01-04 09:00")
    done = bulletins.make(year.desk.running, period, "uid:0 test")
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

    with year.desk.running.ledger.reading() as reading:
        asked = reading.parcels.where(agreement=A, limit=10_000) + reading.parcels.where(agreement=B, limit=10_000)
        replies = [p for back in BACK.values() for p in reading.parcels.where(agreement=back, limit=10_000)]
        inquiries = reading.inquiries.where()
    assert Counter(p.state for p in asked) == {"accepted": FILES}
    assert sorted(p.id for p in asked) == sorted(year.parcels.values())
    assert {p.state for p in replies} == {"accepted"}
    assert sum(p.refused for p in replies) == 0
    answered = year.plan.answered
    assert sum(p.accepted for p in replies) == len(answered)
    assert sum(i.records for i in inquiries) == len(year.plan.lines)
    closed = Counter(line.file for line in year.plan.lines)
    closed.subtract(line.file for line in answered)
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
    assert tables["asked"][-1][1:] == [len({line.file for line in sent}), len(sent)]
    for quarter, period in enumerate(DUE):
        fates = Counter(fate(place, quarter) for place in range(32))
        on_time = fates["on_time"] + fates["nil"] + fates["replaced"]
        *rows, totals = made(year, period)["punctuality"]
        assert len(rows) == 32
        assert totals[1:6] == [32, on_time, fates["corrected"], fates["late"], fates["missing"]]
        rows = made(year, period)["submissions"]
        assert rows[-1][5:8] == [3 * (32 - fates["missing"] - fates["nil"])] * 2 + [0]


def test_the_log_has_an_entry_for_every_step(year: Year) -> None:
    with year.desk.running.ledger.reading() as reading:
        seq, _ = reading.entries.head()
        entries = [json.loads(entry.body) for entry in reading.entries.after(limit=seq + 1)]
        inquiries = reading.inquiries.where()
        receipts = reading.receipts.where()
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


def test_every_reminder_of_the_year_went_out_once_and_no_other(year: Year) -> None:
    files = {parcel: file for file, parcel in year.parcels.items()}
    with year.desk.running.ledger.reading() as reading:
        seq, _ = reading.entries.head()
        sent = [json.loads(e.body) for e in reading.entries.after(limit=seq + 1) if e.event == "reminder_sent"]
        assert reading.reminders.unwritten() == []
    found: Counter[tuple[str, date, int, int, int]] = Counter()
    for entry in sent:
        at_nine, counts = datetime.fromisoformat(entry["time"]).astimezone(SHANGHAI), entry["counts"]
        assert (f"{at_nine:%H:%M}", entry["actor"]) == ("09:00", "gateway")
        of = files.get(entry["parcel"]) or " ".join(entry["parcel"].split(":")[2:])
        found[of, at_nine.date(), counts["step"], counts["level"], counts.get("obligations", 0)] += 1
    expected = letters(year.plan)
    assert found == expected
    assert set(expected.values()) == {1}
    assert year.quiet == 0
    # What the year was to show: steps that merged, steps before a window opened, both levels, more than one record.
    assert [key[2] for key in expected if key[0] == f"{EARLY} 2025Q4"] == [-2, 0, 1, 5, 10]
    april = sorted((key[1], key[2]) for key in expected if key[0] == "110000 2026Q1")
    assert [(f"{day:%m-%d}", step) for day, step in april] == [
        ("04-16", -10), ("04-29", -2), ("04-30", 0), ("05-06", 1), ("05-11", 5), ("05-18", 10)
    ]  # fmt: skip
    assert {(key[2], key[3]) for key in expected} == {(step, int(step >= 5)) for step in (-10, -5, -2, 0, 1, 5, 10)}
    assert max(key[4] for key in expected) == 2


def test_every_reminder_lies_in_its_partys_folder_and_with_the_next_level(year: Year) -> None:
    expected = letters(year.plan)
    of = {line.file: line.receiver for line in year.plan.lines}
    owed = Counter(of.get(key[0]) or key[0][:2] for key in expected.elements())
    for code in CODES:
        written = list(year.desk.node.party_folder(code, "回执").glob("催报函_*.html"))
        assert len(written) == owed[code]
    copies = list((year.desk.node.home / "state" / "letters").glob("催报函_*.html"))
    assert len(copies) == sum(number for key, number in expected.items() if key[3])


def test_the_bulletins_of_twelve_months_add_up_to_the_ledger(year: Year) -> None:
    with year.desk.running.ledger.reading() as reading:
        owed = [o for back in BACK.values() for o in reading.obligations.where(kind="reply", agreement=back)]
    total = Counter[str]()
    for month in range(1, 13):
        account = dict(zip(NAMES, made(year, f"2026-{month:02d}")["replies"][-1][1:11], strict=True))
        total.update({name: account[name] for name in NAMES if name not in ("carried", "open", "overdue")})
    states = Counter(o.state for o in owed)
    assert +total == +Counter(
        received=len(owed),
        on_time=states["met"],
        late=states["met_late"],
        returned=states["returned"],
        transferred=states["transferred"],
    )
    assert account["open"] == states["open"] + states["missed"]
