"""Retention: what was kept for as long as its agreement says is erased, and the log says so once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.nodes import PERIOD, Node, planned
from test_keys import Standing

from gateway.adapters.ledger.rows import PackageRow
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.upkeep import retention
from gateway.demo.faults import FileFault
from gateway.demo.people import INFLOW
from gateway.parcels import ParcelId


def released(node: Node) -> PackageRow:
    """A package of a batch that is on its way to a partner."""
    node.send(planned(60))
    Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    return next(package for package in node.packages() if package.receiver != "000000")


def signed_for(node: Node) -> PackageRow:
    """A package of a batch that its receiver has signed for."""
    package = released(node)
    code = package.receiver[:2]
    assert Delivery(node.running).run(package.distribution)["outcome"] == "ok"
    (form,) = node.party_folder(code, "接收", node.facts.agreements[INFLOW].label).glob("签收单_*")
    node.partners[code].acknowledge(form, node.party_folder(code, "上报", "签收"))
    (claim,) = node.scan()
    assert Acknowledging(node.running).run(claim.parcel)["outcome"] == "ok"
    return package


def there(node: Node, package: PackageRow) -> bool:
    """Its sealed file is kept."""
    return any(path.name.startswith(package.id) for path in node.sealed())


def after(node: Node, days: int) -> None:
    """So many days later."""
    node.running = replace(node.running, clock=Standing(node.running.clock.now() + timedelta(days=days)))


def test_packages_go_so_many_days_after_their_receiver_has_signed(node: Node) -> None:
    package = signed_for(node)
    batch = package.distribution
    after(node, node.facts.agreements[INFLOW].retention.packages - 1)
    retention.erase(node.running)
    assert (there(node, package), node.events(batch)[-1]) == (True, "acknowledged")
    after(node, 2)
    retention.erase(node.running)
    retention.erase(node.running)
    assert not there(node, package)
    assert node.events(batch) == ["released", "delivered", "acknowledged", "erased"]
    (gone,) = node.packages(distribution=batch)
    with node.running.ledger.reading() as reading:
        assert (reading.batches.row(batch).state, gone.state) == ("erased", "erased")


def test_what_nobody_signed_for_stays(node: Node) -> None:
    package = released(node)
    assert Delivery(node.running).run(package.distribution)["outcome"] == "ok"
    after(node, 10 * node.facts.agreements[INFLOW].retention.packages)
    retention.erase(node.running)
    assert there(node, package)


def test_a_refused_original_goes_from_quarantine(node: Node) -> None:
    row = node.send(planned(10, file_fault=FileFault.WRONG_HEADER))
    folder = node.running.spool.quarantine / ParcelId(row.id)
    assert folder.is_dir()
    after(node, node.facts.agreements[INFLOW].retention.quarantine + 1)
    retention.erase(node.running)
    retention.erase(node.running)
    assert not folder.exists()
    assert node.events(row.id).count("erased") == 1
    assert node.row(row.id).state == "refused"


def test_a_batch_says_when_and_by_which_key_it_was_signed_for(node: Node) -> None:
    package = signed_for(node)
    with node.running.ledger.reading() as reading:
        batch = reading.batches.row(package.distribution)
        (signature,) = reading.parcels.where(original=batch.id)
    assert (batch.state, batch.acknowledged_at) == ("acknowledged", signature.received_at)
    assert batch.fingerprint == node.partners[package.receiver[:2]].fingerprint


def test_a_batch_that_stands_still_is_not_tried_by_itself(node: Node) -> None:
    """Its file was lost here: ours to look at, and a further attempt would only say so again."""
    package = released(node)
    (sealed,) = [path for path in node.sealed() if path.name.startswith(package.id)]
    sealed.unlink()
    for _ in range(2):
        assert Delivery(node.running).run(package.distribution) == {"outcome": "fault", "code": "900"}
    assert node.events(package.distribution) == ["released", "faulted"]
