"""Dates that move and obligations that end, in the ledger: on SQLite and on PostgreSQL. Every expected date is derived
by hand, with its days beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.clocks import at, make_home, move
from support.nodes import PERIOD, Node, planned

from gateway import deadlines
from gateway.adapters.ledger.rows import ObligationRow
from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Releasing
from gateway.corridors.obligations import dating, settling
from gateway.daemon import sweeping
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.lifecycle import OBLIGATION, Event, ObligationState
from gateway.lifecycle.obligation import how
from gateway.log import Entry
from gateway.outcomes import Ok

WHO = "uid:0 test"
ZHEJIANG, ANHUI = (f"submission:{INFLOW}:{party}:{PERIOD}" for party in ("330000", "340000"))
# Made up, as the notice for 2027 is not published: New Year from Friday 1 to Sunday 3 January.
NOTICE = 'edition = "2027"\ndocument = "made up for a test"\noff = ["2027-01-01/2027-01-03"]\nwork = []\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, partners: Partners, worker: Worker
) -> Iterator[Node]:
    made = Node(make_home(template, tmp_path / "node", request, request.param), partners, worker)
    move(made, "2026-10-20 09:00")
    sweeping.oblige(made.running)
    yield made
    made.close()


def owed(node: Node, identity: str) -> ObligationRow:
    with node.running.ledger.reading() as reading:
        found = reading.obligations.get(identity)
    assert found is not None
    return found


def logged(node: Node, event: str) -> list[dict]:
    with node.running.ledger.reading() as reading:
        return [json.loads(e.body) for e in reading.entries.after(limit=10_000) if e.event == event]


def code(outcome: object) -> str:
    return getattr(outcome, "code", "ok")


def test_a_date_is_put_off_and_what_comes_then_is_in_time(node: Node) -> None:
    done = dating.extend(node.running, [ZHEJIANG], at("2026-11-10 00:00").date(), "平台检修，见来函", WHO)
    assert isinstance(done, Ok)
    assert done.value == [{"id": ZHEJIANG, "change": "extended", "was": "2026-11-01", "due": "2026-11-10"}]
    row = owed(node, ZHEJIANG)
    # To 24:00 of 10 November in Shanghai.
    assert (row.due, row.extended_until) == (date(2026, 11, 10), date(2026, 11, 10))
    assert row.expires_at == at("2026-11-11 00:00")
    (entry,) = logged(node, "obligation_extended")
    assert (entry["actor"], entry["parties"], entry["parcel"]) == (WHO, ["330000"], ZHEJIANG)
    assert entry["counts"] == {"was": 20261101, "due": 20261110}
    assert len(entry["commit"]) == 64
    with node.running.ledger.reading() as reading:
        (change,) = reading.obligations.changes(ZHEJIANG)
        assert "平台检修" not in "".join(json.dumps(json.loads(e.body)) for e in reading.entries.after(limit=10_000))
    assert (change.why, change.actor, change.kind) == ("平台检修，见来函", WHO, "extended")
    move(node, "2026-11-05 10:00")
    sweeping.oblige(node.running)
    assert owed(node, ANHUI).state == "missed"
    assert owed(node, ZHEJIANG).state == "open"
    node.send(planned(5))
    assert owed(node, ZHEJIANG).state == "met"


def test_nothing_is_put_off_silently_into_the_past_or_without_a_reason(node: Node) -> None:
    until = at("2026-11-10 00:00").date()
    assert code(dating.extend(node.running, [ZHEJIANG], until, " ", WHO)) == "608"
    assert code(dating.extend(node.running, [ZHEJIANG], at("2026-11-01 00:00").date(), "来函", WHO)) == "606"
    assert code(dating.extend(node.running, ["submission:none"], until, "来函", WHO)) == "622"
    assert code(dating.extend(node.running, [ZHEJIANG], until, "联系 110101199003070000", WHO)) == "621"
    node.send(planned(5, party="34"))
    # All or none: Anhui's is settled, so Zhejiang's stays where it was.
    assert code(dating.extend(node.running, [ZHEJIANG, ANHUI], until, "来函", WHO)) == "607"
    assert str(owed(node, ZHEJIANG).due) == "2026-11-01"
    move(node, "2026-11-02 00:00:00")  # 24:00 of 1 November: run out
    assert code(dating.extend(node.running, [ZHEJIANG], until, "来函", WHO)) == "606"
    assert logged(node, "obligation_extended") == []


def test_what_is_void_is_neither_missed_nor_waited_for(node: Node) -> None:
    rest = [
        f"submission:{agreement}:{party.id}:{PERIOD}"
        for agreement in (INFLOW, OUTFLOW)
        for party in node.facts.senders(node.facts.agreements[agreement])
        if (agreement, party.id) != (INFLOW, "330000")
    ]
    node.send(planned(5))
    assert Releasing(node.running).ripe(at("2026-10-21 09:00")) == []
    assert isinstance(dating.void(node.running, rest, "本期免报，见来函", WHO), Ok)
    assert Releasing(node.running).ripe(at("2026-10-21 09:00")) == [(INFLOW, PERIOD, 1)]
    move(node, "2026-11-05 10:00")
    sweeping.oblige(node.running)
    assert {e["parties"][0] for e in logged(node, "obligation_void")} == {row.split(":")[2] for row in rest}
    assert logged(node, "obligation_missed") == []
    assert owed(node, ANHUI).state == "void"


def test_missed_is_said_once_and_late_is_decided_once(node: Node) -> None:
    move(node, "2026-11-01 23:59:59.999999")
    sweeping.oblige(node.running)
    assert owed(node, ANHUI).state == "open"
    move(node, "2026-11-02 00:00:00")
    for _ in range(3):
        sweeping.oblige(node.running)
    mine = [e for e in logged(node, "obligation_missed") if e["parcel"] == ANHUI]
    assert [e["id"] for e in mine] == [f"{ANHUI}/missed"]
    node.send(planned(5, party="34"))
    assert owed(node, ANHUI).state == "met_late"
    # A correction later on neither mends nor worsens it.
    move(node, "2026-11-20 10:00")
    node.send(planned(6, party="34", seed="2", name=f"跨省流入人口个案-{PERIOD}-更正.csv", kind="replace"))
    assert owed(node, ANHUI).state == "met_late"
    assert [e["counts"] for e in logged(node, "obligation_met")] == [{"late": 1}]


@pytest.mark.parametrize(
    ("stopped", "started", "due"),
    [
        # Down over the midnight that ends Sunday 1 November: Monday 2 November is the next working day.
        ("2026-11-01 20:00", "2026-11-02 09:00", "2026-11-02"),
        # Up again before it: nothing moves.
        ("2026-11-01 08:00", "2026-11-01 23:00", "2026-11-01"),
        # Down over both midnights, so that Monday would do nobody any good: Tuesday.
        ("2026-10-31 12:00", "2026-11-03 07:00", "2026-11-03"),
    ],
)
def test_a_date_inside_an_outage_moves_to_the_next_working_day(
    node: Node, stopped: str, started: str, due: str
) -> None:
    move(node, stopped)
    sweeping.beat(node.running)
    move(node, started)
    dating.resumed(node.running)
    sweeping.oblige(node.running)
    row = owed(node, ANHUI)
    moved = due != "2026-11-01"
    state = "open" if moved or at(started) < at("2026-11-02 00:00") else "missed"
    assert (str(row.due), row.state) == (due, state)
    entries = [e for e in logged(node, "obligation_moved") if e["parcel"] == ANHUI]
    assert [e["counts"] for e in entries] == (
        [{"was": 20261101, "due": int(due.replace("-", "")), "outage": 1}] * moved
    )
    (outage,) = logged(node, "outage")
    assert outage["counts"]["seconds"] == int((at(started) - at(stopped)).total_seconds())
    if moved:
        move(node, f"{due} 23:59:59")
        node.send(planned(5, party="34"))
        assert owed(node, ANHUI).state == "met"


def test_what_is_entered_after_an_outage_moves_as_well(node: Node) -> None:
    """The node was down from before the window opened until the date had passed."""
    move(node, "2026-12-20 12:00")
    sweeping.beat(node.running)
    move(node, "2027-02-03 09:00")
    dating.resumed(node.running)
    sweeping.oblige(node.running)
    row = owed(node, f"submission:{INFLOW}:340000:2026Q4")
    # Monday 1 February 2027 ran out inside; Tuesday 2 February too; Wednesday the 3rd is under way.
    assert (str(row.due), row.state, row.status) == ("2027-02-03", "open", "provisional")


def test_an_outage_that_people_enter_reopens_what_was_missed_and_leaves_what_was_late(node: Node) -> None:
    move(node, "2026-11-02 08:00")
    sweeping.oblige(node.running)
    node.send(planned(5))
    assert (owed(node, ANHUI).state, owed(node, ZHEJIANG).state) == ("missed", "met_late")
    began, ended = at("2026-11-01 18:00"), at("2026-11-02 07:30")
    assert code(dating.enter_outage(node.running, ended, began, "共享不可用", WHO)) == "623"
    assert code(dating.enter_outage(node.running, began, at("2026-11-02 08:01"), "共享不可用", WHO)) == "623"
    done = dating.enter_outage(node.running, began, ended, "共享不可用", WHO)
    assert isinstance(done, Ok)
    assert ANHUI in done.value
    assert ZHEJIANG not in done.value
    assert (str(owed(node, ANHUI).due), owed(node, ANHUI).state) == ("2026-11-02", "open")
    assert owed(node, ZHEJIANG).state == "met_late"
    again = dating.enter_outage(node.running, began, ended, "共享不可用", WHO)
    assert isinstance(again, Ok)
    assert again.value == []
    move(node, "2026-11-03 00:00")
    sweeping.oblige(node.running)
    sweeping.oblige(node.running)
    mine = [e["id"] for e in logged(node, "obligation_missed") if e["parcel"] == ANHUI]
    assert mine == [f"{ANHUI}/missed", f"{ANHUI}/missed/2026-11-02/1"]


def test_dates_are_computed_again_when_the_notice_is_entered(node: Node) -> None:
    """Fifteen working days from Monday 21 December 2026. Before the notice for 2027: 22, 23, 24, 25 (4), 28, 29, 30, 31
    (8), 1 January (9; nothing is guessed), 4, 5, 6, 7, 8 (14), 11 January. With 1 January off: 4-8 are 9-13, 11 is 14,
    12 January is the fifteenth."""
    now = move(node, "2026-12-21 10:00")
    terms = node.running.terms()
    replies = [
        deadlines.owed(deadlines.Matter("reply", "330000", INFLOW, f"record-{n}"), now, "workdays:15", terms.calendar)
        for n in range(3)
    ]
    with node.running.ledger.transaction(now) as tx:
        settling.set_obligations(tx, replies, terms, source="inquiry-1")
        extended = deadlines.owed(
            deadlines.Matter("feedback", "340000", INFLOW, "late-1"), now, "days:30", terms.calendar
        )
        settling.set_obligation(tx, extended, terms)
    dating.extend(node.running, [extended.id], at("2027-03-01 00:00").date(), "来函", WHO)
    move(node, "2027-01-02 09:00")
    sweeping.oblige(node.running)
    before = owed(node, replies[0].id)
    assert (str(before.due), before.status, before.edition) == ("2027-01-11", "provisional", "2026+unpublished")
    quarter = owed(node, f"submission:{INFLOW}:340000:2026Q4")
    assert (str(quarter.due), quarter.status) == ("2027-02-01", "provisional")
    assert dating.recompute(node.running, WHO) == []

    folder = node.home / "config" / "calendar"
    (folder / "2027.toml").write_text(NOTICE, "utf-8")
    (folder / "published.toml").write_text("published_through = 2027-12-28\n", "utf-8")
    node.reopen()
    move(node, "2027-01-02 10:00")
    changed = {c["id"]: c for c in dating.recompute(node.running, WHO)}
    after = owed(node, replies[0].id)
    assert (str(after.due), after.status, after.edition) == ("2027-01-12", "final", "2026+2027")
    quarter = owed(node, f"submission:{INFLOW}:340000:2026Q4")
    assert (str(quarter.due), quarter.status, quarter.edition) == ("2027-02-01", "final", "2027")
    # A person's date stays what it is; only its standing becomes final.
    put_off = owed(node, extended.id)
    assert (str(put_off.due), put_off.status) == ("2027-03-01", "final")
    assert len(changed) == 3 + 1 + 64
    moved = [e for e in logged(node, "obligation_moved") if e["parcel"] == "inquiry-1"]
    assert [(e["actor"], e["counts"]) for e in moved] == [
        (WHO, {"was": 20270111, "due": 20270112, "obligations": 3}),
    ]
    assert dating.recompute(node.running, WHO) == []


def test_what_has_run_out_is_not_computed_again(node: Node) -> None:
    now = move(node, "2026-12-28 10:00")
    terms = node.running.terms()
    # One working day from 31 December: 1 January, as long as nothing is published.
    matter = deadlines.Matter("reply", "330000", INFLOW, "record")
    owed_ = deadlines.owed(matter, at("2026-12-31 09:00"), "workdays:1", terms.calendar)
    with node.running.ledger.transaction(now) as tx:
        settling.set_obligation(tx, owed_, terms)
    move(node, "2027-01-02 00:00")
    sweeping.oblige(node.running)
    folder = node.home / "config" / "calendar"
    (folder / "2027.toml").write_text(NOTICE, "utf-8")
    (folder / "published.toml").write_text("published_through = 2027-12-28\n", "utf-8")
    node.reopen()
    move(node, "2027-01-02 09:00")
    assert owed_.id not in {c["id"] for c in dating.recompute(node.running, WHO)}
    row = owed(node, owed_.id)
    assert (str(row.due), row.state) == ("2027-01-01", "missed")


def replayed(node: Node) -> dict[str, tuple[ObligationState, dict[str, object]]]:
    """What the log alone says became of each obligation that stands by itself: its state, and the columns that follow
    from its entries."""
    found: dict[str, tuple[ObligationState, dict[str, object]]] = {}
    with node.running.ledger.reading() as reading:
        entries = [Entry.parse(row.body) for row in reading.entries.after(limit=100_000)]
    for entry in entries:
        role = how(entry) if entry.event is Event.MET else ""
        if OBLIGATION.knows(entry.event, role) and entry.parcel.split(":")[0] in ("submission", "reply"):
            state, values = found.get(entry.parcel, (None, {}))
            change = OBLIGATION.apply(state, entry, role)
            found[entry.parcel] = change.state, {**values, **change.values}
    return found


def test_the_log_alone_says_what_became_of_what_is_owed(node: Node) -> None:
    """In time, nil, corrected, late, missed, void, put off, moved out of an outage to half past five."""
    now = move(node, "2026-10-26 10:00")
    terms = node.running.terms()
    rule = "workdays:3,cutoff=17:30"  # Thursday 29 October, half past five
    timed = deadlines.owed(deadlines.Matter("reply", "110000", INFLOW, "record"), now, rule, terms.calendar)
    with node.running.ledger.transaction(now) as tx:
        settling.set_obligation(tx, timed, terms)
    dating.enter_outage(node.running, at("2026-10-26 08:00"), at("2026-10-26 09:00"), "", WHO)
    move(node, "2026-10-29 18:00")
    dating.enter_outage(node.running, at("2026-10-29 17:00"), at("2026-10-29 17:45"), "", WHO)
    (moved,) = logged(node, "obligation_moved")
    assert moved["counts"] == {"was": 20261029, "due": 20261030, "cutoff": 1730, "outage": 1}
    node.send(planned(5))
    node.send(planned(0, party="31", kind="nil", name=f"跨省流入人口个案-{PERIOD}-零报告.txt"), b"")
    assert node.send(planned(5, party="12"), b"nothing that could be read").state == "refused"
    others = {party: f"submission:{INFLOW}:{party}0000:{PERIOD}" for party in ("12", "13", "14", "15", "31")}
    dating.void(node.running, [others["13"]], "来函", WHO)
    dating.extend(node.running, [others["14"]], date(2026, 11, 10), "来函", WHO)
    move(node, "2026-11-02 09:00")
    sweeping.oblige(node.running)
    node.send(planned(5, party="12", seed="2"))
    node.send(planned(5, party="15"))
    states = {party: owed(node, identity).state.value for party, identity in others.items()}
    assert states == {"12": "met_after_correction", "13": "void", "14": "open", "15": "met_late", "31": "nil"}
    counts = {e["parcel"]: e["counts"] for e in logged(node, "obligation_met")}
    assert counts == {
        ZHEJIANG: {"late": 0},
        others["31"]: {"late": 0, "nil": 1},
        others["12"]: {"late": 0, "corrected": 1},
        others["15"]: {"late": 1},
    }
    found = replayed(node)
    for identity, (state, values) in found.items():
        row = owed(node, identity)
        assert row.state is state
        assert {name: getattr(row, name) for name in values if name != "remind_at"} == {
            name: known for name, known in values.items() if name != "remind_at"
        }
    assert {owed(node, identity).state for identity in found} >= {"open", "missed", "met", "void"}
