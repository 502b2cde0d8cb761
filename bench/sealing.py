"""Sealing and opening: speed beside the same stock tools at the shell, memory for 1 GiB, a hundred packages at once.

    python -m bench.sealing [--mib 256] [--runs 3] [--memory-mib 1024] [DIR]

The peers are `zstd -1 | gpg` and `gpg -d | zstd -d` on the same file, in the same run, turn about. Each ratio is told
of the medians and of the best runs: one lucky run of a pipe that syncs nothing says little.
Ours does more: it packs and unpacks a tar, checks every member's SHA-256, judges the signature before anything is in
place, and syncs to disk; `sync` is added to the shell's commands in the second column.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp import OpenPGP
from gateway.adapters.sealing.sm import SM, Pin, Software, keys
from gateway.adapters.worker import Worker
from gateway.outcomes import Ok
from gateway.packages import DESCRIPTOR, Descriptor, Resource
from gateway.parcels import Kind
from gateway.policy.facts import Limits

MIB = 1 << 20
WORDS = ("广东省", "浙江省", "流入", "务工", "经商", "已婚", "未婚", "随迁", "城东街道", "新村居委会", "大道", "号楼")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the files go; a temporary folder by default")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--memory-mib", type=int, default=1024)
    given = parser.parse_args(arguments)
    base = Path(tempfile.mkdtemp(prefix="gw-bench-", dir=given.folder))
    bench = Bench(base)
    try:
        bench.speed(given.mib, given.runs)
        bench.hundred()
        bench.memory(given.memory_mib)
    finally:
        bench.close()
        shutil.rmtree(base, ignore_errors=True)


class Bench:
    def __init__(self, base: Path) -> None:
        self.base = base
        private = base / "private"
        self.own = keyring.generate(private, "bench")
        self.ring = base / "own.asc"
        self.ring.write_bytes(keyring.public_key(private))
        self.worker = Worker(base / "worker.sock", Limits(), 4096)  # as a node has it: started once
        self.worker.start()
        self.node = OpenPGP(private, {self.own: self.ring}, unpacker=self.worker)
        key = keys.new()
        (base / "sm.pem").write_bytes(key.public.pem)
        self.pin = key.public.fingerprint
        self.sm = SM(Software([key]), {self.pin: Pin(base / "sm.pem")}, unpacker=self.worker)
        passphrase = keyring.passphrase_file(private)
        self.gpg = (
            f"gpg --homedir {keyring.home(private)} --batch --no-tty --trust-model always --pinentry-mode loopback "
            f"--passphrase-file {passphrase} --no-auto-check-trustdb --yes"
        )

    def close(self) -> None:
        self.node.close()
        self.worker.stop()

    # -- speed -------------------------------------------------------------------------------------------------------

    def speed(self, mib: int, runs: int) -> None:
        source = self.base / "cases.csv"
        write_records(source, mib)
        members = [(DESCRIPTOR, describe(source).to_json()), ("data/cases.csv", source)]
        sealed, shell_sealed, sm = (self.base / name for name in ("p.tar.zst.gpg", "shell.gpg", "p.sm.tar"))
        seal = (
            f"zstd -q -1 -c {source} | {self.gpg} -z 0 --cipher-algo AES256 --digest-algo SHA256 "
            f"--local-user {self.own}! --recipient {self.own} --sign --encrypt -o {shell_sealed}"
        )
        opened, shell_opened = self.base / "opened", self.base / "shell.tar"
        unseal = f"{self.gpg} --quiet -d {sealed} 2>/dev/null | zstd -q -d -c > {shell_opened}"

        def open_ours() -> None:
            expect(self.node.open(sealed, opened, self.own))

        def open_sm() -> None:
            expect(self.sm.open(sm, opened, self.pin))

        clear: Callable[[], None] = lambda: shutil.rmtree(opened, ignore_errors=True)  # noqa: E731
        print(f"{mib} MiB of records, {runs} runs, median (best); MiB/s")
        ours, shell, synced = self._turns(
            runs,
            lambda: expect(self.node.seal(members, self.own, sealed)),
            lambda: run(seal),
            lambda: run(f"{seal} && sync {shell_sealed}"),
        )
        report("seal", "zstd -1 | gpg", mib, ours, shell, synced)
        print(f"  size {sealed.stat().st_size / source.stat().st_size:.0%} of the records")
        ours, shell, synced = self._turns(
            runs, open_ours, lambda: run(unseal), lambda: run(f"{unseal} && sync {shell_opened}"), before=clear
        )
        report("open", "gpg -d | zstd -d", mib, ours, shell, synced)
        (seal_sm,) = self._turns(runs, lambda: expect(self.sm.seal(members, self.pin, sm)))
        (opening_sm,) = self._turns(runs, open_sm, before=clear)
        print(f"  sm: seal {mib / median(seal_sm):.0f}, open {mib / median(opening_sm):.0f}")
        clear()
        for file in (source, sealed, shell_sealed, shell_opened, sm):
            file.unlink(missing_ok=True)

    @staticmethod
    def _turns(
        runs: int, *contenders: Callable[[], None], before: Callable[[], None] = lambda: None
    ) -> list[list[float]]:
        """Seconds of each contender's runs; they take turns, so that a busy machine is busy for all of them."""
        taken: list[list[float]] = [[] for _ in contenders]
        for _ in range(runs):
            for number, contender in enumerate(contenders):
                before()
                os.sync()
                started = time.perf_counter()
                contender()
                taken[number].append(time.perf_counter() - started)
        return taken

    # -- a hundred at once -------------------------------------------------------------------------------------------

    def hundred(self) -> None:
        source = self.base / "small.csv"
        write_records(source, 1)
        members = [(DESCRIPTOR, describe(source).to_json()), ("data/cases.csv", source)]

        def round_trip(number: int) -> bool:
            target, into = self.base / f"{number}.gpg", self.base / f"in{number}"
            sealed = self.node.seal(members, self.own, target)
            opened = self.node.open(target, into, self.own)
            target.unlink(missing_ok=True)
            shutil.rmtree(into, ignore_errors=True)
            return isinstance(sealed, Ok) and isinstance(opened, Ok)

        started = time.perf_counter()
        with ThreadPoolExecutor(100) as pool:
            failed = 100 - sum(pool.map(round_trip, range(100)))
        print(
            f"100 packages of 1 MiB at once, sealed and opened: {failed} failed, {time.perf_counter() - started:.1f} s"
        )

    # -- memory ------------------------------------------------------------------------------------------------------

    def memory(self, mib: int) -> None:
        source, sealed, sm, into = (self.base / name for name in ("big.csv", "big.gpg", "big.sm.tar", "big"))
        write_records(source, 1)
        small = [(DESCRIPTOR, describe(source).to_json()), ("data/cases.csv", source)]
        for engine, pin, target in ((self.node, self.own, sealed), (self.sm, self.pin, sm)):
            expect(engine.seal(small, pin, target))
            expect(engine.open(target, into, pin))
            shutil.rmtree(into)
        idle = resident()
        write_records(source, mib)
        members = [(DESCRIPTOR, describe(source).to_json()), ("data/cases.csv", source)]
        for name, engine, pin, target in (("openpgp", self.node, self.own, sealed), ("sm", self.sm, self.pin, sm)):
            for what, work in (
                ("seal", lambda e=engine, p=pin, t=target: expect(e.seal(members, p, t))),
                ("open", lambda e=engine, p=pin, t=target: expect(e.open(t, into, p))),
            ):
                with Peak() as peak:
                    work()
                print(f"{name} {what} {mib} MiB: {(peak.bytes - idle) / MIB:.0f} MiB above idle, children counted")
            shutil.rmtree(into)


class Peak:
    """The most that this process and its descendants held together, sampled."""

    def __enter__(self) -> Peak:
        self.bytes, self._stop = resident(), threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.05):
            self.bytes = max(self.bytes, resident())


def resident() -> int:
    """Resident bytes of this process and everything below it. The agent is nobody's child: it is idle either way."""
    parents: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
            sizes[int(folder.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    total, waiting = 0, [os.getpid()]
    while waiting:
        process = waiting.pop()
        total += sizes.get(process, 0)
        waiting += parents.get(process, [])
    return total


def report(what: str, peer: str, mib: int, ours: list[float], shell: list[float], synced: list[float]) -> None:
    def beside(runs: list[float]) -> str:
        return (
            f"{mib / median(runs):.0f} ({mib / min(runs):.0f}), "
            f"we reach {median(runs) / median(ours):.0%} ({min(runs) / min(ours):.0%}) of it"
        )

    print(f"{what}: {mib / median(ours):.0f} ({mib / min(ours):.0f})")
    print(f"  {peer}: {beside(shell)}; with sync: {beside(synced)}")


def run(command: str) -> None:
    subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], check=True, stdout=subprocess.DEVNULL)


def expect(outcome: object) -> None:
    assert isinstance(outcome, Ok), outcome


def write_records(target: Path, mib: int) -> None:
    """Lines such as case files have, made up: about a third of their size when compressed. Nobody's data."""
    chance = random.Random(1)
    lines = []
    size = 0
    while size < min(mib, 16) * MIB:
        area = chance.randrange(110101, 659999)
        number = f"{area}{chance.randrange(1950, 2010)}{chance.randrange(101, 1231):04d}999X"
        words = ",".join(chance.choice(WORDS) for _ in range(4))
        line = f"{chance.getrandbits(64):016x},{number},{area}{chance.randrange(10**6):06d},{words}\r\n".encode()
        lines.append(line)
        size += len(line)
    block = b"".join(lines)
    with target.open("wb") as stream:
        while stream.tell() < mib * MIB:
            stream.write(block[: mib * MIB - stream.tell()])


def describe(source: Path) -> Descriptor:
    digest = hashlib.sha256()
    with source.open("rb") as stream:
        while piece := stream.read(MIB):
            digest.update(piece)
    return Descriptor(
        agreement="bench",
        sender="a",
        origin="a",
        receiver="b",
        period="2026Q3",
        kind=Kind.NEW,
        revision=1,
        records=0,
        created=datetime(2026, 10, 1, tzinfo=UTC),
        resources=(Resource("cases", "data/cases.csv", source.stat().st_size, digest.hexdigest()),),
    )


if __name__ == "__main__":
    main()
