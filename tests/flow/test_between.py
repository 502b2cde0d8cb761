"""Between gateways, over real OpenSSH: batches are signed for without a person, receipts come back and are judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodes import Node, planned
from test_tiers import (
    COUNTY,
    DEPARTMENT,
    NATION,
    PROVINCE,
    Tiers,
    contents,
    distribute,
    folder,
    joined,
    send_up,
    work_on_what_came,
)

from gateway import wiring
from gateway.adapters import keyring
from gateway.adapters.worker import Worker
from gateway.corridors import overview
from gateway.corridors.answering import Answering
from gateway.corridors.gathering import Gathering
from gateway.demo.files import render
from gateway.demo.partners import Partners
from gateway.outcomes import Ok
from gateway.policy import places


@pytest.fixture
def tiers(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    yield from joined(template, tmp_path, partners, worker)


def collect(node: Node, polls: int = 3) -> int:
    """Some polls of every collector of a node; how many files landed."""
    landed = 0
    for collector in wiring.collectors(node.facts, node.tools):
        for _ in range(polls):
            outcome = collector.round()
            assert isinstance(outcome, Ok), outcome
            landed += outcome.value.files
            while outcome.value.waiting:  # two equal polls lie half a second apart
                outcome = collector.round()
                assert isinstance(outcome, Ok)
                landed += outcome.value.files
        collector.close()
    return landed


def answer(node: Node) -> list[dict[str, str]]:
    """What gathering and sweeping do: judge what lies there, answer what is ripe."""
    Gathering().round(node.tools)
    answering = Answering(node.tools)
    return [answering.answer(row.id) for row in answering.ripe(node.tools.clock.now())]


def shown(node: Node, identity: str) -> Any:
    found = overview.parcel(node.tools, identity)
    assert found is not None
    return found


def incoming(node: Node) -> list[str]:
    return [f"{state} {count}" for state, count in overview.counts(node.tools)["incoming"].items()]


def statements(node: Node, **equal: str) -> list[Any]:
    with node.tools.ledger.reading() as reading:
        return reading.between.statements(**equal)


def batch(node: Node, receiver: str) -> Any:
    with node.tools.ledger.reading() as reading:
        (found,) = reading.distributions(receiver=receiver)
        return found


def test_what_a_province_fetched_and_accepted_is_signed_for_without_a_person(tiers: Tiers) -> None:
    packages, _ = distribute(tiers)
    assert collect(tiers.province) == len(packages) + 5
    assert answer(tiers.province) == []  # the list is here, the packages are not taken in yet
    assert incoming(tiers.province) == ["listed 1"]
    assert work_on_what_came(tiers.province) == ["accepted 100"] * len(packages)
    assert answer(tiers.province) == [{"outcome": "ok", "code": ""}]
    assert answer(tiers.province) == []
    assert incoming(tiers.province) == ["answered 1"]
    (signature,) = contents(tiers.nation.home / "exchange" / PROVINCE / "上报" / "签收")
    assert signature.endswith(".receipt.json.sig")
    assert work_on_what_came(tiers.nation) == ["acknowledged 100"]
    done = batch(tiers.nation, PROVINCE)
    assert done.state == "acknowledged"
    with tiers.nation.tools.ledger.reading() as reading:
        (delivery,) = reading.deliveries(distribution=done.id)
    assert delivery.fingerprint == keyring.own_fingerprint(tiers.province.home / "private")
    assert tiers.province.events(f"{NATION}:{done.id}") == ["batch_listed", "acknowledgement_sent"]
    # The nation's receipt for the signature comes back, is judged, and closes the circle.
    collect(tiers.province)
    answer(tiers.province)
    (receipt,) = statements(tiers.province, kind="receipt", state="verified")
    assert (receipt.issuer, receipt.stage, receipt.about) == (NATION, "acknowledged", f"{NATION}:{done.id}")


def test_three_tiers_without_a_person_until_every_batch_is_signed_for(tiers: Tiers) -> None:
    """A department's file goes up to the nation: each upper node signs for the batch, and its receipt comes down."""
    file = planned(40, party="44")
    (folder(tiers.county, DEPARTMENT) / file.name).write_bytes(render(file))
    assert work_on_what_came(tiers.county) == ["accepted 100"]
    for lower, upper, party, above in (
        (tiers.county, tiers.province, COUNTY, PROVINCE),
        (tiers.province, tiers.nation, PROVINCE, NATION),
    ):
        send_up(lower, above)
        assert work_on_what_came(upper) == [
            "accepted 100",
            "noted 100",
        ]  # the package, and the signed list of its batch
        assert answer(upper) == [{"outcome": "ok", "code": ""}]
        (signature,) = contents(places.party_folder(upper.facts, upper.facts.parties[party]) / "接收" / "签收")
        assert signature.endswith(".sig")
        collect(lower)
        assert work_on_what_came(lower) == ["acknowledged 100"]
        assert batch(lower, above).state == "acknowledged"
        answer(lower)
        (receipt,) = statements(lower, kind="receipt", state="verified")
        (package,) = lower.packages(receiver=above)
        assert (receipt.stage, receipt.package) == ("accepted", package.id)
        stated = json.loads(receipt.body)
        assert (stated["sha256"], stated["counts"]["accepted"]) == (package.sha256, 40)
        sent = shown(lower, package.parcel)
        assert [(s["issuer"], s["state"], s["number"]) for s in sent["statements"]] == [
            (above, "verified", receipt.number)
        ]
        assert list(places.fetched_receipts(lower.facts, lower.facts.parties[above]).iterdir()) == []
