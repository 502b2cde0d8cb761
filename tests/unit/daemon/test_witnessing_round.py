"""The daemon as a witness: what partners leave in their folder here is answered there, whoever made the folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from support.logs import START, Log, make_log
from support.nodes import Node

from gateway.adapters.publishing import over_http
from gateway.adapters.worker import Worker
from gateway.daemon import witnessing
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.inspection import findings
from gateway.log import merkle
from gateway.log.note import read_checkpoint
from gateway.log.tiles import TileTree

PARTY, PLACE = "330000", "见证"


@pytest.fixture
def theirs(tmp_path: Path) -> Log:
    """A log that is not ours."""
    return make_log(tmp_path / "theirs", 5)


def request(log: Log, old: int = 0) -> bytes:
    note, checkpoint = read_checkpoint(log.checkpoint.read_bytes())
    tree = TileTree(log.folder, checkpoint.size)

    def proof(size: int) -> Sequence[bytes]:
        return merkle.consistency(tree.node, size, checkpoint.size)

    return over_http.request(note, proof, old)


def test_requests_in_a_partys_folder_are_answered(home: Path, theirs: Log, partners: Partners, worker: Worker) -> None:
    (home / "keys" / "witnessed.policy").write_text(f"log {theirs.key}\nquorum none\n")
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[witnessing]\nparties = ["{PARTY}"]\n')
    assert not findings(home, date(2026, 10, 20)).faults
    node = Node(home, partners, worker)
    try:
        folder = places.party_folder(node.facts, node.facts.parties[PARTY]) / PLACE
        assert witnessing.answer(node.running) == 0
        assert folder.is_dir()
        (folder / "add-checkpoint").write_bytes(request(theirs))
        assert witnessing.answer(node.running) == 1
        assert [path.name for path in folder.iterdir()] == ["checkpoint.note"]
        size = read_checkpoint((folder / "checkpoint.note").read_bytes())[1].size
        theirs.grow(5, 2, START)
        (folder / "checkpoint.note").unlink()
        (folder / "add-checkpoint").write_bytes(request(theirs, size))
        assert witnessing.answer(node.running) == 1
        assert (folder / "checkpoint.note").exists()
        (folder / "add-checkpoint").write_bytes(request(theirs, size))  # it remembers more by now
        assert witnessing.answer(node.running) == 1
        assert (folder / "checkpoint.size").exists()
    finally:
        node.close()


def test_what_is_missing_is_a_fault(home: Path) -> None:
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write('\n[witnessing]\nparties = ["330000", "999999"]\n')
    said = " ".join(fault.text("zh") for fault in findings(home, date(2026, 10, 20)).faults)
    assert "999999 没有文件" in said
    assert "witnessed.policy" in said
