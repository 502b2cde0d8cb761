"""When the watchdog is fed, when intake closes, what the operator is told once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.nodes import Node

from gateway.daemon.vitals import PATIENCE, Conditions, Guard, Vitals
from gateway.policy.facts import Intake


def test_a_part_that_does_not_come_round_is_named() -> None:
    passed = [0.0]
    vitals = Vitals(lambda: passed[0])
    assert vitals.stuck() == []
    passed[0] = max(PATIENCE.values()) + 1
    vitals.beat("scan")
    assert vitals.stuck() == ["sweep"]
    vitals.beat("sweep")
    assert vitals.stuck() == []
    vitals.beat("a job nobody waits for")
    passed[0] += 10**6
    assert vitals.stuck() == ["scan", "sweep"]


@pytest.mark.parametrize(
    ("intake", "free", "opens"),
    [
        (Intake(min_free_mb=100), [200, 100, 99, 100, 124, 125, 100], [1, 1, 0, 0, 0, 1, 1]),
        (Intake(min_free_mb=100, resume_free_mb=300), [99, 299, 300], [0, 0, 1]),
        (Intake(min_free_mb=100, resume_free_mb=1), [99, 100], [0, 1]),
        (Intake(min_free_mb=0), [0], [1]),
    ],
)
def test_intake_closes_at_one_limit_and_opens_at_another(intake: Intake, free: list[int], opens: list[int]) -> None:
    guard = Guard()
    assert [guard.judge(mb, intake) for mb in free] == [bool(one) for one in opens]


def test_a_condition_is_told_once_it_lasts_and_once_it_is_over(node: Node) -> None:
    running = replace(node.running, notices={"webhook": object()})  # type: ignore[dict-item]
    conditions = Conditions()

    def told() -> list[tuple[str, object]]:
        with running.ledger.notices() as outbox:
            return [(row.event, row.about.get("count")) for row in outbox.waiting()]

    conditions.look(running, {"source_down": 3})
    conditions.look(running, {})
    assert told() == [], "a moment is no news"
    for _ in range(3):
        conditions.look(running, {"source_down": 3})
    assert told() == [("source_down", 3)]
    for _ in range(3):
        conditions.look(running, {})
    assert told() == [("source_down", 3), ("source_down_over", None)]
