"""Parties write into their own folders, and plant there what they like: links, files in the place of folders, folders
in the place of files. The node writes, reads and removes nothing through any of it; what belongs there waits until it
is gone, nothing is lost, and nobody else waits.

One province is behind on everything that the node does in a party's folders (`OPERATIONS`, each by the code that the
daemon runs). Something is planted, everything is done, what was planted is taken away, everything is done again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.logs import make_log
from support.nodes import PERIOD, Node, copy_node, planned
from support.touched import Touched
from test_keys import Standing

from gateway import flow, wiring
from gateway.adapters.publishing import LogKeys
from gateway.adapters.sealing.key_health import key_states
from gateway.adapters.worker import Worker
from gateway.corridors import recovery
from gateway.corridors.between.gathering import Gathering
from gateway.corridors.distribution import Delivery, Releasing, chasing
from gateway.corridors.inquiries import showing
from gateway.corridors.telling import impersonation
from gateway.corridors.telling.posting import Posting
from gateway.corridors.telling.reminders import letters
from gateway.corridors.upkeep import keywatch, retention, templates
from gateway.daemon import sweeping, vitals, witnessing
from gateway.daemon.publication import Publication
from gateway.demo.faults import FileFault, RowFault
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.outcomes import Refused
from gateway.step import OK, StepResult

CODE, PARTY, OTHER = "33", "330000", "340000"
LABEL = "跨省流入人口个案"
OLD = 1_500_000_000


# ---- a node with everything still to do ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Owing:
    """A node's folder before anything of `PARTY`'s was laid down; copy it."""

    home: Path
    parcels: tuple[str, ...]
    batches: tuple[str, ...]


def _without_posting(name: str, step: Callable[..., StepResult], *arguments: str) -> StepResult:
    return OK if name == "posting" else step(*arguments)


@pytest.fixture(scope="module")
def owing(template: Path, tmp_path_factory: Any, partners: Partners, worker: Worker) -> Owing:
    home = tmp_path_factory.mktemp("owing") / "node"
    copy_node(template, home)
    for file in (home / "config" / "parties").glob("*.toml"):
        if file.stem not in ("000000", PARTY, OTHER):  # thirty more would only take their time
            shutil.rmtree(home / "exchange" / file.stem, ignore_errors=True)
            file.unlink()
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[witnessing]\nparties = ["{PARTY}"]\n')
    key = make_log(tmp_path_factory.mktemp("theirs"), 1).key
    (home / "keys" / "witnessed.policy").write_text(f"log {key}\nquorum none\n")
    node = Node(home, partners, worker)
    flow.bind(node.running)
    found = []
    for file in (
        planned(10, party=CODE, seed="refused", file_fault=FileFault.WRONG_HEADER),
        planned(2, party=CODE, seed="s7", row_faults=((2, RowFault.BAD_CHECKSUM),)),
        planned(1, party="34", seed="s2"),
    ):
        node.drop(file)
        (claim,) = node.scan()
        flow.submit(claim.parcel, _without_posting)
        found.append(claim.parcel)
    assert [node.row(parcel).state for parcel in found] == ["refused", "accepted", "accepted"]
    Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
    batches = sorted({p.distribution for one in (PARTY, OTHER) for p in node.packages(receiver=one)})
    assert len(batches) == 2
    node.close()
    return Owing(home, tuple(found), tuple(batches))


def _node(owing: Owing, tmp_path: Path, partners: Partners, worker: Worker) -> Node:
    shutil.copytree(owing.home, tmp_path / "node", ignore=shutil.ignore_patterns("S.gpg-agent*"))
    return Node(tmp_path / "node", partners, worker)


@pytest.fixture
def node(owing: Owing, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    made = _node(owing, tmp_path, partners, worker)
    yield made
    made.close()


# ---- what the daemon does -----------------------------------------------------------------------------------------


def later(node: Node, days: int) -> Any:
    return replace(node.running, clock=Standing(node.running.clock.now() + timedelta(days=days)))


def post(node: Node, owing: Owing) -> None:
    for parcel in owing.parcels:
        assert Posting(node.running).run(parcel)["outcome"] in ("ok", "deferred")


def deliver(node: Node, owing: Owing) -> None:
    for batch in owing.batches:
        assert Delivery(node.running).run(batch)["outcome"] in ("ok", "deferred")
    Delivery(node.running).post_waiting()


def chase(node: Node, owing: Owing) -> None:
    chasing.chase(later(node, 40))


def remind(node: Node, owing: Owing) -> None:
    sweeping.oblige(node.running)
    for party in (PARTY, OTHER):
        letters.remind(node.running, PERIOD, "test", agreement=None, party=party, dry_run=False)


def warn_of_impersonation(node: Node, owing: Owing) -> None:
    refused = Refused("255", {"signer": OTHER, "claimed": PARTY})
    impersonation.told(node.running, refused, None, node.running.clock.now())


def warn_of_keys(node: Node, owing: Owing) -> None:
    (key,) = [k for k in key_states(node.facts, node.running.clock.now(), private=False) if k.party == PARTY]
    assert key.expires is not None
    keywatch.warn(replace(node.running, clock=Standing(key.expires - timedelta(days=20))))


def publish(node: Node, owing: Owing) -> None:
    publication = Publication(node.running, lambda: None)
    publication.start()
    publication.round(node.running)


def recover(node: Node, owing: Owing) -> None:
    recovery.adopt_arrived(node.running)
    recovery.adopt(node.running)
    recovery.recompose(node.running)
    keys = LogKeys(node.facts.path(node.facts.node.private), node.facts.node.name)
    recovery.newest(node.running, [node.facts.path(node.facts.node.log)], [s.verifier for s in keys.signers()])


OPERATIONS: dict[str, Callable[[Node, Owing], object]] = {
    "start": lambda node, _: wiring.prepare(node.facts),
    "scan": lambda node, _: node.scan(),
    "post": post,
    "deliver": deliver,
    "remind": remind,
    "warn of impersonation": warn_of_impersonation,
    "warn of keys": warn_of_keys,
    "show the other's": lambda node, _: showing.refresh(node.running, [OTHER]),
    "show": lambda node, _: showing.refresh(node.running, [PARTY]),
    "templates": lambda node, _: templates.write(node.running),
    "publish with proofs": publish,
    "gather": lambda node, _: Gathering().round(node.running),
    "witness": lambda node, _: witnessing.answer(node.running),
    "recover": recover,
    "chase": chase,
    "erase": lambda node, _: retention.erase(later(node, 16)),
}


def everything(node: Node, owing: Owing, touched: Touched | None = None) -> dict[str, list[str]]:
    """Do it all, as the daemon does: what meets the world's fault is tried another time. What each touched beyond the
    link."""
    found = {}
    for name, operation in OPERATIONS.items():
        with suppress(OSError, recovery.Unusable):
            operation(node, owing)
        reached = touched.so_far() if touched is not None else []
        if reached:
            found[name] = reached
    return found


def lay_what_waits(node: Node) -> None:
    from gateway.corridors.telling import laying

    laying.lay_waiting(node.running)


def snapshot(top: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(top)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(top.rglob("*"))
    }


def names(node: Node, party: str) -> set[str]:
    """Every file of a party's, by its place; letters and receipts are the same in each copy of the node, but for the
    proofs, whose checkpoints are of the moment."""
    top = node.party_folder(party)
    return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(owing: Owing, tmp_path_factory: Any, partners: Partners, worker: Worker) -> tuple[set[str], set[str]]:
    """What `PARTY` and the other one find when nobody plants anything."""
    node = _node(owing, tmp_path_factory.mktemp("undisturbed"), partners, worker)
    try:
        everything(node, owing)
        mine, others = names(node, CODE), names(node, "34")
    finally:
        node.close()
    return mine, others


def test_everything_lays_something_down(undisturbed: tuple[set[str], set[str]]) -> None:
    """The table is no use if what it does finds nothing to do."""
    mine, others = undisturbed
    top = {place.partition("/")[0] for place in mine}
    assert top >= {"接收", "回执", "退回", "模板"}
    letters_ = ("回执/催报", "回执/冒名提醒函", "回执/密钥到期函", f"接收/{LABEL}/")
    for beginning in (*letters_, "回执/回执_", "回执/核查未结清单", "回执/机器读取/", f"接收/{LABEL}/分发清单"):
        assert any(place.startswith(beginning) for place in mine), beginning
    for ending in (".sig", ".tlog-proof", ".gpg", ".xlsx"):
        assert any(place.endswith(ending) for place in mine), ending
    assert len([place for place in mine if place.startswith("退回/")]) == 2
    assert others


# ---- bait: what another party's folder may hold -------------------------------------------------------------------


LEVELS = (
    "",
    "上报",
    f"上报/{LABEL}",
    "上报/签收",
    "接收",
    f"接收/{LABEL}",
    "接收/回执",
    "回执",
    "回执/机器读取",
    "退回",
    "模板",
    "见证",
)


def bait(top: Path) -> Path:
    """A folder whose every part tempts some operation to read, replace or remove it."""
    for below in (*LEVELS, "签收", "机器读取", LABEL):
        folder = top / below
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("旧.xlsx", "x.receipt.json", "x.receipt.json.sig", "list.json", "list.json.sig", "y.tlog-proof",
                     "add-checkpoint", f"{LABEL}.xlsx", "数据.csv"):  # fmt: skip
            (folder / name).write_bytes(f"{below}/{name}".encode())
            os.utime(folder / name, (OLD, OLD))
    return top


def displace(node: Node, level: str, plant: Callable[[Path], object]) -> Callable[[], None]:
    """Plant something in a folder's place; what takes it away again and puts the folder back."""
    folder = node.party_folder(CODE, *level.split("/")) if level else node.party_folder(CODE)
    aside, was_there = node.home / "aside", folder.exists()
    if was_there:
        folder.rename(aside)
    plant(folder)

    def put_back() -> None:
        folder.unlink()
        if was_there:
            aside.rename(folder)

    return put_back


def is_told(node: Node, level: str) -> str:
    """The reason that `gateway health` gives for the folder."""
    party = node.facts.parties[PARTY].folder_name
    down = vitals.folders_down(node.running)
    return down.get(f"{party}/{level}" if level else party, "")


def is_done_in_the_end(node: Node, owing: Owing, put_back: Callable[[], None], mine: set[str]) -> None:
    """What was planted is gone: all that waited is there."""
    put_back()
    everything(node, owing)
    lay_what_waits(node)
    assert vitals.folders_down(node.running) == {}
    assert names(node, CODE) == mine, "nothing is lost"


@pytest.mark.parametrize("level", LEVELS)
def test_no_link_in_the_place_of_a_folder_is_followed(
    node: Node, owing: Owing, undisturbed: tuple[set[str], set[str]], tmp_path: Path, level: str
) -> None:
    mine, others = undisturbed
    there = bait(tmp_path / "bait")
    before = snapshot(there)
    put_back = displace(node, level, lambda folder: folder.symlink_to(there))
    touched = Touched(there)
    try:
        assert everything(node, owing, touched) == {}
    finally:
        touched.close()
    assert snapshot(there) == before
    assert is_told(node, level) == "link"
    assert names(node, "34") == others, "nobody else waits"
    is_done_in_the_end(node, owing, put_back, mine)


OBSTRUCTED = {
    "dangling": ("", "上报", "接收", "接收/回执", "回执/机器读取", "退回"),
    "file": ("回执", f"接收/{LABEL}", "模板"),
    "pipe": (f"上报/{LABEL}", "回执/机器读取", "见证"),
}


@pytest.mark.parametrize(("what", "level"), [(what, level) for what, levels in OBSTRUCTED.items() for level in levels])
def test_nothing_comes_into_being_behind_what_is_no_folder(
    node: Node, owing: Owing, undisturbed: tuple[set[str], set[str]], tmp_path: Path, level: str, what: str
) -> None:
    mine, others = undisturbed
    nowhere = tmp_path / "nowhere"

    def plant(folder: Path) -> None:
        if what == "dangling":
            folder.symlink_to(nowhere)
        elif what == "pipe":
            os.mkfifo(folder)
        else:
            folder.write_bytes(b"own")

    put_back = displace(node, level, plant)
    everything(node, owing)
    assert not nowhere.exists()
    assert is_told(node, level) == ("link" if what == "dangling" else "file")
    assert names(node, "34") == others
    is_done_in_the_end(node, owing, put_back, mine)


def test_no_link_under_the_name_of_a_file_is_written_through(
    node: Node, owing: Owing, undisturbed: tuple[set[str], set[str]], tmp_path: Path
) -> None:
    """Every name that a file will have is a link to somebody else's, symbolic or hard; and none of them changes."""
    mine, others = undisturbed
    victim = tmp_path / "victim"
    victim.write_bytes(b"somebody else's")
    top = node.party_folder(CODE)
    linked = sorted(mine)
    for number, place in enumerate(linked):
        (top / place).parent.mkdir(parents=True, exist_ok=True)
        (top / place).unlink(missing_ok=True)
        if number % 2:
            (top / place).symlink_to(victim)
        else:
            (top / place).hardlink_to(victim)
    everything(node, owing)
    assert victim.read_bytes() == b"somebody else's"
    assert names(node, "34") == others
    assert is_told(node, f"接收/{LABEL}") == "", "the folder itself is as it should be"
    for place in linked:  # a batch waits for its names; and a returned file takes the next free one
        if (top / place).is_symlink() or (top / place).stat().st_nlink > 1:
            assert place.startswith((f"接收/{LABEL}/", "退回/")), place
            (top / place).unlink()
    everything(node, owing)
    lay_what_waits(node)
    assert {place for place in mine if not place.startswith("退回/")} <= names(node, CODE)
    assert len(list((top / "退回").iterdir())) >= 2


def test_a_folder_under_the_name_of_a_file_is_told_and_left(
    node: Node, owing: Owing, undisturbed: tuple[set[str], set[str]]
) -> None:
    mine, others = undisturbed
    (page, *_) = sorted(place for place in mine if place.startswith("回执/催报"))
    (receipt, *_) = sorted(place for place in mine if place.endswith(".receipt.json") and "机器读取" in place)
    top = node.party_folder(CODE)
    for place in (page, receipt):
        (top / place).mkdir(parents=True)
        (top / place / "own").write_bytes(b"kept")
    everything(node, owing)
    assert (is_told(node, page), is_told(node, receipt)) == ("folder", "folder")
    assert names(node, "34") == others
    for place in (page, receipt):
        assert (top / place / "own").read_bytes() == b"kept"
        shutil.rmtree(top / place)
    everything(node, owing)
    lay_what_waits(node)
    assert (is_told(node, page), is_told(node, receipt)) == ("", "")
    assert names(node, CODE) == mine


# ---- what was seen on a running node ------------------------------------------------------------------------------


def test_refused_rows_are_not_laid_into_another_partys_drop_folder(node: Node, owing: Owing) -> None:
    drop = node.party_folder("34", "上报", LABEL)
    displace(node, "退回", lambda folder: folder.symlink_to(drop))
    post(node, owing)
    assert list(drop.iterdir()) == []
    assert node.scan() == [], "nothing of one party's is taken as another's"


def test_the_nodes_own_receipts_are_not_gathered_as_fetched_ones(node: Node, owing: Owing) -> None:
    receipts = node.party_folder("34", "回执", "机器读取")
    post(node, owing)
    publish(node, owing)
    before = snapshot(receipts)
    assert before
    displace(node, "接收/回执", lambda folder: folder.symlink_to(receipts))
    Gathering().round(node.running)
    assert snapshot(receipts) == before


def test_what_another_party_keeps_is_not_erased_as_returned(node: Node, tmp_path: Path) -> None:
    other = bait(tmp_path / "other")
    before = snapshot(other)
    displace(node, "退回", lambda folder: folder.symlink_to(other))
    returned = node.party_folder("34", "退回", "旧.xlsx")
    returned.write_bytes(b"old")
    os.utime(returned, (OLD, OLD))
    retention.erase(node.running)
    assert snapshot(other) == before
    assert not returned.exists(), "and the others' are erased as ever"
