"""Between gateways, over real OpenSSH: batches are signed for without a person, receipts come back and are judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.nodes import PERIOD, Node, of_area, planned
from test_keys import Standing
from test_tiers import (
    COUNTY,
    DEPARTMENT,
    DISTRIBUTED,
    LABEL,
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
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors.between.countersigning import Countersigning
from gateway.corridors.between.gathering import Gathering
from gateway.corridors.distribution import Delivery, Releasing, chasing
from gateway.corridors.operating.incoming import acknowledge
from gateway.corridors.views import counts, parcels
from gateway.corridors.views import status as picture
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.demo.story import file_name
from gateway.outcomes import Ok
from gateway.parcels import ParcelId
from gateway.receipts import status


@pytest.fixture
def tiers(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    yield from joined(template, tmp_path, partners, worker)


def collect(node: Node, polls: int = 3) -> int:
    """Some polls of every collector of a node; how many files landed."""
    landed = 0
    for collector in wiring.collectors(node.facts, node.running):
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
    Gathering().round(node.running)
    corridor = Countersigning(node.running)
    return [corridor.run(row.id) for row in corridor.ripe(node.running.clock.now())]


def shown(node: Node, identity: str) -> Any:
    found = parcels.parcel(node.running, identity)
    assert found is not None
    return found


def incoming(node: Node) -> list[str]:
    return [f"{state} {count}" for state, count in counts.counts(node.running)["incoming"].items()]


def statements(node: Node, **equal: Any) -> list[Any]:
    with node.running.ledger.reading() as reading:
        return reading.statements.where(**equal)


def batch(node: Node, receiver: str) -> Any:
    with node.running.ledger.reading() as reading:
        (found,) = reading.batches.where(receiver=receiver)
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
    assert done.fingerprint == keyring.own_fingerprint(tiers.province.home / "private")
    assert tiers.province.events(f"{NATION}:{done.id}") == ["batch_listed", "acknowledgement_sent"]
    # The nation's receipt for the signature comes back, is judged, and closes the circle.
    collect(tiers.province)
    answer(tiers.province)
    (receipt,) = statements(tiers.province, kind="receipt", state="verified")
    assert (receipt.issuer, receipt.stage, receipt.about) == (NATION, "acknowledged", f"{NATION}:{done.id}")


def test_three_tiers_without_a_person_until_every_batch_is_signed_for(tiers: Tiers) -> None:
    """A department's file goes up to the nation: each upper node signs for the batch, and its receipt comes down."""
    file = planned(40, party="44")
    (folder(tiers.county, DEPARTMENT) / file.name).write_bytes(of_area(file, COUNTY))
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


def sign_as(node: Node, data: bytes) -> bytes:
    signed = node.running.sealer.sign(data)
    assert isinstance(signed, Ok)
    return signed.value


def lay(folder: Path, name: str, body: bytes, signature: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    (folder / f"{name}.sig").write_bytes(signature)


def take_in(tiers: Tiers) -> None:
    """The province fetches what the nation distributed, accepts it, and has its signature accepted."""
    collect(tiers.province)
    work_on_what_came(tiers.province)
    answer(tiers.province)
    work_on_what_came(tiers.nation)


def test_a_push_that_was_cut_off_is_made_again_and_closes_the_batch_once(
    tiers: Tiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribute(tiers)
    collect(tiers.province)
    work_on_what_came(tiers.province)
    server = tiers.servers[0]
    server.stop()
    assert answer(tiers.province) == [{"outcome": "deferred", "code": "701"}]
    assert answer(tiers.province) == []  # it waits for its time
    with tiers.province.running.ledger.reading() as reading:
        (row,) = reading.incoming.open()
    assert (row.state, row.code, row.attempt) == ("listed", "701", 2)
    server.start()
    later = tiers.province.running.clock.now() + timedelta(seconds=90)
    corridor = Countersigning(tiers.province.running)
    assert [ripe.id for ripe in corridor.ripe(later)] == [row.id]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # between the push and the transaction
        patch.setattr(Countersigning, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            corridor.run(row.id)
    assert incoming(tiers.province) == ["listed 1"]
    assert work_on_what_came(tiers.nation) == ["acknowledged 100"]  # the signature is there all the same
    assert corridor.run(row.id) == {"outcome": "ok", "code": ""}
    assert work_on_what_came(tiers.nation) == ["duplicate 220"]
    assert batch(tiers.nation, PROVINCE).state == "acknowledged"
    assert tiers.nation.events(batch(tiers.nation, PROVINCE).id).count("acknowledged") == 1
    collect(tiers.province)
    answer(tiers.province)
    assert [s.stage for s in statements(tiers.province, kind="receipt", state="verified")] == ["acknowledged"]


def test_what_is_not_from_the_other_node_or_not_for_us_is_refused_and_kept(tiers: Tiers) -> None:
    file = planned(20, party="44")
    (folder(tiers.county, DEPARTMENT) / file.name).write_bytes(of_area(file, COUNTY))
    work_on_what_came(tiers.county)
    send_up(tiers.county, PROVINCE)
    work_on_what_came(tiers.province)
    served = places.party_folder(tiers.province.facts, tiers.province.facts.parties[COUNTY]) / "回执" / "机器读取"
    (genuine,) = [path for path in served.iterdir() if path.name.endswith(".receipt.json")]
    body, signature = genuine.read_bytes(), genuine.with_name(f"{genuine.name}.sig").read_bytes()
    genuine.unlink()
    genuine.with_name(f"{genuine.name}.sig").unlink()
    stated = json.loads(body)
    foreign = body.replace(f'"sender":"{COUNTY}"'.encode(), b'"sender":"330000"')
    another = body.replace(stated["sha256"].encode(), b"0" * 64)
    assert len({body, foreign, another}) == 3
    lay(served, "a.receipt.json", body, sign_as(tiers.nation, body))  # somebody else's key
    lay(served, "b.receipt.json", body.replace(b'"accepted":20', b'"accepted":21'), signature)  # words changed
    lay(served, "c.receipt.json", foreign, sign_as(tiers.province, foreign))
    lay(served, "d.receipt.json", another, sign_as(tiers.province, another))  # nothing that was sent
    lay(served, "e.receipt.json", b"{}", sign_as(tiers.province, b"{}"))
    collect(tiers.county)
    answer(tiers.county)
    refused = statements(tiers.county, state="refused")
    assert sorted(row.code for row in refused) == ["210", "211", "246", "246", "247"]
    assert {row.body for row in refused} >= {foreign, another}
    assert all(row.signature for row in refused)
    assert counts.counts(tiers.county.running)["statements"] == {"refused": 5, "sent": 1}
    with tiers.county.running.ledger.reading() as reading:
        logged = [json.loads(entry.body) for entry in reading.entries.after() if entry.event == "statement_refused"]
    assert sorted(entry["counts"]["code"] for entry in logged) == [210, 211, 246, 246, 247]
    # The genuine one is believed after all that, and only once; one of the same number that says else is not.
    lay(served, "f.receipt.json", body, signature)
    changed = body.replace(b'"warned":0', b'"warned":1')
    lay(served, "g.receipt.json", changed, sign_as(tiers.province, changed))
    collect(tiers.county)
    answer(tiers.county)
    (believed,) = statements(tiers.county, kind="receipt", state="verified")
    assert (believed.number, believed.body) == (stated["number"], body)
    assert [row.code for row in statements(tiers.county, state="refused") if row.body == changed] == ["246"]


def test_a_list_is_believed_from_its_issuer_alone_and_one_per_batch(tiers: Tiers) -> None:
    distribute(tiers)
    beside = tiers.nation.home / "exchange" / PROVINCE / "接收" / LABEL
    (listed,) = [p for p in beside.iterdir() if p.name.endswith(".json") and not p.name.endswith(".receipt.json")]
    body = listed.read_bytes()
    here = tiers.province.home / "exchange" / NATION / "接收" / DISTRIBUTED
    lay(here, "forged.json", body, sign_as(tiers.province, body))
    assert answer(tiers.province) == []
    assert ([r.code for r in statements(tiers.province)], incoming(tiers.province)) == (["211"], [])
    collect(tiers.province)
    answer(tiers.province)
    assert incoming(tiers.province) == ["listed 1"]
    other = body.replace(b'"size":', b'"size":1', 1)
    totals = json.loads(body)["totals"]["size"]
    document = json.loads(other)
    grown = document["packages"][0]["size"] - json.loads(body)["packages"][0]["size"]
    other = other.replace(f'"size":{totals}'.encode(), f'"size":{totals + grown}'.encode())
    lay(here, "other.json", other, sign_as(tiers.nation, other))
    assert answer(tiers.province) == []
    assert [r.code for r in statements(tiers.province, state="refused")] == ["211", "247"]


def test_a_withdrawal_is_carried_out_and_then_signed_for(tiers: Tiers) -> None:
    distribute(tiers)
    take_in(tiers)
    province = tiers.province
    released = Releasing(province.running).release("distributed-inflow", PERIOD, 1, "test")
    assert [Delivery(province.running).run(d)["outcome"] for d, _ in released] == ["ok"]
    own = province.home / "exchange" / PROVINCE / "接收" / DISTRIBUTED
    origin = {package.id: package.origin for package in province.packages()}
    assert sorted(origin.values()) == ["330000", "350000"]
    assert len([name for name in contents(own) if ".tar." in name]) == 2

    tiers.nation.send(planned(0, party="33", name=file_name(INFLOW, PERIOD, 0, "-撤回")), data=b"")
    anew = tiers.nation.send(planned(150, party="33", seed="anew"))  # and the right data at once, in the same batch
    assert (anew.state, anew.revision) == ("accepted", 3)
    assert len(tiers.nation.packages(parcel=anew.id, receiver=PROVINCE)) == 1
    ids = {
        receiver: identity for identity, receiver in Releasing(tiers.nation.running).release(INFLOW, PERIOD, 2, "test")
    }
    assert Delivery(tiers.nation.running).run(ids[PROVINCE]) == {"outcome": "ok", "code": ""}
    assert collect(province) == 6 + 2  # package, list and what lies beside it; the receipt for the first signature
    assert work_on_what_came(province) == ["arriving 708"]  # what is withdrawn is still here
    assert answer(province) == [{"outcome": "ok", "code": ""}]
    assert answer(province) == []
    assert incoming(province) == ["answered 1", "listed 1"]
    with province.running.ledger.reading() as reading:
        (waiting,) = reading.parcels.unsettled()
    province.work(ParcelId(waiting.id))
    assert province.row(waiting.id).state == "accepted"
    assert answer(province) == [{"outcome": "ok", "code": ""}]
    assert incoming(province) == ["answered 2"]
    states = sorted((p.origin, p.revision, p.state) for p in province.packages() if p.sha256)
    assert states == [("330000", 1, "withdrawn"), ("330000", 3, "held"), ("350000", 1, "acknowledged")]
    left = [name.split("_")[1] for name in contents(own) if ".tar." in name]
    assert left == ["350000"]
    assert [path.name.split("_")[1] for path in province.sealed()] == ["330000", "350000"]
    assert province.events(f"{NATION}:{ids[PROVINCE]}") == ["batch_listed", "erased", "acknowledgement_sent"]
    assert work_on_what_came(tiers.nation) == ["acknowledged 100"]
    with tiers.nation.running.ledger.reading() as reading:
        done = reading.batches.row(ids[PROVINCE])
    assert done.state == "acknowledged"


def test_what_was_refused_is_told_and_a_person_may_sign_all_the_same(tiers: Tiers) -> None:
    """One package is damaged on its way, so it is refused; the nation hears of it, and the batch is not signed for."""
    packages, _ = distribute(tiers)
    collect(tiers.province)
    drop = folder(tiers.province, NATION, "distributed-inflow")
    damaged, whole = sorted(packages)
    good = packages[damaged]
    edit_agreement(tiers.province, "acknowledge", '"by_person"')
    (drop / damaged).unlink()
    broken = bytearray(good)
    broken[len(broken) // 2] ^= 1
    (drop / damaged).write_bytes(bytes(broken))
    assert work_on_what_came(tiers.province) == ["accepted 100", "refused 214"]
    assert answer(tiers.province) == []  # those bytes are not the listed package: it may still come
    assert incoming(tiers.province) == ["listed 1"]
    (drop / f"again-{damaged}").write_bytes(good)  # a failed first try is no original
    assert work_on_what_came(tiers.province) == ["accepted 100"]
    assert answer(tiers.province) == [{"outcome": "ok", "code": ""}]
    assert incoming(tiers.province) == ["by_person 1"]  # the agreement wants a person
    assert contents(tiers.nation.home / "exchange" / PROVINCE / "上报" / "签收") == {}
    confirm(tiers.province)
    assert answer(tiers.province) == [{"outcome": "ok", "code": ""}]
    assert work_on_what_came(tiers.nation) == ["acknowledged 100"]
    assert whole in packages


def test_a_refused_package_is_told_by_a_signed_receipt(tiers: Tiers) -> None:
    packages, _ = distribute(tiers)
    collect(tiers.province)
    edit_agreement(tiers.province, "valid_from", "2026-10-25", table="basis")  # not in force any more: 222
    assert work_on_what_came(tiers.province) == ["refused 222"] * len(packages)
    assert answer(tiers.province) == [{"outcome": "ok", "code": "222"}]
    assert answer(tiers.province) == []
    assert incoming(tiers.province) == ["incomplete 1"]
    assert work_on_what_came(tiers.nation) == ["noted 100"] * len(packages)
    told = statements(tiers.nation, kind="receipt", state="verified")
    assert {(row.issuer, row.stage, row.code, row.about) for row in told} == {
        (PROVINCE, "refused", "222", batch(tiers.nation, PROVINCE).id)
    }
    assert batch(tiers.nation, PROVINCE).state == "delivered"
    # What was wrong is mended, the refused originals are dropped back: the same bytes are no duplicates.
    edit_agreement(tiers.province, "valid_from", "2009-01-01", table="basis")
    returned = tiers.province.home / "exchange" / NATION / "退回"
    for path in [path for path in returned.iterdir() if path.read_bytes() in packages.values()]:
        path.rename(folder(tiers.province, NATION, "distributed-inflow") / path.name)
    assert work_on_what_came(tiers.province) == ["accepted 100"] * len(packages)
    assert answer(tiers.province) == [{"outcome": "ok", "code": ""}]
    assert work_on_what_came(tiers.nation) == ["acknowledged 100"]


def edit_agreement(node: Node, key: str, value: str, table: str = "") -> None:
    """Set a key of the agreement under which the province receives, and take the facts up."""
    file = node.home / "config" / "agreements" / "distributed-inflow.toml"
    text = file.read_text("utf-8")
    if re.search(rf"^{key} = ", text, re.MULTILINE):
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
    else:
        assert not table
        text = text.replace("\nlabel = ", f"\n{key} = {value}\nlabel = ", 1)
    file.write_text(text, "utf-8")
    node.reopen()


def confirm(node: Node) -> None:
    """What `gateway parcels acknowledge` does, without the daemon."""
    with node.running.ledger.reading() as reading:
        (row,) = reading.incoming.open()
    acknowledge(node.running, row.id, "test")


def standing(node: Node, now: datetime) -> None:
    """The node's clock stands still at `now`."""
    node.running = replace(node.running, clock=Standing(now))


def test_what_nobody_signs_for_is_unconfirmed_and_never_failed(tiers: Tiers) -> None:
    distribute(tiers)
    nation = tiers.nation
    delivered = nation.running.clock.now()
    done = batch(nation, PROVINCE)
    page = f"催签函_{PERIOD}_{LABEL}_第1批_{PROVINCE}.html"
    laid = nation.home / "exchange" / PROVINCE / "接收" / LABEL
    standing(nation, delivered + timedelta(days=9))
    assert chasing.chase(nation.running) == 0
    assert page not in contents(laid)
    standing(nation, delivered + timedelta(days=11))
    assert chasing.chase(nation.running) == 1
    assert chasing.chase(nation.running) == 0
    assert batch(nation, PROVINCE).state == "unconfirmed"
    assert nation.events(done.id) == ["released", "delivered", "unconfirmed"]
    letter = contents(laid)[page].decode()
    assert "广东省" in letter
    assert "不视为投递失败" in letter
    assert contents(nation.home / "state" / "letters") == {page: letter.encode()}
    view = picture.view(nation.running, PERIOD, None)
    assert [(row.party, row.unconfirmed) for row in view.receivers if row.unconfirmed] == [(PROVINCE, 1)]
    html = status.status_page(view, "zh").decode()
    assert "逾期未签收" in html
    assert "failed" not in {package.state for package in nation.packages(distribution=done.id)}
    # The other node hears of it too, where it finds its packages; and what it signs later still closes the batch.
    collect(tiers.province)
    assert page in contents(tiers.province.home / "exchange" / NATION / "接收" / DISTRIBUTED)
    work_on_what_came(tiers.province)
    assert answer(tiers.province) == [{"outcome": "ok", "code": ""}]
    assert work_on_what_came(nation) == ["acknowledged 100"]
    assert batch(nation, PROVINCE).state == "acknowledged"
    assert nation.events(done.id)[-1] == "acknowledged"
    assert chasing.chase(nation.running) == 0
