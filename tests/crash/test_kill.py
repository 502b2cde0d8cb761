"""`kill -9`, again and again, in the middle of a quarter: the end is the same as if nothing had happened.

`GATEWAY_CRASHES` says how often (10), in rounds of `ROUND`: each is a quarter of its own, so that there is work to be
killed in. The seed is printed; `GATEWAY_CRASH_SEED` plays the same choices again.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import rfc8785
from support.quarters import SCALE

from gateway.control.client import NotRunning
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners, verify_all
from gateway.demo.play import PlainQuarter
from gateway.demo.story import plan

CRASHES = int(os.environ.get("GATEWAY_CRASHES", "10"))
ROUND = 25
ROUNDS = [min(ROUND, CRASHES - done) for done in range(0, CRASHES, ROUND)]
SUFFIX = ".tar.zst.gpg"


class Play(threading.Thread):
    """The partners' side of the quarter; they know nothing of crashes but that the node is away at times."""

    def __init__(self, node: DemoNode, partners: Partners) -> None:
        super().__init__(daemon=True)
        self.quarter = PlainQuarter(node, partners, plan(scale=SCALE))
        self.partners = partners
        self.phase = "submission"
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.quarter.submit()
            self.phase = "delivery"
            self.quarter.await_deliveries("delivered", 64)
            self.phase = "acknowledgement"
            self.quarter.acknowledge(self.partners)
            self.quarter.await_deliveries("acknowledged", 64)
            self.phase = "done"
        except BaseException as error:
            self.error = error


class Killer:
    """Kills the daemon, or its worker, and has the daemon started again as a service manager would."""

    def __init__(self, node: DemoNode, seed: int, wanted: int) -> None:
        self.node = node
        self.wanted = wanted
        self.throw = random.Random(seed)
        self.done: list[tuple[str, str]] = []
        # A worker is only at work while files come in: those of the first half.
        self._at_workers = set(self.throw.sample(range(max(1, wanted // 2)), max(1, wanted // 4)))

    def strike(self, phase: str) -> None:
        if len(self.done) in self._at_workers and self.node.kill_worker():
            self.done.append((phase, "worker"))
            return
        worker = self._worker()
        self.node.kill()
        self.done.append((phase, "daemon"))
        if worker is not None:
            self._gone(worker)
        self.node.start()

    def _worker(self) -> int | None:
        try:
            return self.node.get("health")["worker"]["pid"]
        except NotRunning:
            return None

    @staticmethod
    def _gone(pid: int) -> None:
        """A worker whose daemon was killed ends by itself: nobody else would end it."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            try:
                if (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return
            except OSError:
                return
            time.sleep(0.02)
        raise AssertionError("the worker outlived its daemon")


SEED = int(os.environ.get("GATEWAY_CRASH_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture(scope="module", params=enumerate(ROUNDS), ids=lambda turn: f"{turn[0] * ROUND + turn[1]} kills")
def crashed(request: pytest.FixtureRequest, partners: Partners, tmp_path_factory: pytest.TempPathFactory):
    """A quarter with a round of kills, most of them while files are worked on, some during delivery and collection."""
    number, wanted = request.param
    print(f"GATEWAY_CRASH_SEED={SEED} GATEWAY_CRASHES={CRASHES} round {number}")
    node = DemoNode.make(tmp_path_factory.mktemp("crashed") / "node", partners)
    killer = Killer(node, SEED + number, wanted)
    try:
        node.start()
        play = Play(node, partners)
        play.start()
        shares = {"submission": -(-wanted * 6 // 10), "delivery": -(-wanted * 8 // 10), "acknowledgement": wanted}
        while play.is_alive():
            phase = play.phase
            if len(killer.done) < shares.get(phase, 0):
                longest = 3.0 if phase == "submission" else 0.8
                play.join(killer.throw.uniform(0.05, longest))
                if play.is_alive():
                    killer.strike(play.phase)
            else:
                play.join(0.1)
        while len(killer.done) < wanted:  # the work was over too soon: the rest hit an idle node
            killer.strike("idle")
        print("killed:", ", ".join(f"{what} in {phase}" for phase, what in killer.done))
        if play.error is not None:
            raise play.error
        found = node.packages()
        code = node.stop()
        yield node, killer, found, code
    finally:
        node.close()


def rows(node: DemoNode, table: str) -> list[dict]:
    with closing(sqlite3.connect(f"file:{node.home}/state/ledger.db?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def test_it_was_killed_in_the_middle_of_its_work(crashed) -> None:
    _, killer, _, code = crashed
    assert len(killer.done) == killer.wanted
    assert {what for _, what in killer.done} == {"daemon", "worker"}
    at_work = [phase for phase, _ in killer.done if phase in ("submission", "delivery", "acknowledgement")]
    assert len(at_work) >= killer.wanted / 2
    assert code == 0


def test_the_same_packages_as_without_a_crash(crashed, played) -> None:
    """But for the digits at the end of a name: they come of a key that is drawn for each parcel, once."""
    node, _, _, _ = crashed
    packages, without = (
        {(p["id"].rpartition("_")[0], p["records"], p["state"]) for p in found}
        for found in (rows(node, "packages"), played.rows("packages"))
    )
    assert packages == without
    assert all(p["id"].endswith(f"_{p['content_digest'][:8]}") for p in rows(node, "packages"))


def test_every_package_was_delivered_once_and_opens(crashed, partners: Partners, played) -> None:
    node, _, found, _ = crashed
    names = Counter(path.name for files in found.values() for path in files)
    assert names == Counter({f"{p['id']}{SUFFIX}": 1 for p in rows(node, "packages")})
    committed = {p["id"]: p["sha256"] for p in rows(node, "packages")}
    for files in found.values():
        for path in files:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == committed[path.name.removesuffix(SUFFIX)]
    verified = verify_all(found, partners, played.truth)
    assert verified.problems == []
    assert verified.rows == played.truth.accepted


def test_the_same_ledger(crashed, played) -> None:
    node, _, _, _ = crashed

    def judged(parcels: list[dict]) -> Counter:
        keys = ("corridor", "sender", "agreement", "state", "code", "period", "kind", "revision", "sha256")
        counts = ("size", "records", "accepted", "refused", "warned")
        # A signature is made anew each time; what it covers is looked at elsewhere.
        return Counter(
            tuple(p[k] for k in (*keys, *counts) if p["corridor"] == "submission" or k not in ("sha256", "size"))
            for p in parcels
        )

    assert judged(rows(node, "parcels")) == judged(played.rows("parcels"))
    for table, keys in {
        "distributions": ("id", "state", "packages", "records", "channel"),
        "obligations": ("id", "due", "state"),
        "places": ("origin", "agreement", "period", "revision"),
    }.items():
        mine = Counter(tuple(row[k] for k in keys) for row in rows(node, table))
        assert mine == Counter(tuple(row[k] for k in keys) for row in played.rows(table)), table
    stages = Counter((r["party"], r["stage"], r["code"]) for r in rows(node, "receipts"))
    assert stages == Counter((r["party"], r["stage"], r["code"]) for r in played.rows("receipts"))


def test_the_log_is_dense_and_says_everything_once(crashed, played) -> None:
    node, killer, _, _ = crashed
    entries = sorted(rows(node, "log_entries"), key=lambda row: row["seq"])
    assert [row["seq"] for row in entries] == list(range(len(entries)))
    last: dict[str, str] = {}
    stamp = ""
    for row in entries:
        body = json.loads(row["body"])
        assert rfc8785.dumps(body) == row["body"]
        assert hashlib.sha256(b"\x00" + row["body"]).hexdigest() == row["leaf"]
        if body["parcel"]:
            assert body["prev"] == last.get(body["parcel"], "")
            last[body["parcel"]] = row["leaf"]
        assert stamp <= body["logged_at"]
        assert body["time"] <= body["logged_at"]
        stamp = body["logged_at"]
    assert len({row["id"] for row in entries}) == len(entries)
    delivered = Counter(row["parcel"] for row in entries if row["event"] == "delivered")
    assert delivered == Counter(batch["id"] for batch in rows(node, "distributions"))
    # The same things happened, but for starts, stops, and tries that were cut off; that the node was away is said, and
    # who is reminded depends on who has not sent at the moment of asking.
    apart = {"node_started", "node_stopped", "deferred", "outage", "reminder_sent"}
    events = Counter(row["event"] for row in entries if row["event"] not in apart)
    assert events == Counter(row["event"] for row in played.rows("log_entries") if row["event"] not in apart)
    starts = sum(row["event"] == "node_started" for row in entries)
    assert starts == 1 + sum(what == "daemon" for _, what in killer.done)


def test_receipts_are_out_and_whole(crashed) -> None:
    node, _, _, _ = crashed
    on_disk = {p.read_bytes() for p in (node.home / "exchange").rglob("回执/机器读取/*.receipt.json")}
    receipts = rows(node, "receipts")
    assert on_disk == {row["body"] for row in receipts}
    assert all(row["written_at"] for row in receipts)
    leaves = {row["seq"]: row["leaf"] for row in rows(node, "log_entries")}
    for row in receipts:
        document = json.loads(row["body"])
        assert leaves[document["log"]["seq"]] == document["log"]["hash"]


def test_nothing_is_left_over(crashed) -> None:
    """No claim, no half file, no plain record, no workflow that still runs."""
    node, _, _, _ = crashed
    exchange = node.home / "exchange"
    assert not list(exchange.rglob(".taken-*"))
    assert [p for p in exchange.glob("*/上报/*/*") if p.is_file()] == []
    spool = node.home / "state" / "spool"
    left = [str(p.relative_to(spool)) for p in spool.rglob("*") if not p.relative_to(spool).parts[0].startswith(".")]
    assert left == []
    partial = [p for p in exchange.glob("*/接收/*/*") if p.name.startswith(".") or p.suffix in (".part", ".tmp")]
    assert partial == []
    assert [p for p in node.endpoint.data.rglob("*") if p.is_file() and p.name.startswith(".")] == []
    assert all(p["posted_at"] and not p["next_attempt_at"] for p in rows(node, "parcels"))
    assert {w["status"] for w in rows(node, "workflow_status")} == {"SUCCESS"}
