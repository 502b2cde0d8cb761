"""Snapshots: pinned by digest, kept whole or not at all."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway import durable
from gateway.policy.faults import FactsError
from gateway.policy.loading import load, snapshots, tree


def test_kept_facts_are_the_facts_and_stay_when_the_originals_change(home: Path, tmp_path: Path) -> None:
    facts = load(home)
    kept = snapshots.keep(facts, tmp_path / "kept")
    assert kept.name == facts.digest == tree.digest(home) == tree.digest(kept)
    (home / "config/parties/110000.toml").unlink()
    again = snapshots.load(tmp_path / "kept", facts.digest, root=home)
    assert (again.node, again.parties, again.agreements, again.digest) == (
        facts.node,
        facts.parties,
        facts.agreements,
        facts.digest,
    )
    assert again.schemas == kept / "schemas"
    assert again.path(Path("state")) == home / "state"


def test_keeping_twice_is_keeping_once(home: Path, tmp_path: Path) -> None:
    facts = load(home)
    first = snapshots.keep(facts, tmp_path / "kept")
    inode = (first / "config/gateway.toml").stat().st_ino
    assert snapshots.keep(facts, tmp_path / "kept") == first
    assert (first / "config/gateway.toml").stat().st_ino == inode
    assert [p.name for p in (tmp_path / "kept").iterdir()] == [facts.digest]


def test_racing_keepers_leave_one_whole_copy(home: Path, tmp_path: Path) -> None:
    facts = load(home)
    with ThreadPoolExecutor(4) as pool:
        kept = {f.result() for f in [pool.submit(snapshots.keep, facts, tmp_path / "kept") for _ in range(4)]}
    assert len(kept) == 1
    assert [p.name for p in (tmp_path / "kept").iterdir()] == [facts.digest]
    assert snapshots.load(tmp_path / "kept", facts.digest).digest == facts.digest


@pytest.mark.parametrize("fails_at", [1, 30, 60])
def test_a_disk_that_fills_up_leaves_no_copy(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    facts, write, written = load(home), durable.write_bytes, 0

    def full(target: Path, data: bytes, mode: int = 0o600) -> None:
        nonlocal written
        written += 1
        if written == fails_at:
            raise OSError(errno.ENOSPC, "no space left")
        write(target, data, mode)

    monkeypatch.setattr(durable, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        snapshots.keep(facts, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    monkeypatch.undo()
    assert snapshots.load(tmp_path / "kept", snapshots.keep(facts, tmp_path / "kept").name).digest == facts.digest


def test_the_half_of_a_copy_that_a_crash_left_is_not_taken_for_whole(home: Path, tmp_path: Path) -> None:
    facts = load(home)
    half = tmp_path / "kept" / f".{facts.digest}.abc" / "config"
    half.mkdir(parents=True)
    (half / "gateway.toml").write_text("")
    with pytest.raises(FactsError):
        snapshots.load(tmp_path / "kept", facts.digest)
    kept = snapshots.keep(facts, tmp_path / "kept")
    assert tree.digest(kept) == facts.digest


def test_facts_that_changed_since_they_were_loaded_are_not_kept_under_the_old_digest(
    home: Path, tmp_path: Path
) -> None:
    facts = load(home)
    (home / "keys" / "new.asc").write_text("")
    with pytest.raises(snapshots.FactsChanged):
        snapshots.keep(facts, tmp_path / "kept")
    assert not (tmp_path / "kept" / facts.digest).exists()


def test_a_snapshot_that_was_tampered_with_is_refused(home: Path, tmp_path: Path) -> None:
    facts = load(home)
    kept = snapshots.keep(facts, tmp_path / "kept")
    file = kept / "config/agreements/migrants-inflow.toml"
    file.write_text(file.read_text("utf-8").replace("four_eyes = false", "four_eyes = true"), "utf-8")
    with pytest.raises(FactsError):
        snapshots.load(tmp_path / "kept", facts.digest)
