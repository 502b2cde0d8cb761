"""The exchange log: appending, verifying, proving; beside SQLite inserting the same rows at the same durability.

    python -m bench.log [--entries 1000000] [--batches 200] [DIR]

Everything runs in one process on one core. Figures are medians and totals of one run; the ratio is the thing to keep.
On a machine that does other work too, seconds of CPU say more than seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, Publisher
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry, leaf_hash, tiles, verify
from gateway.log.merkle import WIDTH, Edge, leaf
from gateway.log.note import Checkpoint, Note, Signer, read_checkpoint
from gateway.log.proof import Proof, check, prove
from gateway.log.tiles import TileTree

BATCH = 256
START = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
LATER = START + timedelta(days=1)
FACTS = "4" * 64
STEPS: tuple[tuple[Event, dict[str, int]], ...] = (
    (Event.RECEIVED, {"bytes": 500_000}),
    (Event.CHECKED, {"records": 100, "accepted": 98, "refused": 2}),
    (Event.SORTED, {"440000": 98}),
    (Event.SEALED, {"packages": 1, "records": 98}),
    (Event.ACCEPTED, {"records": 100, "accepted": 98, "refused": 2, "warned": 0, "out_44": 98}),
    (Event.ERASED, {}),
)


def entries() -> Iterator[Entry]:
    """Accepted parcels, one after the other, without end: six entries each, that add up."""
    number = 0
    while True:
        name, time_ = f"p{number:025d}", START + timedelta(milliseconds=number)
        package = f"migrants-inflow_330000_440000_2026Q3_r1_{number:08x}"
        for event, counts in STEPS:
            digests = {package: f"{number:064x}"} if event is Event.SEALED else {}
            if event in (Event.RECEIVED, Event.ACCEPTED):
                digests = {"content": f"{number:064x}"}
            yield Entry(
                id=f"{name}/{event}",
                event=event,
                time=time_,
                actor="gateway",
                facts=FACTS,
                parties=("330000",),
                parcel=name,
                package="migrants-inflow/2026Q3/new/r1",
                counts=counts,
                digests=digests,
            )
        number += 1


def append(folder: Path, batches: int, every: int) -> dict[str, Any]:
    """Append with fsync at every batch; publish after every `every` batches."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    ledger.migrate()
    keys = LogKeys(folder, "bench")
    keys.generate()
    publisher = Publisher(ledger, folder / "log", "bench", keys.signers)
    source, took = entries(), []
    cpu = 0.0
    for number in range(batches):
        batch = [next(source) for _ in range(BATCH)]
        start, spent = time.perf_counter(), time.process_time()
        ledger.append(batch, LATER + timedelta(seconds=number))
        if (number + 1) % every == 0:
            publisher.publish(START)
        took.append(time.perf_counter() - start)
        cpu += time.process_time() - spent
    ledger.close()
    assert verify(folder / "log", [s.verifier for s in keys.signers()]).ok
    return {"rate": batches * BATCH / sum(took), "cpu": batches * BATCH / cpu, "p50": statistics.median(took)}


def plain(folder: Path, batches: int) -> dict[str, Any]:
    """The same rows into a bare SQLite table, WAL and synchronous=FULL, one transaction per batch: the floor."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE log_entries (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, logged_at TEXT, event TEXT, parcel TEXT, "
        "body BLOB, leaf TEXT)"
    )
    connection.execute("CREATE INDEX by_parcel ON log_entries (parcel, seq)")
    source, took, seq = entries(), [], 0
    for number in range(batches):
        rows = []
        for _ in range(BATCH):
            one = next(source)
            body = one.canonical(seq, START + timedelta(days=1, seconds=number), "0" * 64)
            rows.append((seq, one.id, rfc3339(START), str(one.event), one.parcel, body, leaf_hash(body)))
            seq += 1
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO log_entries VALUES (?,?,?,?,?,?,?)", rows)
        connection.execute("COMMIT")
        took.append(time.perf_counter() - start)
    connection.close()
    return {"rate": batches * BATCH / sum(took), "p50": statistics.median(took)}


def write(folder: Path, count: int, signer: Signer) -> Note:
    """A published log of `count` entries, written straight to tiles."""
    edge, source, last, bundle = Edge(), entries(), {}, []
    number = 0
    for seq in range(count):
        one = next(source)
        body = one.canonical(seq, LATER + timedelta(milliseconds=seq), last.get(one.parcel, ""))
        last = {one.parcel: hashlib.sha256(b"\0" + body).hexdigest()}
        bundle.append(body)
        if len(bundle) == WIDTH or seq == count - 1:
            _put(folder / tiles.path_of(tiles.ENTRIES, number, len(bundle)), tiles.bundle(bundle))
            for level, at, data in edge.extend(leaf(b) for b in bundle):
                _put(folder / tiles.path_of(level, at), data)
            bundle, number = [], number + 1
    for level, at, data in edge.partial():
        _put(folder / tiles.path_of(level, at, len(data) // 32), data)
    note = Checkpoint("bench", count, edge.root()).signed([signer])
    _put(folder / "checkpoint", note.to_bytes())
    return note


def verifying(folder: Path, count: int) -> dict[str, Any]:
    signer = Signer("bench", bytes(32))
    note = write(folder, count, signer)
    size = sum(path.stat().st_size for path in (folder / "tile" / "entries").rglob("*") if path.is_file())
    spent = time.process_time()
    took = _timed(lambda: _good(verify(folder, [signer.verifier], since=[note.to_bytes()])))
    spent = time.process_time() - spent
    _, checkpoint = read_checkpoint(note.to_bytes())
    proofs = []
    for at in range(0, count, max(1, count // 50)):
        start = time.perf_counter()
        made = prove(TileTree(folder, checkpoint.size), at, note).to_bytes()
        check(Proof.parse(made), signer.verifier)
        proofs.append(time.perf_counter() - start)
    return {"seconds": took, "bytes": size, "proof": statistics.median(proofs), "cpu": spent}


def _good(report: Any) -> None:
    assert report.ok, report.problems[:3]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.log")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=200)
    args = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    folder = args.folder or Path(tempfile.mkdtemp(prefix="gw-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (folder / "a").mkdir(), (folder / "b").mkdir()
        each = append(folder / "a", args.batches, 1)
        some = append(folder / "b", args.batches, 40)
        floor = plain(folder, args.batches)
        print(f"append, batch {BATCH}, fsync, one core")
        print(f"  SQLite, bare table         {floor['rate']:>10,.0f} entries/s   p50 {floor['p50'] * 1e3:6.1f} ms")
        for name, found in (("published every 40 batches", some), ("published every batch", each)):
            print(
                f"  {name:<26} {found['rate']:>10,.0f} entries/s   p50 {found['p50'] * 1e3:6.1f} ms   "
                f"{floor['rate'] / found['rate']:.2f} x the time of SQLite   ({found['cpu']:,.0f} per second of CPU)"
            )
        found = verifying(folder / "v", args.entries)
        print(f"verify {args.entries:,} entries ({found['bytes'] / 1e6:,.0f} MB), canonical form checked, one core")
        print(
            f"  {found['seconds']:.1f} s ({found['cpu']:.1f} s of CPU), "
            f"{args.entries / found['seconds']:,.0f} entries/s"
        )
        print(f"prove and check one entry of {args.entries:,}: {found['proof'] * 1e3:.1f} ms")
    finally:
        if args.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
