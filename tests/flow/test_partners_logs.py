"""A proof beside a partner's receipt counts where the partner's own log key signed the checkpoint under it."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from support.logs import ORIGIN, START, Log, make_log
from support.nodes import Node

from gateway.corridors.between import statements
from gateway.inspection import findings
from gateway.lifecycle import StatementState
from gateway.log import proof
from gateway.log.note import read_checkpoint
from gateway.log.tiles import TileTree
from gateway.parcels import AgreementId, ParcelId, PartyId
from gateway.receipts.receipt import Counts, LogEntry, Receipt, number

PARTY, INDEX = "330000", 5


@pytest.fixture
def theirs(tmp_path: Path) -> Log:
    return make_log(tmp_path / "theirs", 3)


def proved(log: Log) -> bytes:
    note, checkpoint = read_checkpoint(log.checkpoint.read_bytes())
    return proof.prove(TileTree(log.folder, checkpoint.size), INDEX, note).to_bytes()


def stated(node: Node, leaf: str) -> None:
    """A receipt of theirs that was believed and rests on that entry."""
    body = Receipt(
        number=number(START.date(), INDEX),
        stage="accepted",
        code="100",
        issuer=PartyId(PARTY),
        parcel=ParcelId("p" + "4" * 25),
        sha256="0" * 64,
        size=1,
        sender=PartyId("000000"),
        receivers=(),
        agreement=AgreementId("migrants-inflow"),
        label="x",
        counts=Counts(1, 1, out={"11": 1}),
        period="2026Q3",
        kind=None,
        revision=1,
        decided_by=None,
        received_at=START,
        issued_at=START,
        log=LogEntry(ORIGIN, INDEX, leaf),
        facts="4" * 64,
    ).to_json()
    with node.running.ledger.transaction(START) as tx:
        tx.statements.add(
            id=statements.statement_id(body, b"s"),
            issuer=PARTY,
            receiver="000000",
            kind="receipt",
            state=StatementState.VERIFIED,
            leaf=leaf,
            signature_sha256=hashlib.sha256(b"s").hexdigest(),
            body=body,
            signature=b"s",
            at=START,
        )


def test_a_proof_is_held_to_the_partners_own_log(node: Node, theirs: Log, tmp_path: Path) -> None:
    """Another key under the same name and the same entries: a log that somebody else keeps."""
    data = proved(theirs)
    stated(node, proof.shows(proof.Proof.parse(data)))
    another = make_log(tmp_path / "another", 3)
    party = node.facts.parties[PARTY]

    def kept(*keys: object) -> bool | None:
        return statements.attach_proof(
            node.running, party.model_copy(update={"log_keys": tuple(str(key) for key in keys)}), data
        )

    assert kept(another.key) is False
    with node.running.ledger.reading() as reading:
        assert [row.proof for row in reading.statements.where(issuer=PARTY)] == [b""]
    assert kept(another.key, theirs.key) is True
    with node.running.ledger.reading() as reading:
        assert [row.proof for row in reading.statements.where(issuer=PARTY)] == [data]
    assert kept() is True


def test_a_line_that_is_no_log_key_is_a_fault(home: Path, theirs: Log) -> None:
    file = home / "config" / "parties" / f"{PARTY}.toml"
    text = file.read_text("utf-8")
    file.write_text(f'log_keys = ["{theirs.key}"]\n{text}', "utf-8")
    assert findings(home, date(2026, 10, 20)).faults == ()
    file.write_text(f'log_keys = ["other+{str(theirs.key).partition("+")[2]}"]\n{text}', "utf-8")
    (fault,) = findings(home, date(2026, 10, 20)).faults
    assert (fault.file, fault.line) == (f"config/parties/{PARTY}.toml", 1)
