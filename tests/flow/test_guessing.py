"""The log tells its readers nothing of a record, and those who hold a key everything that they have to know."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from sqlalchemy import text
from support.guessing import as_before, plain_digests, search
from support.nodes import Node, planned

from gateway import flow
from gateway.demo.faults import FileFault
from gateway.demo.files import records, render
from gateway.demo.people import INFLOW
from gateway.log.verification.findings import Findings
from gateway.log.verification.receipts import Receipts
from gateway.step import StepResult

ONE = planned(1)
RECORD = records(ONE)[0]
DROPPED = render(ONE).decode().replace(",".join(RECORD), "{}")


def bodies(node: Node) -> list[bytes]:
    """What a copy of the log holds."""
    with node.running.ledger.reading() as reading:
        return [entry.body for entry in reading.entries.after(-1, 1000)]


def logged(node: Node, parcel: str, event: str) -> Any:
    with node.running.ledger.reading() as reading:
        entry = reading.entries.get(f"{parcel}/{event}")
    assert entry is not None
    return json.loads(entry.body)["digests"]


# -- who has the log alone ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    return plain_digests(RECORD, DROPPED, INFLOW)


def test_the_file_is_what_the_search_takes_it_for(plain: dict[str, str]) -> None:
    assert "{}" in DROPPED
    assert plain["file"] == hashlib.sha256(render(ONE)).hexdigest()


def test_from_the_log_alone_nothing_of_a_record_is_found(node: Node, plain: dict[str, str]) -> None:
    """And the same search finds it wherever the log has a plain digest, so it would find it here."""
    row = node.send(ONE)
    log = bodies(node)
    assert search(log, RECORD, DROPPED, INFLOW) == set()
    (package,) = node.packages(parcel=row.id)
    shown = {
        logged(node, row.id, "checked")["records"]: plain["line"],
        logged(node, row.id, "received")["content_keyed"]: plain["file"],
        package.id: package.id[:-8] + plain["package"][:8],
    }
    for one, other in shown.items():
        assert search(as_before(log, {one: other}), RECORD, DROPPED, INFLOW) == {RECORD}


def test_nothing_that_leaves_with_the_log_is_a_plain_digest(node: Node, plain: dict[str, str]) -> None:
    """The digest of the receipt is that of a text with a salt, so that the rest of it cannot be tried."""
    receipt = node.receipt(node.send(ONE))
    whole = b"\n".join(bodies(node)).decode()
    assert not [name for name, digest in plain.items() if digest in whole]
    assert hashlib.sha256(rfc8785.dumps(receipt)).hexdigest() in whole
    assert receipt["format"] == 2
    assert len(bytes.fromhex(receipt["salt"])) == 32


# -- who holds a package -----------------------------------------------------------------------------------------------


def lines_of(folder: Path) -> list[bytes]:
    (table,) = (folder / "data").iterdir()
    return table.read_bytes().split(b"\n")[1:-1]


def part_digest(key: str, lines: list[bytes]) -> str:
    """Σ SHA-256(line) + HMAC(key, "records"), modulo 2^256, as the page on the log's format says it."""
    total = sum(int(hashlib.sha256(line).hexdigest(), 16) for line in lines)
    total += int(hmac.new(bytes.fromhex(key), b"records", hashlib.sha256).hexdigest(), 16)
    return f"{total % 2**256:064x}"


def openssl(key: str, data: str) -> str:
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}"]
    done = subprocess.run(command, input=data.encode(), capture_output=True, check=True)
    return done.stdout.decode().split()[-1]


def test_a_receiver_finds_its_part_in_the_log_and_no_other(node: Node, tmp_path: Path) -> None:
    row = node.send(planned(40))
    shown = logged(node, row.id, "sorted")
    packages = node.packages(parcel=row.id)
    assert len(packages) > 3
    held = {}
    for package in packages:
        into = tmp_path / package.receiver
        (sealed,) = [file for file in node.sealed() if file.name.startswith(package.id)]
        opened = node.partners[package.receiver[:2]].open(sealed, into)
        held[package.receiver] = opened.descriptor["gateway:digest_key"], lines_of(into)
        assert opened.descriptor["gateway:format"] == 2
        (resource,) = opened.descriptor["resources"]
        content = openssl(held[package.receiver][0], f"{resource['path']} {resource['hash'].removeprefix('sha256:')}\n")
        assert opened.descriptor["gateway:content_digest"] == content
        assert package.id.endswith(f"_{content[:8]}")
    assert {receiver: part_digest(*one) for receiver, one in held.items()} == shown
    keys = [key for key, _ in held.values()]
    assert len(set(keys)) == len(keys)
    for receiver, (key, _) in held.items():
        others = [lines for other, (_, lines) in held.items() if other != receiver]
        assert not {part_digest(key, lines) for lines in others} & set(shown.values())


def test_what_was_sorted_adds_up_to_what_was_checked(node: Node) -> None:
    row = node.send(planned(40))
    total = sum(int(digest, 16) for digest in logged(node, row.id, "sorted").values()) % 2**256
    assert f"{total:064x}" == logged(node, row.id, "checked")["records"]
    assert logged(node, row.id, "accepted")["records"] == logged(node, row.id, "checked")["records"]


def test_a_sender_finds_its_file_in_the_log_with_its_receipt(node: Node) -> None:
    row = node.send(ONE)
    receipt = node.receipt(row)
    assert receipt["sha256"] == hashlib.sha256(render(ONE)).hexdigest()
    assert logged(node, row.id, "received") == {"content_keyed": openssl(receipt["salt"], receipt["sha256"])}


@pytest.mark.parametrize(
    ("change", "found"),
    [({}, []), ({"sha256": "0" * 64}, ["receipt"]), ({"salt": "0" * 64}, ["receipt"]), ({"sha256": ""}, ["receipt"])],
)
def test_the_verifier_holds_a_receipt_to_the_keyed_digest(
    node: Node, tmp_path: Path, change: dict[str, str], found: list[str]
) -> None:
    receipt = {**node.receipt(node.send(ONE)), **change}
    (tmp_path / "a.receipt.json").write_bytes(rfc8785.dumps(receipt))
    findings = Findings()
    watcher = Receipts(tmp_path, receipt["log"]["origin"], (), findings)
    with node.running.ledger.reading() as reading:
        (entry,) = reading.entries.after(receipt["log"]["seq"] - 1, 1)
    watcher.see(entry.seq, json.loads(entry.body), entry.leaf)
    watcher.conclude()
    assert [problem.check for problem in findings.listed] == found


# -- when it is over ---------------------------------------------------------------------------------------------------


def watched(node: Node, parcel: str, keys: set[str]) -> Callable[..., StepResult]:
    """Run each step, and write down the parcel's key after it."""

    def run(name: str, step: Callable[..., StepResult], *arguments: str) -> StepResult:
        result = step(*arguments)
        with node.running.ledger.reading() as reading:
            keys.add(reading.secrets.key(parcel))
        if name == "intake":  # as older versions kept one
            with node.running.ledger.transaction(node.running.clock.now()) as tx:
                values = {"commit": parcel.ljust(64, "0"), "salt": parcel[::-1].ljust(64, "0"), "parcel": parcel}
                tx.connection.execute(text("INSERT INTO log_salts VALUES (:commit, :salt, :parcel)"), values)
        return result

    return run


@pytest.mark.parametrize("fault", [None, FileFault.WRONG_HEADER])
def test_after_erasure_the_ledger_holds_no_key_and_no_salt(node: Node, fault: FileFault | None) -> None:
    node.drop(planned(3, file_fault=fault) if fault else ONE)
    (claim,) = node.scan()
    keys: set[str] = set()
    flow.bind(node.running)
    flow.submit(claim.parcel, watched(node, claim.parcel, keys))
    (key,) = keys - {""}
    with node.running.ledger.reading() as reading:
        kept = reading.secrets.key(claim.parcel)
    node.close()
    data = (node.home / "state" / "ledger.db").read_bytes()
    salt = claim.parcel[::-1].ljust(64, "0").encode()
    if fault:  # its original lies in quarantine still
        assert kept == key
        assert key.encode() in data
        assert salt in data
    else:
        assert kept == ""
        assert key.encode() not in data
        assert salt not in data
    node.open()
    with node.running.ledger.reading() as reading:
        steps = [reading.progress.get(claim.parcel, name) for name in ("intake", "checking", "sorting", "sealing")]
    digests = [digest for body in steps if body for digest in re.findall(r'"sha256": ?"([0-9a-f]*)"', body)]
    assert all(digests) if fault else set(digests) == {""}
