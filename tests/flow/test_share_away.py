"""The share with the parties' folders goes away in the middle of a quarter and comes back, once while files come
in and over a restart of the daemon. Nothing is lost, nothing doubled, and nothing written into the mount point.

The exchange root is a link that is turned to an empty folder: what a node sees of an unmounted share. The parties write
to the share itself, from their side.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from support.quarters import SCALE, Played

from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners, verify_all
from gateway.demo.play import PlainQuarter
from gateway.demo.story import plan

SPEED = 20.0
"""The node's clock: what waits a minute for its next try waits three seconds."""


class Share:
    """The node sees it at `home/exchange`, its parties at `home/share`."""

    def __init__(self, home: Path) -> None:
        self._seen, self.there, self.dark = home / "exchange", home / "share", home / "dark"
        self._seen.rename(self.there)
        self.dark.mkdir()
        self._turn(self.there)

    def _turn(self, to: Path) -> None:
        fresh = self._seen.with_name("turning")
        fresh.symlink_to(to)
        fresh.rename(self._seen)

    def goes(self) -> None:
        self._turn(self.dark)

    def comes_back(self) -> None:
        assert list(self.dark.rglob("*")) == [], "something was written beside the share"
        self._turn(self.there)


def settled(node: DemoNode) -> int:
    return sum(p["posted_at"] != "" for p in node.get("parcels", limit="1000"))


def wait_for(holds, seconds: float = 200) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.2)


def test_a_quarter_with_its_share_away_twice(partners: Partners, tmp_path: Path, played: Played) -> None:
    node = DemoNode.make(tmp_path / "node", partners, speed=SPEED)
    share = Share(node.home)
    node.facts = replace(node.facts, node=node.facts.node.model_copy(update={"exchange_root": share.there}))
    quarter = PlainQuarter(node, partners, plan(scale=SCALE))
    failed: list[BaseException] = []

    def submit() -> None:
        try:
            quarter.submit()
        except BaseException as error:
            failed.append(error)

    try:
        node.start()
        people = threading.Thread(target=submit)
        people.start()
        wait_for(lambda: settled(node) >= 10)
        share.goes()
        wait_for(lambda: len(node.get("health")["sources"]["down"]) > 60)
        assert node.stop() == 0
        node.start()  # and it starts without its share
        assert node.get("health")["sources"]["ok"] == 0
        share.comes_back()
        people.join(240)
        assert not people.is_alive()
        assert failed == []
        quarter.await_deliveries("delivered", 64)
        assert quarter.acknowledge(partners) == 64
        quarter.await_deliveries("acknowledged", 64)
        found = node.packages()
        assert node.stop() == 0
    finally:
        node.close()
    # But for the digits at the end of a name: they come of a key that is drawn for each parcel.
    names = Counter(path.name.rpartition("_")[0] for paths in found.values() for path in paths)
    assert names == Counter(p["id"].rpartition("_")[0] for p in played.rows("packages"))
    verified = verify_all(found, partners, played.truth)
    assert verified.problems == []
    assert verified.rows == played.truth.accepted
    assert not list(share.there.rglob(".taken-*"))
    receipts = list(share.there.rglob("回执/机器读取/*.receipt.json"))
    assert len(receipts) == len(played.rows("receipts"))
