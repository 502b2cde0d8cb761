"""Profile `plain-folder`: sealed for ourselves until released, then a workbook in the receiver's own folder."""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from support.nodes import PERIOD, Node, planned
from test_kinds import due, held

from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.demo.files import records
from gateway.demo.partners import Partners
from gateway.demo.people import FIELDS, INFLOW, receivers
from gateway.records import schema
from gateway.records.plain import write_workbook


@pytest.fixture
def node(home: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    file = home / "config/agreements" / f"{INFLOW}.toml"
    profile = 'profile = "plain-folder"\nplain_basis = "测试文号"'
    file.write_text(re.sub(r'^profile = "openpgp"', profile, file.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    made = Node(home, partners, worker)
    yield made
    made.close()


def plain_in(folder: Path, marker: str) -> list[Path]:
    """Files below `folder` that a marker can be read in: as it is, or as text of a workbook."""
    found = []
    for file in (f for f in folder.rglob("*") if f.is_file()):
        data = file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        if marker.encode() in data:
            found.append(file)
    return found


def test_from_the_drop_folder_to_the_departments_folder(node: Node, tmp_path: Path) -> None:
    sent = planned(rows=40)
    row = node.send(sent)
    assert row.state == "accepted"
    expected = due(sent)
    assert held(node) == expected
    receiver = sorted(expected)[0]
    mine = [dict(zip(FIELDS, record, strict=True)) for record in receivers(INFLOW, records(sent))[receiver[:2]]]
    marker = mine[0]["id_number"]
    assert plain_in(node.home / "state", marker) == [], "until it is released it is sealed"
    assert {p.suffix for p in (node.home / "state/sealed").rglob("*") if p.is_file()} == {".gpg"}

    ids = Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    (batch,) = [identity for identity, party in ids if party == receiver]
    home = node.party_folder(receiver[:2])
    home.chmod(0o775)
    assert Delivery(node.running).run(batch) == {"outcome": "deferred", "code": "710"}
    assert plain_in(home, marker) == []
    home.chmod(0o770)
    assert Delivery(node.running).run(batch) == {"outcome": "ok", "code": ""}
    assert plain_in(node.home / "state", marker) == [], "nothing plain is left behind"

    inbox = node.party_folder(receiver[:2], "接收", node.facts.agreements[INFLOW].label)
    (workbook,) = inbox.glob("*.xlsx")
    (package,) = node.packages(receiver=receiver)
    assert workbook.name == f"{package.id}.xlsx"
    digest = hashlib.sha256(workbook.read_bytes()).hexdigest()
    (listing,) = [f for f in inbox.glob("*.json") if not f.name.endswith(".receipt.json")]
    (line,) = json.loads(listing.read_bytes())["packages"]
    assert (line["package"], line["sha256"], line["records"]) == (package.id, digest, len(mine))
    with node.running.ledger.reading() as reading:
        told = ("sorted", "sealed", "delivered")
        entries = {e.event: json.loads(e.body) for e in reading.entries.after() if e.event in told}
    assert entries["sealed"]["digests"][package.id] == digest, "committed to before it was handed over"
    assert entries["delivered"]["counts"] == {"packages": 1, "attempts": 2, "plain": 1}

    key = bytes.fromhex(openpyxl.load_workbook(workbook).custom_doc_props["digest_key"].value)
    lines = [",".join(record[name] for name in FIELDS).encode() for record in mine]
    total = sum(int(hashlib.sha256(line).hexdigest(), 16) for line in lines)
    total += int(hmac.digest(key, b"records", "sha256").hex(), 16)
    assert entries["sorted"]["digests"][receiver] == f"{total % 2**256:064x}", "found in the log by its receiver"

    sheet = openpyxl.load_workbook(workbook).active
    rows = list(sheet.iter_rows())
    rules = schema.load(node.facts.schemas, INFLOW)
    titles = {f.title: f.name for f in rules.fields}
    names = [titles[cell.value] for cell in rows[0]]
    read = [{n: cell.value or "" for n, cell in zip(names, cells, strict=True)} for cells in rows[1:]]
    assert sorted(r["id_number"] for r in read) == sorted(r["id_number"] for r in mine)
    assert all(cell.number_format == "@" for cells in rows for cell in cells)
    assert all(isinstance(cell.value, str | None) for cells in rows for cell in cells)

    (page,) = inbox.glob("分发清单*.html")
    text = page.read_text("utf-8")
    assert f"certutil -hashfile &#34;{workbook.name}&#34; SHA256" in text
    assert ".tar.zst" not in text
    boxes = [html.unescape(box) for box in re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL)]
    sums = next(box for box in boxes if box.startswith("sha256sum"))
    done = subprocess.run(["bash", "-c", sums], cwd=inbox, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == digest


def test_the_form_put_back_as_it_is_acknowledges(node: Node) -> None:
    sent = planned(rows=40)
    node.send(sent)
    receiver, other = sorted(due(sent))[:2]
    ids = {party: identity for identity, party in Releasing(node.running).release(INFLOW, PERIOD, 1, "test")}
    for party in (receiver, other):
        assert Delivery(node.running).run(ids[party])["outcome"] == "ok"
    label = node.facts.agreements[INFLOW].label
    forms = {p: next(node.party_folder(p[:2], "接收", label).glob("*.receipt.txt")) for p in (receiver, other)}
    drop = node.party_folder(receiver[:2], "上报", "签收")
    results = []
    for data in (forms[receiver].read_bytes() + b" ", forms[other].read_bytes(), forms[receiver].read_bytes()):
        (drop / "签收.txt").write_bytes(data)
        (claim,) = node.scan()
        results.append(Acknowledging(node.running).run(claim.parcel)["code"])
    assert results == ["232", "232", ""]
    with node.running.ledger.reading() as reading:
        states = {d.receiver: d.state for d in reading.batches.where(agreement=INFLOW)}
        batch = reading.batches.row(ids[receiver])
    assert (states[receiver], states[other]) == ("acknowledged", "delivered")
    assert batch.fingerprint == ""


def test_under_a_sealing_profile_the_bare_form_is_no_acknowledgement(
    home: Path, partners: Partners, worker: Worker
) -> None:
    node = Node(home, partners, worker)
    try:
        sent = planned(rows=40)
        node.send(sent)
        receiver = sorted(due(sent))[0]
        ids = {party: identity for identity, party in Releasing(node.running).release(INFLOW, PERIOD, 1, "test")}
        assert Delivery(node.running).run(ids[receiver])["outcome"] == "ok"
        inbox = node.party_folder(receiver[:2], "接收", node.facts.agreements[INFLOW].label)
        shutil.copy(next(inbox.glob("*.receipt.json")), node.party_folder(receiver[:2], "上报", "签收") / "签收.txt")
        (claim,) = node.scan()
        assert Acknowledging(node.running).run(claim.parcel)["code"] == "232"
    finally:
        node.close()


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.records.plain.LAST_ROW", 3)
    table = tmp_path / "part.csv"
    rules = schema.load(home / "schemas", INFLOW)
    names = [field.name for field in rules.fields]
    lines = [",".join(f"={row}{column}" for column, _ in enumerate(names)) for row in range(7)]
    table.write_text("\n".join([",".join(names), *lines]) + "\n", "utf-8")
    assert write_workbook(tmp_path / "a.xlsx", table, rules, "7" * 64) == 7
    assert write_workbook(tmp_path / "b.xlsx", table, rules, "7" * 64) == 7
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    assert write_workbook(tmp_path / "c.xlsx", table, rules, "8" * 64) == 7
    assert (tmp_path / "a.xlsx").read_bytes() != (tmp_path / "c.xlsx").read_bytes(), "its digest cannot be tried"
    sheets = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    assert [sheet.max_row for sheet in sheets] == [4, 4, 2]
    assert {sheet["A1"].value for sheet in sheets} == {rules.fields[0].title}
    assert sheets[2]["A2"].value == "=60", "what looks like a formula stays text"
    assert sheets[2]["A2"].data_type == "s"
