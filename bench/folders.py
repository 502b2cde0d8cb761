"""Drop folders: 10,000 files renamed in within seconds by four writers, beside one slow writer.

    python -m bench.folders [--files 10000] [--kib 4] [--rounds 3] [DIR]

Each round measures, one after the other and in changing order, a bare copy with SHA-256 of as many files, and the
inbox's own work on them: claims, durable copies, hashes; then the removal of the originals. Ratios are taken within a
round; what is shown is the median, and CPU seconds beside the clock, which others on the machine disturb.

The bare copy is the least that gives the same thing: one thread, hashed on the way, and made durable by one flush of
the file system at its end. That is the cheapest way there is: one sync for each file takes 20 times as long, and would
flatter us. It claims nothing, compares nothing and would not survive a crash in its middle. Since an original's removal
costs as much as its copy on some file systems, the removal is held against a bare copy that removes its originals too.

Every file is taken once, none before it was whole, and the copies are those of the bare copy: else it ends with 1. The
quiet period is waited for and not counted: the clock runs while the inbox works, in scans that find nothing too. A
median over twice the time ends with 1 as well.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from gateway import durable
from gateway.adapters.channels.folders import DropFolders, Quiet
from gateway.adapters.channels.room import Room
from gateway.outcomes import Ok
from gateway.parcels import AgreementId, PartyId

START = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
DROP, QUIET, WRITERS, GOAL = "p/上报/a", 0.5, 4, 2.0
PACE = 0.25
"""Seconds between two scans: no daemon scans more often, whatever it hears."""
SLOW = hashlib.sha256(b"".join(b"%d\n" % n for n in range(20))).hexdigest()
Found = dict[str, str]


@dataclass
class Spent:
    """Seconds of one way through all files: until the copies are durable, and for removing the originals."""

    copied: float = 0.0
    removed: float = 0.0
    copied_cpu: float = 0.0
    removed_cpu: float = 0.0
    found: Found = field(default_factory=dict)
    early: int = 0

    @property
    def all(self) -> float:
        return self.copied + self.removed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the files go; a temporary folder by default")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kib", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-folders-", dir=options.folder) as folder:
        return run(Path(folder), options.files, options.kib << 10, options.rounds)


def run(home: Path, count: int, size: int, rounds: int) -> int:
    pairs: list[tuple[Spent, Spent]] = []
    print(f"{count:,} files of {size:,} bytes, renamed in by {WRITERS} writers and a slow one; seconds (of CPU)")
    for number in range(rounds):
        place = home / str(number)
        for name in ("bare", "ours"):
            stage(place / name, count, size)
        durable.flush_file_system(home)
        ways: list[Callable[[], Spent]] = [lambda p=place: bare(p / "bare"), lambda p=place: ours(p / "ours", count)]  # type: ignore[misc]
        spent = [way() for way in (ways if number % 2 == 0 else reversed(ways))]
        theirs, mine = spent if number % 2 == 0 else reversed(spent)
        pairs.append((theirs, mine))
        if mine.found.pop("slow.csv", "") != SLOW or mine.found != theirs.found or mine.early:
            print("NOT every file once, or one early")
            return 1
        print(
            f"round {number + 1}: bare copy + sha256 {theirs.copied:5.2f} ({theirs.copied_cpu:.2f}), "
            f"removal {theirs.removed:5.2f} ({theirs.removed_cpu:.2f}); "
            f"taken {mine.copied:5.2f} ({mine.copied_cpu:.2f}), removal {mine.removed:5.2f} ({mine.removed_cpu:.2f})",
            flush=True,
        )
    ratio = median(mine.copied / theirs.copied for theirs, mine in pairs)
    print(f"taken: claimed, copied, hashed, durable  {ratio:5.2f} × the bare copy   (wanted: at most {GOAL:.0f} ×)")
    print(f"  in seconds of CPU                      {median(m.copied_cpu / t.copied_cpu for t, m in pairs):5.2f} ×")
    print(f"and the originals removed                {median(m.all / t.copied for t, m in pairs):5.2f} × the bare copy")
    print(f"  where the bare copy removes them too   {median(m.all / t.all for t, m in pairs):5.2f} ×")
    print("every file once, none early")
    return 0 if ratio <= GOAL else 1


def stage(folder: Path, count: int, size: int) -> None:
    (folder / "staged").mkdir(parents=True)
    dice = random.Random(count)
    for number in range(count):
        (folder / "staged" / f"{number}.csv").write_bytes(dice.randbytes(size))


def bare(home: Path) -> Spent:
    """Copy every file and hash it on the way, flush once; then remove the originals, and flush."""
    source, target, spent = home / "staged", home / "copied", Spent()
    target.mkdir()
    names = os.listdir(source)
    with timed(spent, "copied"):
        for name in names:
            digest = hashlib.sha256()
            with (source / name).open("rb") as reading, (target / name).open("wb") as writing:
                while block := reading.read(1 << 20):
                    digest.update(block)
                    writing.write(block)
            spent.found[name] = digest.hexdigest()
        durable.flush_file_system(target)
    with timed(spent, "removed"):
        for name in names:
            (source / name).unlink()
        durable.sync_folder(source)
    return spent


def ours(home: Path, count: int) -> Spent:
    staged, drop, spent = home / "staged", home / "exchange" / DROP, Spent()
    drop.mkdir(parents=True)
    addresses = [(PartyId("p"), AgreementId("a"), DROP)]
    inbox = DropFolders(home / "exchange", addresses, home / "spool", quiet=Quiet(QUIET), room=Room(min_free=0))
    writers = [threading.Thread(target=burst, args=(staged, drop, n, count)) for n in range(WRITERS)]
    slow = threading.Thread(target=slowly, args=(drop,))
    for thread in (*writers, slow):
        thread.start()
    for thread in writers:
        thread.join()
    take(inbox, slow, count + 1, spent)
    slow.join()
    spent.early += len(list(drop.iterdir()))
    return spent


class timed:
    """Adds the seconds of a block, by the clock and by this thread's CPU, to `Spent.<name>` and `.<name>_cpu`."""

    def __init__(self, spent: Spent, name: str) -> None:
        self.spent, self.name = spent, name

    def __enter__(self) -> None:
        self.clock, self.cpu = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        spent = self.spent
        setattr(spent, self.name, getattr(spent, self.name) + time.perf_counter() - self.clock)
        setattr(spent, f"{self.name}_cpu", getattr(spent, f"{self.name}_cpu") + time.thread_time() - self.cpu)


def burst(staged: Path, drop: Path, writer: int, count: int) -> None:
    for number in range(writer, count, WRITERS):
        (staged / f"{number}.csv").rename(drop / f"{number}.csv")


def slowly(drop: Path) -> None:
    with (drop / "slow.csv").open("wb", buffering=0) as stream:
        for number in range(20):
            stream.write(b"%d\n" % number)
            time.sleep(0.1)


def take(inbox: DropFolders, slow: threading.Thread, count: int, spent: Spent) -> None:
    """Scan until all are taken: name -> SHA-256 of the copy, and how many came early or twice."""
    found, parcels = spent.found, set()
    limit = time.monotonic() + 600
    while len(found) < count and time.monotonic() < limit:
        alive, held = slow.is_alive(), []
        with timed(spent, "copied"):
            claims = inbox.scan(START + timedelta(seconds=time.monotonic()))
            inbox.copy_ahead([claim.parcel for claim in claims])
            for claim in claims:
                outcome = inbox.copy(claim.parcel)
                assert isinstance(outcome, Ok), outcome
                spent.early += claim.parcel in parcels or outcome.value.name in found
                spent.early += alive and slow.is_alive() and outcome.value.name == "slow.csv"
                parcels.add(claim.parcel)
                found[outcome.value.name] = outcome.value.sha256
                held.append(claim.parcel)
        with timed(spent, "removed"):
            for parcel in held:
                inbox.finish(parcel)
        time.sleep(PACE)


if __name__ == "__main__":
    sys.exit(main())
