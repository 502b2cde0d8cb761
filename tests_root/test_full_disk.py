"""A disk that fills up under a running daemon: a small file system of its own, filled for real.

Below the limit nothing new is taken and what is in work finishes; with no byte left nothing is lost and nothing dies;
with room again all of it goes on by itself.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.nodes import PERIOD, Daemon, edit, make_node, planned

from gateway.demo.partners import Partners
from gateway.demo.regions import provinces

SIZE_MB, CLOSES_MB, OPENS_MB = 160, 60, 80
BLOCK = 1 << 16
REMIND = ("remind", PERIOD)


@pytest.fixture
def disk(place: Path) -> Iterator[Path]:
    made = place / "disk"
    made.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(made)], check=True)
    yield made
    subprocess.run(["umount", "--lazy", str(made)], check=True)


@pytest.fixture
def node(disk: Path) -> Iterator[Daemon]:
    with Partners([province.code for province in provinces()]) as partners:
        make_node(disk / "node", partners)
        edit(disk / "node", min_free_mb=str(CLOSES_MB))
        file = disk / "node" / "config" / "gateway.toml"
        limits = f"min_free_mb = {CLOSES_MB}\nresume_free_mb = {OPENS_MB}"
        file.write_text(file.read_text("utf-8").replace(f"min_free_mb = {CLOSES_MB}", limits), "utf-8")
        made = Daemon(disk / "node")
        made.start()
        yield made
        made.close()


def free_mb(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize >> 20


def fill(disk: Path, leave_mb: int) -> None:
    """Until so much is left; with 0, until the file system says that it is full."""
    with (disk / "ballast").open("ab", buffering=0) as ballast:
        while leave_mb == 0 or free_mb(disk) >= leave_mb:
            try:
                ballast.write(bytes(BLOCK))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return


def wait(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.1)


def text(node: Daemon, path: str) -> tuple[int, str]:
    """What a monitor reads on the control socket."""
    done = subprocess.run(
        ["curl", "-s", "-w", "\n%{http_code}", "--unix-socket", str(node.home / "state" / "control.sock"), path],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, code = done.stdout.rpartition("\n")
    return int(code), body


def metric(node: Daemon, name: str) -> list[str]:
    return [line for line in text(node, "http://node/metrics")[1].splitlines() if line.startswith(f"gateway_{name} ")]


def test_intake_waits_work_finishes_and_all_goes_on(disk: Path, node: Daemon) -> None:
    pid = node.get("health")["pid"]
    worker = node.get("health")["worker"]["pid"]
    os.kill(worker, signal.SIGSTOP)
    node.drop(planned(20, party="33"))
    node.await_parcels(1, lambda p: p["sender"] == "330000" and p["state"] == "received")
    fill(disk, CLOSES_MB - 10)
    wait(lambda: not node.get("health")["intake"]["open"])
    waiting = node.drop(planned(20, party="34"))

    assert node.command("status").returncode == 1
    assert metric(node, "intake_open") == ["gateway_intake_open 0"]
    assert text(node, "http://node/readyz")[0] == 503
    assert "disk_low" in text(node, "http://node/readyz")[1]
    os.kill(worker, signal.SIGCONT)
    node.await_parcels(1, lambda p: p["sender"] == "330000" and p["state"] == "accepted" and p["posted_at"])
    assert waiting.exists()
    assert [p["sender"] for p in node.get("parcels")] == ["330000"]

    fill(disk, 0)
    before = node.get("health")["last_scan"]
    wait(lambda: node.get("health")["last_scan"] > before)
    assert node.command(*REMIND).returncode in (1, 3), "a letter needs room"
    assert text(node, "http://node/healthz")[0] == 200
    assert waiting.exists()

    (disk / "ballast").unlink()
    wait(lambda: bool(node.get("health")["intake"]["open"]))
    node.await_parcels(1, lambda p: p["sender"] == "340000" and p["state"] == "accepted" and p["posted_at"])
    assert node.command(*REMIND).returncode == 0
    assert node.get("health")["pid"] == pid
    assert metric(node, "intake_open") == ["gateway_intake_open 1"]
    assert node.get("health")["log"]["failure"] == ""
    assert node.stop() == 0


FULL_SECONDS = float(os.environ.get("GATEWAY_FULL_SECONDS", "10"))
PARTIES = ("11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34")


def test_full_under_load_at_every_stage_and_freed_everything_settles_by_itself(disk: Path, node: Daemon) -> None:
    """The ledger cannot write, nor can the workflow engine: what they could not write down is made again."""
    node.turn(node.now(), 20.0)  # a minute of waiting passes in three seconds
    pid = node.pid
    for party in PARTIES:
        node.drop(planned(6, party=party, seed=f"full/{party}"))
    node.await_parcels(4, lambda p: True)
    full_until = time.monotonic() + FULL_SECONDS
    while time.monotonic() < full_until:
        fill(disk, 0)  # what ends meanwhile gives a little back
        time.sleep(0.5)
    assert [p for p in node.get("parcels") if not p["posted_at"]], "it was full while there was work"
    (disk / "ballast").unlink()
    rows = node.await_parcels(len(PARTIES), lambda p: bool(p["posted_at"]), seconds=120)
    assert {(row["state"], row["code"]) for row in rows} == {("accepted", "100")}
    assert text(node, "http://node/readyz")[0] == 200
    assert node.pid == pid
    lines = node.daemon_log.read_text("utf-8").splitlines()  # on the same disk: one may be cut off
    told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    assert len(told) >= len(lines) - 2
    assert [line for line in told if line.get("code") == "900" or line["event"] in ("step_failed", "uncaught")] == []
