"""A province collects from its counties, and the level above is told the truth: what came, on whose behalf, who is
missing; nil, corrections and withdrawals go up, and what the province owes is met when all of it is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.nodes import PERIOD, Node, of_area, planned
from test_between import answer, collect
from test_tiers import COUNTY, NATION, PROVINCE, Tiers, folder, joined, work_on_what_came

from gateway.adapters.worker import Worker
from gateway.corridors import counting as live_of
from gateway.corridors import operating
from gateway.corridors.counting import collected
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.distribution.four_eyes import NotConfirmed
from gateway.corridors.distribution.upwards import Upwards
from gateway.corridors.obligations import obliging
from gateway.corridors.views import status as picture
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.demo.story import Planned, file_name
from gateway.outcomes import Ok
from gateway.parcels import DistributionId, Listed, PartyId
from gateway.receipts import listing, status
from gateway.receipts.collection import Collected, Collection

OTHER = "440305"
MEASURED = "330000"


@pytest.fixture
def tiers(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    for made in joined(template, tmp_path, partners, worker):
        obliging.enter(made.province.running)
        obliging.enter(made.nation.running)
        yield made


def people(node: Node, codes: Mapping[str, str]) -> None:
    """The agreement asks for four eyes, and these people may release."""
    file = node.home / "config" / "agreements" / f"{INFLOW}.toml"
    text, lines = re.subn(r"^four_eyes = false", "four_eyes = true", file.read_text("utf-8"), flags=re.M)
    assert lines == 1
    file.write_text(text, "utf-8")
    for place in ("config/people", "keys/people"):
        (node.home / place).mkdir()
    for person, code in codes.items():
        partner = node.partners[code]
        (node.home / f"config/people/{person}.toml").write_text(f'id = "{person}"\nkey = "{partner.fingerprint}"\n')
        (node.home / f"keys/people/{person}.asc").write_bytes(partner.public_key())
    node.reopen()


def signed_by(partners: Partners, code: str, body: bytes) -> bytes:
    command = ["gpg", "--batch", "--quiet", "-u", partners[code].fingerprint, "--detach-sign"]
    environment = {**os.environ, "GNUPGHOME": str(partners.home)}
    return subprocess.run(command, input=body, env=environment, capture_output=True, check=True).stdout


def reports(node: Node, county: str, rows: int = 12, suffix: str = "", seed: str = "") -> Any:
    """A county's liaison drops a file into its folder at the province."""
    file: Planned = planned(rows, party="44", seed=seed or county, name=file_name(INFLOW, PERIOD, 0, suffix))
    empty = suffix in ("-零报告", "-撤回")
    (folder(node, county) / file.name).write_bytes(b"" if empty else of_area(file, county))
    (claim,) = node.scan()
    node.work(claim.parcel)
    row = node.row(claim.parcel)
    assert row.state == "accepted", (row.state, row.code)
    return row


def hand_up(tiers: Tiers, number: int) -> dict[str, Any]:
    """The province's next batch goes up, and is taken in and signed for above; its list."""
    province = tiers.province.running
    releasing = Releasing(province)
    listable = {(a, p, n) for a, p, n in Upwards().listable(province) if a == INFLOW}
    held = tiers.province.packages(agreement=INFLOW, state="held")
    assert held or listable == {(INFLOW, PERIOD, number)}
    ((identity, receiver),) = releasing.release(INFLOW, PERIOD, number, "test")
    assert receiver == NATION
    assert Delivery(province).run(identity)["outcome"] == "ok"
    assert all(one.startswith(("accepted", "noted")) for one in work_on_what_came(tiers.nation))
    while answer(tiers.nation):
        work_on_what_came(tiers.nation)
    listed = next((tiers.province.home / "state" / "batches" / identity).glob("分发清单_*.json"))
    found: dict[str, Any] = json.loads(listed.read_bytes())
    return found


def owed(tiers: Tiers) -> str:
    with tiers.nation.running.ledger.reading() as reading:
        (one,) = reading.obligations.where(agreement=INFLOW, party=PROVINCE, period=PERIOD)
    return str(one.state)


def standing(tiers: Tiers) -> dict[str, Any]:
    with tiers.nation.running.ledger.reading() as reading:
        found = collected.stated(reading, PROVINCE, INFLOW, PERIOD)
    assert found is not None
    return {"state": found[0].state, **{one.party: one.status for one in found[0].parties}}


def listed_below(tiers: Tiers, number: int, receiver: str = MEASURED) -> dict[str, Any]:
    """What the nation tells one receiver of every origin."""
    released = {r: d for d, r in Releasing(tiers.nation.running).release(INFLOW, PERIOD, number, "test")}
    assert Delivery(tiers.nation.running).run(released[receiver])["outcome"] == "ok"
    listed = next((tiers.nation.home / "state" / "batches" / released[receiver]).glob("分发清单_*.json"))
    found: dict[str, Any] = json.loads(listed.read_bytes())
    return found


def status_of(listed: dict[str, Any], origin: str) -> str:
    (found,) = [row["status"] for row in listed["origins"] if row["origin"] == origin]
    return str(found)


def test_the_province_s_duty_is_met_by_all_of_its_counties_and_not_by_the_first(tiers: Tiers) -> None:
    reports(tiers.province, COUNTY, 150)
    first = hand_up(tiers, 1)
    assert first["collection"] == {
        "parties": [
            {"party": COUNTY, "records": 150, "status": "included"},
            {"party": OTHER, "status": "missing"},
        ],
        "state": "open",
    }
    assert {line["origin"] for line in first["packages"]} == {PROVINCE}
    assert [row["origin"] for row in first["origins"]] == [PROVINCE]
    assert owed(tiers) == "open"
    page = status.status_page(picture.view(tiers.nation.running, PERIOD, None), "zh").decode()
    assert "所辖已报 1/2" in page
    below = listed_below(tiers, 1)
    assert status_of(below, PROVINCE) == "partly"
    assert (below["totals"]["missing"], below["totals"]["partly"]) == (30, 1)
    reports(tiers.province, OTHER, 150, seed="2")
    second = hand_up(tiers, 2)
    assert (second["collection"]["state"], len(second["packages"])) == ("complete", 1)
    assert owed(tiers) == "met"
    below = listed_below(tiers, 2)
    assert status_of(below, PROVINCE) == "included"
    assert below["totals"]["missing"] == 30


def test_a_list_that_names_what_never_came_meets_nothing(tiers: Tiers) -> None:
    """The province signs that all have reported, and of one there is no package anywhere."""
    reports(tiers.province, COUNTY)
    hand_up(tiers, 1)
    (file,) = (tiers.province.home / "state" / "batches").glob("*/分发清单_*.json")
    true = listing.parse(file.read_bytes())
    said = replace(
        true,
        distribution=DistributionId("d-invented-2"),
        batch=2,
        lines=(Listed(PartyId(PROVINCE), "included"),),
        collection=Collection((Collected(COUNTY, "included", 12), Collected(OTHER, "included", 5))),
    )
    signed = tiers.province.running.sealer.sign(said.to_json())
    assert isinstance(signed, Ok)
    drop = tiers.nation.home / "exchange" / PROVINCE / "上报" / "签收"
    (drop / "invented.sig.json").write_bytes(said.to_json())
    (drop / "invented.sig").write_bytes(signed.value)
    assert work_on_what_came(tiers.nation) == ["noted 100"]
    assert standing(tiers)["state"] == "complete"
    assert owed(tiers) == "open"


def test_a_county_s_nil_goes_up_and_when_all_are_nil_so_is_the_province(tiers: Tiers) -> None:
    reports(tiers.province, COUNTY, 0, "-零报告")
    assert Upwards().listable(tiers.province.running) == []  # one is missing still
    reports(tiers.province, OTHER, 0, "-零报告")
    only = hand_up(tiers, 1)
    assert only["packages"] == []
    assert only["collection"]["state"] == "complete"
    assert standing(tiers) == {"state": "complete", COUNTY: "nil", OTHER: "nil"}
    assert owed(tiers) == "nil"
    assert Upwards().listable(tiers.province.running) == []  # told once
    collect(tiers.province)
    assert work_on_what_came(tiers.province) == ["acknowledged 100"]


def test_under_four_eyes_a_list_without_packages_waits_for_two_people_too(tiers: Tiers) -> None:
    """All are nil: nothing is held, and nothing goes by itself."""
    node, partners = tiers.province, tiers.province.partners
    people(node, {"wang": "11", "li": "12"})
    for county in (COUNTY, OTHER):
        reports(node, county, 0, "-零报告")
    assert Upwards().listable(node.running) == []
    asked = operating.release(node.running, INFLOW, PERIOD, [], "uid:0 root")
    assert asked.request
    with pytest.raises(NotConfirmed):
        Releasing(node.running).release(INFLOW, PERIOD, 1, "uid:0 root")
    body = asked.request.encode()
    signatures = [signed_by(partners, code, body) for code in ("11", "12")]
    with pytest.raises(operating.CannotBe, match="643"):
        operating.release(node.running, INFLOW, PERIOD, signatures[:1], "uid:0 root")
    made = operating.release(node.running, INFLOW, PERIOD, signatures, "uid:0 root")
    assert (made.packages, made.actor) == (0, "person:li + person:wang")
    ((identity, receiver),) = Releasing(node.running).release(INFLOW, PERIOD, 1, made.actor)
    assert receiver == NATION
    assert Delivery(node.running).run(identity) == {"outcome": "ok", "code": ""}
    work_on_what_came(tiers.nation)
    assert owed(tiers) == "nil"


def test_who_is_not_waited_for_has_not_said_that_there_is_nothing(tiers: Tiers) -> None:
    """One said nil, the other nothing: closed, the list goes up, and neither duty nor lists below call it a nil."""
    with pytest.raises(operating.CannotBe, match="635"):
        operating.close(tiers.province.running, INFLOW, PERIOD, "uid:0 test")
    reports(tiers.province, COUNTY, 0, "-零报告")
    assert operating.close(tiers.province.running, INFLOW, PERIOD, "uid:0 test") == [OTHER]
    assert hand_up(tiers, 1)["collection"]["state"] == "closed"
    assert owed(tiers) == "open"
    tiers.nation.send(planned(40, party="35", seed="35"))
    assert status_of(listed_below(tiers, 1), PROVINCE) == "missing"


def test_a_person_closes_what_is_collected_and_who_reports_later_comes_with_a_list_of_its_own(tiers: Tiers) -> None:
    reports(tiers.province, COUNTY)
    assert operating.close(tiers.province.running, INFLOW, PERIOD, "uid:0 test") == [OTHER]
    with pytest.raises(operating.CannotBe, match="636"):
        operating.close(tiers.province.running, INFLOW, PERIOD, "uid:0 test")
    later = tiers.province.running.clock.now() + timedelta(seconds=1)
    assert (INFLOW, PERIOD, 1) in Releasing(tiers.province.running).ripe(later)  # it waits for nobody
    first = hand_up(tiers, 1)
    assert (first["collection"]["state"], first["collection"]["closed_by"]) == ("closed", "uid:0 test")
    assert owed(tiers) == "met"
    assert standing(tiers) == {"state": "closed", COUNTY: "included", OTHER: "missing"}
    reports(tiers.province, OTHER, seed="2")
    assert hand_up(tiers, 2)["collection"]["state"] == "complete"
    with pytest.raises(operating.CannotBe, match="634"):
        operating.close(tiers.province.running, INFLOW, PERIOD, "uid:0 test")


def test_a_county_s_correction_and_withdrawal_change_its_part_alone(tiers: Tiers) -> None:
    reports(tiers.province, COUNTY, 100)
    reports(tiers.province, OTHER, 100, seed="2")
    hand_up(tiers, 1)
    assert owed(tiers) == "met"
    before = {p.parcel for p in tiers.nation.packages(state="held")}
    assert len(before) == 2
    reports(tiers.province, COUNTY, 95, "-更正", seed="corrected")
    second = hand_up(tiers, 2)
    assert [line["records"] for line in second["packages"]] == [95]
    assert "replaces" in second["packages"][0]
    assert counts(tiers) == {COUNTY: 95, OTHER: 100}
    reports(tiers.province, OTHER, 0, "-撤回")
    third = hand_up(tiers, 3)
    assert [row["package"].split("_")[1] for row in third["withdrawn"]] == [f"{PROVINCE}.{OTHER}"]
    assert third["collection"]["state"] == "open"
    assert counts(tiers) == {COUNTY: 95}
    reports(tiers.province, OTHER, 97, seed="anew")
    assert hand_up(tiers, 4)["collection"]["state"] == "complete"
    assert counts(tiers) == {COUNTY: 95, OTHER: 97}
    assert owed(tiers) == "met"  # met is met
    below = listed_below(tiers, 1)
    assert status_of(below, PROVINCE) == "included"


def counts(tiers: Tiers) -> dict[str, int]:
    """Records that count at the nation, by the county on whose behalf they are; what its packages for others hold adds
    up to the same."""
    with tiers.nation.running.ledger.reading() as reading:
        live = live_of.counting(reading, PROVINCE, INFLOW, PERIOD)
        going = live_of.packages(reading, live)
    assert sum(package.records for package in going) == sum(parcel.accepted for parcel in live)
    return {parcel.reported_for: parcel.accepted for parcel in live}
