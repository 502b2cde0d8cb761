"""Taking a package apart: tar out of zstd, and the JSON of its descriptor. For the worker alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import zstandard

from gateway.adapters.container.caps import Caps, ContainerError
from gateway.adapters.container.headers import BLOCK, Header, parse_header
from gateway.durable import CHUNK
from gateway.packages import DESCRIPTOR, Descriptor, DescriptorError

_MAX_WINDOW = 1 << 27
RESTATED = 1 << 20
"""Bytes of a descriptor told again: a thousand members take a third of it."""


class Source(Protocol):
    """Where bytes come from: a file, a pipe, a cipher."""

    def read(self, size: int, /) -> bytes: ...


def restated(data: bytes) -> Descriptor:
    """A descriptor with all that the process with keys may know of it, in its canonical form: without what is nested in
    it (schemas, properties of others). Raises `ContainerError` 214, 216."""
    try:
        found = Descriptor.parse(data)
    except DescriptorError as error:
        raise ContainerError("214", str(error)) from error
    bare = replace(found, extra={}, resources=tuple(replace(r, schema=None) for r in found.resources))
    if len(bare.to_json()) > RESTATED:
        raise ContainerError("216", "the descriptor says too much")
    return bare


def members(stream: Source, caps: Caps) -> Iterator[tuple[str, bytes | Descriptor]]:
    """Read a compressed tar: `(datapackage.json, its bytes)`, `("", descriptor)`, then every member in pieces, each
    `(path, piece)`; an empty member is one empty piece.

    `datapackage.json` is the first member; nothing travels that it does not list, each with the listed length. Whether
    the digests fit is judged where the bytes are written (`laying`). Raises `ContainerError`.
    """
    reader = _Reader(stream, caps.expanded)
    first = reader.header()
    if first is None or first.name != DESCRIPTOR or first.folder:
        raise ContainerError("215", "the first member is not the descriptor")
    if first.size > caps.descriptor:
        raise ContainerError("216", "the descriptor is too long")
    data = reader.exactly(first.size)
    reader.exactly(-first.size % BLOCK)
    descriptor = restated(data)
    if len(descriptor.resources) > caps.members or sum(r.bytes for r in descriptor.resources) > caps.expanded:
        raise ContainerError("216", "the listed members are too many or too large")
    yield DESCRIPTOR, data
    yield "", descriptor
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
        yield from ((listed.path, piece) for piece in reader.pieces(member.size))
        reader.exactly(-member.size % BLOCK)
    if missing:
        raise ContainerError("214", "a listed member is missing")
    reader.only_zeros()


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

    def pieces(self, size: int) -> Iterator[bytes]:
        """A member's bytes; one empty piece where it has none."""
        left = size
        while left or not size:
            piece = self.exactly(min(CHUNK, left))
            left -= len(piece)
            yield piece
            if not size:
                return

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
