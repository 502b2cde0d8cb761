"""Documents: what is not a table cannot be nil, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import with_agreements
from support.nodes import Node

from gateway.adapters.worker import Worker
from gateway.corridors.submission import Checking, Intake, Recognising
from gateway.daemon import sweeping
from gateway.demo.partners import Partners

REPORT = "self-assessment"


@pytest.fixture
def office(home: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    with_agreements(home, REPORT)
    node = Node(home, partners, worker)
    yield node
    node.close()


def lay(node: Node, name: str, data: bytes) -> str:
    (node.folder(agreement=REPORT) / name).write_bytes(data)
    (claim,) = node.scan()
    return claim.parcel


@pytest.mark.parametrize("data", [b"", "无".encode()])
def test_a_nil_for_a_document_ends_with_an_answer(office: Node, data: bytes) -> None:
    sweeping.oblige(office.running)
    parcel = lay(office, "自评估报告-零报告.txt", data)
    office.work(parcel)
    row = office.row(parcel)
    assert (row.state, row.code) == ("refused", "249")
    assert json.loads(json.dumps(office.receipt(row)))["code"] == "249"
    assert "文档没有零报告" in office.page(row)
    assert "请上报文档本身" in office.page(row)
    # The remedy, followed: the document itself.
    parcel = lay(office, "自评估报告.txt", "自评估".encode())
    office.work(parcel)
    assert office.row(parcel).state == "accepted"
    with office.running.ledger.reading() as reading:
        (owed,) = reading.obligations.where(agreement=REPORT, party="330000")
    assert owed.state == "met"


def test_one_that_waited_under_the_version_before_ends_too(office: Node) -> None:
    """It was opened as a nil, and its checking was put off for ever: the next try says what is wrong."""
    sweeping.oblige(office.running)
    parcel = lay(office, "自评估报告-零报告.txt", b"")
    assert Intake(office.running).run(parcel)["outcome"] == "ok"
    assert Recognising(office.running).run(parcel)["outcome"] == "ok"
    assert Checking(office.running).run(parcel) == {"outcome": "refused", "code": "249"}
