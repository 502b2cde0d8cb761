"""Drop folders: 10,000 files renamed in within seconds by four writers, beside one slow writer.

    python -m bench.folders [--files 10000] [--kib 4] [DIR]

Measured in the same run: a bare copy and SHA-256 of the same files, one thread, nothing synced; and the inbox's own
work on them: claims, durable copies, hashes, removal from the drop folder. `durable` is the same bare copy, with one
fsync of file and folder each, as a program would do it that copies one after the other.

Every file is taken once, none before it was whole, and the copies are those of the bare copy: else it ends with 1. The
quiet period is waited for and not counted: the clock runs while the inbox works.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.adapters.folders import DropFolders
from gateway.outcomes import Ok

START = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
DROP, QUIET, WRITERS = "p/上报/a", 0.5, 4


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the files go; a temporary folder by default")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kib", type=int, default=4)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-folders-", dir=options.folder) as folder:
        return run(Path(folder), options.files, options.kib << 10)


def run(home: Path, count: int, size: int) -> int:
    staged, drop = home / "staged", home / "exchange" / DROP
    staged.mkdir()
    drop.mkdir(parents=True)
    dice = random.Random(count)
    for number in range(count):
        (staged / f"{number}.csv").write_bytes(dice.randbytes(size))
    wanted, bare = copy(staged, home / "bare", durable=False)
    _, durable = copy(staged, home / "durable", durable=True)
    inbox = DropFolders(home / "exchange", [("p", "a", DROP)], home / "spool", quiet_seconds=QUIET, min_free_bytes=0)  # type: ignore[list-item]
    writers = [threading.Thread(target=burst, args=(staged, drop, n, count)) for n in range(WRITERS)]
    slow = threading.Thread(target=slowly, args=(drop,))
    begun = time.perf_counter()
    for thread in (*writers, slow):
        thread.start()
    for thread in writers:
        thread.join()
    renamed = time.perf_counter() - begun
    found, taken, removed, early = take(inbox, slow, count + 1)
    slow.join()
    whole = hashlib.sha256(b"".join(b"%d\n" % n for n in range(20))).hexdigest()
    right = found.pop("slow.csv", "") == whole and found == wanted and not early and not list(drop.iterdir())
    print(f"{count:,} files of {size:,} bytes, renamed in within {renamed:.1f} s by {WRITERS} writers and a slow one")
    print(f"bare copy + sha256        {bare:6.2f} s")
    print(f"the same, synced          {durable:6.2f} s   {durable / bare:5.2f} ×")
    print(f"taken: claimed, durable   {taken:6.2f} s   {taken / bare:5.2f} ×   (wanted: at most 2 ×)")
    print(f"and originals removed     {taken + removed:6.2f} s   {(taken + removed) / bare:5.2f} ×")
    print("every file once, none early" if right else "NOT every file once, or one early")
    return 0 if right else 1


def copy(source: Path, target: Path, *, durable: bool) -> tuple[dict[str, str], float]:
    """Copy every file and hash it on the way; name -> SHA-256, and the seconds it took."""
    target.mkdir()
    found = {}
    begun = time.perf_counter()
    for path in source.iterdir():
        digest = hashlib.sha256()
        with path.open("rb") as reading, (target / path.name).open("wb") as writing:
            while block := reading.read(1 << 20):
                digest.update(block)
                writing.write(block)
            if durable:
                writing.flush()
                os.fsync(writing.fileno())
        found[path.name] = digest.hexdigest()
        if durable:
            descriptor = os.open(target, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    return found, time.perf_counter() - begun


def burst(staged: Path, drop: Path, writer: int, count: int) -> None:
    for number in range(writer, count, WRITERS):
        (staged / f"{number}.csv").rename(drop / f"{number}.csv")


def slowly(drop: Path) -> None:
    with (drop / "slow.csv").open("wb", buffering=0) as stream:
        for number in range(20):
            stream.write(b"%d\n" % number)
            time.sleep(0.1)


def take(inbox: DropFolders, slow: threading.Thread, count: int) -> tuple[dict[str, str], float, float, int]:
    """Scan until all are taken: name -> SHA-256 of the copy, seconds until it was durable, seconds of removing the
    originals, how many came early."""
    found: dict[str, str] = {}
    taken, removed, early, parcels = 0.0, 0.0, 0, set()
    limit = time.monotonic() + 600
    while len(found) < count and time.monotonic() < limit:
        alive = slow.is_alive()
        begun = time.perf_counter()
        claims = inbox.scan(START + timedelta(seconds=begun))
        inbox.copy_ahead([claim.parcel for claim in claims])
        held = []
        for claim in claims:
            outcome = inbox.copy(claim.parcel)
            assert isinstance(outcome, Ok), outcome
            early += claim.parcel in parcels or outcome.value.name in found
            early += alive and slow.is_alive() and outcome.value.name == "slow.csv"
            parcels.add(claim.parcel)
            found[outcome.value.name] = outcome.value.sha256
            held.append(claim.parcel)
        taken += time.perf_counter() - begun
        begun = time.perf_counter()
        for parcel in held:
            inbox.finish(parcel)
        removed += time.perf_counter() - begun
        time.sleep(0.05)
    return found, taken, removed, early


if __name__ == "__main__":
    sys.exit(main())
