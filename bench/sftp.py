"""Put and get over SFTP: our adapter beside paramiko's own best, against a real OpenSSH server on loopback.

    python -m bench.sftp [--mib 256] [--files 500] [--kib 64] [--rounds 3] [DIR]

One large file and many small ones, each way measured in turn within a round, each over a connection of its own that
stands before the clock runs:

- `put`: the courier's upload, SHA-256 of every byte included, beside `putfo` with and without its final look;
- `get`: the collector's reading into a file, SHA-256 included, beside `getfo` into a file: with prefetch, with 64, 128
  or 512 requests under way, and without prefetch for the small files;
- `get and land`: a whole fetch: compared with what a list says, synced, renamed and remembered, one file after the
  other, beside the fastest `getfo`, with one sync of the file and one of the folder;
- `put and read back`: a whole delivery, connection included: looked for, sent, read back and compared, renamed; beside
  `putfo`, then `getfo` into SHA-256, both as they were fastest.

Ours is tried as often as paramiko, in turn with it, and the fastest of both is taken in a round. Ratios of throughput
within a round, medians over the rounds; CPU seconds of this process beside. Wanted of both transfers, and of a large
file read back: 80 % of paramiko's best. The rest of the way is mostly syncs and questions, shown as it is. It ends
with 1 where what is transferred differs, or less than what is wanted was reached.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from statistics import median

import paramiko

from gateway import durable
from gateway.adapters.channels.folders import ExchangeRoot
from gateway.adapters.channels.sftp import Endpoint, SftpCourier, remote
from gateway.adapters.channels.sftp.fetching import Fetch, Wanted
from gateway.adapters.channels.sftp.memory import Memory
from gateway.adapters.channels.sftp.putting import Put
from gateway.adapters.channels.sftp.session import session
from gateway.adapters.channels.sshd import HOST, LocalSshd, make_key
from gateway.outcomes import Ok
from gateway.parcels import PartyId

NOW = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
PARTY = PartyId("p")
GOAL = 0.8
REQUESTS = (None, 64, 128, 512)
Files = Mapping[str, tuple[Path, str]]


class Differs(Exception):
    """What arrived is not what was sent."""


@dataclass(frozen=True)
class Spent:
    seconds: float
    cpu: float


@dataclass
class Sink:
    """Where `getfo` writes to be hashed and not kept."""

    digest: hashlib._Hash

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)


class Bench:
    """One server, and a connection for each measure."""

    def __init__(self, home: Path, server: LocalSshd) -> None:
        self.home, self.server, self.number = home, server, 0
        (home / "known_hosts").write_text(server.known_hosts_line)
        self.endpoint = Endpoint(HOST, server.username, home / "key", home / "known_hosts", server.port)

    @contextmanager
    def place(self) -> Iterator[tuple[str, Path]]:
        """A folder over there and one here, empty, and removed after."""
        self.number += 1
        name = f"m{self.number}"
        (self.server.data / name).mkdir()
        (self.home / name).mkdir()
        yield name, self.home / name
        shutil.rmtree(self.server.data / name)
        shutil.rmtree(self.home / name)

    def timed(self, act: Callable[[paramiko.SFTPClient], None]) -> Spent:
        with session(self.endpoint) as (sftp, supervisor):
            supervisor.stop()
            clock, cpu = time.perf_counter(), time.process_time()
            act(sftp)
            return Spent(time.perf_counter() - clock, time.process_time() - cpu)

    # -- put -------------------------------------------------------------------------------------------------

    def put_theirs(self, files: Files, confirm: bool) -> Spent:
        def act(sftp: paramiko.SFTPClient) -> None:
            for name, (source, _) in files.items():
                with source.open("rb") as stream:
                    sftp.putfo(stream, f"{there}/{name}", confirm=confirm)

        with self.place() as (there, _):
            spent = self.timed(act)
            self.check(self.server.data / there, files)
        return spent

    def put_ours(self, files: Files) -> Spent:
        def act(sftp: paramiko.SFTPClient) -> None:
            assert isinstance(sftp, remote.Client)
            sftp.extensions = frozenset()  # without the sync over there, which paramiko does not ask for
            for name, (source, sha256) in files.items():
                put = Put(sftp, PurePosixPath(there), name, source, source.stat().st_size, sha256, lambda: None)
                with sftp.open(put.final, "wbx") as theirs:
                    put.write(theirs, 0)

        with self.place() as (there, _):
            spent = self.timed(act)
            self.check(self.server.data / there, files)
        return spent

    def deliver(self, files: Files) -> Spent:
        with self.place() as (there, _):
            clock, cpu = time.perf_counter(), time.process_time()
            outcome = SftpCourier({PARTY: self.endpoint}).deliver(PARTY, there, files)
            spent = Spent(time.perf_counter() - clock, time.process_time() - cpu)
            assert outcome == Ok(None), outcome
            self.check(self.server.data / there, files)
        return spent

    # -- get -------------------------------------------------------------------------------------------------

    def get_theirs(self, files: Files, requests: int | None, prefetch: bool = True, synced: bool = False) -> Spent:
        def act(sftp: paramiko.SFTPClient) -> None:
            for name in files:
                with (here / name).open("wb") as stream:
                    sftp.getfo(f"in/{name}", stream, prefetch=prefetch, max_concurrent_prefetch_requests=requests)
                    if synced:
                        stream.flush()
                        os.fsync(stream.fileno())
                if synced:
                    durable.sync_folder(here)

        with self.place() as (_, here):
            spent = self.timed(act)
            self.check(here, files)
        return spent

    def hash_theirs(self, files: Files, requests: int | None, prefetch: bool = True) -> Spent:
        def act(sftp: paramiko.SFTPClient) -> None:
            for name, (_, sha256) in files.items():
                sink = Sink(hashlib.sha256())
                sftp.getfo(f"in/{name}", sink, prefetch=prefetch, max_concurrent_prefetch_requests=requests)  # type: ignore[arg-type]
                if sink.digest.hexdigest() != sha256:
                    raise Differs

        return self.timed(act)

    def get_ours(self, files: Files) -> Spent:
        def act(sftp: paramiko.SFTPClient) -> None:
            fetch = Fetch(sftp, lambda: None, root, memory, NOW, lambda _: 1 << 50)
            for name, (source, sha256) in files.items():
                status, path = source.stat(), PurePosixPath("in") / name
                mtime = int((self.server.data / path).stat().st_mtime)
                token = memory.token("p", name, status.st_size, mtime)
                wanted = Wanted(token, "p", name, path, "drop", status.st_size, mtime, sha256)
                if fetch.run(wanted) != "landed":
                    raise Differs

        with self.place() as (_, here):
            (here / "exchange").mkdir()
            root, memory = ExchangeRoot(here / "exchange", here / "record"), Memory(here / "state")
            spent = self.timed(act)
            memory.close()
            self.check(here / "exchange" / "drop", files)
        return spent

    def read_ours(self, files: Files) -> Spent:
        def act(sftp: paramiko.SFTPClient) -> None:
            for name, (source, sha256) in files.items():
                digest = hashlib.sha256()
                with (here / name).open("wb") as stream:
                    for block in remote.blocks(sftp, f"in/{name}", 0, source.stat().st_size):
                        stream.write(block)
                        digest.update(block)
                if digest.hexdigest() != sha256:
                    raise Differs

        with self.place() as (_, here):
            spent = self.timed(act)
            self.check(here, files)
        return spent

    @staticmethod
    def check(folder: Path, files: Files) -> None:
        for name, (source, _) in files.items():
            if (folder / name).read_bytes() != source.read_bytes():
                raise Differs


Ways = list[tuple[str, Callable[[], Spent]]]


def best(theirs: Ways, ours: Callable[[], Spent], turn: int) -> tuple[str, Spent, Spent]:
    """Try each of paramiko's settings and, in turn with them, ours as often: the fastest of both, and which it was."""
    found: list[tuple[str, Spent]] = []
    mine: list[Spent] = []
    for number, (name, act) in enumerate(theirs):
        if (number + turn) % 2:
            mine.append(ours())
        found.append((name, act()))
        if not (number + turn) % 2:
            mine.append(ours())
    return *min(found, key=lambda one: one[1].seconds), min(mine, key=lambda one: one.seconds)


def measure(bench: Bench, files: Files, turn: int) -> dict[str, tuple[str, Spent, Spent]]:
    """Name of a way -> paramiko's fastest setting, what it spent, what ours spent. Who begins changes by the `turn`."""
    puts: Ways = [(f"confirm={c}", partial(bench.put_theirs, files, c)) for c in (False, True)]
    settings: dict[str, tuple[int | None, bool]] = {f"{r or 'default'} requests": (r, True) for r in REQUESTS}
    if len(files) > 1:
        settings["no prefetch"] = (None, False)
    gets: Ways = [(name, partial(bench.get_theirs, files, *s)) for name, s in settings.items()]
    put = best(puts, lambda: bench.put_ours(files), turn)
    read = best(gets, lambda: bench.read_ours(files), turn)
    synced: Ways = [(read[0], lambda: bench.get_theirs(files, *settings[read[0]], synced=True))]
    get = best(synced * 2, lambda: bench.get_ours(files), turn)

    def both() -> Spent:
        sent = bench.put_theirs(files, put[0] == "confirm=True")
        back = bench.hash_theirs(files, *settings[read[0]])
        return Spent(sent.seconds + back.seconds, sent.cpu + back.cpu)

    return {
        "put": put,
        "get": read,
        "get and land": get,
        "put and read back": best([(f"{put[0]}, {read[0]}", both)] * 2, lambda: bench.deliver(files), turn),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the files go; a temporary folder by default")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--kib", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-sftp-", dir=options.folder) as folder:
        home = Path(folder)
        server = LocalSshd(home / "server", make_key(home / "key"))
        server.start()
        try:
            bench = Bench(home, server)
            large = run(bench, make(home, {"large": options.mib << 20}), options.rounds)
            small = run(bench, make(home, {f"s{n}": options.kib << 10 for n in range(options.files)}), options.rounds)
        except Differs:
            print("what arrived is NOT what was sent")
            return 1
        finally:
            server.stop()
    return 0 if large and small else 1


def make(home: Path, sizes: Mapping[str, int]) -> dict[str, tuple[Path, str]]:
    """Files of random bytes, here and in the server's folder `in`."""
    files, there = {}, home / "server" / "data" / "in"
    there.mkdir(exist_ok=True)
    for name, size in sizes.items():
        data = os.urandom(size)
        (home / name).write_bytes(data)
        (there / name).write_bytes(data)
        files[name] = (home / name, hashlib.sha256(data).hexdigest())
    return files


def run(bench: Bench, files: Files, rounds: int) -> bool:
    """Measure and print; whether every goal was met."""
    total = sum(path.stat().st_size for path, _ in files.values()) / (1 << 20)
    print(f"{len(files)} file(s), {total:.0f} MiB in all; MiB/s (seconds of CPU)")
    measured = [measure(bench, files, turn) for turn in range(rounds)]
    met = True
    for way in measured[0]:
        rows = [each[way] for each in measured]
        ratio = median(theirs.seconds / mine.seconds for _, theirs, mine in rows)
        theirs, mine = (median(total / row[n].seconds for row in rows) for n in (1, 2))  # type: ignore[union-attr]
        cpu = [median(row[n].cpu for row in rows) for n in (1, 2)]  # type: ignore[union-attr]
        wanted = way in ("put", "get") or (len(files) == 1 and way == "put and read back")
        met = met and (ratio >= GOAL or not wanted)
        print(
            f"  {way:18} paramiko {theirs:6.1f} ({cpu[0]:5.2f})   ours {mine:6.1f} ({cpu[1]:5.2f})   {ratio:5.0%}"
            f"   {f'(wanted: at least {GOAL:.0%})' if wanted else '':26}"
            f" {', '.join(dict.fromkeys(row[0] for row in rows))}",
            flush=True,
        )
    return met


if __name__ == "__main__":
    sys.exit(main())
