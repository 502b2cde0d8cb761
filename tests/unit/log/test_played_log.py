"""The log of a quarter that was really played: it verifies, here and by Go's tree; every receipt has its proof; a node
put back to an older database does not start."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.auditors import openssl_accepts, run

from gateway.adapters.publishing import LogKeys
from gateway.log import verify
from gateway.log.audit import entries, summarise
from gateway.log.note import VerifierKey
from gateway.log.proof import check_receipt


@pytest.fixture(scope="module")
def key(played) -> VerifierKey:
    return LogKeys(played.home / "private", played.node.facts.node.name).signers()[0].verifier


def test_the_log_of_a_quarter_verifies(played, key: VerifierKey, sumdb: Path, tmp_path: Path) -> None:
    found = verify(played.home / "log", [key], receipts=played.home / "exchange")
    assert found.ok, found.problems
    assert found.size == len(played.rows("log_entries"))
    assert {"receipt", "conservation"} <= found.done
    assert "retention" not in found.done  # a rehearsal's clock runs as fast as it was told to
    done = run(sumdb, "check", played.home / "log", key)
    assert done.returncode == 0, done.stderr.decode()
    assert openssl_accepts(played.home / "log" / "checkpoint", key, tmp_path)


def test_every_receipt_has_a_proof_that_needs_nothing_else(played, key: VerifierKey) -> None:
    receipts = [row["number"] for row in played.rows("receipts")]
    assert len(receipts) > 60
    found = set()
    for proof in (played.home / "exchange").rglob("*.tlog-proof"):
        receipt = proof.with_name(proof.name.removesuffix(".tlog-proof") + ".receipt.json")
        found.add(int(check_receipt(receipt.read_bytes(), proof.read_bytes(), key)["seq"]))
    assert found == {int(number.rpartition("-")[2]) for number in receipts}


def test_the_audit_counts_what_the_ledger_counts(played) -> None:
    told = summarise(entries(played.home / "log"), "2026Q3")
    parcels = [p for p in played.rows("parcels") if p["corridor"] == "submission" and p["period"] == "2026Q3"]
    accepted = [p for p in parcels if p["state"] == "accepted"]
    assert told["parcels"]["accepted"] == len(accepted)
    assert told["parcels"]["records_records"] == sum(p["records"] for p in accepted)
    flows = sum(n for origins in told["flows"].values() for row in origins.values() for n in row.values())
    assert flows == sum(p["accepted"] for p in accepted)
    assert len(told["releases"]) == len(played.rows("distributions"))


def test_a_node_put_back_to_an_older_database_does_not_start(played, tmp_path: Path) -> None:
    home = tmp_path / "node"
    shutil.copytree(played.home, home, ignore=shutil.ignore_patterns("*.sock", "S.*", "exchange", "sftp-endpoint"))
    (home / "exchange").mkdir()
    for old in (home / "state").glob("ledger.db*"):
        old.unlink()
    for name, data in played.live.items():
        (home / "state" / name).write_bytes(data)
    published = (home / "log" / "checkpoint").read_bytes()

    done = subprocess.run(
        [sys.executable, "-m", "gateway", "run", "--config", home], capture_output=True, check=False, timeout=60
    )

    assert done.returncode == 3, done.stderr.decode()
    assert "拒绝签名" in done.stderr.decode()
    assert (home / "log" / "checkpoint").read_bytes() == published
