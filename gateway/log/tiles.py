"""The layout of C2SP tlog-tiles, height 8: where a tile lies, how entries are bundled, how hashes are read back.

`tile/<L>/<N>` holds 256 hashes of level 8·L, `tile/<L>/<N>.p/<W>` the first W of a tile that is not full,
`tile/entries/<N>[.p/<W>]` the entries, each behind its length (2 bytes, big-endian).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from gateway.log import merkle
from gateway.log.merkle import HEIGHT, WIDTH

CHECKPOINT = "checkpoint"
ENTRIES = "entries"
ARCHIVE = "archive"


def path_of(level: int | str, number: int, width: int = WIDTH) -> PurePosixPath:
    """`tile/0/x001/x234/067`, with `.p/<width>` when the tile is not full."""
    digits = [f"{number % 1000:03d}"]
    while number := number // 1000:
        digits.insert(0, f"x{number % 1000:03d}")
    path = PurePosixPath("tile", str(level), *digits)
    return path if width == WIDTH else path.with_name(f"{path.name}.p") / str(width)


def bundle(entries: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def unbundle(data: bytes) -> list[bytes]:
    """The entries of a bundle. `ValueError` when its lengths do not fit its end."""
    entries, rest = salvage(data)
    if rest:
        raise ValueError("a bundle that ends inside an entry")
    return entries


def salvage(data: bytes) -> tuple[list[bytes], int]:
    """The whole entries a bundle begins with, and how many bytes follow them that are none."""
    entries, at, end = [], 0, len(data)
    while at < end:
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > end or stop > end:
            break
        entries.append(data[at + 2 : stop])
        at = stop
    return entries, end - at


def shapes(size: int) -> list[tuple[int, int, int]]:
    """Every tile of a tree of `size` leaves: (level, number, width)."""
    found, level = [], 0
    while count := size >> (HEIGHT * level):
        found += [(level, number, WIDTH) for number in range(count // WIDTH)]
        if count % WIDTH:
            found.append((level, count // WIDTH, count % WIDTH))
        level += 1
    return found


def read_tile(folder: Path, level: int | str, number: int, width: int) -> bytes:
    """A tile's bytes: the file of this width, or the full one in its stead, cut. `OSError` when neither is there;
    `ValueError` for a hash tile of another length than its name says."""
    try:
        data = (folder / path_of(level, number, width)).read_bytes()
    except FileNotFoundError:
        if width == WIDTH:
            raise
        data = (folder / path_of(level, number)).read_bytes()
        if level == ENTRIES:
            return bundle(salvage(data)[0][:width])
        return data[: width * 32]
    if level != ENTRIES and len(data) != width * 32:
        raise ValueError("a tile of the wrong length")
    return data


class TileTree:
    """The hashes of a published tree of `size` leaves; a tile is read when it is first needed. Methods raise `OSError`
    where a tile is missing and `ValueError` where one has the wrong length."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self.size = folder, size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, number: int) -> bytes:
        """The bytes of one tile of hashes, read once."""
        key = (level, number)
        if key not in self._tiles:
            width = min(WIDTH, (self.size >> (HEIGHT * level)) - number * WIDTH)
            self._tiles[key] = read_tile(self._folder, level, number, width)
        return self._tiles[key]

    def node(self, level: int, index: int) -> bytes:
        """`merkle.Node` over the tiles."""
        tile_level, below = divmod(level, HEIGHT)
        first = index << below
        number, at = divmod(first, WIDTH)
        data = self.tile(tile_level, number)
        count = 1 << below
        return merkle.fold([data[(at + i) * 32 : (at + i + 1) * 32] for i in range(count)])

    def root(self) -> bytes:
        return merkle.range_hash(self.node, 0, self.size) if self.size else merkle.EMPTY

    def edge(self) -> merkle.Edge:
        """The right edge, to grow the tree from."""
        levels = []
        level = 0
        while count := self.size >> (HEIGHT * level):
            width = count % WIDTH
            data = self.tile(level, count // WIDTH) if width else b""
            levels.append([data[i * 32 : (i + 1) * 32] for i in range(width)])
            level += 1
        return merkle.Edge(self.size, levels)

    def entry(self, index: int) -> bytes:
        """One entry's bytes, out of its bundle."""
        number, at = divmod(index, WIDTH)
        width = min(WIDTH, self.size - number * WIDTH)
        return unbundle(read_tile(self._folder, ENTRIES, number, width))[at]
