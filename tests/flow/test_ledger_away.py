"""PostgreSQL goes away under load, in mid-transaction, and comes back: all settles by itself, nothing is our fault."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.databases import Cluster, cluster_of_its_own
from support.nodes import REHEARSAL, Daemon, copy_node, edit, planned

from gateway.demo.people import INFLOW

PARTIES = ("11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37", "41")
FILES = [planned(6, party=party, seed=f"away/{party}") for party in PARTIES]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with cluster_of_its_own() as made:
        yield made


@pytest.fixture
def daemon(template: Path, tmp_path: Path, cluster: Cluster) -> Iterator[Daemon]:
    """Its clock runs twenty times as fast, so that a minute of waiting passes in three seconds."""
    node = started(template, tmp_path, cluster.fresh())
    pid = node.pid
    yield node
    assert node.pid == pid
    assert node.stop() == 0


def started(template: Path, tmp_path: Path, database: str) -> Daemon:
    copy_node(template, tmp_path / "node")
    edit(tmp_path / "node", database=json.dumps(database))
    config = tmp_path / "node" / "config" / "gateway.toml"
    config.write_text(
        config.read_text("utf-8").replace(f"{REHEARSAL}\nspeed = 1.0", f"{REHEARSAL}\nspeed = 20.0"), "utf-8"
    )
    node = Daemon(tmp_path / "node")
    node.start()
    return node


def all_settled(daemon: Daemon) -> None:
    rows = daemon.await_parcels(len(FILES), lambda p: p["posted_at"] != "", seconds=150)
    assert {(row["state"], row["code"]) for row in rows} == {("accepted", "100")}
    nothing_of_ours(daemon)


def nothing_of_ours(daemon: Daemon) -> None:
    """No fault, and no word of a library, in the journal."""
    told = [json.loads(line) for line in daemon.daemon_log.read_text("utf-8").splitlines()]
    assert [line for line in told if line.get("code") == "900" or line["event"] in ("step_failed", "uncaught")] == []
    assert "SELECT" not in daemon.daemon_log.read_text("utf-8")


def cut(cluster: Cluster) -> None:
    for _ in range(20):
        cluster.cut()
        time.sleep(0.3)


def restart(cluster: Cluster) -> None:
    for _ in range(2):
        cluster.close()
        time.sleep(3)
        cluster.start()
        time.sleep(1)


def test_a_standby_that_is_promoted_takes_over(template: Path, tmp_path: Path, cluster: Cluster) -> None:
    """The first server is gone for good. Commits wait for the standby, so nothing that was logged is lost."""
    with tempfile.TemporaryDirectory(prefix="gw-pg-", ignore_cleanup_errors=True) as folder:
        standby = Cluster(Path(folder), of=cluster)
        cluster.wait_for_standbys()
        name = cluster.fresh().rpartition("/")[2]
        hosts = f"host=127.0.0.1:{cluster.port}&host=127.0.0.1:{standby.port}&target_session_attrs=read-write"
        daemon = started(template, tmp_path, f"postgresql+psycopg://gateway@/{name}?{hosts}")
        try:
            for file in FILES:
                daemon.drop(file)
            daemon.await_parcels(4, lambda p: True)
            cluster.kill()
            standby.promote()
            all_settled(daemon)
            assert daemon.stop() == 0
        finally:
            daemon.close()
            standby.close()


@pytest.mark.parametrize("trouble", [cut, restart])
def test_all_of_it_settles_by_itself(daemon: Daemon, cluster: Cluster, trouble: Callable[[Cluster], None]) -> None:
    for file in FILES[:8]:
        daemon.drop(file)
    daemon.await_parcels(1, lambda p: True)
    trouble(cluster)
    for file in FILES[8:]:
        daemon.drop(file)
    all_settled(daemon)
    assert daemon.command("parcels", "release", "--agreement", INFLOW, "--period", "2026Q3").returncode == 0
    trouble(cluster)
    daemon.await_counts("deliveries", "delivered", 32, seconds=150)
    counts = daemon.get("status")["counts"]
    assert (counts["parcels"], counts["deliveries"]) == ({"accepted": len(FILES)}, {"delivered": 32})
    nothing_of_ours(daemon)
