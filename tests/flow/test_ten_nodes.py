"""A quarter of ten nodes, each with an OpenSSH account at the one above: the nation, three provinces, six counties with
a department each. Counties are in time, late, nil, missing, corrected, withdrawn. What every tier then says — lists,
duties, the operator's page — is worked out here from what was dropped, by nothing of the product, and has to be equal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.nodes import PERIOD, Node, copy_node, of_area, planned
from support.played_node import set_clock
from test_between import answer, collect
from test_tiers import NATION, exchange_keys, folder, found, serve, switch_on, work_on_what_came

from gateway.adapters.channels.sshd import LocalSshd
from gateway.adapters.publishing import LogKeys, Publisher
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors import operating
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.distribution.upwards import Upwards
from gateway.corridors.obligations import obliging
from gateway.corridors.views import status as picture
from gateway.demo.files import Planned, records
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, receivers
from gateway.demo.story import file_name
from gateway.founding import TierChoice
from gateway.log.verification import Auditor
from gateway.parcels import ParcelId
from gateway.stages.intake import RELAY_TRIES

COUNTIES = {
    "330000": ("330102", "330105"),
    "350000": ("350102", "350103"),
    "440000": ("440106", "440305"),
}
PROVINCES = tuple(COUNTIES)
TAKES = "440000"
OTHERS = tuple(county for both in COUNTIES.values() for county in both)


@dataclass
class Land:
    """All ten nodes, by party. `reported` is what counts of each county at the end, as it was dropped: None where it
    said that there is nothing."""

    nodes: dict[str, Node]
    servers: list[LocalSshd]
    reported: dict[str, Planned | None] = field(default_factory=dict)

    @property
    def nation(self) -> Node:
        return self.nodes[NATION]

    def at(self, moment: str) -> None:
        """It is this moment everywhere; what is owed by then is entered, what is overdue is marked."""
        for node in self.nodes.values():
            node.close()
            set_clock(node.home, datetime.fromisoformat(moment))
            node.open()
            obliging.enter(node.running)

    def reports(self, county: str, rows: int, seed: str = "first", suffix: str = "") -> None:
        """The county's department drops a file; it goes up to the province as the county's own."""
        node = self.nodes[county]
        file = planned(rows, party=county[:2], seed=f"{county}-{seed}", name=file_name(INFLOW, PERIOD, 0, suffix))
        empty = suffix in ("-零报告", "-撤回")
        (folder(node, f"{county}-jisheng") / file.name).write_bytes(b"" if empty else of_area(file, county))
        assert work_on_what_came(node)[0].startswith("accepted")
        if suffix == "-撤回":
            self.reported.pop(county)
        else:
            self.reported[county] = None if empty else file
        self.hand_up(county)

    def hand_up(self, party: str) -> None:
        """What a node's rules let go now is delivered above, taken in and signed for there, and the signature comes
        back."""
        lower = self.nodes[party]
        upper = self.nodes[NATION if party in PROVINCES else f"{party[:2]}0000"]
        releasing, now = Releasing(lower.running), lower.running.clock.now()
        ripe = {one for one in (*releasing.ripe(now), *Upwards().listable(lower.running)) if one[0] == INFLOW}
        for agreement, period, number in sorted(ripe):
            for identity, _ in releasing.release(agreement, period, number, "test"):
                assert Delivery(lower.running).run(identity) == {"outcome": "ok", "code": ""}
        assert not [
            one for one in work_on_what_came(upper) if not one.startswith(("accepted", "noted", "arriving 708"))
        ]
        while answer(upper):
            try_again(upper)
        collect(lower)
        assert set(work_on_what_came(lower)) <= {"acknowledged 100"}


def made(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Land:
    homes = {NATION: tmp_path / "nation"}
    copy_node(template, homes[NATION])
    for party in (*PROVINCES, *OTHERS):
        homes[party] = tmp_path / party
        found(homes[party], TierChoice.PROVINCE if party in PROVINCES else TierChoice.COUNTY, party)
        for file in sorted((homes[party] / "config" / "examples").glob("distributed-*.toml")):
            file.rename(homes[party] / "config" / "agreements" / file.name)
    servers = []
    for party in (*PROVINCES, *OTHERS):
        above = NATION if party in PROVINCES else f"{party[:2]}0000"
        exchange_keys(homes[above], above, homes[party], party)
        servers.append(serve(homes[above], party, homes[party], tmp_path / f"s{party}"))
        switch_on(homes[party], party, servers[-1])
    return Land({party: Node(home, partners, worker) for party, home in homes.items()}, servers)


@pytest.fixture(scope="module")
def land(
    template: Path, tmp_path_factory: pytest.TempPathFactory, partners: Partners, worker: Worker
) -> Iterator[Land]:
    land = made(template, tmp_path_factory.mktemp("ten"), partners, worker)
    try:
        play(land)
        yield land
    finally:
        for node in land.nodes.values():
            node.close()
            keyring.stop_agent(node.home / "private")
        for server in land.servers:
            server.stop()


def play(land: Land) -> None:
    land.at("2026-10-19T10:00:00+08:00")
    land.reports("440106", 120)
    land.reports("440305", 0, suffix="-零报告")
    land.hand_up("440000")
    land.reports("330102", 100)
    land.reports("330105", 90)
    land.hand_up("330000")
    land.reports("350102", 80)
    land.hand_up("350000")  # nothing: one is missing, and the date has not come
    land.at("2026-10-26T10:00:00+08:00")
    land.reports("330102", 97, "corrected", "-更正")
    land.hand_up("330000")
    land.reports("330105", 0, "gone", "-撤回")
    land.hand_up("330000")
    land.reports("330105", 60, "anew")
    land.hand_up("330000")
    land.hand_up("350000")  # its counties' date is over: what is there goes up, with an open list
    land.at("2026-11-02T10:00:00+08:00")
    distribute(land, 1)
    land.at("2026-11-03T10:00:00+08:00")
    operating.close(land.nodes["350000"].running, INFLOW, PERIOD, "uid:0 test")
    land.hand_up("350000")
    land.at("2026-11-05T10:00:00+08:00")
    land.reports("350103", 70, "late")
    land.hand_up("350000")
    distribute(land, 2)


def try_again(node: Node) -> None:
    """What waits for what might come before it (708) is tried as often as the daemon does."""
    for _ in range(RELAY_TRIES):
        with node.running.ledger.reading() as reading:
            waiting = [ParcelId(parcel.id) for parcel in reading.parcels.unsettled()]
        for parcel in waiting:
            node.work(parcel)


def distribute(land: Land, number: int) -> None:
    """The nation's batch, to everybody but two of the three; the third takes it in and hands it on."""
    for identity, receiver in Releasing(land.nation.running).release(INFLOW, PERIOD, number, "test"):
        if receiver not in ("330000", "350000"):
            assert Delivery(land.nation.running).run(identity) == {"outcome": "ok", "code": ""}
    taker = land.nodes[TAKES]
    collect(taker)
    assert set(work_on_what_came(taker)) <= {"accepted 100", "arriving 708"}
    try_again(taker)
    assert answer(taker) == [{"outcome": "ok", "code": ""}]
    assert work_on_what_came(land.nation) == ["acknowledged 100"]
    for identity, _ in Releasing(taker.running).release("distributed-inflow", PERIOD, number, "test"):
        assert Delivery(taker.running).run(identity) == {"outcome": "ok", "code": ""}


def listed(node: Node, receiver: str, number: int) -> dict[str, Any]:
    folder = node.home / "state" / "batches" / f"d-{INFLOW}-{PERIOD}-{number}-{receiver}"
    found: dict[str, Any] = json.loads(next(folder.glob("分发清单_*.json")).read_bytes())
    return found


def last(node: Node, receiver: str) -> dict[str, Any]:
    with node.running.ledger.reading() as reading:
        number = reading.batches.last(INFLOW, PERIOD)
    return listed(node, receiver, number)


def duties(node: Node) -> dict[str, str]:
    with node.running.ledger.reading() as reading:
        rows = reading.obligations.where(agreement=INFLOW, period=PERIOD)
    return {row.party: str(row.state) for row in rows if row.party in (*PROVINCES, *OTHERS)}


def due_to(file: Planned) -> Counter[str]:
    """How many records of a file go to each province, from how it was made."""
    found: Counter[str] = Counter()
    for province, rows in receivers(file.agreement, records(file)).items():
        found[f"{province}0000"] += len(rows)
    return found


# -- what has to be so -------------------------------------------------------------------------------------------------


def test_every_receiver_gets_what_counts_at_the_end_and_no_more(land: Land) -> None:
    """Nothing else: what was replaced or withdrawn before it was distributed never left."""
    expected: dict[str, Counter[str]] = {}
    for county, file in land.reported.items():
        for receiver, count in (due_to(file) if file else Counter[str]()).items():
            expected.setdefault(receiver, Counter())[f"{county[:2]}0000"] += count
    sent: dict[str, Counter[str]] = {}
    for package in land.nation.packages(agreement=INFLOW, period=PERIOD):
        if str(package.state) in ("released", "delivered", "acknowledged"):
            sent.setdefault(package.receiver, Counter())[package.origin] += package.records
    assert sent == expected
    assert sum(sum(counts.values()) for counts in sent.values()) == 120 + 97 + 60 + 80 + 70


def test_every_list_downwards_names_every_origin_as_it_is(land: Land) -> None:
    """First: two are whole, of one a county was waited for. Then everything is there. The other 29 never sent."""
    for receiver in ("340000", "650000"):
        for number in (1, 2):
            told = {row["origin"]: row["status"] for row in listed(land.nation, receiver, number)["origins"]}
            assert len(told) == 32 - 1
            assert {origin: status for origin, status in told.items() if status != "missing"} == {
                province: _told(land, province, receiver, number) for province in PROVINCES
            }


def _told(land: Land, province: str, receiver: str, number: int) -> str:
    if (province, number) == ("350000", 1):
        return "partly"
    files = [land.reported[county] for county in COUNTIES[province]]
    return "included" if any(due_to(file)[receiver] for file in files if file) else "nil"


def test_what_is_partly_there_is_so_also_to_whom_it_is_handed_on(land: Land) -> None:
    for number, expected in ((1, "partly"), (2, "included")):
        folder = land.nodes[TAKES].home / "state" / "batches"
        (file,) = folder.glob(f"d-distributed-inflow-{PERIOD}-{number}-*/分发清单_*.json")
        told = {row["origin"]: row["status"] for row in json.loads(file.read_bytes())["origins"]}
        assert told["350000"] == expected
        assert told["330000"] == "included"


@pytest.mark.parametrize("province", PROVINCES)
def test_the_list_of_a_province_names_every_county_as_it_is(land: Land, province: str) -> None:
    stated = last(land.nodes[province], NATION)
    expected = []
    for county in COUNTIES[province]:
        file = land.reported[county]
        row: dict[str, Any] = {"party": county, "status": "included" if file else "nil"}
        expected.append({**row, "records": file.rows} if file else row)
    assert stated["collection"]["parties"] == expected
    assert stated["collection"]["state"] == "complete"
    assert [row["origin"] for row in stated["origins"]] == [province]
    first = listed(land.nodes[province], NATION, 1)["collection"]
    if province == "350000":
        assert first == {"parties": [expected[0], {"party": "350103", "status": "missing"}], "state": "open"}
        closed = listed(land.nodes[province], NATION, 2)
        assert closed["packages"] == []
        assert (closed["collection"]["state"], closed["collection"]["closed_by"]) == ("closed", "uid:0 test")
    else:
        assert first["state"] == "complete"


def test_what_is_owed_is_met_as_it_came_at_every_tier(land: Land) -> None:
    assert {party: state for party, state in duties(land.nation).items() if party in PROVINCES} == {
        "330000": "met",
        "350000": "met_late",
        "440000": "met",
    }
    below = {party: state for province in PROVINCES for party, state in duties(land.nodes[province]).items()}
    assert below == {
        "330102": "met",
        "330105": "met",
        "350102": "met",
        "350103": "met_late",
        "440106": "met",
        "440305": "nil",
    }


def test_the_operator_s_page_of_every_tier_counts_the_same(land: Land) -> None:
    for party, below in ((NATION, PROVINCES), *COUNTIES.items()):
        view = picture.view(land.nodes[party].running, PERIOD, None)
        rows = {row.party: row.submissions[INFLOW] for row in view.parties if row.party in below}
        for one in below:
            counties = COUNTIES.get(one, (one,))
            files = [file for county in counties if (file := land.reported[county])]
            assert rows[one].records == sum(file.rows for file in files), (party, one)
            owing = (len(counties), len(counties)) if one in PROVINCES else (1, 1)
            assert rows[one].collected == owing, (party, one)


def test_every_batch_upwards_is_signed_for(land: Land) -> None:
    for party, node in land.nodes.items():
        if party == NATION:
            continue
        with node.running.ledger.reading() as reading:
            states = {str(batch.state) for batch in reading.batches.where(agreement=INFLOW)}
        assert states == {"acknowledged"}, party


def stands(node: Node) -> Any:
    """Everything that a message could have changed."""
    with node.running.ledger.reading() as reading:
        return (
            sorted((p.id, str(p.state)) for p in node.packages()),
            sorted((o.id, str(o.state)) for o in reading.obligations.where(kind=None)),
            sorted((i.id, str(i.state)) for i in reading.incoming.where()),
            sorted((b.id, str(b.state)) for b in reading.batches.where()),
        )


def test_nothing_that_was_taken_counts_again(land: Land) -> None:
    """Every package and every list that came to a node comes once more, the packages under other names."""
    for party in (*PROVINCES, *OTHERS):
        lower = land.nodes[party]
        upper = land.nodes[NATION if party in PROVINCES else f"{party[:2]}0000"]
        before, again = stands(upper), 0
        for package in lower.sealed():
            if package.name.split("_")[2] != upper.facts.node.party:
                continue
            again += 1
            (folder(upper, party) / f"更正-{again}.gpg").write_bytes(package.read_bytes())
        assert work_on_what_came(upper) == ["duplicate 220"] * again, party
        signatures = upper.home / "exchange" / party / "上报" / "签收"
        above = f"*-{upper.facts.node.party}/分发清单_*.json"
        for number, listed in enumerate((lower.home / "state" / "batches").glob(above)):
            (signatures / f"{number}.sig.json").write_bytes(listed.read_bytes())
            (signatures / f"{number}.sig").write_bytes(listed.with_name(f"{listed.name}.sig").read_bytes())
        assert set(work_on_what_came(upper)) == {"noted 100"}
        assert stands(upper) == before


def test_all_ten_logs_verify(land: Land) -> None:
    for party, node in land.nodes.items():
        facts, clock = node.facts, node.running.clock
        keys = LogKeys(facts.path(facts.node.private), facts.node.name)
        keys.generate()
        log = node.home / "log"
        log.mkdir(exist_ok=True)
        Publisher(node.running.ledger, log, facts.node.name, keys.signers).publish(clock.now())
        verifiers = [signer.verifier for signer in keys.signers()]
        report = Auditor(now=clock.now()).verify(log, verifiers, receipts=node.home / "exchange")
        assert [problem.en for problem in report.problems] == [], party
        assert report.size > 10
