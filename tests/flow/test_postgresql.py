"""The same flow on PostgreSQL: a few parcels through the real daemon, killed once on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from support.nodes import Daemon, copy_node, edit, planned

from gateway.demo.faults import FileFault, RowFault
from gateway.demo.partners import Partners, verify_all
from gateway.demo.people import INFLOW
from gateway.demo.story import expected

FILES = [
    planned(60, party="33", row_faults=((4, RowFault.BAD_CHECKSUM), (9, RowFault.STRAY_QUOTE))),
    planned(30, party="34", encoding="gb18030"),
    planned(12, party="35", file_fault=FileFault.WRONG_HEADER),
]


@pytest.fixture
def daemon(template: Path, tmp_path: Path, postgres) -> Iterator[Daemon]:
    copy_node(template, tmp_path / "node")
    edit(tmp_path / "node", database=json.dumps(postgres.fresh()))
    node = Daemon(tmp_path / "node")
    yield node
    node.close()


def test_a_few_parcels_end_to_end(daemon: Daemon, partners: Partners) -> None:
    daemon.start()
    for file in FILES:
        daemon.drop(file)
    daemon.kill()
    daemon.start()
    daemon.await_settled(len(FILES))
    again = replace(FILES[1], name="再次" + FILES[1].name)
    daemon.drop(again)
    rows = {(p["sender"], p["state"]): p for p in daemon.await_settled(len(FILES) + 1)}
    assert {key: row["code"] for key, row in rows.items()} == {
        ("330000", "accepted"): "101",
        ("340000", "accepted"): "100",
        ("350000", "refused"): rows["350000", "refused"]["code"],
        ("340000", "duplicate"): "220",
    }
    assert daemon.command("parcels", "release", "--agreement", INFLOW, "--period", "2026Q3").returncode == 0
    daemon.await_counts("deliveries", "delivered", 32)
    truth = expected(FILES)
    verified = verify_all(daemon.packages(), partners, truth)
    assert verified.problems == []
    assert (verified.packages, verified.rows) == (truth.packages, truth.accepted)
    database = daemon.facts.node.database.replace("+psycopg", "")
    assert daemon.stop() == 0
    assert not (daemon.home / "state" / "ledger.db").exists()
    with psycopg.connect(database) as connection:
        seqs = [row[0] for row in connection.execute("SELECT seq FROM log_entries ORDER BY seq")]
        assert seqs == list(range(len(seqs)))
        delivered = connection.execute(
            "SELECT count(*), count(DISTINCT parcel) FROM log_entries WHERE event='delivered'"
        )
        assert delivered.fetchone() == (32, 32)
        schemas = {row[0] for row in connection.execute("SELECT DISTINCT schemaname FROM pg_tables")}
        assert "public" in schemas
        assert connection.execute("SELECT count(*) FROM parcels").fetchone() == (4,)
