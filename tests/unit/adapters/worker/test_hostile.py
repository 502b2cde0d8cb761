"""Two hundred files that nobody honest sends: each is refused as its sender's, and none costs more than ten times what
an honest file of its size does, above what any job costs. The kernel holds the seconds: a job that works longer than it
may is ended, and that is another code. `python -m bench.hostile` shows what each one takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hostile import honest, packages, workbooks
from support.measuring import Cost, Measured

from gateway.adapters.container import Caps
from gateway.outcomes import Ok, Refused

WORK = 8
"""Seconds that the kernel lets each job work. An honest file of the largest size here takes a tenth of one."""
ENDED = ("314", "315")
TIMES, MEMORY_FLOOR, WRITTEN_FLOOR = 10, 200 << 20, 8 << 20

WORKBOOKS = dict(workbooks.cases(honest.rows(20)))
ARCHIVES = dict(workbooks.datapackages(honest.table(20)))
PACKAGES = dict(packages.cases())
NOTES = dict(workbooks.deep())


@pytest.fixture(scope="module")
def jobs() -> Measured:
    return Measured(WORK)


@pytest.fixture(scope="module")
def usual(jobs: Measured, tmp_path_factory: pytest.TempPathFactory) -> Cost:
    """What a file of 64 KiB costs that somebody honest sends."""
    folder = tmp_path_factory.mktemp("honest")
    outcome = jobs.ask(honest.job(folder, workbooks.honest(honest.rows(400)), ".xlsx"))
    assert outcome.outcome == "ok", outcome
    return jobs.cost


def within(cost: Cost, usual: Cost) -> None:
    assert cost.written <= TIMES * usual.written + WRITTEN_FLOOR
    assert cost.memory <= usual.memory + MEMORY_FLOOR


def test_there_are_as_many_as_it_says() -> None:
    assert len(WORKBOOKS) + len(ARCHIVES) + len(PACKAGES) + len(NOTES) >= 200


@pytest.mark.parametrize("name", [*WORKBOOKS, *ARCHIVES])
def test_a_table_is_refused_with_a_code(name: str, jobs: Measured, usual: Cost, tmp_path: Path) -> None:
    data = WORKBOOKS.get(name) or ARCHIVES[name]
    outcome = jobs.ask(honest.job(tmp_path, data, ".xlsx"))
    if name in workbooks.HARMLESS:
        assert isinstance(outcome, Ok), outcome
        assert outcome.value["accepted"] == 20
    else:
        assert isinstance(outcome, Refused), outcome
        assert outcome.code not in ENDED
    within(jobs.cost, usual)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_inside_of_a_package_is_refused_with_a_code(name: str, jobs: Measured, usual: Cost, tmp_path: Path) -> None:
    data = PACKAGES[name]
    (tmp_path / "plain").write_bytes(data)
    (tmp_path / "tree").mkdir()
    plain = os.open(tmp_path / "plain", os.O_RDONLY)
    try:
        outcome = jobs.unpack(plain, tmp_path / "tree", Caps().of_message(len(data)), lambda _: None)
    finally:
        os.close(plain)
    assert isinstance(outcome, Refused), outcome
    assert outcome.code in ("214", "215", "216")
    laid = sum(p.stat().st_size for p in (tmp_path / "tree").rglob("*") if p.is_file())
    assert laid <= Caps().of_message(len(data)).expanded
    within(jobs.cost, usual)


@pytest.mark.parametrize("name", NOTES)
def test_a_note_is_refused_or_says_nothing(name: str, jobs: Measured, usual: Cost, tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(NOTES[name])
    assert jobs.note(tmp_path / "note") == Refused("264")
    within(jobs.cost, usual)


def test_a_list_that_cannot_be_read_is_none(jobs: Measured) -> None:
    assert {jobs.listed(data).code for data in NOTES.values()} == {"247"}  # type: ignore[union-attr]


@pytest.fixture(autouse=True, scope="module")
def _no_memory_of_cases() -> Iterator[None]:
    """A fork copies what this process holds: the cases are let go of when they were used."""
    yield
    for cases in (WORKBOOKS, ARCHIVES, PACKAGES, NOTES):
        cases.clear()
