"""What the daemon's sweeps mend."""

from __future__ import annotations

from support.nodes import Node, planned

from gateway.daemon import sweeping


def test_half_a_claim_is_swept_away_and_its_file_is_an_arrival_like_any_other(node: Node) -> None:
    file = planned(6)
    path = node.drop(file)
    spool = node.home / "state" / "spool"
    half = spool / ("p" + "2" * 25)
    half.mkdir()
    (spool / ".claims" / ".000000000001-00c0ffee.jsonl.4711.tmp").write_bytes(file.name.encode())
    node.reopen()
    sweeping.tidy(node.running)
    assert not half.exists()
    assert list((spool / ".claims").iterdir()) == []
    assert path.exists()
    (claim,) = node.scan()
    assert node.work(claim.parcel)["outcome"] == "ok"


def test_parcels_in_work_are_not_swept_away(node: Node) -> None:
    node.drop(planned(6))
    (claim,) = node.scan()
    node.reopen()
    sweeping.tidy(node.running)
    assert claim.parcel.encode() in b"".join(p.read_bytes() for p in (node.home / "state/spool/.claims").iterdir())
    assert [c.parcel for c in node.scan()] == [claim.parcel]
    assert node.work(claim.parcel)["outcome"] == "ok"
