"""Partners with real stock tools: what they open, what they refuse, what they sign."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.demo.files import truth_of
from gateway.demo.partners import GPG, PartnerFault, Partners, verify_all
from gateway.demo.people import FIELDS, Row
from gateway.demo.story import expected, plan


@dataclass
class Node:
    """A node made of stock tools, so that this test needs none of the gateway's own sealing."""

    keys: Partners
    folder: Path

    def gpg(self, *arguments: str) -> bytes:
        command = [*GPG, "--homedir", str(self.keys.home), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    @property
    def fingerprint(self) -> str:
        return self.keys["00"].fingerprint

    def seal(
        self, name: str, agreement: str, rows: Sequence[Row], recipients: Sequence[str], sign: bool = True
    ) -> Path:
        inside = self.folder / f"{name}.d"
        (inside / "data").mkdir(parents=True)
        with (inside / "data" / "records.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([FIELDS, *rows])
        descriptor = {"gateway:agreement": agreement, "gateway:records": len(rows)}
        (inside / "datapackage.json").write_text(json.dumps(descriptor), "utf-8")
        archive, package = self.folder / f"{name}.tar.zst", self.folder / f"{name}.tar.zst.gpg"
        tar = ["tar", "-C", str(inside), "--zstd", "-cf", str(archive), "datapackage.json", "data"]
        subprocess.run(tar, check=True)
        named = [word for recipient in recipients for word in ("-r", recipient)]
        signing = ["-s", "-u", self.fingerprint] if sign else []
        self.gpg("-z", "0", *signing, "-e", *named, "-o", str(package), str(archive))
        return package


@pytest.fixture(scope="module")
def partners() -> Iterator[Partners]:
    with Partners(["43", "44", "51"]) as made:
        yield made


@pytest.fixture
def node(partners: Partners, tmp_path: Path) -> Iterator[Node]:
    with Partners(["00"]) as keys:
        for partner in partners.values():
            keys.trust(partner.public_key())
        partners.trust(keys["00"].public_key())
        yield Node(keys, tmp_path)


def rows_for(receiver: str) -> tuple[str, list[Row]]:
    planned = next(each for each in plan(scale=0.02) if each.key == "33-inflow")
    return planned.agreement, truth_of(planned).accepted[receiver]


def test_keys_are_distinct_and_exported_one_by_one(partners: Partners) -> None:
    assert len({partner.fingerprint for partner in partners.values()}) == len(partners) == 3
    shown = subprocess.run(
        [*GPG, "--show-keys", "--with-colons"], input=partners["44"].public_key(), capture_output=True
    )
    lines = [line.split(":") for line in shown.stdout.decode().splitlines()]
    assert next(line[9] for line in lines if line[0] == "fpr") == partners["44"].fingerprint
    assert [line[3] for line in lines if line[0] in ("pub", "sub")] == ["22", "18"], "ed25519 and cv25519"
    assert len([line for line in lines if line[0] == "pub"]) == 1


def test_a_package_opens_with_stock_tools(node: Node, partners: Partners, tmp_path: Path) -> None:
    agreement, rows = rows_for("43")
    package = node.seal("a", agreement, rows, [partners["43"].fingerprint])
    opened = partners["43"].open(package, tmp_path / "out")
    assert opened.rows == rows
    assert opened.signer == node.fingerprint
    assert opened.descriptor["gateway:agreement"] == agreement


def test_what_a_receiver_must_not_accept(node: Node, partners: Partners, tmp_path: Path) -> None:
    agreement, rows = rows_for("43")
    own, other = partners["43"].fingerprint, partners["44"].fingerprint
    sealed = {
        "another recipient": node.seal("other", agreement, rows, [other]),
        "more than one": node.seal("both", agreement, rows, [own, other]),
        "no good signature": node.seal("unsigned", agreement, rows, [own], sign=False),
    }
    broken = tmp_path / "broken.gpg"
    data = bytearray(node.seal("good", agreement, rows, [own]).read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(data)
    for number, (why, package) in enumerate({**sealed, "ended with": broken}.items()):
        with pytest.raises(PartnerFault, match=why):
            partners["43"].open(package, tmp_path / f"out{number}")


def test_verification_finds_every_lost_added_and_misdirected_record(node: Node, partners: Partners) -> None:
    planned = [replace(each, rows=60) for each in plan(scale=0.02) if each.key in ("33-inflow", "11-outflow")]
    planned = [replace(each, row_faults=each.row_faults[:2]) for each in planned]
    truth = expected(planned)
    truth.rows = {key: counted for key, counted in truth.rows.items() if key[1] in partners}
    sent: dict[str, list[Path]] = {code: [] for code in partners}
    due: dict[str, list[Row]] = {}
    for each in planned:
        for receiver, rows in truth_of(each).accepted.items():
            if receiver in partners:
                name = f"{each.key}-{receiver}"
                sent[receiver].append(node.seal(name, each.agreement, rows, [partners[receiver].fingerprint]))
                due[name] = rows
    good = verify_all(sent, partners, truth)
    assert good.ok, good.problems
    assert good.rows == sum(map(len, due.values())) > 10
    assert good.packages == len(due)

    key = "33-inflow-43"
    agreement, to = "migrants-inflow", partners["43"].fingerprint
    others = [path for path in sent["43"] if not path.name.startswith(key)]
    cases = {
        "lost": (due[key][:-1], "1 records missing, 0 that were not due"),
        "twice": ([*due[key], due[key][0]], "0 records missing, 1 that were not due"),
        "changed": ([("9", *due[key][0][1:]), *due[key][1:]], "1 records missing, 1 that were not due"),
    }
    for name, (rows, sentence) in cases.items():
        changed = {**sent, "43": [*others, node.seal(name, agreement, rows, [to])]}
        assert verify_all(changed, partners, truth).problems == [f"migrants-inflow to 43: {sentence}"]
    swapped = verify_all({**sent, "43": sent["44"], "44": sent["43"]}, partners, truth)
    assert len(swapped.problems) >= len(sent["43"]) + len(sent["44"])


def test_an_acknowledgement_is_a_detached_signature_of_the_partner(
    node: Node, partners: Partners, tmp_path: Path
) -> None:
    form, into = tmp_path / "签收单.json", tmp_path / "签收"
    form.write_text('{"received": true}', "utf-8")
    into.mkdir()
    signature = partners["51"].acknowledge(form, into)
    assert [path.name for path in into.iterdir()] == ["签收单.json.sig"]
    status = node.gpg("--status-fd", "1", "--verify", str(signature), str(form)).decode()
    assert f"VALIDSIG {partners['51'].fingerprint}" in status
    form.write_text('{"received": false}', "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        node.gpg("--verify", str(signature), str(form))


def test_leaving_cleans_up(tmp_path: Path) -> None:
    ask = ["gpg-connect-agent", "--no-autostart", "--homedir", str(tmp_path / "g"), "/bye"]
    with Partners(["44"], tmp_path / "g") as kept, Partners(["44"]) as passing:
        running = subprocess.run(ask, capture_output=True)
        assert b"no gpg-agent running" not in running.stderr
    assert kept.home.exists()
    assert not passing.home.exists()
    running = subprocess.run(ask, capture_output=True)
    assert b"no gpg-agent running" in running.stderr


def test_a_home_that_has_no_room_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too long"):
        Partners(["44"], tmp_path / ("x" * 90))
