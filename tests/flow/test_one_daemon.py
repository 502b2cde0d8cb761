"""One daemon to a ledger: a second one is refused in a sentence, and who has lost it writes nothing more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.databases import Cluster, cluster_of_its_own
from support.nodes import Daemon, copy_node, edit, planned

from gateway.adapters.ledger import Hold


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with cluster_of_its_own() as made:
        yield made


@pytest.fixture
def two(template: Path, tmp_path: Path) -> Iterator[tuple[Daemon, Daemon]]:
    """Two nodes' homes, neither of them started."""
    found = []
    for name in ("first", "second"):
        copy_node(template, tmp_path / name)
        found.append(Daemon(tmp_path / name))
    yield found[0], found[1]
    for daemon in found:
        if daemon.alive():
            daemon.kill()
        daemon.close()


def on(url: str, *nodes: Daemon) -> None:
    for node in nodes:
        edit(node.home, database=json.dumps(url))


def refused(node: Daemon) -> str:
    """What is said to a daemon that is not to start."""
    command = [sys.executable, "-m", "gateway", "run", "--config", str(node.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done
    return done.stdout + done.stderr


def wait_until(holds) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.1)


def holders(url: str) -> dict[int, str]:
    """Sessions that hold the ledger, and whose they are, as its server says."""
    question = (
        "SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory'"
    )
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return {pid: name for pid, name in connection.execute(question) if name.startswith("gateway-")}


def held_again(url: str, before: dict[int, str]) -> bool:
    """By the same daemon in another session."""
    now = holders(url)
    return [*now.values()] == [*before.values()] and now.keys() != before.keys()


def test_a_second_one_is_refused_and_the_first_works_on(two: tuple[Daemon, Daemon], cluster: Cluster) -> None:
    first, second = two
    url = cluster.fresh()
    on(url, first, second)
    first.start()
    assert "127.0.0.1 (pid " in refused(second)
    before = holders(url)
    cluster.cut()
    wait_until(lambda: held_again(url, before))
    assert "127.0.0.1 (pid " in refused(second)
    first.drop(planned(6))
    assert [row["code"] for row in first.await_settled(1)] == ["100"]
    assert first.stop() == 0
    first.start()
    assert first.stop() == 0


def test_who_has_lost_it_ends_at_once(two: tuple[Daemon, Daemon], cluster: Cluster) -> None:
    """A daemon stands still while its connections end, as on a machine that hangs; another takes over; it wakes."""
    first, _ = two
    url = cluster.fresh()
    on(url, first)
    first.start()
    os.kill(first.pid, signal.SIGSTOP)
    cluster.cut()
    other = Hold(url)
    wait_until(lambda: other.take() == "")  # the server ends a session a moment after it was told to
    os.kill(first.pid, signal.SIGCONT)
    wait_until(lambda: not first.alive())
    told = [json.loads(line) for line in first.daemon_log.read_text("utf-8").splitlines()]
    assert "ledger_held_by_another" in [line["event"] for line in told]
    other.close()
    first.start()
    assert first.stop() == 0


def test_a_ledger_that_lies_elsewhere_on_this_machine(two: tuple[Daemon, Daemon], tmp_path: Path) -> None:
    first, second = two
    (tmp_path / "elsewhere").mkdir()
    on(f"sqlite:///{tmp_path}/elsewhere/ledger.db", first, second)
    first.start()
    assert f"pid {first.pid}" in refused(second)
    assert first.stop() == 0
    first.start()
    assert first.stop() == 0


def test_a_session_of_its_own_that_the_server_still_keeps_is_ended(cluster: Cluster) -> None:
    """The way there broke, and the server did not notice."""
    url = cluster.fresh()
    hold, other = Hold(url), Hold(url)
    assert hold.take() == ""
    hold._session, forgotten = None, hold._session
    assert hold.take() == ""
    assert len(holders(url)) == 1
    assert other.take() != ""
    hold.close()
    assert other.take() == ""
    other.close()
    assert forgotten is not None
    forgotten.invalidate()
