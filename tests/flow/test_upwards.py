"""What a collection has to tell the level above is looked for where something happened: ten years of periods cost a
round nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from support.asking import at
from support.nodes import PERIOD, Node
from test_collected import reports
from test_tiers import COUNTY, PROVINCE, found

from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors import operating
from gateway.corridors.distribution.upwards import Upwards
from gateway.daemon import sweeping
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.founding import TierChoice
from gateway.lifecycle import ObligationState

OTHER = "440305"
YEARS = range(2016, 2026)


@pytest.fixture
def province(tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    found(tmp_path / "node", TierChoice.PROVINCE, PROVINCE)
    node = Node(tmp_path / "node", partners, worker)
    sweeping.oblige(node.running)
    yield node
    node.close()
    keyring.stop_agent(node.home / "private")


def ten_years(node: Node) -> None:
    """Forty quarters in which two counties owed."""
    with node.running.ledger.transaction(node.running.clock.now()) as tx:
        for period in (f"{year}Q{quarter}" for year in YEARS for quarter in (1, 2, 3, 4)):
            for party in (COUNTY, OTHER):
                tx.obligations.add(
                    id=f"submission:{INFLOW}:{party}:{period}",
                    kind="submission", agreement=INFLOW, party=party, subject=period, period=period, source="", rule="",
                    opens_at=at("2016-01-01 00:00"), state=ObligationState.MISSED, due=date(2026, 1, 1),
                    expires_at=at("2026-01-01 00:00"), status="final", edition="", remind_at=None,
                )  # fmt: skip


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def test_a_round_in_which_nothing_happened_reads_nothing_of_ten_years(province: Node) -> None:
    upwards = Upwards()
    assert upwards.listable(province.running) == []
    with counted() as before:
        assert upwards.listable(province.running) == []
    ten_years(province)
    again = Upwards()
    with counted() as first:
        assert again.listable(province.running) == []
    assert len(first) > 40  # once, when the node starts
    with counted() as round_:
        assert again.listable(province.running) == []
    assert len(round_) == len(before) <= 3


def test_what_happened_in_an_old_period_is_told_and_costs_no_more_than_that_period(province: Node) -> None:
    ten_years(province)
    upwards = Upwards()
    assert upwards.listable(province.running) == []
    reports(province, COUNTY, 0, "-零报告")
    with counted() as waiting:
        assert upwards.listable(province.running) == []  # one is missing
    operating.close(province.running, INFLOW, PERIOD, "uid:0 test")
    with counted() as closed:
        assert upwards.listable(province.running) == [(INFLOW, PERIOD, 1)]
    assert max(len(waiting), len(closed)) < 80
    # Until it has gone up, it is told again.
    assert upwards.listable(province.running) == [(INFLOW, PERIOD, 1)]
    assert Upwards().listable(province.running) == [(INFLOW, PERIOD, 1)]
