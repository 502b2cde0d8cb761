"""Files that cost more than they hold, through a node: refused as their sender's, and nobody else waits for them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.nodes import Node, planned

from gateway.adapters.worker import Worker
from gateway.adapters.worker.exchanging import died
from gateway.corridors.submission.intake import Intake
from gateway.corridors.submission.steps import LATE_TRIES
from gateway.demo.files import render
from gateway.demo.partners import Partners
from gateway.outcomes import Deferred, Refused
from gateway.policy.facts import Limits


@pytest.fixture
def hasty(home: Path, partners: Partners) -> Iterator[Node]:
    """A node whose worker has one second for a file."""
    limits = Limits.model_construct(**{**Limits().model_dump(), "worker_seconds": 1})
    worker = Worker(home / "hasty.sock", limits, 64)
    worker.start()
    node = Node(home, partners, worker)
    yield node
    node.close()
    worker.stop()


def slow(records: int = 300_000) -> bytes:
    """Doubled quotation marks are the plain engine's, which takes its time."""
    head, line = render(planned(1)).splitlines()[:2]
    return head + b"\n" + (b'"x""y"' + line[line.index(b",") :] + b"\n") * records


def test_a_file_that_takes_too_long_is_refused_at_once_and_shorter_ones_are_taken(hasty: Node) -> None:
    """Code 314, and its remedy: in parts."""
    hasty.drop(planned(8), slow())
    (claim,) = hasty.scan()
    assert hasty.work(claim.parcel) == {"outcome": "refused", "code": "314"}
    hasty.drop(planned(8))
    (claim,) = hasty.scan()
    assert hasty.work(claim.parcel)["outcome"] == "ok"


def test_a_file_that_is_late_on_the_clock_is_tried_a_few_times(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.drop(planned(8))
    (claim,) = node.scan()
    late = died(signal.SIGALRM)
    assert isinstance(late, Deferred)
    monkeypatch.setattr(node.worker, "examine", lambda *_: late)
    tries = [node.work(claim.parcel) for _ in range(LATE_TRIES)]
    assert tries[:-1] == [{"outcome": "deferred", "code": "704"}] * (LATE_TRIES - 1)
    assert tries[-1] == {"outcome": "refused", "code": "314"}


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGSYS])
def test_what_breaks_its_reader_is_the_senders(number: signal.Signals) -> None:
    assert died(number) == Refused("315")


def test_a_worker_that_is_away_is_waited_for_however_long(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not reached, it has not died over this file."""
    node.drop(planned(8))
    (claim,) = node.scan()
    with monkeypatch.context() as patch:
        patch.setattr(node.worker, "examine", lambda *_: Deferred("704", {"errno": 111}, 5))
        for _ in range(12):
            assert node.work(claim.parcel) == {"outcome": "deferred", "code": "704"}
    assert node.work(claim.parcel)["outcome"] == "ok"


def test_a_party_whose_files_hold_all_it_may_waits_and_others_go_ahead(node: Node) -> None:
    shares = node.running.shares
    shares._patience = 0.0
    node.drop(planned(8, party="33"))
    node.drop(planned(8, party="35"))
    (mine, other) = sorted(node.scan(), key=lambda claim: claim.sender)
    with ExitStack() as held:
        for _ in range(3):
            assert held.enter_context(shares.held(mine.sender))
        assert node.work(mine.parcel) == {"outcome": "deferred", "code": "711"}
        assert node.work(other.parcel)["outcome"] == "ok"
    assert node.work(mine.parcel)["outcome"] == "ok"


DEEP = b"[" * 100_000


@pytest.mark.parametrize("note", [DEEP, b'{"period":' * 50_000, b"{", b"[]", b"\xff", b'{"a": ' + b"1" * 5000 + b"}"])
def test_a_note_that_cannot_be_read_refuses_its_file(note: bytes, node: Node) -> None:
    """Nested deeply it was our fault 900; anything else was passed over, and with it what the sender wanted."""
    node.drop(planned(8))
    file = next(node.folder().iterdir())
    file.with_name(file.name + ".json").write_bytes(note)
    (claim,) = node.scan()
    assert node.work(claim.parcel) == {"outcome": "refused", "code": "264"}


@pytest.mark.parametrize("mended", [{"period": "2026Q3"}, None])
def test_a_note_mended_as_the_remedy_says_or_left_out_is_taken(mended: dict[str, str] | None, node: Node) -> None:
    node.drop(planned(8))
    file = next(node.folder().iterdir())
    if mended is not None:
        file.with_name(file.name + ".json").write_text(json.dumps(mended))
    (claim,) = node.scan()
    assert Intake(node.running).run(claim.parcel)["outcome"] == "ok"
