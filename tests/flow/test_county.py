"""A county's node as `gateway init` makes it: departments and townships, records led by a code or by a township, and a
schema in two versions for two periods. Nothing of any record stays in the ledger or in the log; the log verifies."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.logs import rewrite, write_log
from support.nodes import Node, edit
from typer.testing import CliRunner

from gateway.adapters.ledger.rows import ParcelRow
from gateway.adapters.publishing import LogKeys, Publisher
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.cli.schemas import app as schemas_app
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.upkeep import templates
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.founding import TierChoice, make
from gateway.log import verify
from gateway.log.note import Signer
from gateway.outcomes import Ok
from gateway.packages import Descriptor
from gateway.records.readers.lines import join

JISHENG, WEISHENG, MINZHENG, GONGAN = (f"440106-{name}" for name in ("jisheng", "weisheng", "minzheng", "gongan"))
FIRST, SECOND = "440106101", "440106102"
PROVINCE = "440000"
RECEIVERS = {"11": JISHENG, "12": WEISHENG, "13": MINZHENG, "14": GONGAN, "15": FIRST, "21": SECOND, "22": PROVINCE}
PERIOD = "2026Q3"


@pytest.fixture(scope="module")
def county_template(partners: Partners, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county's node whose departments and townships have keys; its clock stands in October."""
    home = tmp_path_factory.mktemp("county") / "node"
    made = make(home, TierChoice.COUNTY, "440106", None)
    assert not made.findings.faults
    edit(home, scan_seconds="0.5", quiet_seconds="0.0", unfinished_seconds="0.0", min_free_mb="0")
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write("\n[rehearsal]\nstarts_at = 2026-10-05T09:00:00+08:00\nspeed = 1.0\n")
    for code, party in RECEIVERS.items():
        file = home / "private" / "incoming.asc"
        file.write_bytes(partners[code].public_key())
        pin = partners[code].fingerprint
        assert isinstance(keyring.import_partner(home / "keys", home / "config" / "parties", file, party, pin), Ok)
        file.unlink()
    partners.trust(keyring.public_key(home / "private"))
    keyring.stop_agent(home / "private")
    return home


@dataclass
class County(Node):
    """The node, and what its departments do."""

    def lay(self, party: str, agreement: str, name: str, rows: list[Mapping[str, str]]) -> ParcelRow:
        facts = self.facts
        folder = places.drop_folder(facts, facts.parties[party], facts.agreements[agreement])
        lines = [join(list(rows[0])), *(join(list(row.values())) for row in rows)]
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
        (claim,) = self.scan()
        self.work(claim.parcel)
        return self.row(claim.parcel)

    def out(self, parcel: ParcelRow) -> dict[str, int]:
        return {package.receiver: package.records for package in self.packages(parcel=parcel.id)}

    def delivered(self, agreement: str, period: str, receiver: str, into: Path) -> tuple[dict[str, Any], list[str]]:
        """What a receiver finds in its folder of one period, opened with stock tools: the schema beside the table, and
        the table's lines."""
        facts = self.facts
        folder = places.inbox_folder(facts, facts.parties[receiver], facts.agreements[agreement])
        (sealed,) = folder.glob(f"*_{period}_*.tar.zst.gpg")
        into.mkdir()
        opened = 'set -o pipefail; gpg --batch -q --trust-model always -d "$1" | zstd -dcq | tar x -C "$2"'
        environment = {**os.environ, "GNUPGHOME": str(self.partners.home)}
        subprocess.run(["bash", "-c", opened, "-", sealed, into], env=environment, check=True, capture_output=True)
        descriptor = Descriptor.parse((into / "datapackage.json").read_bytes())
        assert descriptor.receiver == receiver
        resource = descriptor.resources[0]
        return dict(resource.schema or {}), (into / resource.path).read_text("utf-8").splitlines()

    def let_go(self, agreement: str, period: str) -> list[str]:
        let = Releasing(self.running).release(agreement, period, 1, "test")
        for identity, _ in let:
            assert Delivery(self.running).run(identity)["outcome"] == "ok"
        return sorted(receiver for _, receiver in let)

    def sign(self, agreement: str, receiver: str) -> str:
        """The receiver signs the one form that lies in its folder of an agreement: the batch that it closes."""
        facts, party = self.facts, self.facts.parties[receiver]
        (form,) = places.inbox_folder(facts, party, facts.agreements[agreement]).glob("签收单_*.receipt.json")
        code = next(code for code, named in RECEIVERS.items() if named == receiver)
        self.partners[code].acknowledge(form, places.party_folder(facts, party) / "上报" / "签收")
        (claim,) = self.scan()
        assert Acknowledging(self.running).run(claim.parcel)["outcome"] == "ok"
        return self.row(claim.parcel).original

    def publish(self, folder: Path) -> tuple[Signer, list[bytes]]:
        """Publish the log, as the daemon does: its key, and every entry's bytes."""
        keys = LogKeys(self.home / "private", self.facts.node.name)
        signer = keys.generate()
        ledger, clock = self.running.ledger, self.running.clock
        Publisher(ledger, folder, self.facts.node.name, keys.signers).publish(clock.now())
        with ledger.published() as tables:
            return signer, list(tables.bodies(0, tables.head()[0]))


@pytest.fixture
def county(county_template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[County]:
    home = tmp_path / "county"
    shutil.copytree(county_template, home, ignore=shutil.ignore_patterns("S.gpg-agent*"))
    node = County(home, partners, worker)
    yield node
    node.close()
    keyring.stop_agent(home / "private")


def mismatch(number: str, department: str, **changed: str) -> dict[str, str]:
    return {
        "记录编号": number, "不一致部门": department, "出生日期": "20260801", "父亲姓名": "示例甲",
        "父亲身份证号": "110101199001010007", "母亲姓名": "示例乙", "母亲身份证号": "",
        "户籍地址": "示例省示例市示例县1号", "现居住地址": "示例省示例市示例县2号", **changed,
    }  # fmt: skip


def test_each_record_goes_only_to_the_department_whose_register_disagrees(county: County, tmp_path: Path) -> None:
    rows = [mismatch("甲1", "1"), mismatch("甲2", "3"), mismatch("甲3", "1"), mismatch("甲4", "4")]
    parcel = county.lay(JISHENG, "births-mismatch", f"{PERIOD}.csv", rows)
    assert (parcel.state, parcel.accepted, parcel.refused) == ("accepted", 3, 1)
    assert county.out(parcel) == {WEISHENG: 2, GONGAN: 1}
    with county.running.ledger.reading() as reading:
        (receipt,) = reading.receipts.where(parcel=parcel.id)
    assert json.loads(receipt.body)["counts"]["out"] == {WEISHENG: 2, GONGAN: 1}
    page = next(places.party_folder(county.facts, county.facts.parties[JISHENG]).glob("回执/*.html")).read_text("utf-8")
    assert "卫生部门" in page
    assert county.let_go("births-mismatch", PERIOD) == sorted([WEISHENG, GONGAN, MINZHENG])
    _, health = county.delivered("births-mismatch", PERIOD, WEISHENG, tmp_path / "w")
    _, police = county.delivered("births-mismatch", PERIOD, GONGAN, tmp_path / "g")
    assert [line.split(",")[0] for line in (*health[1:], *police[1:])] == ["甲1", "甲3", "甲2"]


def test_what_the_townships_are_to_verify_goes_by_their_code_and_comes_back(county: County) -> None:
    base = {name: value for name, value in mismatch("乙1", "1").items() if name != "不一致部门"}
    rows = [{**base, "乡镇代码": code} for code in ("440106101003", "440106102000", "440106102001", "440106103001")]
    parcel = county.lay(JISHENG, "births-verify", f"{PERIOD}.csv", rows)
    assert (parcel.accepted, parcel.refused, county.out(parcel)) == (3, 1, {FIRST: 1, SECOND: 2})
    answer = {"记录编号": "乙1", "反馈对象": "1", "结果代码": "1", "核实日期": "20261004"}
    back = county.lay(FIRST, "births-verify-result", "答复.csv", [answer])
    assert (back.state, county.out(back)) == ("accepted", {JISHENG: 1})
    to_police = county.lay(JISHENG, "verification-result", "答复.csv", [{**answer, "反馈对象": "4"}])
    assert county.out(to_police) == {GONGAN: 1}


def test_two_versions_of_a_schema_are_in_force_for_two_periods(county: County, tmp_path: Path) -> None:
    document = json.loads((county.home / "schemas" / "births-mismatch.json").read_text("utf-8"))
    document["version"] = "2"
    sex = next(f for f in _fields(county, "births-outside-hospital") if f["name"] == "sex")
    document["fields"].insert(3, {**sex, "title": "性别", "gateway:aliases": []})
    later = county.home / "schemas" / "births-mismatch.v2.json"
    later.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    file = county.home / "config" / "agreements" / "births-mismatch.toml"
    text = file.read_text("utf-8")
    file.write_text(
        text.replace('schema_version = "1"', 'schema_version = "1"\nversions = { "2026Q3" = "2" }'), "utf-8"
    )
    county.reopen()
    said = CliRunner().invoke(schemas_app, ["diff", "births-mismatch", "1", "2", "--config", str(county.home)])
    assert re.search(r"^sex\.title: – → \"性别\"$", said.stdout, re.MULTILINE)
    old, new = mismatch("丙1", "1"), mismatch("丙1", "1", 性别="2")
    refused = {
        county.lay(JISHENG, "births-mismatch", "2026Q2.csv", [{**new, "出生日期": "20260401"}]).code,
        county.lay(JISHENG, "births-mismatch", "2026Q3.csv", [old]).code,
    }
    assert refused == {"304", "306"}, "a column too many for the old version, one too few for the new"
    for period, row in (("2026Q2", {**old, "出生日期": "20260401"}), ("2026Q3", new)):
        assert county.lay(JISHENG, "births-mismatch", f"{period}.csv", [row]).state == "accepted"
        county.let_go("births-mismatch", period)
    found = {}
    for period in ("2026Q2", "2026Q3"):
        schema, lines = county.delivered("births-mismatch", period, WEISHENG, tmp_path / period)
        assert lines[0].split(",") == [field["name"] for field in schema["fields"]]
        found[period] = (schema["version"], "sex" in lines[0])
    assert found == {"2026Q2": ("1", False), "2026Q3": ("2", True)}
    templates.write(county.running)
    made = {path.name for path in (county.home / "exchange" / JISHENG / "模板").glob("出生不一致信息*")}
    assert made == {"出生不一致信息.xlsx", "出生不一致信息（2026Q3起）.xlsx"}


def to_two_and_three(county: County) -> dict[str, ParcelRow]:
    """Registrations that were put off go to two departments, births outside a hospital to three, mismatches to one
    each; all of it is let go, and some of it signed for. One person releases here."""
    file = county.home / "config" / "agreements" / "registrations-deferred.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('sensitivity = "high"\nfour_eyes = true\n', ""), "utf-8")
    county.reopen()
    put_off = {
        "记录编号": "丁1",
        "出生日期": "20260801",
        "母亲姓名": "示例乙",
        "申报户籍所在地": "示例县1号",
        "暂缓原因": "1",
    }
    born = {
        "记录编号": "戊1", "出生日期": "20260801", "新生儿性别": "2", "母亲姓名": "示例乙",
        "户籍地址": "示例县1号", "现居住地址": "示例县2号",
    }  # fmt: skip
    rows = [put_off, {**put_off, "记录编号": "丁2"}, {**put_off, "记录编号": "丁3", "暂缓原因": "没有这个代码"}]
    made = {
        "two": county.lay(GONGAN, "registrations-deferred", f"{PERIOD}.csv", rows),
        "three": county.lay(FIRST, "births-outside-hospital", "出生.csv", [born]),
        "each": county.lay(JISHENG, "births-mismatch", f"{PERIOD}.csv", [mismatch("己1", "1"), mismatch("己2", "3")]),
    }
    assert {name: county.out(parcel) for name, parcel in made.items()} == {
        "two": {JISHENG: 2, WEISHENG: 2},
        "three": {JISHENG: 1, WEISHENG: 1, GONGAN: 1},
        "each": {WEISHENG: 1, GONGAN: 1},
    }
    county.let_go("registrations-deferred", PERIOD)
    county.let_go("births-outside-hospital", "")
    county.let_go("births-mismatch", PERIOD)
    for receiver in (JISHENG, WEISHENG):
        assert county.sign("registrations-deferred", receiver).endswith(receiver)
    assert county.sign("births-outside-hospital", GONGAN).endswith(GONGAN)
    return made


def test_a_log_of_records_for_one_two_and_three_verifies(county: County, tmp_path: Path) -> None:
    to_two_and_three(county)
    signer, bodies = county.publish(tmp_path / "log")
    exchange = county.home / "exchange"

    found = verify(tmp_path / "log", [signer.verifier], receipts=exchange)

    assert found.ok, found.problems
    assert {"conservation", "digest", "delivery", "lifecycle", "receipt"} <= found.done
    events = [json.loads(body)["event"] for body in bodies]
    assert (events.count("sorted"), events.count("acknowledged"), events.count("delivered")) == (3, 3, 8)


def test_and_other_records_for_one_of_them_are_found(county: County, tmp_path: Path) -> None:
    """The same log, told by a keeper who gave health other records than family planning, or fewer."""
    made = to_two_and_three(county)
    signer, bodies = county.publish(tmp_path / "log")

    def told(name: str, field: str, receiver: str, value: Any) -> dict[str, int]:
        def change(entries: list[dict[str, Any]]) -> None:
            (at,) = [e for e in entries if e["parcel"] == made[name].id and e["event"] == "sorted"]
            at[field][receiver] = value

        folder = tmp_path / f"{name} {field}"
        write_log(folder, rewrite(bodies, change), signer, county.facts.node.name)
        return verify(folder, [signer.verifier]).counted

    assert told("two", "digests", WEISHENG, "0" * 64) == {"digest": 1}
    assert told("three", "digests", GONGAN, "0" * 64) == {"digest": 1}
    assert told("each", "digests", GONGAN, "0" * 64) == {"digest": 1}
    assert "conservation" in told("two", "counts", WEISHENG, 1)
    assert "conservation" in told("three", "counts", GONGAN, 0)


def _fields(county: County, dataset: str) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = json.loads((county.home / "schemas" / f"{dataset}.json").read_text("utf-8"))[
        "fields"
    ]
    return fields
