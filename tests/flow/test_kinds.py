"""Kinds of delivery (报送类型): parts, replacements, withdrawals, and what they do to what was sent before."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, planned

from gateway.corridors.between.gathering import Gathering
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.recording import of_parcel
from gateway.corridors.submission import Intake
from gateway.corridors.submission.checking import CONFIRMED
from gateway.daemon import sweeping
from gateway.demo.files import Planned, records
from gateway.demo.people import INFLOW, receivers
from gateway.demo.story import file_name
from gateway.lifecycle import Event


def named(suffix: str, rows: int, seed: str) -> Planned:
    return planned(rows, seed=seed, name=file_name(INFLOW, PERIOD, 0, suffix))


def held(node: Node) -> Counter[str]:
    """Records that would leave now, by receiver."""
    found: Counter[str] = Counter()
    for package in node.packages(state="held"):
        found[package.receiver] += package.records
    return found


def due(*files: Planned) -> Counter[str]:
    """What the receivers should get of these files, from how they were made."""
    found: Counter[str] = Counter()
    for file in files:
        for province, rows in receivers(file.agreement, records(file)).items():
            found[f"{province}0000"] += len(rows)
    return found


def release(node: Node, batch: int) -> list[str]:
    """Release and deliver everything that is held; the batches' ids."""
    ids = [identity for identity, _ in Releasing(node.running).release(INFLOW, PERIOD, batch, "test")]
    for identity in ids:
        assert Delivery(node.running).run(identity)["outcome"] in ("ok", "deferred")
    return ids


def listing(node: Node, receiver: str, batch: int) -> dict:
    folder = node.party_folder(receiver[:2], "接收", "跨省流入人口个案")
    (file,) = folder.glob(f"分发清单_{PERIOD}_第{batch}批_*.json")
    return json.loads(file.read_bytes())


def state(node: Node, party: str = "330000") -> str:
    with node.running.ledger.reading() as reading:
        (owed,) = reading.obligations.where(agreement=INFLOW, party=party, period=PERIOD)
    return owed.state


def test_parts_count_when_the_last_is_here_in_whatever_order(node: Node) -> None:
    sweeping.oblige(node.running)
    files = [named(f"-第{n}份共3份", 10, f"part{n}") for n in (1, 2, 3)]
    first, third = node.send(files[0]), node.send(files[2])
    assert (first.state, first.code, third.code) == ("accepted", "103", "103")
    assert held(node) == Counter()
    assert state(node) == "open"
    assert node.receipt(third)["detail"] == {"missing": "2", "part": 3, "parts": 3}
    wrong = node.send(named("-第2份共4份", 10, "wrong"))
    assert (wrong.state, wrong.code) == ("refused", "235")
    again = node.send(named("-第1份共3份", 10, "again"))
    assert (again.state, again.code) == ("refused", "235")
    supplement = node.send(named("-补报", 4, "early"))
    assert (supplement.state, supplement.code) == ("refused", "237")
    second = node.send(files[1])
    assert second.code == "100"
    assert held(node) == due(*files)
    assert state(node) == "met"


def test_parts_of_one_whole_do_not_wait_for_each_other(node: Node) -> None:
    for n in (1, 2):
        node.drop(named(f"-第{n}份共2份", 10, f"part{n}"))
    one, two = node.scan()
    assert Intake(node.running).run(one.parcel)["outcome"] == "ok"
    assert Intake(node.running).run(two.parcel)["outcome"] == "ok"
    node.work(two.parcel)
    node.work(one.parcel)
    assert sum(held(node).values()) == 20


def test_a_replacement_before_the_release_is_all_that_leaves(node: Node) -> None:
    first = named("", 30, "first")
    node.send(first)
    node.send(named("-补报", 6, "more"))
    better = named("-更正", 40, "better")
    row = node.send(better)
    assert (row.state, row.code, row.revision) == ("accepted", "105", 3)
    assert held(node) == due(better)
    assert {p.state for p in node.packages(revision=1)} == {"superseded"}
    release(node, 1)
    for package in node.packages(state="released") + node.packages(state="delivered"):
        assert package.revision == 3


def test_a_replacement_after_the_release_names_what_it_replaces(node: Node) -> None:
    first = named("", 60, "first")
    node.send(first)
    release(node, 1)
    sent = {p.receiver: p.id for p in node.packages()}
    better = named("-更正", 60, "better")
    node.send(better)
    release(node, 2)
    now = due(better)
    for receiver, old in sent.items():
        document = listing(node, receiver, 2) if receiver != "440000" else None
        if document is None:
            continue
        mine = [p for p in document["packages"] if p["origin"] == "330000"]
        if now[receiver]:
            assert [p["replaces"] for p in mine] == [old]
            assert sum(p["records"] for p in mine) == now[receiver]
        else:
            assert mine == []
            assert [w["package"] for w in document["withdrawn"]] == [old]
            assert document["withdrawn"][0]["reason"] == "replaced"


def test_a_list_that_lies_in_its_receivers_folder_is_no_statement_to_us(node: Node) -> None:
    """Receivers that are senders too: what was laid for them is in the folder where their own lists are looked for."""
    node.send(named("", 60, "first"))
    release(node, 1)
    receiver = next(p.receiver for p in node.packages() if p.receiver != "440000")
    assert listing(node, receiver, 1)["issuer"] == "000000"
    gathering = Gathering()
    assert (gathering.round(node.running), gathering.round(node.running)) == (0, 0)
    (mine,) = node.party_folder(receiver[:2], "接收", "跨省流入人口个案").glob(f"分发清单_{PERIOD}_第1批_*.json")
    forged = mine.with_name(mine.name.replace("第1批", "第2批"))
    forged.write_bytes(mine.read_bytes().replace(b'"issuer":"000000"', f'"issuer":"{receiver}"'.encode()))
    shutil.copy(f"{mine}.sig", f"{forged}.sig")
    assert gathering.round(node.running) == 1
    with node.running.ledger.reading() as reading:
        (kept,) = reading.statements.where(issuer=receiver)
    assert (kept.state, kept.code) == ("refused", "211")


def test_a_withdrawal_after_the_release_is_told_and_acknowledged(node: Node) -> None:
    node.send(named("", 25, "first"))
    release(node, 1)
    sent = {p.receiver: p.id for p in node.packages()}
    row = node.send(named("-撤回", 1, "void"), b"")
    assert (row.state, row.code) == ("accepted", "104")
    ids = release(node, 2)
    receiver = next(r for r in sent if r != "440000")
    document = listing(node, receiver, 2)
    assert [(w["origin"], w["package"], w["reason"]) for w in document["withdrawn"]] == [
        ("330000", sent[receiver], "void")
    ]
    assert {o["origin"]: o["status"] for o in document["origins"]}["330000"] == "missing"
    acknowledge(node, receiver, next(i for i in ids if i.endswith(receiver)))
    assert {p.state for p in node.packages(receiver=receiver) if p.replaces} == {"acknowledged"}
    again = node.send(named("", 12, "anew"))
    assert (again.state, again.code, again.revision) == ("accepted", "100", 3)


def acknowledge(node: Node, receiver: str, distribution: str) -> None:
    folder = node.party_folder(receiver[:2], "接收", "跨省流入人口个案")
    (form,) = folder.glob(f"签收单_{PERIOD}_*第2批_*.receipt.json")
    assert "withdrawn" in json.loads(form.read_bytes())
    node.partners[receiver[:2]].acknowledge(form, node.party_folder(receiver[:2], "上报", "签收"))
    (claim,) = node.scan()
    assert Acknowledging(node.running).run(claim.parcel) == {"outcome": "ok", "code": ""}
    assert node.row(claim.parcel).original == distribution


def test_a_withdrawal_before_the_release_leaves_nothing_to_send(node: Node) -> None:
    node.send(named("", 25, "first"))
    row = node.send(named("-撤回", 1, "void"), b"whatever it holds")
    assert row.code == "104"
    assert node.packages(state="held") == []
    nil = node.send(named("-零报告", 1, "nil"), b"")
    assert (nil.state, nil.code) == ("accepted", "102")


def test_a_small_replacement_waits_for_a_person(node: Node) -> None:
    node.send(named("", 40, "first"))
    small = named("-更正", 20, "small")
    row = node.send(small)
    assert (row.state, row.code) == ("awaiting", "224")
    assert node.receipt(row)["stage"] == "held"
    assert {p.revision for p in node.packages()} == {1}
    waiting = node.send(replace(small, name="x" + small.name))
    assert (waiting.state, waiting.code) == ("arriving", "708")
    with node.running.ledger.transaction(node.running.clock.now()) as tx:
        tx.progress.set(row.id, CONFIRMED, "uid:0 test")
        of_parcel(tx, tx.parcels.row(row.id), Event.CONFIRMED)
    node.work(row.id)
    assert (node.row(row.id).state, node.row(row.id).code) == ("accepted", "105")
    assert held(node) == due(small)


def test_a_replacement_of_nine_tenths_needs_nobody(node: Node) -> None:
    node.send(named("", 40, "first"))
    assert node.send(named("-更正", 36, "nearly")).state == "accepted"


@pytest.mark.parametrize("suffix", ["-更正", "-撤回", "-补报"])
def test_nothing_can_follow_what_was_withdrawn(node: Node, suffix: str) -> None:
    node.send(named("", 12, "first"))
    node.send(named("-撤回", 1, "void"), b"")
    row = node.send(named(suffix, 12, "late"), Path(__file__).read_bytes() if suffix == "-撤回" else None)
    assert (row.state, row.code) == ("refused", "231" if suffix == "-补报" else "236")
