"""A failed first try never counts as the original of a duplicate: refused, waiting, stopped, or a signature."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.nodes import PERIOD, Node, planned

from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.operating.retrying import retry
from gateway.corridors.submission import STAGES, Intake, Sealing
from gateway.corridors.telling.posting import Posting
from gateway.demo.faults import FileFault
from gateway.demo.files import render
from gateway.demo.people import INFLOW
from gateway.demo.story import file_name
from gateway.parcels import ParcelId


def twice(node: Node, **more: object) -> tuple[ParcelId, ParcelId]:
    """The same bytes under two names, both claimed."""
    file = planned(10, **more)
    node.drop(file)
    node.drop(replace(file, name=f"再次-{file.name}"), render(file))
    claims = sorted(node.scan(), key=lambda claim: node.running.inbox.name(claim.parcel) != file.name)
    return claims[0].parcel, claims[1].parcel


def test_a_refused_first_try(node: Node) -> None:
    file = planned(10, name=file_name(INFLOW, "2026Q4", 0))
    first = node.send(file)
    assert (first.state, first.code) == ("refused", "228")
    second = node.send(replace(file, name=file_name(INFLOW, PERIOD, 0)), render(file))
    assert (second.state, second.code, second.sha256, second.original) == ("accepted", "100", first.sha256, "")
    assert node.receipt(second)["number"] != node.receipt(first)["number"]
    third = node.send(replace(file, name=file_name(INFLOW, PERIOD, 0)), render(file))
    assert (third.state, third.original) == ("duplicate", second.id)


def test_a_first_try_in_work_that_is_refused_at_last(node: Node) -> None:
    first, second = twice(node, file_fault=FileFault.WRONG_HEADER)
    assert Intake(node.running).run(first)["outcome"] == "ok"
    assert Intake(node.running).run(second) == {"outcome": "deferred", "code": "708"}
    assert node.work(first)["outcome"] == "refused"
    assert node.work(second) == {"outcome": "refused", "code": node.row(first).code}  # judged by itself
    assert (node.row(second).state, node.row(second).original) == ("refused", "")
    assert node.receipt(node.row(second))["parcel"] == second


def test_a_stopped_first_try(node: Node) -> None:
    """Ours to look at: its place is kept, and the same bytes wait instead of being answered with its receipt."""
    first, second = twice(node)
    for stage in STAGES[:-1]:
        assert stage(node.running).run(first)["outcome"] == "ok"
    schema = node.facts.schemas / f"{INFLOW}.json"
    whole = schema.read_bytes()
    schema.write_bytes(b"{")
    assert Sealing(node.running).run(first) == {"outcome": "fault", "code": "900"}
    schema.write_bytes(whole)
    for _ in range(2):
        assert node.work(second) == {"outcome": "deferred", "code": "708"}
    with node.running.ledger.reading() as reading:
        assert reading.receipts.where(parcel=second) == []
    retry(node.running, first, "test")
    assert node.work(first)["outcome"] == "ok"
    assert node.work(second) == {"outcome": "duplicate", "code": "220"}
    assert node.row(second).original == first


def test_a_signature_that_came_too_early(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver is quicker than the transaction that says its batch was delivered; and a batch it signed before
    anything was released is refused, which says nothing about the same bytes later."""
    node.send(planned(60))
    ids = {receiver: identity for identity, receiver in Releasing(node.running).release(INFLOW, PERIOD, 1, "test")}
    batch = ids["440000"]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Delivery, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            Delivery(node.running).run(batch)
    laid = node.party_folder("44", "接收", "跨省流入人口个案")
    (form,) = laid.glob("签收单_*")
    drop = node.party_folder("44", "上报", "签收")
    node.partners["44"].acknowledge(form, drop)
    (file,) = drop.iterdir()
    signature = file.read_bytes()
    (claim,) = node.scan()
    corridor = Acknowledging(node.running)
    assert corridor.run(claim.parcel) == {"outcome": "deferred", "code": "708"}
    assert Delivery(node.running).run(batch) == {"outcome": "ok", "code": ""}
    assert corridor.run(claim.parcel) == {"outcome": "ok", "code": ""}
    Posting(node.running).post(claim.parcel)
    (drop / "again.sig").write_bytes(signature)
    (again,) = node.scan()
    assert corridor.run(again.parcel) == {"outcome": "duplicate", "code": "220"}
    assert node.row(again.parcel).original == claim.parcel


def test_a_refused_signature(node: Node) -> None:
    drop = node.party_folder("44", "上报", "签收")
    nothing = b"{}"  # a signature of nothing
    for number in (1, 2):
        (drop / f"{number}.sig").write_bytes(nothing)
        (claim,) = node.scan()
        assert Acknowledging(node.running).run(claim.parcel) == {"outcome": "refused", "code": "232"}
        Posting(node.running).post(claim.parcel)
