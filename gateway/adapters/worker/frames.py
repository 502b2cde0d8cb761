"""How the worker hands the inside of a package back: frames in a pipe, a letter and a length before each.

`O` `datapackage.json` as it came, `D` the descriptor restated, `M` a member's path, `B` bytes of it. They come in this
order, `M` and `B` again and again. A pipe that ends tells nothing: the verdict comes over the job's own connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from gateway.durable import CHUNK

ORIGINAL, DESCRIPTOR, MEMBER, BYTES = b"O", b"D", b"M", b"B"
_HEAD = struct.Struct(">cI")
_LONGEST = {ORIGINAL: 4 << 20, DESCRIPTOR: 1 << 20, MEMBER: 100, BYTES: CHUNK}


class Broken(Exception):
    """These are no frames, or one is longer than any that the worker writes."""


def write(pipe: BinaryIO, kind: bytes, data: bytes) -> None:
    """One frame. Raises `OSError`."""
    pipe.write(_HEAD.pack(kind, len(data)))
    pipe.write(data)


def read(pipe: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The frames until the pipe ends; one that is cut off is left out. Raises `Broken`."""
    while len(head := _exactly(pipe, _HEAD.size)) == _HEAD.size:
        kind, length = _HEAD.unpack(head)
        if length > _LONGEST.get(kind, -1):
            raise Broken
        data = _exactly(pipe, length)
        if len(data) < length:
            return
        yield kind, data


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    while data and len(data) < size and (more := pipe.read(size - len(data))):
        data += more
    return data
