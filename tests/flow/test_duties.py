"""More that is owed: the node's own distribution, the receivers' collection, dates within their own period, and
parties with a frequency of their own; on SQLite and on PostgreSQL. Expected dates are derived by hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.clocks import make_home, move
from support.nodes import PERIOD, Node, planned

from gateway import deadlines
from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.obligations import duties
from gateway.daemon import sweeping
from gateway.deadlines import Calendar, rules
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.policy.facts import Deadline
from gateway.policy.periods import Period

SHIPPED = Path(__file__).parents[2] / "config"
OWN = f"distribution:{INFLOW}:000000:{PERIOD}"


@pytest.fixture(params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, partners: Partners, worker: Worker
) -> Iterator[Node]:
    home = make_home(template, tmp_path / "node", request, request.param)
    shutil.copy(SHIPPED / "agreements" / "self-assessment.toml", home / "config" / "agreements")
    with (home / "config" / "agreements" / f"{INFLOW}.toml").open("a", encoding="utf-8") as stream:
        own = 'rhythm = "half-yearly"\ndeadline = { due = { H1 = "08-15", H2 = "02-15" } }'
        stream.write(f"\n[frequency.540000]\n{own}\n")
    made = Node(home, partners, worker)
    move(made, "2026-10-20 09:00")
    sweeping.oblige(made.running)
    yield made
    made.close()


def states(node: Node, **equal: str) -> dict[str, tuple[str, str]]:
    with node.running.ledger.reading() as reading:
        return {o.id: (str(o.due), o.state) for o in reading.obligations.where(**equal)}


def test_the_node_owes_its_distribution_after_the_close(node: Node) -> None:
    """The last date is Sunday 1 November; the five working days are 2, 3, 4, 5 and 6 November."""
    node.send(planned(5))
    assert states(node, kind="distribution") == {}
    move(node, "2026-11-02 00:00")
    sweeping.oblige(node.running)
    assert states(node, kind="distribution") == {OWN: ("2026-11-06", "open")}
    move(node, "2026-11-06 23:59:59")
    Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    assert states(node, kind="distribution") == {OWN: ("2026-11-06", "met")}


def test_a_distribution_that_comes_late_is_late(node: Node) -> None:
    node.send(planned(5))
    for text in ("2026-11-02 09:00", "2026-11-07 00:00"):
        move(node, text)
        sweeping.oblige(node.running)
    assert states(node, kind="distribution") == {OWN: ("2026-11-06", "missed")}
    Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    assert states(node, kind="distribution")[OWN][1] == "met_late"
    # A second batch changes nothing.
    Releasing(node.running).release(INFLOW, PERIOD, 2, "test")
    assert states(node, kind="distribution")[OWN][1] == "met_late"


def test_where_nothing_came_nothing_is_to_be_distributed(node: Node) -> None:
    move(node, "2026-11-02 09:00")
    sweeping.oblige(node.running)
    assert states(node, kind="distribution") == {}


def test_what_was_released_before_the_close_is_met_at_once(node: Node) -> None:
    node.send(planned(5))
    Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    move(node, "2026-11-02 09:00")
    sweeping.oblige(node.running)
    assert states(node, kind="distribution") == {OWN: ("2026-11-06", "met")}


def test_a_receiver_owes_its_signature_from_the_delivery(node: Node) -> None:
    """Delivered on Tuesday 20 October: 21, 22, 23 (3), 26-30 (8), 2 November (9), Tuesday 3 November is the tenth."""
    node.send(planned(5))
    batches = Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    for identity, receiver in batches[:2]:
        assert Delivery(node.running).run(identity)["outcome"] == "ok", receiver
    first, second = (f"collection:{INFLOW}:{receiver}:{PERIOD}/1" for _, receiver in batches[:2])
    assert states(node, kind="collection") == {first: ("2026-11-03", "open"), second: ("2026-11-03", "open")}
    now = move(node, "2026-10-23 10:00")
    with node.running.ledger.transaction(now) as tx:
        batch = tx.batches.get(batches[0][0])
        assert batch is not None
        duties.collected(tx, batch, "parcel", now, node.running.terms())
    move(node, "2026-11-04 00:00")
    sweeping.oblige(node.running)
    assert states(node, kind="collection") == {first: ("2026-11-03", "met"), second: ("2026-11-03", "missed")}
    # What a province owes as a receiver is not what it owes as a sender.
    assert {identity.partition(":")[0] for identity in states(node, period=PERIOD)} == {"submission"}


def test_a_date_within_its_period_is_owed_and_taken_within_it(node: Node) -> None:
    owed = states(node, agreement="self-assessment")
    assert len(owed) == 32
    assert set(owed.values()) == {("2026-12-30", "open")}
    target = node.folder(agreement="self-assessment") / "自评估报告.txt"
    target.write_text("示例", "utf-8")
    (claim,) = node.scan()
    node.work(claim.parcel)
    row = node.row(claim.parcel)
    assert (row.state, row.period) == ("accepted", "2026")  # the one window that is open says which
    assert states(node, agreement="self-assessment", party="330000") == {
        "submission:self-assessment:330000:2026": ("2026-12-30", "met")
    }
    move(node, "2027-01-01 00:00")
    sweeping.oblige(node.running)
    later = states(node, agreement="self-assessment", party="340000")
    assert later == {
        "submission:self-assessment:340000:2026": ("2026-12-30", "missed"),
        "submission:self-assessment:340000:2027": ("2027-12-30", "open"),
    }


def test_a_party_with_a_frequency_of_its_own(node: Node) -> None:
    sweeping.oblige(node.running)  # what is entered after its date is marked by the next round
    quarter, half = (states(node, agreement=INFLOW, period=p) for p in (PERIOD, "2026H1"))
    assert len(quarter) == 31
    assert f"submission:{INFLOW}:540000:{PERIOD}" not in quarter
    # First seen in October: its date, 15 August, had passed.
    assert half == {f"submission:{INFLOW}:540000:2026H1": ("2026-08-15", "missed")}
    row = node.send(planned(5, party="54", name="跨省流入人口个案-2026年上半年.csv"))
    assert (row.state, row.period) == ("accepted", "2026H1")
    assert states(node, agreement=INFLOW, period="2026H1")[f"submission:{INFLOW}:540000:2026H1"][1] == "met_late"


@pytest.mark.parametrize(
    ("period", "deadline", "expected"),
    [
        ("2026", Deadline(due={"Y": "12-30"}, within=True), "2026-12-30"),
        ("2026", Deadline(due={"Y": "05-31"}, within=True), "2026-05-31"),  # a Sunday: fixed dates do not move
        ("2026", Deadline(due={"Y": "05-31"}, within=True, roll="forward"), "2026-06-01"),
        ("2026", Deadline(due={"Y": "05-31"}, within=True, roll="backward"), "2026-05-29"),
        # 1 to 3 January 2026 are the New Year holiday, so no working day lies before the date: Sunday 4 is worked.
        ("2026", Deadline(due={"Y": "01-02"}, within=True), "2026-01-04"),
        ("2026Q3", Deadline(due={"Q3": "09-20"}, within=True), "2026-09-20"),
        ("2026Q3", Deadline(due={"Q3": "10-08"}), "2026-10-08"),
        ("2020Q3", Deadline(due={"Q3": "10-08"}), "2020-10-09"),  # 1 to 8 October 2020 were off
    ],
)
def test_rules_are_kept_as_text_and_read_again(period: str, deadline: Deadline, expected: str) -> None:
    calendar = Calendar.load(SHIPPED / "calendar")
    kept = rules.fixed_rule(Period.parse(period), deadline)
    assert str(deadlines.fixed(Period.parse(period), deadline, calendar).date) == expected
    again = rules.again(kept, deadlines.opens_at(Period.parse(period)), period, calendar)
    assert again == deadlines.fixed(Period.parse(period), deadline, calendar)
    assert rules.lies_within(kept) is deadline.within
    assert rules.fixed_rule(Period.parse(period), replace_due(deadline)) != kept


def replace_due(deadline: Deadline) -> Deadline:
    """Another day than the deadline's."""
    return deadline.model_copy(update={"due": dict.fromkeys(deadline.due, "03-03")})
