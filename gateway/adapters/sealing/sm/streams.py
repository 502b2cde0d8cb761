"""A sealed package as bytes on disk: opened, read in pieces, decrypted on the way, written whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from gateway import durable
from gateway.adapters.sealing.sm.module import TAG_BYTES, Unsealing


class Plain:
    """The payload, decrypted as it is read. Its last bytes are the tag, which `finish` gives to the cipher."""

    def __init__(self, stream: BinaryIO, length: int, cipher: Unsealing) -> None:
        self._stream, self._left, self._cipher = stream, length, cipher

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        return self._cipher.update(piece) if piece else b""

    def finish(self) -> None:
        """Raises `ModuleError` for a wrong tag, and where somebody changed the file meanwhile."""
        while self.read(durable.CHUNK):
            pass
        self._cipher.finish(self._stream.read(TAG_BYTES))


def decrypted(plain: Plain, target: int) -> None:
    """All of the payload into the open file `target`. Raises `ModuleError` for a wrong tag, `OSError`."""
    out = durable.Writer(target)
    while piece := plain.read(durable.CHUNK):
        out.write(piece)
    plain.finish()


def opened(sealed: Path) -> BinaryIO:
    return os.fdopen(os.open(sealed, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def pieces(stream: BinaryIO, length: int) -> Iterable[bytes]:
    while length and (piece := stream.read(min(durable.CHUNK, length))):
        length -= len(piece)
        yield piece


def write_all(stream: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]
