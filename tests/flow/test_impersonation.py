"""Nobody speaks for another: what is signed by one party in the name of another is refused, told to the one that was
named, and changes nothing; and nothing that was signed counts twice."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
import xlsxwriter
from support.nodes import PERIOD, Node, planned
from test_kinds import due, held
from test_packages_in import descriptor, drop, sealed, trust

from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.telling.posting import Posting
from gateway.demo.files import render
from gateway.demo.partners import GPG, run
from gateway.demo.people import INFLOW
from gateway.demo.story import file_name
from gateway.parcels import AgreementId, DistributionId, Kind, Listed, PackageId, PartyId
from gateway.receipts.listing import DistributionList, Withdrawn

VICTIM, SIGNER = "340000", "330000"


def entries(node: Node, event: str) -> list[dict[str, Any]]:
    with node.running.ledger.reading() as reading:
        return [json.loads(row.body) for row in reading.entries.after() if row.event == event]


def letters(node: Node, party: str) -> list[str]:
    return [file.read_text("utf-8") for file in node.party_folder(party[:2], "回执").glob("冒名提醒函_*.html")]


def is_told(node: Node, parcel: str, times: int = 1) -> None:
    """The log names who was named and who signed; the one who was named has a letter, the signer has none."""
    told = entries(node, "impersonation_refused")
    assert len(told) == times
    assert (told[-1]["parcel"], told[-1]["parties"]) == (parcel, [VICTIM, SIGNER])
    assert len(letters(node, VICTIM)) == 1, "one a day, however often it is tried"
    assert node.facts.parties[SIGNER].name in letters(node, VICTIM)[0]
    assert letters(node, SIGNER) == []


def theirs(node: Node) -> list[tuple[str, str]]:
    return sorted((p.id, str(p.state)) for p in node.packages() if p.origin == VICTIM)


@pytest.mark.parametrize("kind", [Kind.NEW, Kind.REPLACE, Kind.VOID])
def test_a_package_in_the_name_of_another_changes_nothing(node: Node, tmp_path: Path, kind: Kind) -> None:
    trust(node)
    file = planned(20, party="34", seed="theirs")
    if kind is not Kind.NEW:
        node.send(file)
    before = theirs(node)
    made = descriptor(planned(30, party="34", seed="forged"), origin=VICTIM, kind=kind, revision=9)
    row = node.row(drop(node, sealed(node, tmp_path, made)))
    assert (row.state, row.code, row.origin) == ("refused", "255", SIGNER)
    assert theirs(node) == before
    is_told(node, row.id)
    if kind is Kind.NEW:  # and who was named sends its own as if nothing had been
        assert node.send(file).state == "accepted"
    assert {p.receiver: p.records for p in node.packages() if p.origin == VICTIM} == due(file)


def test_a_note_beside_a_file_names_whose_folder_it_lies_in(node: Node) -> None:
    for key in ("sender", "origin", "party"):
        file = planned(5, seed=key, name="数据.csv")
        (node.folder() / "数据.csv.json").write_text(json.dumps({"period": PERIOD, "kind": "new", key: VICTIM}))
        row = node.send(file)
        assert (row.state, row.code) == ("refused", "255")
    is_told(node, row.id, times=3)
    (node.folder() / "数据.csv.json").write_text(json.dumps({"period": PERIOD, "kind": "new", "sender": SIGNER}))
    assert node.send(planned(5, seed="own", name="数据.csv")).state == "accepted"


def a_package(table: bytes, **said: object) -> bytes:
    """A Data Package without a seal, as a liaison's own program makes it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("datapackage.json", json.dumps({**said, "resources": [{"path": "data/cases.csv"}]}))
        archive.writestr("data/cases.csv", table)
    return made.getvalue()


@pytest.mark.parametrize("key", ["gateway:sender", "gateway:origin"])
@pytest.mark.parametrize("table", [render(planned(6)), "不是表格".encode()])
def test_a_package_without_a_seal_names_whose_folder_it_lies_in(node: Node, key: str, table: bytes) -> None:
    """Whatever its table is like: who was named is told of it."""
    theirs_first = node.send(planned(5, party="34"))
    before = theirs(node)
    data = a_package(table, **{key: VICTIM})
    row = node.send(planned(name="2026Q3.zip"), data)
    node.is_refused(row, "255", data)
    is_told(node, row.id)
    assert theirs(node) == before
    assert node.row(theirs_first.id).state == "accepted"
    # The remedy, followed: in its own name.
    own = a_package(render(planned(6)), **{key: SIGNER})
    assert node.send(planned(name="2026Q3.zip"), own).state == "accepted"


@pytest.mark.parametrize("named", ["张三", "999999", ["340000"], None, {"name": "340000"}, 340000])
def test_a_package_without_a_seal_that_names_nobody_known_tells_nobody(node: Node, named: object) -> None:
    data = a_package(render(planned(6)), **{"gateway:origin": named})
    row = node.send(planned(name="2026Q3.zip"), data)
    node.is_refused(row, "255", data)
    assert entries(node, "impersonation_refused") == []
    assert "张三" not in json.dumps(node.receipt(row), ensure_ascii=False)


def workbook(creator: str, company: str) -> bytes:
    """A workbook whose properties name somebody."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made)
    book.set_properties({"author": creator, "company": company, "title": creator})
    sheet = book.add_worksheet(creator)
    for number, line in enumerate(csv.reader(io.StringIO(render(planned(6)).decode("utf-8-sig")))):
        sheet.write_row(number, 0, line)
    book.close()
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("安徽省-2026Q3.csv", render(planned(6))),
        (f"{VICTIM}-2026Q3.csv", render(planned(6))),
        (f"{INFLOW}_{VICTIM}_000000_2026Q3_r1_0123abcd.csv", render(planned(6))),
        ("2026Q3.xlsx", workbook("安徽省", VICTIM)),
        ("2026Q3.zip", a_package(render(planned(6)), contributors=[{"title": VICTIM, "role": "author"}])),
    ],
)
def test_what_is_written_by_hand_claims_nothing(node: Node, name: str, data: bytes) -> None:
    """A file's name, a workbook's properties and sheets, who worked on it: it is its folder's all the same."""
    row = node.send(planned(name=name), data)
    assert (row.state, row.sender, row.origin) == ("accepted", SIGNER, SIGNER)
    assert theirs(node) == []
    assert entries(node, "impersonation_refused") == []
    assert node.send(planned(5, party="34")).state == "accepted"


def state(node: Node, tmp_path: Path, body: bytes) -> Any:
    """A partner pushes what it signed into its folder for signatures, as a gateway does."""
    partner, folder = node.partners[SIGNER[:2]], node.party_folder(SIGNER[:2], "上报", "签收")
    document = tmp_path / "said.json"
    document.write_bytes(body)
    signing = ["--yes", "--local-user", partner.fingerprint, "--detach-sign", "-o", str(tmp_path / "said.sig")]
    run([*GPG, *signing, str(document)], partner.home)
    (folder / "said.sig.json").write_bytes(body)
    (folder / "said.sig").write_bytes((tmp_path / "said.sig").read_bytes())
    (claim,) = node.scan()
    Acknowledging(node.running).run(claim.parcel)
    Posting(node.running).post(claim.parcel)
    return node.row(claim.parcel)


def a_list(**changes: Any) -> DistributionList:
    line = Listed(PartyId(SIGNER), "included", PackageId(f"{INFLOW}_x"), 1, "0" * 64, 9)
    made = DistributionList(
        DistributionId("d-theirs-1"), AgreementId(INFLOW), "跨省流入人口个案", PERIOD, 2, PartyId(SIGNER),
        PartyId("000000"), datetime(2026, 10, 20, tzinfo=UTC), "f" * 64, (line,),
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.parametrize("said", ["issuer", "carries", "withdraws"])
def test_a_list_in_the_name_of_another_withdraws_nothing(node: Node, tmp_path: Path, said: str) -> None:
    """Signed by one province, it would have voided what another one sent."""
    trust(node)
    made = descriptor(planned(20, party="34"), sender=VICTIM, origin=VICTIM)
    package = sealed(node, tmp_path, made, signer="34")
    (node.folder("34") / package.name).write_bytes(package.read_bytes())
    (claim,) = node.scan()
    node.work(claim.parcel)
    before = theirs(node)
    assert before
    line = Listed(PartyId(VICTIM), "included", made[0].package_id, 20, hashlib.sha256(b"").hexdigest(), 9)
    body = {
        "issuer": a_list(issuer=PartyId(VICTIM)),
        "carries": a_list(lines=(line,)),
        "withdraws": a_list(withdrawn=(Withdrawn(PartyId(VICTIM), made[0].package_id, "void"),)),
    }[said].to_json()
    row = state(node, tmp_path, body)
    assert (row.state, row.code) == ("refused", "255")
    assert theirs(node) == before
    assert entries(node, "impersonation_refused")[0]["parties"] == [VICTIM, SIGNER]
    assert letters(node, VICTIM)
    assert entries(node, "statement_refused")[0]["counts"] == {"code": 255}
    assert entries(node, "batch_listed") == []


@pytest.mark.parametrize(("many", "code"), [(6_000, "247"), (100_000, "216")])
def test_a_list_that_collects_from_more_than_there_are_is_the_senders_to_mend(
    node: Node, tmp_path: Path, many: int, code: str
) -> None:
    document = json.loads(a_list().to_json())
    rows = [{"party": f"33{number:07}", "status": "missing"} for number in range(many)]
    document["collection"] = {"parties": rows, "state": "open"}
    row = state(node, tmp_path, rfc8785.dumps(document))
    assert (row.state, row.code) == ("refused", code)
    assert entries(node, "batch_listed") == []


def test_a_receipt_in_the_name_of_another_says_nothing(node: Node, tmp_path: Path) -> None:
    """One province signs that another one refused what it got."""
    node.send(planned(40, party="35", seed="35"))
    batches = Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    for identity, receiver in batches:
        if receiver in (VICTIM, SIGNER):
            Delivery(node.running).run(identity)
    template = next(node.party_folder("35", "回执", "机器读取").glob("*.receipt.json"))
    stated = json.loads(template.read_bytes())
    (package,) = [p for p in node.packages() if p.receiver == VICTIM]
    stated |= {"issuer": VICTIM, "sender": "000000", "sha256": package.sha256, "size": package.size}
    body = json.dumps(stated, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    row = state(node, tmp_path, body)
    assert (row.state, row.code) == ("refused", "255")
    assert entries(node, "receipt_taken") == []
    assert [p.state for p in node.packages() if p.id == package.id] == ["delivered"]


# -- nothing counts twice ----------------------------------------------------------------------------------------------


def test_what_was_taken_once_is_a_duplicate_under_any_name_at_any_time(node: Node, tmp_path: Path) -> None:
    trust(node)
    bytes_of: dict[str, bytes] = {}
    for name, rows, changes in (
        ("first", 20, {}),
        ("supplement", 20, {"kind": Kind.SUPPLEMENT, "revision": 2}),
        ("replacement", 40, {"kind": Kind.REPLACE, "revision": 3}),
    ):
        (tmp_path / name).mkdir()
        package = sealed(node, tmp_path / name, descriptor(planned(rows, seed=name), **changes))
        bytes_of[name] = package.read_bytes()
        assert node.row(drop(node, package)).state == "accepted"
    assert node.send(planned(0, seed="void", name=file_name(INFLOW, PERIOD, 0, "-撤回")), b"").state == "accepted"
    left = sorted((p.id, str(p.state)) for p in node.packages())
    for number, (name, data) in enumerate(bytes_of.items()):
        again = tmp_path / f"{number}.gpg"
        again.write_bytes(data)
        row = node.row(drop(node, again, name=f"别的名字-更正-{name}.gpg"))
        assert (row.state, row.code) == ("duplicate", "220"), name
    assert sorted((p.id, str(p.state)) for p in node.packages()) == left
    assert held(node) == {}


def test_an_old_replacement_that_was_held_back_does_not_become_the_newest(node: Node, tmp_path: Path) -> None:
    """It is refused with the revision to seal it as, and taken as that."""
    trust(node)
    old, newer = planned(20, seed="old"), planned(22, seed="newer")
    made = []
    for seed, revision, kind, file in (
        ("1", 1, Kind.NEW, planned(20, seed="first")),
        ("3", 3, Kind.REPLACE, newer),
        ("2", 2, Kind.REPLACE, old),
        ("4", 4, Kind.REPLACE, old),
    ):
        (tmp_path / seed).mkdir()
        made.append(sealed(node, tmp_path / seed, descriptor(file, revision=revision, kind=kind)))
    assert [node.row(drop(node, package)).state for package in made[:2]] == ["accepted", "accepted"]
    row = node.row(drop(node, made[2]))
    assert (row.state, row.code, row.detail["next"]) == ("refused", "258", 4)
    assert "--revision 4" in node.page(row)
    assert held(node) == due(newer)
    assert node.row(drop(node, made[3])).state == "accepted"
    assert held(node) == due(old)


def test_an_agreement_may_take_sealed_packages_alone(node: Node, tmp_path: Path) -> None:
    fact = node.home / "config" / "agreements" / f"{INFLOW}.toml"
    fact.write_text(fact.read_text("utf-8").replace("dataset = ", 'accepts = ["openpgp"]\ndataset = ', 1), "utf-8")
    node.reopen()
    trust(node)
    row = node.send(planned(10, seed="plain"))
    assert (row.state, row.code) == ("refused", "256")
    assert "只接收：openpgp" in node.page(row)
    assert node.row(drop(node, sealed(node, tmp_path, descriptor(planned(10))))).state == "accepted"
