"""Three tiers joined as `config/examples/README.md` says: national ← province ← county ← a department, each made by
`gateway init`, the upper two served by real OpenSSH. The national node is the shared one, with all its provinces."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from support.nodes import PERIOD, REHEARSAL, Daemon, Node, copy_node, edit, of_area, planned
from test_kinds import due

from gateway import inspection, wiring
from gateway.adapters.channels.sftp import Collector, Round
from gateway.adapters.channels.sshd import LocalSshd, make_key
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.telling.posting import Posting
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.founding import TierChoice, make
from gateway.node import ACKNOWLEDGE
from gateway.outcomes import Ok
from gateway.parcels import PartyId

NATION, PROVINCE, COUNTY, DEPARTMENT = "000000", "440000", "440106", "440106-jisheng"
LABEL, DISTRIBUTED = "跨省流入人口个案", "国家分发流入人口个案"
TODAY = date(2026, 10, 20)


def found(home: Path, tier: TierChoice, party: str) -> None:
    made = make(home, tier, party, None)
    assert not made.findings.faults
    edit(home, scan_seconds="0.5", quiet_seconds="0.0", unfinished_seconds="0.0", min_free_mb="0")
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f"\n[rehearsal]\nstarts_at = {REHEARSAL}\nspeed = 1.0\n")


def exchange_keys(one: Path, its: str, other: Path, others: str) -> None:
    """Each pins the other's public key, as `gateway keys export` and `gateway keys import` do."""
    for giver, party, taker in ((one, its, other), (other, others, one)):
        file = taker / "private" / "incoming.asc"
        file.write_bytes(keyring.public_key(giver / "private"))
        fingerprint = keyring.own_fingerprint(giver / "private")
        done = keyring.import_partner(taker / "keys", taker / "config" / "parties", file, party, fingerprint)
        assert isinstance(done, Ok)
        file.unlink()


def serve(upper: Path, party: str, lower: Path, at: Path) -> LocalSshd:
    """The upper node's server for one party: it sees its own folder only. The lower node's login key is made."""
    public = make_key(lower / "private" / f"sftp-{upper_of(party)}")
    server = LocalSshd(at, public)
    server.data = upper / "exchange" / party
    server.start()
    return server


def upper_of(party: str) -> str:
    return NATION if party.endswith("0000") else f"{party[:2]}0000"


def switch_on(home: Path, party: str, server: LocalSshd) -> None:
    """What an administrator does to the shipped file: take the `#` away, enter host and port, pin the host key."""
    upper = upper_of(party)
    (home / "keys" / f"{upper}.known_hosts").write_text(server.known_hosts_line)
    file = home / "config" / "parties" / f"{upper}.toml"
    text = file.read_text("utf-8")
    assert f'# username = "{party}"\n' in text
    assert f'# known_hosts = "{upper}.known_hosts"\n' in text
    assert f'# signatures = "接收/签收"\n# credential = "sftp-{upper}"\n' in text
    keys = "kind|host|port|username|folder|packages_only|known_hosts|credential|collect_seconds|distributed-[a-z]+"
    keys += "|receipts|signatures"
    text = re.sub(rf"^# (\[channel|(?:{keys}) = )", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"^port = 22$", f"port = {server.port or 22}", text, flags=re.MULTILINE)
    text = re.sub(r'^username = ".*"$', f'username = "{server.username}"', text, flags=re.MULTILINE)
    text = re.sub(r"^collect_seconds = 60$", "collect_seconds = 1", text, flags=re.MULTILINE)
    file.write_text(text, "utf-8")


@dataclass
class Tiers:
    nation: Node
    province: Node
    county: Node
    servers: tuple[LocalSshd, LocalSshd]

    def nodes(self) -> tuple[Node, Node, Node]:
        return (self.nation, self.province, self.county)


@pytest.fixture
def tiers(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    yield from joined(template, tmp_path, partners, worker)


def joined(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    """The three nodes, their keys exchanged, their servers running; closed and stopped at the end."""
    nation, province, county = tmp_path / "nation", tmp_path / "province", tmp_path / "county"
    copy_node(template, nation)
    found(province, TierChoice.PROVINCE, PROVINCE)
    found(county, TierChoice.COUNTY, COUNTY)
    exchange_keys(nation, NATION, province, PROVINCE)
    exchange_keys(province, PROVINCE, county, COUNTY)
    for file in sorted((province / "config" / "examples").glob("distributed-*.toml")):
        file.rename(province / "config" / "agreements" / file.name)
    upper, lower = serve(nation, PROVINCE, province, tmp_path / "a"), serve(province, COUNTY, county, tmp_path / "b")
    try:
        switch_on(province, PROVINCE, upper)
        switch_on(county, COUNTY, lower)
        made = Tiers(*(Node(home, partners, worker) for home in (nation, province, county)), (upper, lower))
        yield made
        for node in made.nodes():
            node.close()
            keyring.stop_agent(node.home / "private")
    finally:
        upper.stop()
        lower.stop()


def folder(node: Node, party: str, agreement: str = INFLOW) -> Path:
    facts = node.facts
    return places.drop_folder(facts, facts.parties[party], facts.agreements[agreement])


def work_on_what_came(node: Node) -> list[str]:
    """Everything that stands in the drop folders, led through its corridor as the daemon does; how it ended."""
    claims = node.scan()
    for claim in claims:
        if claim.agreement == ACKNOWLEDGE:
            Acknowledging(node.running).run(claim.parcel)
            Posting(node.running).post(claim.parcel)
        else:
            node.work(claim.parcel)
    return sorted(f"{node.row(c.parcel).state} {node.row(c.parcel).code}" for c in claims)


def send_up(node: Node, upper: str) -> None:
    """Release what is held and deliver it, which must reach the node above."""
    ids = {receiver: identity for identity, receiver in Releasing(node.running).release(INFLOW, PERIOD, 1, "test")}
    assert set(ids) == {upper}
    assert Delivery(node.running).run(ids[upper]) == {"outcome": "ok", "code": ""}


def sealed(node: Node) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in node.sealed()}


def contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_the_joined_nodes_are_without_fault(tiers: Tiers) -> None:
    for node in tiers.nodes():
        assert inspection.findings(node.home, TODAY).faults == ()
    assert {INFLOW, "migrants-outflow", "distributed-inflow", "distributed-outflow"} <= set(
        tiers.province.facts.agreements
    )
    assert {(c.party, c.seconds) for c in wiring.collectors(tiers.province.facts, tiers.province.running)} == {
        (PartyId(NATION), 1.0)
    }
    # A county has nothing to collect but the receipts and signatures of its province.
    assert [c.party for c in wiring.collectors(tiers.county.facts, tiers.county.running)] == [PartyId(PROVINCE)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('^folder = .*$', 'folder = "../{label}"', "channel.folder: cannot be a folder at the other end"),
        ('^folder = .*$', 'folder = "上报/{lable}"', "channel.folder: cannot be a folder at the other end"),
        ('^folder = .*$', 'folder = ""', "channel.folder: cannot be a folder at the other end"),
        ("^distributed-inflow = .*$", 'distributed-inflow = "a/../../b"',
         "channel.collect.distributed-inflow: cannot be a folder at the other end"),
        ("^distributed-inflow = ", "somewhere-else = ",
         "channel.collect.somewhere-else: agreement somewhere-else has no file"),
        ("^distributed-inflow = ", "migrants-inflow = ",
         "channel.collect.migrants-inflow: the party sends nothing under migrants-inflow: it cannot be collected from"),
        ("^collect_seconds = .*$", "collect_seconds = 0", None),
    ],
)  # fmt: skip
def test_faults_of_a_channel_are_named(tmp_path: Path, old: str, new: str, fault: str | None) -> None:
    home = tmp_path / "province"
    found(home, TierChoice.PROVINCE, PROVINCE)
    for file in sorted((home / "config" / "examples").glob("distributed-*.toml")):
        file.rename(home / "config" / "agreements" / file.name)
    server = LocalSshd(tmp_path / "server", make_key(tmp_path / "key"))
    switch_on(home, PROVINCE, server)
    assert inspection.findings(home, TODAY).faults == ()
    file = home / "config" / "parties" / f"{NATION}.toml"
    text, count = re.subn(old, new, file.read_text("utf-8"), count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(text, "utf-8")
    faults = inspection.findings(home, TODAY).faults
    assert [f.file for f in faults] == [f"config/parties/{NATION}.toml"]
    if fault is not None:
        assert faults[0].message == fault


def test_a_department_s_records_reach_the_nation_by_way_of_county_and_province(tiers: Tiers) -> None:
    file = planned(40, party="44")
    (folder(tiers.county, DEPARTMENT) / file.name).write_bytes(of_area(file, COUNTY))
    assert work_on_what_came(tiers.county) == ["accepted 100"]
    send_up(tiers.county, PROVINCE)
    at_province = contents(folder(tiers.province, COUNTY))
    assert at_province == sealed(tiers.county)
    assert len(at_province) == 1

    assert work_on_what_came(tiers.province) == ["accepted 100", "noted 100"]  # and the signed list of the batch
    send_up(tiers.province, NATION)
    at_nation = contents(folder(tiers.nation, PROVINCE))
    assert at_nation == sealed(tiers.province)
    assert len(at_nation) == 1

    assert work_on_what_came(tiers.nation) == ["accepted 100", "noted 100"]
    records: Counter[str] = Counter()
    for package in tiers.nation.packages(state="held"):
        records[package.receiver] += package.records
    assert records == due(file)


def distribute(tiers: Tiers) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The nation distributes what two provinces sent; what lies for ours: packages, and what lies beside them."""
    nation = tiers.nation
    for party in ("33", "35"):
        nation.send(planned(60, party=party, seed=party))
    ids = {receiver: identity for identity, receiver in Releasing(nation.running).release(INFLOW, PERIOD, 1, "test")}
    assert Delivery(nation.running).run(ids[PROVINCE]) == {"outcome": "ok", "code": ""}
    laid = contents(nation.home / "exchange" / PROVINCE / "接收" / LABEL)
    packages = {name: data for name, data in laid.items() if name.endswith(".tar.zst.gpg")}
    return packages, {name: data for name, data in laid.items() if name not in packages}


def test_a_province_fetches_what_the_nation_laid_out_for_it_once(tiers: Tiers, tmp_path: Path) -> None:
    packages, beside = distribute(tiers)
    assert len(packages) == 2
    assert len(beside) == 5
    (collector,) = wiring.collectors(tiers.province.facts, tiers.province.running)
    drop = folder(tiers.province, NATION, "distributed-inflow")
    other = tiers.province.home / "exchange" / NATION / "接收" / DISTRIBUTED
    first = collector.round()
    assert isinstance(first, Ok)
    assert first.value.files == len(packages) + 1  # the list, and what it vouches for; the rest takes a second poll
    _until_all(collector, len(beside) - 1)
    assert contents(drop) == packages
    assert contents(other) == beside
    for number, name in enumerate(packages):
        opened = tiers.province.running.opener.open(
            drop / name,
            tmp_path / f"opened-{number}",
            keyring.own_fingerprint(tiers.nation.home / "private"),
            accept=lambda _: None,
        )
        assert isinstance(opened, Ok)
        (drop / name).unlink()  # as the intake does
    for _ in range(3):
        assert collector.round() == Ok(Round())
    assert contents(drop) == {}
    assert contents(tiers.nation.home / "exchange" / PROVINCE / "接收" / LABEL) == packages | beside
    collector.close()


def _until_all(collector: Collector, wanted: int) -> None:
    """Two equal polls lie half a second apart here: poll until everything has landed, which is soon or never."""
    landed = 0
    for _ in range(200):
        outcome = collector.round()
        assert isinstance(outcome, Ok)
        landed += outcome.value.files
        if landed >= wanted:
            break
    assert landed == wanted


def test_the_daemon_collects_on_its_own_and_takes_up_a_changed_channel(tiers: Tiers) -> None:
    packages, beside = distribute(tiers)
    tiers.province.close()
    file = tiers.province.home / "config" / "parties" / f"{NATION}.toml"
    with_collecting = file.read_text("utf-8")
    keys = r"collect_seconds|\[channel\.collect\]|distributed-|receipts|signatures"
    file.write_text(re.sub(rf"^({keys}).*$", "", with_collecting, flags=re.M))
    other = tiers.province.home / "exchange" / NATION / "接收" / DISTRIBUTED
    daemon = Daemon(tiers.province.home)
    daemon.start()
    try:
        assert daemon.get("health")["collecting"] == {}
        file.write_text(with_collecting, "utf-8")
        os.kill(daemon.get("health")["pid"], signal.SIGHUP)
        arrived = daemon.await_parcels(len(packages), lambda p: p["sender"] == NATION)
        assert len(arrived) == len(packages)
        limit = time.monotonic() + 60
        while daemon.get("health")["collecting"][NATION]["files"] < len(packages) + len(beside):  # not parcels
            assert time.monotonic() < limit, daemon.get("health")["collecting"]
            time.sleep(0.1)
        health = daemon.get("health")["collecting"][NATION]
        assert (health["state"], health["code"], health["failures"]) == ("closed", "", 0)
        assert contents(other) == beside
        signed = tiers.nation.home / "exchange" / PROVINCE / "上报" / "签收"
        while not [name for name in contents(signed) if name.endswith(".sig") and not name.startswith(".")]:
            assert time.monotonic() < limit, daemon.get("status")["counts"]["incoming"]
            time.sleep(0.1)
    finally:
        assert daemon.stop() == 0
    log = daemon.daemon_log.read_text("utf-8")
    assert '"collected"' in log
    assert not [name for name in (*packages, *beside) if name in log]
    assert work_on_what_came(tiers.nation) == ["acknowledged 100"]  # nobody signed by hand
    tiers.province.open()
