"""tar + zstd: what lies between a package's members and its seal. Both ways stream; memory does not grow with size.

The tar is plain ustar, regular files only, in the order given, with headers that tell nothing (owner 0, time 0, mode
0644): the same members give the same bytes, and `tar x` of any system reads them. Unpacking does not use `tarfile`,
whose readers pass over what they cannot read and follow extended headers of any length: what is not exactly a plain
member is refused here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import re
import tarfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import zstandard

from gateway.durable import CHUNK, Writer, sync_folder
from gateway.packages import DESCRIPTOR, Descriptor, DescriptorError, Resource, safe_path

BLOCK = 512
RECORD = 20 * BLOCK
_MAX_WINDOW = 1 << 27
_BEHIND = 4

Member = tuple[str, Path | bytes]


class Source(Protocol):
    """Where bytes come from: a file, a pipe, a cipher."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits in bytes, held before anything is written. `plain`: what decryption may give (still compressed),
    `expanded`: all members together; `members`: how many; `descriptor`: the length of `datapackage.json`."""

    plain: int = 4 << 30
    expanded: int = 16 << 30
    members: int = 1000
    descriptor: int = 4 << 20


class ContainerError(Exception):
    """A container is refused, with its code of the catalogue: 214 damaged, 215 unsafe member, 216 too large."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


def pack(members: Sequence[Member], write: Callable[[bytes], object]) -> None:
    """Write the members as tar, compressed with zstd level 1, piece by piece through `write`.

    Raises `ValueError` for a name that is unsafe or doubled and `OSError` for a source that cannot be read or changes
    its length meanwhile; what was written until then is no container.
    """
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=False).compressobj()
    for piece in _tar(members):
        if compressed := compressor.compress(piece):
            write(compressed)
    write(compressor.flush())


def _tar(members: Sequence[Member]) -> Iterator[bytes]:
    names = [name for name, _ in members]
    if len(set(names)) != len(names) or not all(safe_path(name) for name in names):
        raise ValueError("a member's name is unsafe or doubled")
    total = 0
    for name, source in members:
        if isinstance(source, bytes):
            size = len(source)
            yield header(name, size)
            yield source
        else:
            with source.open("rb", buffering=0) as stream:
                size = os.fstat(stream.fileno()).st_size
                yield header(name, size)
                yield from _exactly(stream, size)
        yield bytes(-size % BLOCK)
        total += BLOCK + size + -size % BLOCK
    yield bytes(2 * BLOCK + -(total + 2 * BLOCK) % RECORD)


def header(name: str, size: int) -> bytes:
    """A ustar header that tells nothing but a regular file's name and size."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member.tobuf(format=tarfile.USTAR_FORMAT, encoding="utf-8", errors="strict")


def _exactly(stream: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = stream.read(min(CHUNK, left))
        if not piece:
            raise OSError("a member became shorter while it was sealed")
        left -= len(piece)
        yield piece
    if stream.read(1):
        raise OSError("a member became longer while it was sealed")


def unpack(stream: Source, into: Path, caps: Caps) -> Descriptor:
    """Read a compressed tar from `stream` into the empty folder `into` (files 0600, folders 0700, all synced).

    `datapackage.json` is the first member; nothing travels that it does not list, each with the listed length and
    digest. Raises `ContainerError`; what was written until then is the caller's to remove.
    """
    reader = _Reader(stream, caps.expanded)
    first = reader.header()
    if first is None or first.name != DESCRIPTOR or first.folder:
        raise ContainerError("215", "the first member is not the descriptor")
    if first.size > caps.descriptor:
        raise ContainerError("216", "the descriptor is too long")
    data = reader.exactly(first.size)
    reader.exactly(-first.size % BLOCK)
    try:
        descriptor = Descriptor.parse(data)
    except DescriptorError as error:
        raise ContainerError("214", str(error)) from error
    if len(descriptor.resources) > caps.members or sum(r.bytes for r in descriptor.resources) > caps.expanded:
        raise ContainerError("216", "the listed members are too many or too large")
    _create(into / DESCRIPTOR, (piece for piece in (data,)))
    missing = {resource.path: resource for resource in descriptor.resources}
    folders = {f"{parent}" for path in missing for parent in Path(path).parents if f"{parent}" != "."}
    while (member := reader.header()) is not None:
        if member.folder and member.name in folders:
            continue
        listed = missing.pop(member.name, None)
        if listed is None or member.folder:
            raise ContainerError("215", "a member is not listed, or comes twice")
        if listed.bytes != member.size:
            raise ContainerError("214", "a member has not the listed length")
        _member(reader, into, listed)
    if missing:
        raise ContainerError("214", "a listed member is missing")
    reader.only_zeros()
    for folder in sorted(folders, reverse=True):
        sync_folder(into / folder)
    sync_folder(into)
    return descriptor


def _member(reader: _Reader, into: Path, listed: Resource) -> None:
    target = into / listed.path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()

    def pieces() -> Generator[bytes, None, None]:
        left = listed.bytes
        while left:
            piece = reader.exactly(min(CHUNK, left))
            left -= len(piece)
            yield piece

    if listed.bytes <= _BEHIND * CHUNK:
        _create(target, pieces(), digest.update)
    else:
        # Three at once: decompressing, hashing, writing. All of them leave the interpreter's lock alone.
        with _beside(digest.update) as hash_:
            _create(target, ahead(pieces()), hash_)
    reader.exactly(-listed.bytes % BLOCK)
    if digest.hexdigest() != listed.sha256:
        raise ContainerError("214", "a member has not the listed digest")


def _create(target: Path, pieces: Generator[bytes, None, None], see: Callable[[bytes], object] | None = None) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with contextlib.closing(pieces):
            out = Writer(descriptor)
            for piece in pieces:
                if see is not None:
                    see(piece)
                out.write(piece)
            out.sync()
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _beside(work: Callable[[bytes], object]) -> Iterator[Callable[[bytes], object]]:
    """Do `work`, which does not fail, in another thread, in order, a few pieces behind; all is done at the end."""
    waiting: queue.Queue[bytes | None] = queue.Queue(_BEHIND)

    def do() -> None:
        while (piece := waiting.get()) is not None:
            work(piece)

    thread = threading.Thread(target=do, name="hashing", daemon=True)
    thread.start()
    try:
        yield waiting.put
    finally:
        waiting.put(None)
        thread.join()


def ahead(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same pieces, made in another thread, a few ahead of the reader: decompressing goes on while the last
    piece is hashed and written. What `pieces` raises is raised here; closing this ends the thread."""
    ready: queue.Queue[bytes | BaseException | None] = queue.Queue(_BEHIND)
    stopped = threading.Event()

    def make() -> None:
        """Put every piece, then the exception that ended them or None; stop early once nobody reads."""
        last: BaseException | None = None
        try:
            for piece in pieces:
                ready.put(piece)
                if stopped.is_set():
                    return
        except BaseException as error:
            last = error
        ready.put(last)

    thread = threading.Thread(target=make, name="unpacking", daemon=True)
    thread.start()
    try:
        while (piece := ready.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        stopped.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                ready.get(timeout=0.01)
        thread.join()


@dataclass(frozen=True, slots=True)
class Header:
    """What a member's header says; `folder` tells a folder from a regular file."""

    name: str
    size: int
    folder: bool


class _Reader:
    """Plain ustar members out of a zstd stream, strictly."""

    def __init__(self, stream: Source, cap: int) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._stream = decompressor.stream_reader(cast(BinaryIO, stream), read_size=CHUNK // 4, read_across_frames=True)
        # What a tar adds to its members: headers, padding, the end. A listed member costs at most two blocks.
        self._left = cap + (1 << 21)

    def exactly(self, size: int) -> bytes:
        data = self._some(size)
        if len(data) != size:
            raise ContainerError("214", "the archive ends too early")
        return data

    def _some(self, size: int) -> bytes:
        if size > self._left:
            raise ContainerError("216", "the archive expands beyond the limit")
        pieces, left = [], size
        try:
            while left and (piece := self._stream.read(left)):
                pieces.append(piece)
                left -= len(piece)
        except zstandard.ZstdError as error:
            raise ContainerError("214", "not a sound zstd stream") from error
        self._left -= size - left
        return b"".join(pieces)

    def header(self) -> Header | None:
        """The next member's header, or None at the end-of-archive mark (two blocks of zeros)."""
        found = parse_header(self.exactly(BLOCK))
        if found is None and any(self.exactly(BLOCK)):
            raise ContainerError("214", "a block of zeros inside the archive")
        return found

    def only_zeros(self) -> None:
        """After the end mark a tar may be padded, and nothing else: other readers might go on there."""
        while piece := self._some(min(CHUNK, max(self._left, 1))):
            if piece.strip(b"\0"):
                raise ContainerError("215", "something follows the archive's end")


def parse_header(block: bytes) -> Header | None:
    """A plain ustar header; None for a block of zeros. `ContainerError` 214 where it is damaged, 215 for anything that
    is neither a regular file nor a folder, or has an unsafe name."""
    if not any(block):
        return None
    if _octal(block[148:156]) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
        raise ContainerError("214", "a header's checksum is wrong")
    kind, prefix = block[156:157], block[345:500] if block[257:263] == b"ustar\0" else b""
    if kind not in (b"0", b"\0", b"5") or block[157:257].strip(b"\0"):
        raise ContainerError("215", "a member is no regular file")
    try:
        name = b"/".join(p for p in (_string(prefix), _string(block[:100])) if p).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContainerError("215", "a name is not UTF-8") from error
    size, folder = _octal(block[124:136]), kind == b"5"
    if folder:
        name = name.removesuffix("/")
    if not safe_path(name) or (folder and size):
        raise ContainerError("215", "a name is unsafe")
    return Header(name, size, folder)


def _string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _octal(field: bytes) -> int:
    """A number of a tar header: octal digits, or big-endian after the byte 0x80 (GNU, 8 GiB and more)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ") or b"0"
    if not re.fullmatch(rb"[0-7]+", digits):
        raise ContainerError("214", "a header holds no number")
    return int(digits, 8)
