"""A small quarter, played once through the real daemon, that several tests look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.ledger import Ledger
from gateway.demo.files import Planned
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners
from gateway.demo.play import PlainQuarter
from gateway.demo.story import Expected, expected, plan
from gateway.wiring import database_url
from support.nodes import processes_of

SCALE = 0.02


@dataclass
class Played:
    """What a quarter left. `live`: a copy of the ledger's files while the daemon still held them; `exit_code` and
    `left_running`: how the daemon ended, and which processes still named the node then."""

    node: DemoNode
    partners: Partners
    files: list[Planned]
    truth: Expected
    parcels: list[dict[str, Any]]
    ledger: Ledger
    live: dict[str, bytes]
    signed: int
    exit_code: int
    left_running: list[str]

    @property
    def home(self) -> Path:
        return self.node.home

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table of the ledger as it lies on disk, read by sqlite3 alone."""
        with closing(sqlite3.connect(f"file:{self.home}/state/ledger.db?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


@pytest.fixture(scope="session")
def played(partners: Partners, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """32 provinces, both agreements, some thousands of records, faults and all: submitted, released, delivered to
    folders and to one SFTP endpoint, acknowledged; then the daemon is stopped."""
    home = tmp_path_factory.mktemp("played") / "node"
    node = DemoNode.make(home, partners)
    try:
        node.start()
        files = plan(scale=SCALE)
        quarter = PlainQuarter(node, partners, files)
        parcels = quarter.submit()
        quarter.await_deliveries("delivered", 64)
        signed = quarter.acknowledge(partners)
        quarter.await_deliveries("acknowledged", 64)
        live = {p.name: p.read_bytes() for p in (home / "state").glob("ledger.db*")}
        exit_code = node.stop()
        left_running = [line for line in processes_of(home) if "sshd" not in line]
        ledger = Ledger(database_url(node.facts))
        yield Played(node, partners, files, expected(files), parcels, ledger, live, signed, exit_code, left_running)
        ledger.close()
    finally:
        node.close()
