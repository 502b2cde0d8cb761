"""What is more than a party's share waits in its folder: visible, counted, and received when it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.adapters.channels.folders import DropFolders
from gateway.adapters.channels.folders.scanning import Quiet
from gateway.adapters.channels.room import Room
from gateway.outcomes import Ok
from gateway.parcels import AgreementId, Claim, PartyId

START = datetime.fromisoformat("2026-10-08T09:00:00+08:00")
BEIJING, SHANGHAI = PartyId("beijing"), PartyId("shanghai")
FLOODED, SECOND, QUIET = "京/上报/甲", "京/上报/乙", "沪/上报/甲"
ADDRESSES = [
    (BEIJING, AgreementId("a"), FLOODED),
    (BEIJING, AgreementId("b"), SECOND),
    (SHANGHAI, AgreementId("a"), QUIET),
]
BOUND = 20


@dataclass
class Node:
    """Drop folders, each party with at most `BOUND` files in work; one second from scan to scan."""

    home: Path
    seconds: int = 0
    work: list[Claim] = field(default_factory=list)

    def __post_init__(self) -> None:
        for _, _, folder in ADDRESSES:
            (self.home / folder).mkdir(parents=True)
        self.start()

    def start(self) -> None:
        quiet = Quiet(0, monotonic=lambda: float(self.seconds))
        self.inbox = DropFolders(self.home, ADDRESSES, self.home.parent / "spool", quiet=quiet, room=Room(min_free=0))

    def lay(self, folder: str, names: Sequence[str]) -> None:
        for name in names:
            (self.home / folder / name).write_text("x", "utf-8")

    def scan(self) -> list[Claim]:
        self.seconds += 1
        used = {sender: sum(claim.sender == sender for claim in self.work) for sender in (BEIJING, SHANGHAI)}

        def share(sender: PartyId, _agreement: AgreementId, ready: int) -> tuple[int, str]:
            granted = min(ready, BOUND - used[sender])
            used[sender] += granted
            return granted, "share"

        claims = list(self.inbox.scan(START + timedelta(seconds=self.seconds), share))
        self.work += claims
        return claims

    def done(self, many: int) -> list[Claim]:
        """The oldest claims are worked on and end."""
        ended, self.work = self.work[:many], self.work[many:]
        for claim in ended:
            assert isinstance(self.inbox.copy(claim.parcel), Ok)
            self.inbox.finish(claim.parcel)
            self.inbox.forget(claim.parcel)
        return ended

    def visible(self, folder: str) -> int:
        return sum(not path.name.startswith(".") for path in (self.home / folder).iterdir())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "exchange")


def test_a_flood_of_fifteen_hundred_over_many_scans_delays_another_by_no_more_than_one_share(node: Node) -> None:
    junk, laid, ended = 1500, 0, list[Claim]()
    waited_behind = None
    for scan in range(1, 10_000):
        fresh = [f"{number:04}.csv" for number in range(laid, min(laid + 200, junk))]
        node.lay(FLOODED, fresh)
        laid += len(fresh)
        if scan == 30:
            node.lay(QUIET, ["one.csv"])
        taken = node.scan()
        assert sum(claim.sender == BEIJING for claim in node.work) <= BOUND
        assert node.visible(FLOODED) == node.inbox.left_alone()[FLOODED].get("share", 0)
        if any(claim.sender == SHANGHAI for claim in taken):
            assert scan == 30  # at once
            waited_behind = sum(claim.sender == BEIJING for claim in node.work)
        ended += node.done(8)
        if laid == junk and not node.work:
            break
    assert waited_behind is not None
    assert waited_behind <= BOUND
    assert len({claim.parcel for claim in ended}) == len(ended) == junk + 1
    assert node.visible(FLOODED) == 0


def test_the_share_is_one_of_all_folders_of_a_party_and_the_oldest_go_first(node: Node) -> None:
    node.lay(FLOODED, [f"{number:02}" for number in range(30)])
    node.lay(SECOND, ["later"])
    assert len(node.scan()) == BOUND
    assert (node.visible(FLOODED), node.visible(SECOND)) == (10, 1)
    node.lay(FLOODED, ["00"])  # a name that sorts first and came last
    node.done(10)
    assert {node.inbox.name(claim.parcel) for claim in node.scan()} == {f"{n:02}" for n in range(20, 30)}
    node.done(10)
    assert {node.inbox.name(claim.parcel) for claim in node.scan()} == {"00", "later"}


def test_who_waits_was_there_in_time_also_after_a_restart(node: Node) -> None:
    node.lay(FLOODED, [f"{number:02}" for number in range(25)])
    node.scan()
    assert [claim.first_seen.second for claim in node.work] == [1] * BOUND
    node.done(BOUND)
    node.seconds = 3000
    node.start()
    changed = node.home / FLOODED / "24"
    changed.write_text("something else", "utf-8")
    taken = {node.inbox.name(claim.parcel): claim.first_seen for claim in node.scan()}
    long_ago, today = START + timedelta(seconds=1), START + timedelta(seconds=3001)
    assert taken == {**dict.fromkeys(("20", "21", "22", "23"), long_ago), "24": today}


def test_no_name_is_kept_once_nothing_waits(node: Node) -> None:
    kept = node.home.parent / "spool" / ".queued"
    node.lay(FLOODED, [f"张三-{number:02}" for number in range(21)])
    node.scan()
    (file,) = kept.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    node.done(BOUND)
    node.scan()
    assert list(kept.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{", b'[["a"]]', b'[["a",[1,2,3,"x"],"now"]]', b"\xff"])
def test_what_was_kept_and_cannot_be_read_makes_nothing_worse(node: Node, damage: bytes) -> None:
    node.lay(FLOODED, [f"{number:02}" for number in range(22)])
    node.scan()
    node.done(BOUND)
    (file,) = (node.home.parent / "spool" / ".queued").iterdir()
    file.write_bytes(damage)
    node.start()
    assert len(node.scan()) == 2
