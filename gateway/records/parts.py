"""The sorted records on disk: one canonical CSV per province, in the input's order, and digests that prove
conservation.

The digest of a set of lines is the sum, modulo 2^256, of the SHA-256 of each line without its line end: it does not
depend on order, and the digests of parts add up to the digest of the whole.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import BinaryIO, TypeAlias

from gateway import durable
from gateway.parcels import Part
from gateway.records.modes import file_mode, folder_mode
from gateway.records.readers.lines import join

MODULUS = 1 << 256
Buffer: TypeAlias = bytes | memoryview
UNROUTED = "all"
"""The one part of records that are not routed."""
REST = "rest"
"""The part of records that begin with none of a job's routes, where it has a receiver for them."""
_NUMBER = re.compile(r"[0-9]{1,12}")


def line_digest(line: bytes) -> int:
    """SHA-256 of one line without its line end, as a number to be added up."""
    return int.from_bytes(hashlib.sha256(line).digest(), "big")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a file of lines holds below its header: count, SHA-256 of the whole file, digest independent of order."""

    records: int
    sha256: str
    digest: str


def measure(path: Path) -> Measured:
    """Read a file that `Parts` or `Listing` wrote, from disk again. Memory stays flat."""
    whole, count, total = hashlib.sha256(), -1, 0
    with path.open("rb") as stream:
        for line in stream:
            whole.update(line)
            count += 1
            if count:
                total += line_digest(line[:-1])
    return Measured(count, whole.hexdigest(), f"{total % MODULUS:064x}")


class _Disk(Thread):
    """Syncs files while others read them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._paths = paths
        self._error: OSError | None = None
        self.start()

    def run(self) -> None:
        """In the thread: sync every file; what goes wrong is raised by `wait`."""
        try:
            for path in self._paths:
                durable.sync_file(path)
        except OSError as error:
            self._error = error

    def wait(self) -> None:
        """Until all is on the disk. Raises `OSError` where it is not."""
        self.join()
        if self._error is not None:
            raise self._error


MeasureAll = Callable[[Sequence[Path]], Sequence[Measured]]


def create(path: Path) -> BinaryIO:
    """Open a new file for writing (`modes`), buffered; what stood there before is replaced, links are not followed."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, file_mode()), "wb", 1 << 16)


def fill(descriptor: int, at: int, lines: memoryview) -> None:
    """Write lines where room was reserved for them. Raises `OSError` (no space)."""
    while lines:
        done = os.pwrite(descriptor, lines, at)
        lines, at = lines[done:], at + done


def left_in(folder: Path) -> list[Path]:
    """The files in a folder that are named like parts."""
    return [p for p in folder.glob("*.csv") if p.stem in (UNROUTED, REST) or _NUMBER.fullmatch(p.stem)]


def remove(folder: Path) -> None:
    """Remove what `Parts` may have left in a folder, and nothing else."""
    for path in left_in(folder):
        path.unlink()


class Parts:
    """Writes lines into `folder/<province>.csv`, at most one write per province and batch.

    Whatever parts an earlier run left in the folder is removed first. Not durable before `finish`.
    """

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        self._folder = folder
        self._header = join(tuple(columns)).encode() + b"\n"
        self._waiting: dict[str, list[bytes]] = {}
        self._streams: dict[str, BinaryIO] = {}
        self._ends: dict[str, int] = {}
        folder.mkdir(mode=folder_mode(), parents=True, exist_ok=True)
        remove(folder)

    def add(self, province: str, line: bytes) -> None:
        """Put one line (without its end) into a part; it is written with the next `flush`."""
        waiting = self._waiting.get(province)
        if waiting is None:
            waiting = self._waiting[province] = []
        waiting.append(line)

    def flush(self) -> None:
        """Write what waits. Raises `OSError` (no space)."""
        for province, lines in self._waiting.items():
            if lines:
                self._stream(province).write(b"\n".join(lines) + b"\n")
                lines.clear()

    def reserve(self, province: str, size: int) -> tuple[int, int]:
        """Room for whole lines at the end of a part, for `fill`: the file's descriptor, and where in it they go. A part
        that lines are put into so gets none by `add`."""
        stream = self._stream(province)
        at = self._ends.get(province)
        if at is None:
            stream.flush()
            at = len(self._header)
        self._ends[province] = at + size
        return stream.fileno(), at

    def _stream(self, province: str) -> BinaryIO:
        if province not in self._streams:
            self._streams[province] = create(self._folder / f"{province}.csv")
            self._streams[province].write(self._header)
        return self._streams[province]

    def finish(self, measure_all: MeasureAll | None = None) -> tuple[Part, ...]:
        """Close everything, sync it, and measure each part as it stands on disk, in the order of provinces. The disk
        writes while the parts are read again."""
        self.flush()
        self.close()
        provinces = sorted(self._streams)
        paths = [self._folder / f"{province}.csv" for province in provinces]
        disk = _Disk(paths)
        try:
            found = measure_all(paths) if measure_all else [measure(path) for path in paths]
        finally:
            disk.wait()
        durable.sync_folder(self._folder)
        return tuple(Part(p, m.records, m.sha256, m.digest) for p, m in zip(provinces, found, strict=True))

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()

    def remove(self) -> None:
        """Close, and remove all parts in the folder."""
        self.close()
        remove(self._folder)

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Uncollected(Parts):
    """Counts and digests records and writes nothing: all that `check` needs."""

    def __init__(self) -> None:
        self._records = self._digest = 0

    def add(self, province: str, line: bytes) -> None:  # noqa: ARG002 - the signature of `Parts.add`
        self._records += 1
        self._digest += line_digest(line)

    def count(self, records: int, digest: int) -> None:
        """Count records that were judged elsewhere."""
        self._records += records
        self._digest += digest

    def flush(self) -> None:
        pass

    def finish(self, measure_all: MeasureAll | None = None) -> tuple[Part, ...]:  # noqa: ARG002
        return (Part(UNROUTED, self._records, "", f"{self._digest % MODULUS:064x}"),)

    def close(self) -> None:
        pass

    def remove(self) -> None:
        pass
