"""What is owed, in the ledger: lists, dates, changes, reminders, outages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.adapters.ledger import Ledger
from gateway.adapters.ledger.rows import NewObligation, ReminderRow
from gateway.lifecycle import Change, ObligationState

NOW = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=10)
DUE = date(2026, 10, 29)


def owed(identity: str, **values: Any) -> NewObligation:
    """A submission of 330000's, open until `LATER`."""
    made: NewObligation = {
        "id": identity,
        "kind": "submission",
        "agreement": "migrants-inflow",
        "party": "330000",
        "subject": "2026Q3",
        "period": "2026Q3",
        "source": "",
        "due": DUE,
        "expires_at": LATER,
        "status": "final",
        "edition": "2026",
        "state": ObligationState.OPEN,
    }
    return made | values  # type: ignore[return-value]


@pytest.fixture
def three(ledger: Ledger) -> Ledger:
    """One open, one missed, one met, of which the open one is a reply."""
    with ledger.transaction(NOW) as tx:
        tx.obligations.add_many([owed("open", kind="reply"), owed("missed", expires_at=NOW), owed("met")])
        tx.obligations.change("missed", Change(ObligationState.MISSED))
        tx.obligations.change("met", Change(ObligationState.MET, {"met_at": NOW}), parcel="p1")
    return ledger


def test_a_change_writes_the_state_what_the_entry_carries_and_what_it_does_not(three: Ledger) -> None:
    with three.reading() as reading:
        met = reading.obligations.get("met")
    assert met is not None
    assert (met.state, met.met_at, met.parcel) == (ObligationState.MET, NOW, "p1")


def test_values_beside_a_change_stand_where_both_name_a_column(three: Ledger) -> None:
    with three.transaction(NOW) as tx:
        tx.obligations.change("open", Change(ObligationState.MET, {"met_at": LATER, "parcel": "p2"}), met_at=NOW)
        met = tx.obligations.get("open")
    assert met is not None
    assert (met.met_at, met.parcel) == (NOW, "p2")


def test_obligations_of_one_kind_or_of_all(three: Ledger) -> None:
    with three.reading() as reading:
        assert {o.id for o in reading.obligations.where(period="2026Q3")} == {"missed", "met"}
        assert {o.id for o in reading.obligations.where(kind="reply")} == {"open"}
        assert len(reading.obligations.where(kind=None, state=ObligationState.MISSED)) == 1
        assert {o.id for o in reading.obligations.where(kind=None, met_at=None)} == {"open", "missed"}


def test_a_list_and_its_counts(three: Ledger) -> None:
    with three.transaction(NOW) as tx:
        tx.obligations.update("open", extended_until=DUE)
    with three.reading() as reading:
        found = reading.obligations
        assert [o.id for o in found.listed(limit=10)] == ["missed", "met", "open"]
        assert [o.id for o in found.listed(limit=1, party="330000")] == ["missed"]
        assert [o.id for o in found.listed(limit=10, extended=True)] == ["open"]
        assert found.count() == dict.fromkeys((ObligationState.OPEN, ObligationState.MISSED, ObligationState.MET), 1)
        assert found.count(kind="submission", states=[ObligationState.MET]) == {ObligationState.MET: 1}
        assert found.count_overdue(NOW) == 1
        assert found.count_overdue(LATER) == 2
        assert found.count_overdue(LATER, kind="submission") == 1


def test_what_runs_out_and_what_to_remind_of(three: Ledger) -> None:
    with three.transaction(NOW) as tx:
        tx.obligations.update_many(["open", "met"], remind_at=NOW)
    with three.reading() as reading:
        found = reading.obligations
        assert found.overdue(NOW) == []
        assert [o.id for o in found.overdue(LATER)] == ["open"]
        assert [o.id for o in found.running_out(NOW, LATER)] == ["open"]
        assert [o.id for o in found.to_remind(NOW)] == ["open"]
        assert found.to_remind(NOW - timedelta(seconds=1)) == []
        assert found.known(["open", "other"]) == {"open"}


def test_obligations_that_share_a_date_are_one_date(ledger: Ledger) -> None:
    with ledger.transaction(NOW) as tx:
        tx.obligations.add_many([owed("a"), owed("b"), owed("c", due=date(2026, 10, 30)), owed("d", expires_at=NOW)])
    with ledger.reading() as reading:
        dates = sorted(reading.obligations.open_dates(NOW), key=lambda dated: dated.due)
        assert [[o.id for o in reading.obligations.dated_so(dated)] for dated in dates] == [["a", "b"], ["c"]]
    assert (dates[0].due, dates[0].expires_at, dates[0].opens_at) == (DUE, LATER, None)


def test_what_people_did_is_numbered(three: Ledger) -> None:
    with three.transaction(NOW) as tx:
        for kind, after in (("extended", date(2026, 11, 3)), ("void", None)):
            tx.obligations.add_change("open", kind=kind, actor="li", why="w", due_before=DUE, due_after=after)
    with three.reading() as reading:
        found = reading.obligations.changes("open")
    assert [(c.number, c.kind, c.at, c.due_after) for c in found] == [
        (1, "extended", NOW, date(2026, 11, 3)),
        (2, "void", NOW, None),
    ]


def test_a_step_of_reminding_is_sent_once_and_written_once(three: Ledger) -> None:
    step = ReminderRow("open", DUE, 1, 0, NOW, seq=7)
    with three.transaction(NOW) as tx:
        tx.reminders.add([step, ReminderRow("open", DUE, 2, 0, NOW, written_at=NOW)])
        tx.reminders.add([])
    with pytest.raises(IntegrityError), three.transaction(NOW) as tx:
        tx.reminders.add([step])
    with three.reading() as reading:
        assert reading.reminders.sent(["open", "met"]) == {("open", DUE): {1, 2}}
        assert reading.reminders.unwritten() == [step]
    with three.transaction(LATER) as tx:
        tx.reminders.written(7)
    with three.reading() as reading:
        assert reading.reminders.unwritten() == []
        assert [(r.step, r.written_at) for r in reading.reminders.of("open")] == [(1, LATER), (2, NOW)]


def test_when_the_node_was_down_and_when_it_ran(ledger: Ledger) -> None:
    with ledger.reading() as reading:
        assert reading.heartbeat.last() is None
    with ledger.transaction(NOW) as tx:
        tx.heartbeat.beat()
        assert tx.outages.add(id="o1", began=NOW, ended=LATER, actor="gateway", why="")
        assert not tx.outages.add(id="o1", began=NOW, ended=NOW, actor="li", why="again")
    with ledger.transaction(LATER) as tx:
        tx.heartbeat.beat()
    with ledger.reading() as reading:
        assert reading.heartbeat.last() == LATER
        assert [(o.began, o.ended, o.actor) for o in reading.outages.all()] == [(NOW, LATER, "gateway")]
