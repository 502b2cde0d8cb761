"""Sealed packages from partners, made with stock tar, zstd and gpg; documents that are passed on as they are."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, planned
from test_kinds import due, held

from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Delivery, Releasing
from gateway.demo.files import Planned, render
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.packages import Descriptor, Resource
from gateway.parcels import Kind

CREATED = datetime(2026, 10, 19, tzinfo=UTC)


def descriptor(file: Planned, **changes: object) -> tuple[Descriptor, bytes]:
    data = render(file)
    resource = Resource(INFLOW, f"data/{INFLOW}.csv", len(data), hashlib.sha256(data).hexdigest())
    made = Descriptor(
        agreement=INFLOW,
        sender="330000",
        origin="330000",
        receiver="000000",
        period=PERIOD,
        kind=Kind.NEW,
        revision=1,
        records=file.rows,
        created=CREATED,
        resources=(resource,),
    )
    return replace(made, **changes), data


def sealed(
    node: Node,
    tmp_path: Path,
    made: tuple[Descriptor, bytes],
    *,
    signer: str = "33",
    recipient: str = "",
    options: Sequence[str] = (),
) -> Path:
    """As the how-to tells a partner to do it: tar, zstd, gpg. Without a signer it is not signed."""
    content, data = made
    folder = tmp_path / "package"
    (folder / "data").mkdir(parents=True)
    (folder / "datapackage.json").write_bytes(content.to_json())
    (folder / "data" / f"{INFLOW}.csv").write_bytes(data)
    archive = tmp_path / "p.tar.zst"
    tar = subprocess.run(
        ["tar", "c", "--format=ustar", "-C", folder, "datapackage.json", f"data/{INFLOW}.csv"],
        capture_output=True,
        check=True,
    )
    subprocess.run(["zstd", "-q", "-1", "-o", archive], input=tar.stdout, check=True)
    target = tmp_path / f"{content.package_id}.tar.zst.gpg"
    own = keyring.own_fingerprint(node.home / "private")
    signing = ["--local-user", node.partners[signer].fingerprint, "--sign"] if signer else []
    subprocess.run(
        ["gpg", "--batch", "--quiet", *options, "--trust-model", "always", *signing, "--encrypt",
         "-r", recipient or own, "-z", "0", "--digest-algo", "SHA256", "-o", target, archive],
        env={**os.environ, "GNUPGHOME": str(node.partners.home)},
        check=True,
    )  # fmt: skip
    return target


def drop(node: Node, package: Path, name: str = "") -> str:
    (node.folder() / (name or package.name)).write_bytes(package.read_bytes())
    (claim,) = node.scan()
    node.work(claim.parcel)
    return claim.parcel


def test_a_sealed_submission_is_opened_checked_and_sealed_anew(node: Node, tmp_path: Path) -> None:
    trust(node)
    file = planned(30)
    made = descriptor(file)
    row = node.row(drop(node, sealed(node, tmp_path, made), name="quarter.gpg"))
    assert (row.state, row.code, row.period, row.accepted) == ("accepted", "100", PERIOD, 30)
    assert node.receipt(row)["decided_by"] == "descriptor"
    assert held(node) == due(file)
    into = tmp_path / "opened"
    package = node.sealed()[0]
    opened = node.partners[package.name.split("_")[2][:2]].open(package, into)
    assert opened.descriptor["gateway:derived_from"] == made[0].package_id
    assert opened.descriptor["gateway:origin"] == "330000"
    assert not (node.home / "state" / "spool" / row.id).exists()
    assert not (node.home / "state" / "spool" / ".arrived" / row.id).exists()


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("unsigned", "210"),
        ("another signer", "211"),
        ("another sender named", "255"),
        ("another origin named", "255"),
        ("on behalf of a place elsewhere", "259"),
        ("on behalf of itself", "259"),
        ("on behalf of a word", "259"),
        ("on behalf of a name without end", "259"),
        ("a revision beyond any", "214"),
        ("made before its period", "257"),
        ("for somebody else", "212"),
        ("sealed for another key", "212"),
        ("another agreement", "238"),
        ("bit flip", "214"),
        ("truncated", "214"),
        ("the next period", "228"),
    ],
)
def test_what_cannot_be_believed_is_refused_and_leaves_nothing(
    node: Node, tmp_path: Path, case: str, code: str
) -> None:
    trust(node)
    file = planned(10)
    changes: dict[str, object] = {
        "another sender named": {"sender": "340000"},
        "another origin named": {"origin": "340000"},
        "on behalf of a place elsewhere": {"reported_for": "340102"},
        "on behalf of itself": {"reported_for": "330000"},
        "on behalf of a name without end": {"reported_for": "330106-" + "j" * 80},
        "a revision beyond any": {"revision": 2**40},
        "on behalf of a word": {"reported_for": "xihu"},
        "made before its period": {"created": datetime(2026, 6, 30, 15, tzinfo=UTC)},
        "for somebody else": {"receiver": "340000"},
        "another agreement": {"agreement": "migrants-outflow"},
        "the next period": {"period": "2026Q4"},
    }.get(case, {})
    signer = {"unsigned": "", "another signer": "34"}.get(case, "33")
    recipient = node.partners["34"].fingerprint if case == "sealed for another key" else ""
    package = sealed(node, tmp_path, descriptor(file, **changes), signer=signer, recipient=recipient)
    data = bytearray(package.read_bytes())
    if case == "bit flip":
        data[len(data) // 2] ^= 1
    if case == "truncated":
        data = data[: len(data) * 3 // 4]
    package.write_bytes(bytes(data))
    row = node.row(drop(node, package))
    node.is_refused(row, code, bytes(data))
    node.nothing_forwarded()
    assert not (node.home / "state" / "quarantine" / row.id / "opened").exists()


def trust(node: Node) -> None:
    """The partners know the node's key: a copy of a node keeps it."""
    node.partners.trust(keyring.public_key(node.home / "private"))


@pytest.fixture
def documents(home: Path) -> None:
    """The agreement about documents, which the other tests leave out."""
    shipped = Path(__file__).parents[2] / "config" / "agreements" / "pilot-report.toml"
    (home / "config" / "agreements" / shipped.name).write_bytes(shipped.read_bytes())


def test_a_data_package_without_a_seal_is_a_table_like_any_other(node: Node) -> None:
    """What a liaison's own program may make: a zip with `datapackage.json` and one table, in the drop folder."""
    table, made = render(planned(12)), io.BytesIO()
    resource = {"path": "data/cases.csv", "bytes": len(table), "hash": f"sha256:{hashlib.sha256(table).hexdigest()}"}
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("datapackage.json", json.dumps({"name": "cases", "resources": [resource]}))
        archive.writestr("data/cases.csv", table)
    row = node.send(planned(name="跨省流入人口-2026Q3.zip"), made.getvalue())
    assert (row.state, row.period, row.accepted) == ("accepted", PERIOD, 12)
    assert sum(held(node).values()) == 12


@pytest.mark.usefixtures("documents")
def test_a_document_is_passed_on_as_it_is(node: Node, tmp_path: Path) -> None:
    facts = node.facts
    folder = node.party_folder("33", "上报", facts.agreements["pilot-report"].label)
    data = b"%PDF-1.7 not really, and nobody looks into it\n%%EOF\n"
    (folder / "试点工作情况-2026Q3.pdf").write_bytes(data)
    (claim,) = node.scan()
    assert node.work(claim.parcel)["outcome"] == "ok"
    row = node.row(claim.parcel)
    assert (row.state, row.code, row.records) == ("accepted", "100", 0)
    (package,) = node.packages(parcel=row.id)
    assert package.receiver == "000000"
    (file,) = node.sealed()
    opened = node.running.opener.open(
        file, tmp_path / "opened", keyring.own_fingerprint(node.home / "private"), accept=lambda _: None
    )
    assert opened.outcome == "ok"
    assert (tmp_path / "opened" / "data" / "pilot-report.pdf").read_bytes() == data


@pytest.mark.usefixtures("documents")
def test_a_document_of_another_type_is_refused(node: Node) -> None:
    folder = node.party_folder("33", "上报", node.facts.agreements["pilot-report"].label)
    (folder / "试点工作情况-2026Q3.exe").write_bytes(b"MZ")
    (claim,) = node.scan()
    node.work(claim.parcel)
    node.is_refused(node.row(claim.parcel), "207", b"MZ")


@pytest.mark.usefixtures("documents")
def test_a_document_for_this_node_itself_lies_sealed_in_its_own_folder(node: Node) -> None:
    label = node.facts.agreements["pilot-report"].label
    (node.party_folder("33", "上报", label) / "试点工作情况-2026Q3.txt").write_bytes(b"text\n")
    (claim,) = node.scan()
    node.work(claim.parcel)
    assert Releasing(node.running).ripe(node.running.clock.now()) == [("pilot-report", PERIOD, 1)]
    ((identity, receiver),) = Releasing(node.running).release("pilot-report", PERIOD, 1, "test")
    assert receiver == "000000"
    assert Delivery(node.running).run(identity) == {"outcome": "ok", "code": ""}
    folder = node.home / "exchange" / "000000" / "接收" / label
    assert len(list(folder.glob("pilot-report_330000_000000_2026Q3_r1_*.tar.zst.gpg"))) == 1
    with node.running.ledger.reading() as reading:
        assert [d.state for d in reading.batches.where(id=identity)] == ["acknowledged"]


def test_an_event_driven_table_has_no_period_and_no_place_to_fight_for(
    home: Path, partners: Partners, worker: Worker, tmp_path: Path
) -> None:
    fact = home / "config" / "agreements" / f"{INFLOW}.toml"
    text = fact.read_text("utf-8").replace('rhythm = "quarterly"', 'rhythm = "event"')
    fact.write_text(re.sub(r"^\[deadline\].*?(?=^#|^\[)", "", text, flags=re.MULTILINE | re.DOTALL), "utf-8")
    node = Node(home, partners, worker)
    try:
        rows = [node.send(planned(10, seed=seed, name=f"{seed}.csv")) for seed in ("one", "two")]
        assert [(r.state, r.period, r.revision) for r in rows] == [("accepted", "", 1), ("accepted", "", 2)]
        again = node.send(planned(10, seed="one", name="again.csv"))
        assert (again.state, again.original) == ("duplicate", rows[0].id)
        assert all("_none_r" in p.id for p in node.packages())
    finally:
        node.close()


def test_in_a_rehearsal_a_partner_s_clock_may_be_ahead(node: Node, tmp_path: Path) -> None:
    """The node stands in October; who seals by hand does so on the day it is."""
    trust(node)
    made = descriptor(planned(10), created=datetime(2027, 3, 1, tzinfo=UTC))
    assert node.row(drop(node, sealed(node, tmp_path, made))).state == "accepted"


def test_what_a_party_collects_is_its_own_submission_part_by_part(
    home: Path, partners: Partners, worker: Worker, tmp_path: Path
) -> None:
    """A node hands up what counties reported to it, under the name it has for the agreement."""
    fact = home / "config" / "agreements" / f"{INFLOW}.toml"
    text = fact.read_text("utf-8")
    fact.write_text(text.replace('dataset = "', 'issued_as = "theirs"\ndataset = "', 1), "utf-8")
    node = Node(home, partners, worker)
    try:
        trust(node)
        rows = []
        for county in ("330106", "330212-jisheng"):
            made = descriptor(planned(12, seed=county), reported_for=county, agreement="theirs")
            (tmp_path / county).mkdir()
            package = sealed(node, tmp_path / county, made)
            assert package.name.startswith(f"theirs_330000.{county}_000000_{PERIOD}_r1_")
            rows.append(node.row(drop(node, package)))
        assert [(r.state, r.sender, r.origin, r.reported_for, r.revision) for r in rows] == [
            ("accepted", "330000", "330000", "330106", 1),
            ("accepted", "330000", "330000", "330212-jisheng", 2),
        ]
        assert {p.origin for p in node.packages()} == {"330000"}
        with node.running.ledger.reading() as reading:
            accepted = [json.loads(reading.entries.get(f"{row.id}/accepted").body) for row in rows]  # type: ignore[union-attr]
        assert [entry["parties"] for entry in accepted] == [
            ["330000", "330000", "330106"],
            ["330000", "330000", "330212-jisheng"],
        ]
    finally:
        node.close()
