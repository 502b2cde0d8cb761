"""Receivers believe a signed list and nothing else: what is lost, added, misdirected or left over is found."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.files import Planned, records, truth_of
from gateway.demo.holdings import Holdings, Receiver
from gateway.demo.partners import GPG, PartnerFault, Partners
from gateway.demo.people import FIELDS, INFLOW, Row
from gateway.demo.story import Expected, plan, row_digest
from gateway.demo.submitting import sealed

PLANNED = next(each for each in plan(scale=0.02) if each.key == "33-inflow")
ROWS = truth_of(PLANNED).accepted["43"]


@pytest.fixture(scope="module")
def keys() -> Iterator[Partners]:
    """A node (00), the receiver (43) and a stranger (51) in one home: all tools are stock."""
    with Partners(["00", "43", "51"]) as made:
        yield made


class Channel:
    """A receiver's folder and what a node lays into it."""

    def __init__(self, keys: Partners, folder: Path) -> None:
        self.keys, self.folder = keys, folder / "接收"
        self.folder.mkdir()
        (folder / "签收").mkdir()
        self.receiver = Receiver(keys["43"], self.folder, folder / "签收")
        self.holdings = Holdings.__new__(Holdings)
        self.holdings.receivers = {"43": self.receiver}

    def seal(self, name: str, rows: list[Row]) -> dict[str, Any]:
        """A package of rows, as the list names it."""
        inside = self.folder.parent / f"{name}.d"
        (inside / "data").mkdir(parents=True)
        lines = [FIELDS, *rows]
        with (inside / "data" / "records.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(lines)
        descriptor = {
            "gateway:package_id": name,
            "gateway:agreement": INFLOW,
            "gateway:origin": "330000",
            "gateway:receiver": "430000",
            "gateway:records": len(rows),
        }
        (inside / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")
        archive, package = inside / "p.tar.zst", self.folder / f"{name}.tar.zst.gpg"
        tar = ["tar", "-C", str(inside), "--zstd", "-cf", str(archive), "datapackage.json", "data"]
        subprocess.run(tar, check=True)
        self._gpg("-z", "0", "-s", "-e", "-r", self.keys["43"].fingerprint, "-o", str(package), str(archive))
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        return {
            "package": name,
            "origin": "330000",
            "records": len(rows),
            "sha256": digest,
            "size": package.stat().st_size,
        }

    def listed(self, batch: int, packages: list[dict[str, Any]], signer: str = "00", **more: object) -> None:
        """A signed list of a batch and the form that goes with it."""
        document = {"agreement": INFLOW, "batch": batch, "packages": packages, "origins": [], **more}
        path = self.folder / f"分发清单_2026Q3_第{batch}批.json"
        path.write_text(json.dumps(document), "utf-8")
        self._gpg("--detach-sign", "-o", f"{path}.sig", str(path), signer=signer)
        form = {"list_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        (self.folder / f"签收单_第{batch}批.receipt.json").write_text(json.dumps(form), "utf-8")

    def collect(self, into: Path) -> list[str]:
        self.receiver.collect(into, self.keys["00"].fingerprint)
        return self.receiver.problems

    def _gpg(self, *arguments: str, signer: str = "00") -> None:
        user = self.keys[signer].fingerprint
        command = [*GPG, "--homedir", str(self.keys.home), "-u", user, *arguments]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def channel(keys: Partners, tmp_path: Path) -> Channel:
    return Channel(keys, tmp_path)


def truth(rows: list[Row], packages: int = 1) -> Expected:
    total = Expected()
    if rows:
        total.rows[INFLOW, "43"] = Counter(map(row_digest, rows))
    total.packages = packages
    return total


def test_what_a_list_names_is_opened_and_signed_for(channel: Channel, tmp_path: Path) -> None:
    channel.listed(1, [channel.seal("a", ROWS)])
    assert channel.collect(tmp_path) == []
    assert channel.holdings.problems(truth(ROWS)) == []
    assert [f.name for f in (tmp_path / "签收").iterdir()] == ["签收单_第1批.receipt.json.sig"]
    assert channel.holdings.problems(truth(ROWS[1:])) == [f"{INFLOW} to 43: 0 records missing, 1 that were not due"]
    assert channel.holdings.problems(truth([*ROWS, ROWS[0]])) == [
        f"{INFLOW} to 43: 1 records missing, 0 that were not due"
    ]


def test_what_is_replaced_or_withdrawn_is_deleted(channel: Channel, tmp_path: Path) -> None:
    first, other = channel.seal("a", ROWS[:3]), channel.seal("b", ROWS[3:5])
    channel.listed(1, [first, other])
    channel.collect(tmp_path)
    newer = {**channel.seal("c", ROWS[:2]), "replaces": "a"}
    channel.listed(2, [newer], withdrawn=[{"package": "b", "origin": "330000", "reason": "void"}])
    assert channel.collect(tmp_path) == []
    assert channel.holdings.packages == ["c"]
    assert channel.holdings.problems(truth(ROWS[:2])) == []
    assert channel.holdings.total("deleted") == 2
    assert [f.name for f in channel.folder.glob("*.gpg")] == ["c.tar.zst.gpg"]


def test_batches_are_read_in_their_order(channel: Channel, tmp_path: Path) -> None:
    first = channel.seal("a", ROWS[:3])
    channel.listed(10, [{**channel.seal("c", ROWS[:2]), "replaces": "a"}])
    channel.listed(2, [first])
    assert channel.collect(tmp_path) == []
    assert channel.holdings.packages == ["c"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, "not the listed one"),
        ({"size": 1}, "not the listed one"),
        ({"records": 1}, "not what its list says"),
        ({"origin": "340000"}, "not what its list says"),
        ({"replaces": "nobody"}, "KeyError"),
    ],
)
def test_a_list_that_is_not_true_is_told(channel: Channel, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    channel.listed(1, [{**channel.seal("a", ROWS), **changes}])
    (problem,) = channel.collect(tmp_path)
    assert said in problem
    assert channel.receiver.signed == 0


def test_a_list_of_a_stranger_is_not_believed(channel: Channel, tmp_path: Path) -> None:
    channel.listed(1, [channel.seal("a", ROWS)], signer="51")
    (problem,) = channel.collect(tmp_path)
    assert "another one signed" in problem
    assert channel.holdings.packages == []


def test_a_package_that_no_list_names_is_told(channel: Channel, tmp_path: Path) -> None:
    channel.listed(1, [channel.seal("a", ROWS)])
    channel.seal("b", ROWS[:2])
    channel.collect(tmp_path)
    assert channel.holdings.problems(truth(ROWS)) == ["43: 1 packages that no list names"]


def test_a_changed_document_is_not_verified(keys: Partners, tmp_path: Path) -> None:
    document = tmp_path / "d.json"
    document.write_text("{}", "utf-8")
    signature = keys["51"].acknowledge(document, tmp_path)
    assert keys["43"].verify(document, signature) == keys["51"].fingerprint
    document.write_text("{ }", "utf-8")
    with pytest.raises(PartnerFault):
        keys["43"].verify(document, signature)


def test_a_sealed_submission_is_a_package_of_the_formats_page(keys: Partners, tmp_path: Path) -> None:
    plain = Planned("33-plain", "33", INFLOW, "2026Q3", "x.csv", 12, "plain")
    made = sealed(plain, keys["51"], "000000", keys["43"].fingerprint, datetime(2026, 10, 9, tzinfo=UTC))
    (tmp_path / "p.gpg").write_bytes(made)
    opened = keys["43"].open(tmp_path / "p.gpg", tmp_path / "out")
    assert opened.signer == keys["51"].fingerprint
    assert opened.descriptor["gateway:receiver"] == "000000"
    (resource,) = opened.descriptor["resources"]
    data = (tmp_path / "out" / resource["path"]).read_bytes()
    assert resource["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert opened.rows == records(plain)
