"""A bulletin that the node owes is made, delivered and signed for by itself: nobody gives a command."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from support.asking import with_agreements
from support.clocks import move
from support.nodes import NODE_PARTY, PERIOD, REHEARSAL, Daemon, Node, planned

from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.telling.bulletins import issuing
from gateway.daemon import sweeping
from gateway.demo import folders as places
from gateway.demo.partners import Partners

MONTHLY, HALF_YEARLY = "bulletin-monthly", "evaluation"
RECEIVERS = ("33", "34")


@pytest.fixture
def home(home: Path) -> Path:
    """With the shipped agreements, to two provinces instead of all."""
    with_agreements(home, MONTHLY, HALF_YEARLY)
    for name in (MONTHLY, HALF_YEARLY):
        file = home / "config" / "agreements" / f"{name}.toml"
        text = file.read_text("utf-8")
        assert '\nreceivers = "province"\n' in text
        named = json.dumps([f"{code}0000" for code in RECEIVERS])
        file.write_text(text.replace('receivers = "province"', f"receivers = {named}"), "utf-8")
    return home


def turn(node: Node) -> list[str]:
    """What the daemon does by itself: enter what is owed, make what it owes, take it in, let it go. The parcels."""
    sweeping.oblige(node.running)
    issuing.issue(node.running)
    claims = [claim.parcel for claim in node.scan()]
    for parcel in claims:
        assert node.work(parcel)["outcome"] == "ok"
    for agreement, period, number in Releasing(node.running).ripe(node.running.clock.now()):
        for identity, _ in Releasing(node.running).release(agreement, period, number, "gateway"):
            assert Delivery(node.running).run(identity)["outcome"] == "ok"
    return claims


def owed(node: Node, agreement: str) -> dict[str, str]:
    with node.running.ledger.reading() as reading:
        return {o.period: str(o.state) for o in reading.obligations.where(agreement=agreement, party=NODE_PARTY)}


def opened(node: Node, agreement: str, period: str, code: str, into: Path) -> list[str]:
    """What a receiver finds in its package, with stock tools: the sheets of the workbook."""
    facts = node.facts
    folder = places.inbox_folder(facts, facts.parties[f"{code}0000"], facts.agreements[agreement])
    (sealed,) = folder.glob(f"*_{period}_*.tar.zst.gpg")
    into.mkdir()
    script = 'set -o pipefail; gpg --batch -q --trust-model always -d "$1" | zstd -dcq | tar x -C "$2"'
    environment = {**os.environ, "GNUPGHOME": str(node.partners.home)}
    subprocess.run(["bash", "-c", script, "-", sealed, into], env=environment, check=True, capture_output=True)
    with zipfile.ZipFile(into / "data" / "bulletin.xlsx") as book:
        return [name for name in book.namelist() if name.startswith("xl/worksheets/")]


def signed(node: Node, agreement: str, period: str, code: str) -> str:
    """The receiver signs the form that lies beside its package; the state of its batch after that."""
    facts, party = node.facts, node.facts.parties[f"{code}0000"]
    (form,) = places.inbox_folder(facts, party, facts.agreements[agreement]).glob(f"签收单_{period}_*.receipt.json")
    node.partners[code].acknowledge(form, node.party_folder(code, "上报", "签收"))
    (claim,) = node.scan()
    assert Acknowledging(node.running).run(claim.parcel)["outcome"] == "ok"
    with node.running.ledger.reading() as reading:
        return str(reading.batches.row(node.row(claim.parcel).original).state)


def test_the_monthly_bulletin_goes_out_when_its_month_has_ended(node: Node, tmp_path: Path) -> None:
    move(node, "2026-10-31 23:59")
    before = turn(node)
    assert "2026-10" not in {node.row(parcel).period for parcel in before}

    move(node, "2026-11-01 00:00:30")
    (parcel,) = turn(node)

    row = node.row(parcel)
    assert (row.sender, row.agreement, row.period, row.state) == (NODE_PARTY, MONTHLY, "2026-10", "accepted")
    assert owed(node, MONTHLY)["2026-10"] == "met"
    for code in RECEIVERS:
        assert opened(node, MONTHLY, "2026-10", code, tmp_path / code)
        assert signed(node, MONTHLY, "2026-10", code) == "acknowledged"
    assert turn(node) == []  # once


def test_the_daemon_does_it(home: Path, partners: Partners) -> None:
    """Started on the first of the month, it owes the last one's bulletin; receivers have it without a command."""
    file = home / "config" / "gateway.toml"
    text = file.read_text("utf-8")
    assert REHEARSAL in text
    file.write_text(text.replace(REHEARSAL, "2026-11-01T00:00:00+08:00"), "utf-8")
    (home / "config" / "agreements" / f"{HALF_YEARLY}.toml").unlink()
    monthly = home / "config" / "agreements" / f"{MONTHLY}.toml"
    monthly.write_text(
        monthly.read_text("utf-8").replace("\n[deadline]", '\nfirst_period = "2026-10"\n[deadline]'), "utf-8"
    )
    daemon = Daemon(home)
    daemon.start()
    try:
        daemon.await_counts("deliveries", "delivered", len(RECEIVERS), 120)
        (parcel,) = daemon.get("parcels")
        assert (parcel["sender"], parcel["agreement"], parcel["period"]) == (NODE_PARTY, MONTHLY, "2026-10")
        facts = daemon.facts
        for code in RECEIVERS:
            folder = places.inbox_folder(facts, facts.parties[f"{code}0000"], facts.agreements[MONTHLY])
            assert len(list(folder.glob("签收单_2026-10_*.receipt.json"))) == 1
    finally:
        assert daemon.stop() == 0


def test_a_refused_one_is_not_made_for_ever(node: Node) -> None:
    """Its basis was not in force: intake answers 222, and a person looks at it."""
    move(node, "2026-11-01 09:00")
    sweeping.oblige(node.running)
    file = node.home / "config" / "agreements" / f"{MONTHLY}.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("valid_from = 2010-01-01", "valid_from = 2030-01-01"), "utf-8")
    node.reopen()
    move(node, "2026-11-01 09:01")
    (first, *_) = issuing.issue(node.running)
    claim = next(c for c in node.scan() if c.agreement == MONTHLY)
    node.work(claim.parcel)
    assert node.row(claim.parcel).code == "222"
    assert first.parent.name == "按月通报"
    assert issuing.issue(node.running) == []


def test_the_evaluation_figures_go_out_after_their_half_year(node: Node, tmp_path: Path) -> None:
    node.send(planned(5))
    move(node, "2027-01-01 00:10")
    parcels = [node.row(parcel) for parcel in turn(node)]
    assert {(row.agreement, row.period, row.state) for row in parcels} >= {(HALF_YEARLY, "2026H2", "accepted")}
    assert len(opened(node, HALF_YEARLY, "2026H2", "33", tmp_path / "opened")) > 1
    with node.running.ledger.reading() as reading:
        made = [json.loads(e.body) for e in reading.entries.after(limit=10_000) if e.event == "bulletin_made"]
    assert {entry["actor"] for entry in made} == {"gateway"}
    assert PERIOD in {p.period for p in node.packages(origin="330000")}
