"""Remedies of refusals that ask for another author, another form or another answer: followed as they are written, they
end well."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.asking import with_agreements
from support.nodes import PERIOD, Node, planned
from test_packages_in import descriptor, drop, sealed, trust

from gateway.adapters.worker import Worker
from gateway.corridors.obligations import dating
from gateway.daemon import sweeping
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.outcomes import Ok

REPORT, SIGNER, COUNTY = "self-assessment", "330000", "330106"


def owed(node: Node, agreement: str) -> dict[str, str]:
    """What became of what the signer owes: by obligation."""
    with node.running.ledger.reading() as reading:
        return {o.id: str(o.state) for o in reading.obligations.where(agreement=agreement, party=SIGNER)}


def test_249_a_year_without_a_document_is_voided_by_the_operator(
    home: Path, partners: Partners, worker: Worker
) -> None:
    """请与节点管理员联系，由其撤销本期的限办事项。"""
    with_agreements(home, REPORT)
    node = Node(home, partners, worker)
    try:
        sweeping.oblige(node.running)
        (node.folder(agreement=REPORT) / "自评估报告-零报告.txt").write_bytes(b"")
        (claim,) = node.scan()
        node.work(claim.parcel)
        row = node.row(claim.parcel)
        assert (row.state, row.code) == ("refused", "249")
        assert "由其撤销本期的限办事项" in node.page(row)
        assert set(owed(node, REPORT).values()) == {"open"}
        assert isinstance(dating.void(node.running, list(owed(node, REPORT)), "无内容", "uid:0 test"), Ok)
        assert set(owed(node, REPORT).values()) == {"void"}
        sweeping.oblige(node.running)
        assert set(owed(node, REPORT).values()) == {"void"}  # nor is it entered once more
    finally:
        node.close()


@pytest.mark.parametrize("by", ["who sent it", "who was named"])
def test_255_in_ones_own_name_or_from_who_was_named(node: Node, tmp_path: Path, by: str) -> None:
    """请以本单位的名义报送，或由写明的单位放入它自己的文件夹。"""
    trust(node)
    file = planned(20, party="34", seed="34")
    refused = node.row(drop(node, sealed(node, tmp_path / "a", descriptor(file, origin="340000"))))
    assert refused.code == "255"
    if by == "who sent it":
        sweeping.oblige(node.running)
        mended = node.row(drop(node, sealed(node, tmp_path / "b", descriptor(planned(20)))))
        assert (mended.state, mended.origin) == ("accepted", SIGNER)
        assert set(owed(node, INFLOW).values()) == {"met"}
        return
    made = descriptor(file, sender="340000", origin="340000")
    package = sealed(node, tmp_path / "b", made, signer="34")
    (node.folder("34") / package.name).write_bytes(package.read_bytes())
    (claim,) = node.scan()
    node.work(claim.parcel)
    assert (node.row(claim.parcel).state, node.row(claim.parcel).origin) == ("accepted", "340000")


def test_256_the_same_table_sealed_for_this_node(
    home: Path, partners: Partners, worker: Worker, tmp_path: Path
) -> None:
    """请用本节点的公钥加密并签名后重新上报。"""
    agreement = home / "config" / "agreements" / f"{INFLOW}.toml"
    text = agreement.read_text("utf-8")
    agreement.write_text(text.replace("\nsenders = ", '\naccepts = ["openpgp"]\nsenders = ', 1), "utf-8")
    node = Node(home, partners, worker)
    try:
        trust(node)
        sweeping.oblige(node.running)
        file = planned(20)
        refused = node.send(file)
        assert (refused.state, refused.code) == ("refused", "256")
        assert "只接收：openpgp" in node.page(refused)
        mended = node.row(drop(node, sealed(node, tmp_path, descriptor(file))))
        assert (mended.state, mended.code, mended.period, mended.accepted) == ("accepted", "100", PERIOD, 20)
        assert set(owed(node, INFLOW).values()) == {"met"}
    finally:
        node.close()


def test_259_on_behalf_of_somebody_in_ones_own_area(node: Node, tmp_path: Path) -> None:
    """请核对代报单位的编号（以其行政区划代码开头），只能代本辖区内的单位上报。"""
    trust(node)
    file = planned(20)
    refused = node.row(drop(node, sealed(node, tmp_path / "a", descriptor(file, reported_for="340106"))))
    assert (refused.state, refused.code) == ("refused", "259")
    assert "代本辖区内的单位" in node.page(refused)
    mended = node.row(drop(node, sealed(node, tmp_path / "b", descriptor(file, reported_for=COUNTY))))
    assert (mended.state, mended.reported_for, mended.accepted) == ("accepted", COUNTY, 20)
