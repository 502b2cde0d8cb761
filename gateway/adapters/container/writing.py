"""Packing: members as tar, compressed with zstd level 1."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import zstandard

from gateway.adapters.container.headers import BLOCK, RECORD, header
from gateway.durable import CHUNK
from gateway.packages import safe_path

Member = tuple[str, Path | bytes]


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
