"""`ports.Inbox` against real folders: what is taken, when, exactly once, and what a crash between two steps leaves."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.channels.folders import DropFolders, Quiet, copying, inbox, names, taking
from gateway.adapters.channels.folders.claiming import Claiming
from gateway.adapters.channels.room import Room
from gateway.adapters.storage.claims import Claims
from gateway.outcomes import Deferred, Fault, Ok, Refused
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId

ANY_ROOM = Room(min_free=0)
START = datetime(2026, 10, 8, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DROP = "京/上报/跨省流入人口个案"
OTHER = "沪/上报/跨省流入人口个案"
ADDRESSES = [
    (PartyId("beijing"), AgreementId("migrants-inflow"), DROP),
    (PartyId("shanghai"), AgreementId("migrants-inflow"), OTHER),
]


@dataclass
class Node:
    """A node's drop folders with a clock that only moves when told."""

    home: Path
    seconds: float = 0.0
    room: Room = ANY_ROOM
    network: bool = False

    def __post_init__(self) -> None:
        for _, _, folder in ADDRESSES:
            (self.root / folder).mkdir(parents=True)
        self.inbox = self.start()

    @property
    def root(self) -> Path:
        return self.home / "exchange"

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def drop(self) -> Path:
        return self.root / DROP

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def start(self) -> DropFolders:
        """A process that starts: nothing in memory, what is on disk is all there is."""
        quiet = Quiet(2.0, self.network, lambda: self.seconds)
        self.inbox = DropFolders(self.root, ADDRESSES, self.spool, quiet=quiet, room=self.room)
        return self.inbox

    def scan(self, after: float = 0.0) -> list[Claim]:
        self.seconds += after
        return list(self.inbox.scan(self.now))

    def claim(self, name: str, data: bytes = b"a,b\n1,2\n") -> Claim:
        (self.drop / name).write_bytes(data)
        self.scan()
        [claim] = self.scan(after=2)
        return claim

    def visible(self) -> list[str]:
        return sorted(p.name for p in self.drop.iterdir())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def value(outcome: object) -> object:
    assert isinstance(outcome, Ok), outcome
    return outcome.value


# ---- what is taken, and when -----------------------------------------------------------------------------


def test_a_file_is_taken_after_its_quiet_period_and_received_when_it_was_first_seen(node: Node) -> None:
    (node.drop / "个案.csv").write_bytes(b"x")
    assert node.scan(after=10) == []
    assert node.scan(after=1.9) == []
    [claim] = node.scan(after=0.1)
    assert (claim.sender, claim.agreement) == ("beijing", "migrants-inflow")
    assert claim.first_seen == START + timedelta(seconds=10)
    assert node.visible() == [f".taken-{claim.parcel}"]
    assert node.scan(after=60) == []


def test_a_change_begins_the_quiet_period_and_the_instant_of_receipt_anew(node: Node) -> None:
    file = node.drop / "个案.csv"
    file.write_bytes(b"x")
    node.scan()
    file.write_bytes(b"xy")
    assert node.scan(after=2) == []
    [claim] = node.scan(after=2)
    assert claim.first_seen == START + timedelta(seconds=2)


def test_a_preallocated_file_of_constant_size_is_not_taken_while_it_is_filled(node: Node) -> None:
    file = node.drop / "个案.csv"
    with file.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, 4096)
        for n in range(4):
            assert node.scan(after=2) == []
            stream.write(b"x" * 1024)
            stream.flush()
            os.utime(stream.fileno(), ns=(n, n + 1))  # the kernel's own stamps may be too coarse for this fast test
    node.scan()
    assert len(node.scan(after=2)) == 1


@pytest.mark.parametrize(
    "name", [".x.csv", "~$x.xlsx", "x.csv.part", "x.TMP", "x.csv.filepart", "x.crdownload", "x.csv~", ".gateway-root"]
)
def test_unfinished_and_hidden_names_are_never_taken(node: Node, name: str) -> None:
    (node.drop / name).write_bytes(b"x")
    node.scan()
    assert node.scan(after=3600) == []
    assert node.visible() == [name]
    assert node.inbox.left_alone()[DROP] == {"temporary": 1}


def test_a_marker_makes_its_file_ready_at_once_and_goes_with_it(node: Node) -> None:
    (node.drop / "个案.csv").write_bytes(b"x")
    (node.drop / "个案.csv.ok").write_bytes(b"")
    [claim] = node.scan()
    assert claim.first_seen == START
    assert node.visible() == [f".taken-{claim.parcel}", f".taken-{claim.parcel}.ok"]
    value(node.inbox.copy(claim.parcel))
    (node.drop / "个案.csv").write_bytes(b"the next one")  # a stale marker must not make it ready
    assert node.scan() == []
    node.inbox.finish(claim.parcel)
    assert node.visible() == ["个案.csv"]


def test_a_sidecar_is_claimed_with_its_file_and_kept_beside_the_copy(node: Node) -> None:
    (node.drop / "个案.csv").write_bytes(b"x")
    node.scan()
    (node.drop / "个案.csv.json").write_bytes(b'{"period": "2026Q3"}')
    assert node.scan(after=2) == [], "the sidecar has to stand still too"
    [claim] = node.scan(after=2)
    copied = value(node.inbox.copy(claim.parcel))
    assert copied.path.read_bytes() == b"x"
    assert (node.spool / claim.parcel / "sidecar.json").read_bytes() == b'{"period": "2026Q3"}'
    node.inbox.finish(claim.parcel)
    assert node.visible() == []


def test_subfolders_and_what_stands_alone_are_left_and_counted(node: Node) -> None:
    (node.drop / "旧").mkdir()
    (node.drop / f".taken-{names.new_parcel(0)}").mkdir()
    (node.drop / "x.csv.ok").write_bytes(b"")
    (node.drop / "y.csv.json").write_bytes(b"{}")
    node.scan()
    assert node.scan(after=3600) == []
    assert node.inbox.left_alone()[DROP] == {"subfolder": 1, "temporary": 1, "marker": 1, "sidecar": 1}


def test_a_file_swapped_between_look_and_rename_is_not_taken_early(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    file = node.drop / "个案.csv"
    file.write_bytes(b"old")
    node.scan()
    write = Claims.write

    def swap_then_write(claims: Claims, records: list[object]) -> None:
        write(claims, records)
        (node.drop / "x.part").write_bytes(b"new, still growing")
        (node.drop / "x.part").rename(file)

    monkeypatch.setattr(Claims, "write", swap_then_write)
    assert node.scan(after=2) == []
    monkeypatch.undo()
    assert node.visible() == ["个案.csv"]
    assert [p.name for p in node.spool.iterdir() if not p.name.startswith(".")] == []
    node.scan()
    assert len(node.scan(after=2)) == 1


# ---- copying ---------------------------------------------------------------------------------------------


def test_a_copy_is_whole_durable_and_adopted_the_second_time(node: Node) -> None:
    data = os.urandom((3 << 20) + 17)
    claim = node.claim("个案.csv", data)
    first = value(node.inbox.copy(claim.parcel))
    assert (first.size, first.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (first.name, first.path.read_bytes() == data) == ("个案.csv", True)
    assert first.path.stat().st_mode & 0o777 == 0o600
    inode = first.path.stat().st_ino
    assert value(node.start().copy(claim.parcel)) == first
    assert first.path.stat().st_ino == inode
    first.path.with_name(f"{claim.parcel}.json").write_bytes(b"torn")
    assert value(node.inbox.copy(claim.parcel)) == first


def test_a_link_is_claimed_by_itself_and_never_followed(node: Node, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not yours")
    (node.drop / "个案.csv").symlink_to(secret)
    node.scan()
    [claim] = node.scan(after=2)
    assert node.inbox.copy(claim.parcel) == Refused("205")
    node.inbox.finish(claim.parcel)
    assert (node.visible(), secret.read_bytes()) == ([], b"not yours")


def test_a_fifo_is_refused_without_waiting_for_a_writer(node: Node) -> None:
    os.mkfifo(node.drop / "个案.csv")
    node.scan()
    [claim] = node.scan(after=2)
    assert node.inbox.copy(claim.parcel) == Refused("205")
    node.inbox.finish(claim.parcel)
    assert node.visible() == []


@pytest.mark.parametrize("name", ["a\nb.csv", "a\rb.csv", "a\x1b[31m.csv", "a\u2028b.csv", os.fsdecode(b"a\xff.csv")])
def test_names_that_would_break_a_line_are_refused_and_the_original_comes_back(node: Node, name: str) -> None:
    claim = node.claim(name, b"x")
    assert node.inbox.copy(claim.parcel) == Refused("206")
    assert "\n" not in node.inbox.name(claim.parcel)
    node.inbox.finish(claim.parcel)
    [returned] = (node.root / "京" / "退回").iterdir()
    assert names.is_plain(returned.name)
    assert (returned.read_bytes(), node.visible()) == (b"x", [])


def test_a_file_over_the_limit_is_refused_uncopied_and_comes_back_whole(tmp_path: Path) -> None:
    node = Node(tmp_path, room=Room(max_file=1 << 20, min_free=0))
    with (node.drop / "大.csv").open("wb") as stream:
        stream.truncate((5 << 30) + 1)  # 5 GB, sparse
    node.scan()
    [claim] = node.scan(after=2)
    assert node.inbox.copy(claim.parcel) == Refused("216", {"limit_mb": 1})
    assert list((node.spool / ".arrived").iterdir()) == []
    assert value(node.inbox.return_original(claim.parcel)) == "大.csv"
    assert value(node.inbox.return_original(claim.parcel)) == "大.csv"
    node.inbox.finish(claim.parcel)
    assert [p.stat().st_size for p in (node.root / "京" / "退回").iterdir()] == [(5 << 30) + 1]
    assert node.visible() == []


def test_without_room_it_is_deferred_before_a_byte_is_written(tmp_path: Path) -> None:
    node = Node(tmp_path, room=Room(min_free=993, free=lambda _: 1000))
    claim = node.claim("个案.csv", b"12345678")
    outcome = node.inbox.copy(claim.parcel)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "702"
    assert sorted(p.name for p in (node.spool / ".arrived").iterdir()) == []
    node.room = ANY_ROOM
    assert isinstance(node.start().copy(claim.parcel), Ok)


def test_a_disk_that_fills_up_while_copying_defers_and_leaves_no_partial_copy(tmp_path: Path) -> None:
    """A file size limit of the process is the one full disk that every user can have; the kernel answers EFBIG for it,
    as a quota answers EDQUOT: the same path through the code, another number."""
    node = Node(tmp_path)
    claim = node.claim("个案.csv", b"x" * (4 << 20))
    script = (
        "import sys, resource, signal, pathlib\n"
        "from gateway.adapters.channels.folders import DropFolders, Quiet\n"
        "from gateway.adapters.channels.room import Room\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "i = DropFolders(home / 'exchange', [], home / 'spool', quiet=Quiet(), room=Room(min_free=0))\n"
        "print(i.copy(sys.argv[2]).outcome, i.copy(sys.argv[2]).code)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path), claim.parcel], capture_output=True, text=True)
    assert run.stdout.split() == ["deferred", "702"], run.stderr
    assert sorted(p.name for p in (node.spool / ".arrived").iterdir()) == []
    assert isinstance(node.inbox.copy(claim.parcel), Ok)


def test_a_file_that_changes_after_the_claim_is_deferred_until_it_stands_still(node: Node) -> None:
    """Somebody wrote by the claimed name: by its own, nobody could have it open."""
    claim = node.claim("个案.csv", b"half")
    with (node.drop / f".taken-{claim.parcel}").open("ab", buffering=0) as writer:
        writer.write(b", and the rest")
    first = node.inbox.copy(claim.parcel)
    assert isinstance(first, Deferred)
    assert first.code == "703"
    assert list((node.spool / ".arrived").iterdir()) == []
    assert value(node.start().copy(claim.parcel)).path.read_bytes() == b"half, and the rest"


def test_a_file_that_changes_while_it_is_read_is_deferred_and_nothing_partial_stays(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = node.claim("个案.csv", b"x" * (2 << 20))
    room = copying._need_room

    def grow(*args: object) -> None:  # the boundary between "looked at" and "read"
        room(*args)
        with (node.drop / f".taken-{claim.parcel}").open("ab") as writer:
            writer.write(b"late")

    monkeypatch.setattr(copying, "_need_room", grow)
    outcome = node.inbox.copy(claim.parcel)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "703"
    assert sorted(p.name for p in (node.spool / ".arrived").iterdir()) == []


def test_content_that_changes_after_the_copy_is_not_lost_but_a_new_arrival(node: Node, tmp_path: Path) -> None:
    link = tmp_path / "writers-own-link"
    (node.drop / "个案.csv").write_bytes(b"first")
    os.link(node.drop / "个案.csv", link)
    node.scan()
    [claim] = node.scan(after=2)
    copied = value(node.inbox.copy(claim.parcel))
    with link.open("ab") as writer:
        writer.write(b", second")
    node.inbox.finish(claim.parcel)
    assert node.visible() == ["个案-新内容-1.csv"]
    assert copied.path.read_bytes() == b"first"
    node.scan()
    [again] = node.scan(after=2)
    assert value(node.inbox.copy(again.parcel)).path.read_bytes() == b"first, second"
    assert again.parcel != claim.parcel


def test_finish_is_idempotent_and_a_parcel_forgotten_leaves_nothing(node: Node) -> None:
    claim = node.claim("个案.csv")
    value(node.inbox.copy(claim.parcel))
    for _ in range(2):
        node.inbox.finish(claim.parcel)
    assert node.visible() == []
    assert node.inbox.name(claim.parcel) == "个案.csv"
    assert node.inbox.claim(claim.parcel) == claim
    assert node.inbox.copied(claim.parcel) == node.start().copied(claim.parcel) is not None
    for _ in range(2):
        node.inbox.forget(claim.parcel)
    assert [list((node.spool / name).iterdir()) for name in (".arrived", ".claims")] == [[], []]
    assert (node.inbox.name(claim.parcel), node.inbox.pending()) == ("", [])
    assert (node.inbox.claim(claim.parcel), node.inbox.copied(claim.parcel)) == (None, None)
    assert isinstance(node.inbox.copy(claim.parcel), Fault)


def test_a_refused_original_is_returned_once_under_a_free_name(node: Node) -> None:
    returned = node.root / "京" / "退回"
    returned.mkdir()
    (returned / "个案.csv").write_bytes(b"an older one")
    claim = node.claim("个案.csv", b"refused")
    value(node.inbox.copy(claim.parcel))
    assert value(node.inbox.return_original(claim.parcel)) == "个案-1.csv"
    assert value(node.start().return_original(claim.parcel)) == "个案-1.csv"
    node.inbox.finish(claim.parcel)
    assert {p.name: p.read_bytes() for p in returned.iterdir()} == {
        "个案.csv": b"an older one",
        "个案-1.csv": b"refused",
    }


# ---- crash points ----------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here: nothing after it runs."""


def crash_at(monkeypatch: pytest.MonkeyPatch, owner: object, step: str, *, after: bool) -> None:
    real: Callable[..., object] = getattr(owner, step)

    def fall(*args: object, **kwargs: object) -> object:
        if after:
            real(*args, **kwargs)
        raise Crash

    monkeypatch.setattr(owner, step, fall)


@pytest.mark.parametrize(
    ("owner", "step", "after"),
    [
        (Claims, "write", False),
        (Claims, "write", True),
        (taking, "take", True),
        (Claiming, "_know", True),
        (inbox.moving, "sync", True),
    ],
)
def test_a_crash_at_any_step_of_the_claim_loses_and_doubles_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch, owner: object, step: str, after: bool
) -> None:
    data = {f"{n}.csv": b"%d" % n for n in range(12)}
    for name, content in data.items():
        (node.drop / name).write_bytes(content)
    for name in ("3.csv", "4.csv"):
        (node.drop / f"{name}.json").write_bytes(b"{}")
    (node.drop / "4.csv.ok").write_bytes(b"")
    node.scan()
    crash_at(monkeypatch, owner, step, after=after)
    with pytest.raises(Crash):
        node.scan(after=2)
    monkeypatch.undo()

    node.start()
    claims = node.scan() + node.scan(after=2) + node.scan(after=2)
    copies = [value(node.inbox.copy(c.parcel)) for c in claims]
    assert sorted((c.name, c.path.read_bytes()) for c in copies) == sorted(data.items())
    assert sorted(c.name for c in copies if (node.spool / c.path.name / "sidecar.json").exists()) == ["3.csv", "4.csv"]
    for claim in claims:
        node.inbox.finish(claim.parcel)
    assert node.visible() == []
    assert len({p.name.partition(".")[0] for p in (node.spool / ".arrived").iterdir()}) == 12


def test_a_claim_whose_sidecar_alone_was_renamed_is_undone(node: Node) -> None:
    (node.drop / "个案.csv").write_bytes(b"x")
    (node.drop / "个案.csv.json").write_bytes(b"{}")
    node.scan()
    [claim] = node.scan(after=2)
    (node.drop / f".taken-{claim.parcel}").rename(node.drop / "个案.csv")  # as if the crash came before this rename
    node.start()
    assert node.scan() == []
    assert node.visible() == ["个案.csv", "个案.csv.json"]
    assert not (node.spool / claim.parcel).exists()
    [again] = node.scan(after=2)
    value(node.inbox.copy(again.parcel))
    assert (node.spool / again.parcel / "sidecar.json").read_bytes() == b"{}"


def test_unfinished_claims_come_back_once_per_run_and_finished_ones_never(node: Node) -> None:
    first, second = node.claim("1.csv"), node.claim("2.csv")
    value(node.inbox.copy(first.parcel))
    node.start()
    assert node.inbox.pending() == [first, second]
    assert node.scan() == [first, second]
    assert node.scan(after=9) == []
    node.inbox.finish(first.parcel)
    node.start()
    assert node.scan() == [second]
    assert node.inbox.pending() == [second]


def test_a_finish_that_was_cut_is_done_by_the_next_run(node: Node) -> None:
    claim = node.claim("个案.csv", b"x")
    value(node.inbox.copy(claim.parcel))
    Claims(node.spool).mark_finished(claim.parcel)  # and then the power went
    node.start()
    assert node.scan() == []
    assert node.visible() == []


def test_a_taken_file_without_claim_is_adopted_without_a_name(node: Node) -> None:
    claim = node.claim("个案.csv", b"x")
    [journal] = (node.spool / ".claims").iterdir()
    journal.write_bytes(b'-{"torn')
    node.start()
    [adopted] = node.scan(after=5)
    assert (adopted.parcel, adopted.sender, adopted.first_seen) == (claim.parcel, "beijing", node.now)
    copied = value(node.inbox.copy(adopted.parcel))
    assert (copied.name, copied.path.read_bytes()) == ("", b"x")


def test_a_forged_id_of_another_partys_parcel_gets_an_id_of_its_own(node: Node) -> None:
    claim = node.claim("个案.csv", b"beijing")
    (node.root / OTHER / f".taken-{claim.parcel}").write_bytes(b"shanghai")
    [forged] = node.scan()
    assert forged.parcel != claim.parcel
    assert forged.sender == "shanghai"
    assert value(node.inbox.copy(forged.parcel)).path.read_bytes() == b"shanghai"
    assert value(node.inbox.copy(claim.parcel)).path.read_bytes() == b"beijing"


def on_disk(node: Node) -> bytes:
    return b"".join(p.read_bytes() for p in sorted((node.spool / ".claims").iterdir()))


def test_of_claims_written_together_each_goes_alone_and_its_name_with_it(node: Node) -> None:
    for name in ("甲.csv", "乙.csv", "丙.csv"):
        (node.drop / name).write_bytes(name.encode())
    node.scan()
    by_name = {node.inbox.name(claim.parcel): claim.parcel for claim in node.scan(after=2)}
    assert len(list((node.spool / ".claims").iterdir())) == 1
    for name, left in (("乙.csv", 2), ("甲.csv", 1), ("丙.csv", 0)):
        value(node.inbox.copy(by_name[name]))
        node.inbox.finish(by_name[name])
        node.start() if left == 1 else None  # another process, too
        node.inbox.forget(by_name[name])
        assert (by_name[name].encode() in on_disk(node), on_disk(node).count(b"parcel")) == (False, left)
    assert list((node.spool / ".claims").iterdir()) == []


def test_a_claim_written_twice_is_the_later_one_and_the_earlier_is_erased(node: Node) -> None:
    """A crash may leave both: the file changed after its claim, and the power went before the old line was erased."""
    claim = node.claim("个案.csv", b"half")
    before = on_disk(node)
    with (node.drop / f".taken-{claim.parcel}").open("ab") as writer:
        writer.write(b", and the rest")
    assert isinstance(node.inbox.copy(claim.parcel), Deferred)
    after = on_disk(node)
    assert after != before
    (node.spool / ".claims" / "000000000001-00000000.jsonl").write_bytes(before)
    assert value(node.start().copy(claim.parcel)).path.read_bytes() == b"half, and the rest"
    assert on_disk(node) == after


def test_two_processes_over_one_spool_see_each_others_claims(node: Node) -> None:
    """As after a reload of the facts, while steps still hold the older one."""
    older, claim = node.inbox, node.claim("1.csv")
    newer = node.start()
    (node.drop / "2.csv").write_bytes(b"x")
    node.scan()
    second = next(c for c in node.scan(after=2) if c.parcel != claim.parcel)
    assert (older.claim(second.parcel), older.name(second.parcel)) == (second, "2.csv")
    value(older.copy(claim.parcel))
    older.finish(claim.parcel)
    older.forget(claim.parcel)
    assert Claims(node.spool).read(claim.parcel) is None
    value(newer.copy(second.parcel))
    assert node.start().pending() == [second]


# ---- the source ------------------------------------------------------------------------------------------


def test_a_root_without_its_sentinel_is_down_and_not_empty(node: Node) -> None:
    claim = node.claim("1.csv")
    (node.drop / "2.csv").write_bytes(b"x")
    node.scan()
    away = node.home / "unmounted"
    node.root.rename(away)
    (node.root / DROP).mkdir(parents=True)  # what an unmounted share leaves
    assert node.scan(after=9) == []
    assert node.inbox.health() == {DROP: "down", OTHER: "down"}
    outcome = node.inbox.copy(claim.parcel)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "709"
    node.start()  # a restart meanwhile must not take the claim back
    assert node.scan() == []
    (node.root / ".gateway-root").write_bytes(b"another share")
    assert node.inbox.health() == {DROP: "down", OTHER: "down"}

    (node.root / ".gateway-root").unlink()
    for folder in (node.drop, node.drop.parent, node.drop.parent.parent, node.root):
        folder.rmdir()
    away.rename(node.root)
    assert node.scan() == [claim]
    assert node.inbox.health() == {DROP: "ok", OTHER: "ok"}
    assert len(node.scan(after=2)) == 1
    assert isinstance(node.inbox.copy(claim.parcel), Ok)


def test_a_drop_folder_replaced_by_a_link_is_down_and_its_target_untouched(node: Node, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.csv").write_bytes(b"x")
    node.drop.rmdir()
    node.drop.symlink_to(elsewhere)
    node.scan()
    assert node.scan(after=9) == []
    assert node.inbox.health() == {DROP: "down", OTHER: "ok"}
    assert [p.name for p in elsewhere.iterdir()] == ["x.csv"]


def test_a_network_share_gets_a_longer_quiet_period(tmp_path: Path) -> None:
    node = Node(tmp_path, network=True)
    (node.drop / "个案.csv").write_bytes(b"x")
    node.scan()
    assert node.scan(after=29) == []
    assert len(node.scan(after=1)) == 1


def test_a_file_that_cannot_be_renamed_waits_and_keeps_its_instant_of_receipt(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node.drop / "个案.csv").write_bytes(b"x")
    (node.drop / "个案.csv.json").write_bytes(b"{}")
    real = inbox.moving.rename_free

    def held(folder: int, old: str, new: str, into: int | None = None) -> bool:
        """What a share answers while an office program holds the file open."""
        if old == "个案.csv":
            raise PermissionError(13, "held")
        return real(folder, old, new, into)

    monkeypatch.setattr(inbox.moving, "rename_free", held)
    node.scan()
    assert node.scan(after=2) == []
    assert node.visible() == ["个案.csv", "个案.csv.json"]
    assert node.inbox.left_alone()[DROP] == {"held": 1}
    monkeypatch.undo()
    [claim] = node.scan(after=2)
    assert claim.first_seen == START


# ---- many, at once ------------------------------------------------------------------------


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[tuple[Path, list[threading.Thread]]]:
    """Four writers that rename 500 files each into the folder, and one that writes a file slowly in place."""
    drop, staging = tmp_path / "exchange" / DROP, tmp_path / "staging"
    drop.mkdir(parents=True)
    (tmp_path / "exchange" / OTHER).mkdir(parents=True)
    staging.mkdir()

    def burst(writer: int) -> None:
        for n in range(500):
            name = f"{writer}-{n}.csv"
            (staging / name).write_bytes(f"{writer},{n}\n".encode() * 20)
            (staging / name).rename(drop / name)

    def slowly() -> None:
        with (drop / "slow.csv").open("wb", buffering=0) as stream:
            for n in range(20):
                stream.write(b"%d\n" % n)
                time.sleep(0.1)

    threads = [threading.Thread(target=burst, args=(w,)) for w in range(4)] + [threading.Thread(target=slowly)]
    yield tmp_path, threads
    for thread in threads:
        thread.join()


def test_two_thousand_files_of_four_writers_and_a_slow_one_are_all_taken_once_none_early(
    busy: tuple[Path, list[threading.Thread]],
) -> None:
    home, threads = busy
    taker = DropFolders(home / "exchange", ADDRESSES, home / "spool", quiet=Quiet(0.6), room=Room(min_free=0))
    for thread in threads:
        thread.start()
    seen: dict[str, bytes] = {}
    parcels: set[ParcelId] = set()
    limit = time.monotonic() + 120
    while len(seen) < 2001:
        assert time.monotonic() < limit, f"{len(seen)} taken"
        claims = taker.scan(datetime.fromtimestamp(time.time(), START.tzinfo))
        taker.copy_ahead([claim.parcel for claim in claims])
        for claim in claims:
            assert claim.parcel not in parcels
            parcels.add(claim.parcel)
            copied = value(taker.copy(claim.parcel))
            assert copied.name not in seen
            seen[copied.name] = copied.path.read_bytes()
            taker.finish(claim.parcel)
        time.sleep(0.05)
    assert seen.pop("slow.csv") == b"".join(b"%d\n" % n for n in range(20))
    assert seen == {f"{w}-{n}.csv": f"{w},{n}\n".encode() * 20 for w in range(4) for n in range(500)}
    assert list((home / "exchange" / DROP).iterdir()) == []


def test_copies_made_ahead_are_of_what_was_claimed_and_nothing_else(node: Node) -> None:
    """Forty at once: one changes after the claim, one is too large for it, one has a sidecar: their own steps judge."""
    for n in range(40):
        (node.drop / f"{n:02}.csv").write_bytes(b"%d" % n)
    (node.drop / "38.csv").write_bytes(b"x" * ((1 << 20) + 1))
    (node.drop / "39.csv.json").write_text("{}")
    node.scan()
    claims = node.scan(after=2)
    by_name = {node.inbox.name(claim.parcel): claim.parcel for claim in claims}
    with (node.drop / f".taken-{by_name['00.csv']}").open("ab") as stream:
        stream.write(b"more")
    assert node.inbox.copy_ahead([claim.parcel for claim in claims]) == 37
    assert {name for name, parcel in by_name.items() if node.inbox.copied(parcel) is None} == {
        "00.csv",
        "38.csv",
        "39.csv",
    }
    assert node.inbox.copy_ahead([claim.parcel for claim in claims][:3]) == 0
    changed = node.inbox.copy(by_name["00.csv"])
    assert isinstance(changed, Deferred)
    assert changed.code == "703"
    again = node.start()  # what is on the disk is all that a new process knows
    for name, parcel in by_name.items():
        copied = value(again.copy(parcel))
        assert copied.sha256 == hashlib.sha256(copied.path.read_bytes()).hexdigest()
        assert copied.name == name
        again.finish(parcel)
    assert list(node.drop.iterdir()) == []


TAKER = """
import os, sys, time
from datetime import datetime, timezone
from pathlib import Path
from gateway.adapters.channels.folders import DropFolders, Quiet
from gateway.adapters.channels.room import Room

home, drop = Path(sys.argv[1]), sys.argv[2]
where = home / "exchange", [("beijing", "a", drop)], home / "spool"
inbox = DropFolders(*where, quiet=Quiet(0.02), room=Room(min_free=0))
ledger = os.open(home / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
while True:
    claims = inbox.scan(datetime.now(timezone.utc))
    inbox.copy_ahead([claim.parcel for claim in claims])
    for claim in claims:
        copied = inbox.copy(claim.parcel).value
        os.write(ledger, f"{claim.parcel} {copied.name} {copied.sha256}\\n".encode())
        inbox.finish(claim.parcel)
    time.sleep(0.01)
"""


def test_a_taker_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """kill -9 at ten random moments. The ledger stands for the daemon's: the same parcel again is no second entry."""
    drop = tmp_path / "exchange" / DROP
    drop.mkdir(parents=True)
    for n in range(600):
        (drop / f"{n}.csv").write_bytes(b"%d" % n)
    ledger = tmp_path / "ledger"
    ledger.touch()
    limit, kills, rest = time.monotonic() + 120, 0, random.Random(20261008)
    while kills < 10 or any(p.name.startswith(".taken-") or not p.name.startswith(".") for p in drop.iterdir()):
        assert time.monotonic() < limit
        taker = subprocess.Popen([sys.executable, "-c", TAKER, str(tmp_path), DROP])
        before = ledger.stat().st_size
        while ledger.stat().st_size == before and taker.poll() is None and time.monotonic() < limit:
            if not any(not p.name.startswith(".gateway") for p in drop.iterdir()):
                break
            time.sleep(0.005)
        assert taker.poll() is None
        time.sleep(rest.uniform(0, 0.08))
        taker.kill()
        taker.wait()
        kills += 1
    entries = {tuple(line.split()) for line in ledger.read_text().splitlines()}
    assert len(entries) == len({parcel for parcel, _, _ in entries}) == 600
    assert {(name, sha256) for _, name, sha256 in entries} == {
        (f"{n}.csv", hashlib.sha256(b"%d" % n).hexdigest()) for n in range(600)
    }


def test_ten_thousand_files_are_claimed_in_one_scan(node: Node) -> None:
    for n in range(10_000):
        (node.drop / f"{n}.csv").touch()
    node.scan()
    claims = node.scan(after=2)
    assert len({c.parcel for c in claims}) == 10_000
    assert [c.parcel for c in claims] == sorted(c.parcel for c in claims)
    assert len(node.start().pending()) == 10_000


# ---- names -----------------------------------------------------------------------------------------------


def test_parcel_ids_sort_by_time_and_hold_26_plain_characters() -> None:
    ids = [names.new_parcel(ms) for ms in (0, 1, 31, 32, 33, 1_700_000_000_000, 1_800_000_000_000, (1 << 45) - 1)]
    assert ids == sorted(ids)
    assert all(len(i) == 26 and names.parse_taken(f".taken-{i}") == (i, "") for i in ids)


def test_a_long_name_is_shortened_between_characters() -> None:
    name = names.numbered("个" * 90 + ".csv", names.NEW_CONTENT, lambda _: False)
    assert len(name.encode()) <= 255
    assert name.endswith("个-新内容-1.csv")
