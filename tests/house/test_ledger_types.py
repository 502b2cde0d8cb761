"""A type checker refuses what the ledger would refuse, or would not: a wrong column, a wrong state, text for an
instant."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RIGHT = """
from datetime import date, datetime
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.lifecycle import BatchState, Change, InquiryState, ObligationState, ParcelState

def right(tx: Transaction, now: datetime) -> ParcelRow | None:
    tx.parcels.update("p", code="704", next_attempt_at=now, posted_at=None)
    tx.parcels.change("p", Change(ParcelState.FAULTED))
    tx.obligations.change("o", Change(ObligationState.VOID), remind_at=None)
    tx.obligations.listed(limit=1, states=[ObligationState.OPEN], party="330000")
    tx.receipts.where(parcel="p", written_at=None)
    return tx.parcels.get("p")

def wrong(tx: Transaction, reading: Reading, now: datetime) -> None:
"""
WRONG = {
    'tx.parcels.update("p", state=ParcelState.FAULTED)': "call-arg",
    'tx.parcels.update("p", stage="intake")': "call-arg",
    'tx.parcels.update("p", next_attempt_at="")': "arg-type",
    'tx.parcels.update("p", received_at=now)': "call-arg",
    'tx.parcels.change("p", Change(BatchState.FAULTED))': "arg-type",
    'tx.parcels.change("p", ParcelState.FAULTED)': "arg-type",
    'tx.parcels.where(state="faulted")': "arg-type",
    'tx.parcels.add(id="p", corridor="submission")': "call-arg",
    'tx.batches.update("d", state=BatchState.ERASED)': "call-arg",
    'tx.batches.change("d", Change(ParcelState.FAULTED))': "arg-type",
    'tx.packages.where(kind="new")': "arg-type",
    'tx.obligations.update("o", due="2026-10-31")': "arg-type",
    'tx.obligations.where(kind="sumbission")': "arg-type",
    'tx.obligations.change("o", Change(ObligationState.MET), state=ObligationState.MET)': "call-arg",
    "tx.obligations.running_out(date(2026, 10, 31), now)": "arg-type",
    'tx.inquiries.update("p", "r", state=InquiryState.CLOSED)': "call-arg",
    'reading.parcels.update("p", code="704")': "attr-defined",
    'reading.parcels.row("p").next_attempt_at < now': "operator",
}


def test_mistakes_are_found_before_they_run(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(RIGHT + "".join(f"    {line}\n" for line in WRONG))
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--no-pretty", snippet]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    first = RIGHT.count("\n") + 1
    lines = dict(enumerate(WRONG, first))
    found = re.findall(r"snippet\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert {lines.get(int(number), number): code for number, code in found} == WRONG, done.stdout + done.stderr
