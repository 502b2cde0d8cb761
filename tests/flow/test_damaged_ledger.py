"""Pages of the ledger are damaged: the node says so, does nothing on top of it, and the how-to, followed as it stands,
brings everything back."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from support.databases import Cluster
from support.nodes import Daemon, copy_node, edit, planned

from gateway.control.client import NotRunning, Refusal
from gateway.demo.partners import Partners

PAGE = Path(__file__).parents[2] / "docs/how-to/mend-a-damaged-ledger.md"
BEFORE, AFTER = planned(8, party="33"), planned(8, party="34")
MEANWHILE, LATER = planned(8, party="35"), planned(8, party="36")
PAGE_SIZE = 4096


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def typed(block: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A block as a person types it."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.1)


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with the `NODE`, the `OFFLINE_HOME` and the `BACKUP` of the page."""
    with Partners(["99"]) as offline:
        copy_node(template, tmp_path / "NODE")
        (tmp_path / "BACKUP").mkdir()
        (tmp_path / "OFFLINE_HOME").symlink_to(offline.home)
        (tmp_path / "NODE" / "keys" / "backup.asc").write_bytes(offline["99"].public_key())
        with (tmp_path / "NODE" / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
            stream.write(f'\n[backup]\nkey = "{offline["99"].fingerprint}"\n')
        yield tmp_path


def backed_up(node: Daemon, place: Path) -> None:
    """One file is in the backup, one came after it, and all of it is published."""
    node.drop(BEFORE)
    node.await_settled(1)
    assert node.command("backup", str(place / "BACKUP")).returncode == 0
    node.drop(AFTER)
    node.await_settled(2)
    published(node)


def published(node: Daemon) -> None:
    """Every entry of the parcels is in the published log."""

    def all_of_it() -> bool:
        ids = {entry for parcel in node.get("parcels") for entry in (f"{parcel['id']}/accepted",)}
        held = b"".join(p.read_bytes() for p in (node.home / "log" / "tile" / "entries").rglob("*") if p.is_file())
        return all(f'"id":"{one}"'.encode() in held for one in ids)

    until(all_of_it)


def is_damaged(node: Daemon) -> bool:
    try:
        return bool(node.get("health").get("damaged"))
    except (NotRunning, Refusal):
        return False


def says_so(node: Daemon) -> None:
    status = node.command("status")
    assert status.returncode == 1
    assert "[907]" in status.stdout
    listed = node.command("parcels", "list")
    assert listed.returncode == 1
    assert "[907]" in listed.stderr
    with pytest.raises(Refusal) as ready:
        node.get("readyz")
    assert ready.value.status == 503
    assert node.get("healthz")["ok"]
    journal = [json.loads(line) for line in node.daemon_log.read_text("utf-8").splitlines()]
    assert [line["code"] for line in journal if line["event"] == "ledger_damaged"] == ["907"]
    assert [line for line in journal if line.get("code") == "900" or line["event"] == "uncaught"] == []


def spoil(file: Path) -> bytes:
    """Every page but the first is overwritten in place, the journal being empty; the file as it is then."""
    with closing(sqlite3.connect(file, timeout=60)) as connection:
        until(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    with file.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(PAGE_SIZE)
        stream.write(b"\xa5" * (size - PAGE_SIZE))
    return file.read_bytes()


def restored(place: Path, node: Daemon, aside: Callable[[], object] | None = None) -> Daemon:
    """As the page says, block by block; `aside` makes room on a server, where the database is no file."""
    (place / "before").write_bytes((node.home / "log" / "checkpoint").read_bytes())
    move, restore, back, reconcile = blocks()
    for block in (restore,) if aside else (move, restore, back):
        if aside:
            aside()
        done = typed(block, place)
        assert done.returncode == 0, done.stderr
    shutil.rmtree(place / "RESTORED")
    node.start()
    assert node.get("health")["recovering"]
    done = typed(f"{reconcile.strip()} --json", place)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["open"] == []
    until(lambda: works(node))
    return node


def all_came(node: Daemon, parties: set[str]) -> None:
    rows = node.await_parcels(len(parties), lambda p: p["state"] == "accepted" and p["posted_at"])
    assert {row["sender"][:2] for row in rows} == parties
    assert len(node.get("parcels")) == len(parties), "none came twice"


def test_damage_while_it_runs_and_at_a_start(place: Path) -> None:
    node = Daemon(place / "NODE")
    node.start()
    try:
        backed_up(node, place)
        spoil(node.home / "state" / "ledger.db")
        node.drop(MEANWHILE)
        until(lambda: is_damaged(node))
        says_so(node)
        assert node.stop() == 0
        left = (node.home / "state" / "ledger.db").read_bytes()
        node.start()
        assert is_damaged(node)
        laid = node.drop(LATER)
        assert node.stop() == 0
        assert laid.exists()
        assert (node.home / "state" / "ledger.db").read_bytes() == left, "it is not written to any more"
        restored(place, node)
        all_came(node, {"33", "34", "35", "36"})
        published(node)
        assert node.stop() == 0
    finally:
        node.close()
    one_history(place)


def works(node: Daemon) -> bool:
    try:
        return "recovering" not in node.get("health")
    except NotRunning:
        return False


def one_history(place: Path) -> None:
    """What was published before is the beginning of what is published now."""
    key = typed("gateway log key --config NODE", place).stdout.strip()
    verified = typed(f"gateway log verify NODE/log --key {key} --since before", place)
    assert verified.returncode == 0, verified.stdout


def test_damage_in_postgresql(place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gw-pg-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        url = cluster.fresh()
        edit(place / "NODE", database=json.dumps(url))
        node = Daemon(place / "NODE")
        node.start()
        try:
            backed_up(node, place)
            assert node.stop() == 0
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                (path,) = connection.execute("SELECT pg_relation_filepath('parcels')").fetchone() or ("",)
            cluster.close()
            with (Path(folder) / "data" / path).open("r+b") as stream:
                stream.write(b"\xa5" * 8192)
            cluster.start()
            node.start()
            assert is_damaged(node)
            laid = node.drop(LATER)
            assert node.stop() == 0
            assert laid.exists()
            restored(place, node, aside=lambda: cluster.emptied(url))
            all_came(node, {"33", "34", "36"})
            assert node.stop() == 0
        finally:
            node.close()
            cluster.close()
