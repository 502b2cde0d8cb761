"""A flood of one party's files: the daemon takes so many of it at a time, over many scans; another's file passes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.nodes import Daemon, Node, edit, planned

from gateway import wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.worker import Worker
from gateway.daemon import sharing
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.node import ACKNOWLEDGE
from gateway.parcels import AgreementId, PartyId

FLOODER, OTHER = "330000", "340000"
BOUND, JUNK = 5, 60
A = AgreementId(INFLOW)


@pytest.fixture
def bounded(home: Path) -> Path:
    file = home / "config" / "gateway.toml"
    text = file.read_text("utf-8")
    assert "\n[intake]\n" in text
    file.write_text(text.replace("\n[intake]\n", f"\n[intake]\nper_party = {BOUND}\n"), "utf-8")
    return home


def flood(folder: Path, many: int) -> None:
    for number in range(many):
        (folder / f"垃圾-{number:04}.exe").write_bytes(b"MZ" + number.to_bytes(2, "big"))


def test_another_partys_file_is_taken_before_the_rest_of_the_flood(bounded: Path) -> None:
    edit(bounded, scan_seconds="0.3")
    daemon = Daemon(bounded)
    facts = daemon.facts
    folder = places.drop_folder(facts, facts.parties[FLOODER], facts.agreements[INFLOW])
    flood(folder, JUNK)
    daemon.start()
    try:
        daemon.await_parcels(BOUND, lambda p: p["posted_at"] != "")
        told = daemon.get("status")["queued"]
        assert set(told) == {FLOODER}
        shown = daemon.command("status")
        assert f"排队等候，仍在原文件夹 / waits its turn in its folder: {FLOODER} ×" in shown.stdout
        before = len(daemon.get("parcels", limit="1000"))
        daemon.drop(planned(3, party="34"))
        daemon.await_parcels(1, lambda p: p["sender"] == OTHER and p["posted_at"] != "", 120)
        order = [p["sender"] for p in reversed(daemon.get("parcels", limit="1000"))]  # oldest first
        # Two scans at most look before it is there and quiet; each takes one share.
        assert order.index(OTHER) <= before + 3 * BOUND
        assert before + 3 * BOUND < JUNK
    finally:
        assert daemon.stop() == 0
    waiting = sum(not path.name.startswith(".") for path in folder.iterdir())
    with Ledger(wiring.database_url(facts)).reading() as reading:
        known = len(reading.parcels.where(sender=FLOODER))
    claimed = sum(path.name.startswith(".taken-") for path in folder.iterdir())
    assert known + waiting <= JUNK <= known + waiting + claimed  # nothing is lost; what is claimed may be known


def test_what_is_in_work_counts_from_the_claim_to_the_receipt_and_what_waits_for_another_does_not(
    bounded: Path, partners: Partners, worker: Worker
) -> None:
    for file in (bounded / "config" / "parties").glob("*.toml"):  # of those that receive nobody has a key
        file.write_text(re.sub("^key = ", "# key = ", file.read_text("utf-8"), flags=re.M), "utf-8")
    node = Node(bounded, partners, worker)
    try:
        share = sharing.shares(node.running)
        assert share(PartyId(FLOODER), A, 3) == (3, "share")
        assert share(PartyId(FLOODER), A, 3) == (2, "share")  # of one scan, over all folders
        assert share(PartyId(OTHER), A, 7) == (5, "share")
        assert share(PartyId(FLOODER), ACKNOWLEDGE, 7) == (5, "share")  # what it signs is no submission

        def room() -> int:
            return sharing.shares(node.running)(PartyId(FLOODER), A, 100)[0]

        node.drop(planned(3, name="垃圾.exe"), b"MZ")
        node.drop(planned(3, name="2026Q3.csv"))
        claims = {node.running.inbox.name(claim.parcel): claim.parcel for claim in node.scan()}
        assert room() == BOUND - 2  # claimed
        node.work(claims["垃圾.exe"])
        assert room() == BOUND - 1  # has its receipt
        assert node.work(claims["2026Q3.csv"]) == {"outcome": "deferred", "code": "707"}
        assert room() == BOUND  # it waits for a key of somebody else
        node.drop(planned(4, name="2026Q3-2.csv"))
        (claim,) = node.scan()
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "708"}
        assert room() == BOUND - 1  # it waits for another of its own
    finally:
        node.close()
