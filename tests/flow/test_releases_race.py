"""Releases that are made while others are asked for: of two one is made, and none is empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from support.clocks import move
from support.nodes import PERIOD, Node, planned

from gateway.corridors import operating
from gateway.corridors.distribution import Releasing
from gateway.daemon import sweeping
from gateway.demo.people import INFLOW


@contextmanager
def overtaken(node: Node, number: int, act: Callable[[], object]) -> Iterator[None]:
    """What is read in here is read as ever; after statement `number` (from 1) `act` is done, as by another thread."""
    engine, read = node.running.ledger._reader, 0

    def after(*_: object) -> None:
        nonlocal read
        read += 1
        if read == number:
            act()

    event.listen(engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", after)


def batches(node: Node) -> dict[int, tuple[int, int]]:
    """By number, how many receivers a release has, and how many packages."""
    with node.running.ledger.reading() as reading:
        rows = reading.batches.where(agreement=INFLOW, period=PERIOD)
    numbers = sorted({row.batch for row in rows})
    return {
        number: (
            sum(row.batch == number for row in rows),
            sum(row.packages for row in rows if row.batch == number),
        )
        for number in numbers
    }


def test_whenever_a_release_is_made_none_is_empty(node: Node) -> None:
    """The sweep asks what is ripe while a release is made, before and after each of its readings."""
    node.send(planned(5, party="11"))
    for number, party in enumerate(("12", "13", "14", "15", "21", "22"), 1):
        now = move(node, f"2026-11-{2 * number:02} 09:00")
        sweeping.oblige(node.running)
        releasing = Releasing(node.running)
        assert releasing.ripe(now) == [(INFLOW, PERIOD, number)]

        def release(number: int = number) -> None:
            Releasing(node.running).release(INFLOW, PERIOD, number, "test")

        with overtaken(node, number, release):
            found = releasing.ripe(now)
        release()
        for agreement, period, asked in found:
            releasing.release(agreement, period, asked, "test")
        assert list(batches(node)) == list(range(1, number + 1))
        node.send(planned(5, party=party))
    assert all(receivers == 32 and packages for receivers, packages in batches(node).values())


@pytest.mark.parametrize("number", [1, 2])
def test_an_operator_is_overtaken(node: Node, number: int) -> None:
    node.send(planned(5))
    releasing = Releasing(node.running)
    with overtaken(node, number, lambda: releasing.release(INFLOW, PERIOD, 1, "test")):
        try:
            asked = operating.release(node.running, INFLOW, PERIOD, (), "somebody").batch
        except operating.CannotBe:
            asked = 1
    assert asked == 1
    assert list(batches(node)) == [1]


def test_where_nothing_is_held_nothing_is_released(node: Node) -> None:
    assert Releasing(node.running).release(INFLOW, PERIOD, 1, "test") == []
    assert batches(node) == {}
