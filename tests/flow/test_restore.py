"""A node is lost and restored from a backup that is older than what the world has seen: nothing is delivered twice, and
the log never contradicts what was published.

Everything is real: the daemon, the offline key in a GnuPG home of its own, the receivers who have carried away
their packages, the published log of which a copy was kept.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.asking import ANSWER, ASK, PERSON, with_agreements
from support.databases import Cluster
from support.nodes import Daemon, copy_node, edit, planned

from gateway.adapters.ledger import Ledger
from gateway.control.client import NotRunning, Refusal
from gateway.demo import folders as places
from gateway.demo.faults import FileFault
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.log.note import Note
from gateway.wiring import database_url

PERIOD = "2026Q3"
EARLY = [planned(60, party="33"), planned(30, party="34")]
LATER = planned(40, party="36")
SLOW = "510000"
ASKED, REPLIED = "inquiry-15wd", "reply-15wd"
GATEWAY = (sys.executable, "-m", "gateway")


@dataclass
class Lost:
    """What is left of a node: archives, the published log, the parties' folders, its private folder; and, to compare
    with, its ledger and what its receivers had got."""

    home: Path
    offline: Partners
    before: Path
    middle: Path
    interrupted: str
    got: dict[str, list[str]]

    @property
    def log(self) -> Path:
        return self.home / "log"

    def rows(self, table: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.home}/state/ledger.db?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def wait(holds: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.1)


def works(node: Daemon) -> bool:
    """It is neither recovering nor on its way from there."""
    try:
        return "recovering" not in node.get("health")
    except NotRunning:
        return False


def published(node: Daemon) -> None:
    """Wait until everything that is committed is published."""
    ledger = Ledger(database_url(node.facts))
    try:

        def all_of_it() -> bool:
            with ledger.reading() as reading:
                return bool(node.get("health")["log"]["size"] > reading.entries.head()[0])

        wait(all_of_it)
    finally:
        ledger.close()


def backup(node: Daemon, name: str) -> Path:
    target = node.home.parent / name
    done = node.command("backup", str(target), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bytes"] == target.stat().st_size
    assert not (node.home / "state" / "backing-up").exists()
    return target


def batch_of(number: int, receiver: str = SLOW) -> str:
    return f"d-{INFLOW}-{PERIOD}-{number}-{receiver}"


class Kept(Daemon):
    """A daemon with the folder where a party's people sign; every party of it has a folder, and no endpoint."""

    def channel(self, province: str) -> Path:
        party = self.facts.by_province(province)
        assert party is not None
        return places.party_folder(self.facts, party) / self.facts.node.folders.inbox

    def folder(self, province: str) -> Path:
        names = self.facts.node.folders
        return self.channel(province).parent / names.drop / names.acknowledge


def lose(home: Path, partners: Partners, offline: Partners) -> Lost:
    """A quarter on a node that is backed up before and in the middle of a release, goes on, and is killed."""
    node = Kept(home)
    node.start()
    try:
        for file in EARLY:
            node.drop(file)
        node.await_settled(len(EARLY))
        before = backup(node, f"{home.name}-before.gpg")
        slow = node.channel("51") / node.facts.agreements[INFLOW].label
        shutil.rmtree(slow)
        slow.write_bytes(b"")  # no folder: this receiver is away
        release = ("parcels", "release", "--agreement", INFLOW, "--period", PERIOD)
        assert node.command(*release).returncode == 0
        node.await_counts("deliveries", "delivered", 31)
        middle = backup(node, f"{home.name}-middle.gpg")

        slow.unlink()
        wait(lambda: node.command("parcels", "retry", batch_of(1)).returncode == 0)
        node.await_counts("deliveries", "delivered", 32)
        (form,) = node.forms("51")
        signed = node.folder("51")
        partners["51"].acknowledge(form, signed)
        node.await_counts("deliveries", "acknowledged", 1)
        node.drop(LATER)
        node.drop(planned(12, party="35", file_fault=FileFault.WRONG_HEADER))
        node.await_settled(len(EARLY) + 3)
        assert node.command(*release).returncode == 0
        node.await_counts("deliveries", "delivered", 63)

        worker = node.get("health")["worker"]["pid"]
        os.kill(worker, signal.SIGSTOP)  # this one does not come to an end
        node.drop(planned(8, party="37"))
        (stuck,) = node.await_parcels(1, lambda p: p["sender"] == "370000" and p["state"] == "received")
        published(node)
        node.kill()
        os.kill(worker, signal.SIGKILL)
        got = {province: [p.name for p in paths] for province, paths in node.packages().items() if paths}
        for paths in node.packages().values():
            for path in paths:  # the receivers have carried them away
                path.unlink()
        return Lost(home, offline, before, middle, stuck["id"], got)
    finally:
        node.close()


def restored(lost: Lost, archive: Path, into: Path, *more: str) -> Kept:
    """As the how-to says: restore, put the private folder and the parties' folders back, start."""
    node = str(lost.home / "keys" / "000000.asc")
    done = subprocess.run(
        [*GATEWAY, "restore", archive, into, "--gnupg", lost.offline.home, "--signer", node, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shutil.rmtree(into / "private")
    shutil.copytree(lost.home / "private", into / "private", ignore=shutil.ignore_patterns("S.gpg-agent*"))
    shutil.copytree(lost.home / "exchange", into / "exchange", copy_function=shutil.copy2)
    daemon = Kept(into)
    daemon.start()
    return daemon


def lay(node: Daemon, party: str, agreement: str, text: str) -> None:
    """Put a party's file into its drop folder."""
    facts = node.facts
    folder = places.drop_folder(facts, facts.parties[f"{party}0000"], facts.agreements[agreement])
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "查询.csv.part"
    part.write_text(text, "utf-8")
    part.rename(part.with_suffix(""))


def reconcile(node: Daemon, *more: str) -> dict[str, Any]:
    done = node.command("restore", "--reconcile", "--json", *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def offline() -> Iterator[Partners]:
    """The administrator's offline key."""
    with Partners(["99"]) as made:
        yield made


def prepared(home: Path, template: Path, offline: Partners) -> None:
    copy_node(template, home)
    (home / "keys" / "backup.asc").write_bytes(offline["99"].public_key())
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[backup]\nkey = "{offline["99"].fingerprint}"\n')


@pytest.fixture(scope="module")
def lost(template: Path, partners: Partners, offline: Partners, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    home = tmp_path_factory.mktemp("lost") / "node"
    prepared(home, template, offline)
    return lose(home, partners, offline)


def test_an_archive_is_for_the_offline_key_alone(lost: Lost, tmp_path: Path) -> None:
    """Stock tools open it with that key; without it nothing is restored; no private key is in it."""
    plain = tmp_path / "plain.tar.zst"
    command = ["gpg", "--batch", "--homedir", str(lost.offline.home), "-d", "-o", str(plain), str(lost.middle)]
    subprocess.run(command, capture_output=True, check=False)
    listed = subprocess.run(f"zstd -dc {plain} | tar t", shell=True, capture_output=True, text=True, check=True)
    names = listed.stdout.splitlines()
    assert names[0] == "backup.json"
    assert {name.split("/")[0] for name in names} == {"backup.json", "database", "facts", "log", "state"}
    assert not [name for name in names if "private" in name or "log.key" in name or "repeats" in name]
    refused = subprocess.run(
        [*GATEWAY, "restore", lost.middle, tmp_path / "node", "--unsigned", "--gnupg", lost.home / "private" / "gnupg"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 3
    assert "offline key" in refused.stderr
    nobodys = subprocess.run(
        [*GATEWAY, "restore", lost.middle, tmp_path / "node", "--gnupg", lost.offline.home],
        capture_output=True,
        text=True,
        check=False,
    )
    assert nobodys.returncode == 2
    assert "--signer" in nobodys.stderr
    assert not (tmp_path / "node").exists()


def test_a_restored_node_waits_until_it_knows_what_was_published(
    lost: Lost, partners: Partners, tmp_path: Path
) -> None:
    node = restored(lost, lost.middle, tmp_path / "node")
    try:
        dropped = node.drop(planned(6, party="41"))
        assert node.get("health")["recovering"]
        status = node.command("status")
        assert status.returncode == 1
        assert "正在恢复" in status.stdout
        release = ("parcels", "release", "--agreement", INFLOW, "--period", PERIOD)
        assert node.command(*release).returncode == 1
        refused = node.command("restore", "--reconcile")
        assert refused.returncode == 1
        assert "--log" in refused.stderr  # a party holds proof of a longer log than the archive has
        node.kill()
        node.start()  # still: the mark is on the disk
        assert node.get("health")["recovering"]
        assert dropped.exists()
        forged = tmp_path / "forged"
        shutil.copytree(lost.log, forged)
        tiles = [path for path in (forged / "tile" / "entries").rglob("*") if path.is_file()]
        tile = max(tiles, key=lambda path: (path.parent.name, int(path.name)))
        data = bytearray(tile.read_bytes())
        data[-40] ^= 1
        tile.write_bytes(data)
        assert node.command("restore", "--reconcile", "--log", str(forged)).returncode == 1
        with closing(sqlite3.connect(node.home / "state" / "ledger.db")) as connection:
            assert connection.execute("SELECT count(*) FROM distributions WHERE state='released'").fetchone() == (1,)
        assert node.packages()["51"] == []
    finally:
        node.close()


@pytest.mark.parametrize("archive", ["before", "middle"])
def test_nothing_twice_and_one_history(lost: Lost, partners: Partners, tmp_path: Path, archive: str) -> None:
    node = restored(lost, getattr(lost, archive), tmp_path / "node")
    try:
        found = reconcile(node, "--log", str(lost.log))
        assert [item["id"] for item in found["open"]] == [f"parcel:{lost.interrupted}"]
        assert not found["recovered"]
        with pytest.raises(Refusal):
            node.post("release", agreement=INFLOW, period=PERIOD)
        found = reconcile(node, "--decide", f"parcel:{lost.interrupted}=refuse")
        assert found["recovered"]
        wait(lambda: works(node))

        # The sender of the file that was not finished is told, and sends it again; one that was finished is known.
        node.await_parcels(1, lambda p: p["id"] == lost.interrupted and p["code"] == "906" and p["posted_at"])
        (told,) = (json.loads(row["body"]) for row in rows(node, "receipts") if row["parcel"] == lost.interrupted)
        assert (told["code"], told["sha256"]) == ("906", ""), "of a file that nobody holds there is no digest"
        node.drop(replace(planned(8, party="37"), name="再次" + planned(8, party="37").name))
        node.drop(replace(LATER, name="再次" + LATER.name))
        node.await_parcels(1, lambda p: p["sender"] == "360000" and p["code"] == "220" and p["posted_at"])
        node.await_parcels(1, lambda p: p["sender"] == "370000" and p["state"] == "accepted" and p["posted_at"])
        assert node.command("parcels", "release", "--agreement", INFLOW, "--period", PERIOD).returncode == 0
        node.await_counts("deliveries", "delivered", 95)
        published(node)

        # What came now is the new file's and nothing else: no package that its receiver had carried away.
        again = {path.name for paths in node.packages().values() for path in paths}
        assert again
        assert {name.split("_")[1] for name in again} == {"370000"}
        assert not again & {name for names in lost.got.values() for name in names}

        # All in all: every package that was ever delivered is in its receiver's hands once.
        held = Counter((province, name) for province, names in lost.got.items() for name in names)
        held += Counter((province, path.name) for province, paths in node.packages().items() for path in paths)
        assert set(held.values()) == {1}
        sent = [p for p in rows(node, "packages") if p["state"] in ("delivered", "acknowledged") and p["sha256"]]
        assert {(p["receiver"][:2], p["id"]) for p in sent} == {(of, name.partition(".")[0]) for of, name in held}
    finally:
        code = node.stop()
        node.close()
    assert code == 0
    same_history(lost, node)


def same_history(lost: Lost, node: Daemon) -> None:
    """The old log is the new one's beginning, entry by entry; no size was signed twice; each batch arrived once."""
    old, new = lost.rows("log_entries"), rows(node, "log_entries")
    assert [row["body"] for row in new[: len(old)]] == [row["body"] for row in old]
    assert [row["seq"] for row in new] == list(range(len(new)))
    delivered = Counter(row["parcel"] for row in new if row["event"] == "delivered")
    assert set(delivered.values()) == {1}
    assert len(delivered) == 96
    signed = {row["size"]: Note.parse(bytes(row["note"])).text for row in lost.rows("checkpoints")}
    for row in rows(node, "checkpoints"):
        if row["size"] in signed:
            assert Note.parse(bytes(row["note"])).text == signed[row["size"]]
        else:
            assert row["size"] > len(old)
    key = subprocess.run(
        [*GATEWAY, "log", "key", "--config", node.home], capture_output=True, text=True, check=True
    ).stdout.strip()
    verified = subprocess.run(
        [*GATEWAY, "log", "verify", node.home / "log", "--key", key, "--since", lost.log / "checkpoint", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout
    assert json.loads(verified.stdout)["size"] == len(new)
    state = {batch["id"]: batch["state"] for batch in rows(node, "distributions")}
    assert state[batch_of(1)] == "acknowledged"
    kept = ("id", "state", "records", "sha256")
    before = {tuple(p[k] for k in kept) for p in lost.rows("packages")}
    assert before <= {tuple(p[k] for k in kept) for p in rows(node, "packages")}


def rows(node: Daemon, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{node.home}/state/ledger.db?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def test_on_postgresql(template: Path, offline: Partners, tmp_path: Path, postgres: Cluster) -> None:
    """`pg_dump` and `pg_restore` of the servers' own; the database is lost with the node. The key of an open inquiry is
    in no archive but in the file beside it; with that it is answered in time."""
    home, url = tmp_path / "node", postgres.fresh()
    prepared(home, template, offline)
    with_agreements(home, ASKED, REPLIED)
    edit(home, database=json.dumps(url))
    node = Kept(home)
    node.start()
    try:
        node.drop(EARLY[0])
        lay(node, "11", ASKED, ASK + "".join(f"a{n},{PERSON},440103000000,1\n" for n in (1, 2)))
        node.await_settled(2)
        node.await_counts("deliveries", "delivered", 1)
        (form,) = node.forms("44")
        assert form.exists()
        archive = backup(node, "archive.gpg")
        (keys,) = archive.parent.glob("*.keys.gpg")
        assert node.command("parcels", "release", "--agreement", INFLOW, "--period", PERIOD).returncode == 0
        node.await_counts("deliveries", "delivered", 33)
        published(node)
        node.kill()
    finally:
        node.close()
    for paths in node.packages().values():
        for path in paths:
            path.unlink()
    refused = subprocess.run(
        [*GATEWAY, "restore", archive, tmp_path / "other", "--unsigned", "--gnupg", offline.home],
        capture_output=True,
        check=False,
    )
    assert refused.returncode == 3  # the database is not empty
    assert not (tmp_path / "other").exists()
    postgres.emptied(url)
    lost = Lost(home, offline, archive, archive, "", {})
    again = restored(lost, archive, tmp_path / "again", "--keys", str(keys))
    try:
        found = reconcile(again, "--log", str(lost.log))
        assert (found["open"], found["recovered"]) == ([], True)
        wait(lambda: works(again))
        assert again.get("status")["counts"]["deliveries"] == {"delivered": 33}
        assert {province: paths for province, paths in again.packages().items() if paths} == {}
        lay(again, "44", REPLIED, ANSWER + "a1,1,20261020\na2,2,20261020\n")
        again.await_parcels(1, lambda p: p["agreement"] == REPLIED and p["state"] == "accepted" and p["posted_at"])
        again.await_counts("deliveries", "delivered", 34)
        published(again)
        assert again.stop() == 0
    finally:
        again.close()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        delivered = "SELECT count(*), count(DISTINCT parcel) FROM log_entries WHERE event='delivered'"
        assert connection.execute(delivered).fetchone() == (34, 34)
        met = "SELECT count(*) FROM dated_records d JOIN obligations o ON o.id = d.obligation WHERE o.state = 'met'"
        assert connection.execute(met).fetchone() == (2,)
