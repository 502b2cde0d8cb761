"""The tree of RFC 6962 / RFC 9162: hashes, proofs, and the right edge from which it grows.

A hash is 32 bytes (SHA-256). A `Node` returns the hash of a complete subtree: `node(level, index)` covers the leaves
[index · 2^level, (index + 1) · 2^level).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

Node = Callable[[int, int], bytes]
EMPTY = hashlib.sha256(b"").digest()
HEIGHT = 8
WIDTH = 1 << HEIGHT
_sha256 = hashlib.sha256


def leaf(data: bytes) -> bytes:
    return _sha256(b"\x00" + data).digest()


def parent(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The tree hash over `hashes`, which stand for equal complete subtrees; the last may be smaller."""
    if not hashes:
        return EMPTY
    level = list(hashes)
    sha = _sha256
    while len(level) > 1:
        paired = [sha(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def root_of(levels: Sequence[Sequence[bytes]], size: int) -> bytes:
    """The root of the first `size` leaves, given `levels[L]`: the hashes of the complete subtrees of 256^L leaves."""
    if size == 0:
        return EMPTY
    rest: list[bytes] = []
    for number, hashes in enumerate(levels):
        complete = size >> (HEIGHT * number)
        if not complete:
            break
        start = complete // WIDTH * WIDTH
        items = [*hashes[start:complete], *rest]
        rest = [fold(items)] if items else []
    return rest[0]


class Edge:
    """The right edge of a growing tree: at each level of tiles the hashes of the tile that is not full yet.

    It holds at most 255 hashes per level, so a tree of any size grows from it without being read again.
    """

    def __init__(self, size: int = 0, levels: Iterable[Sequence[bytes]] = ()) -> None:
        self.size = size
        self.levels: list[list[bytes]] = [list(level) for level in levels]

    def copy(self) -> Edge:
        return Edge(self.size, self.levels)

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[int, int, bytes]]:
        """Append leaf hashes. Returns the tiles that became full: (level, number, content)."""
        full: list[tuple[int, int, bytes]] = []
        for hash_ in leaves:
            self.size += 1
            level, value = 0, hash_
            while True:
                if level == len(self.levels):
                    self.levels.append([])
                tile = self.levels[level]
                tile.append(value)
                if len(tile) < WIDTH:
                    break
                number = (self.size >> (HEIGHT * level)) // WIDTH - 1
                full.append((level, number, b"".join(tile)))
                value = fold(tile)
                tile.clear()
                level += 1
        return full

    def partial(self) -> list[tuple[int, int, bytes]]:
        """The tiles at the edge: (level, number, content), the content shorter than a full tile's."""
        return [
            (level, (self.size >> (HEIGHT * level)) // WIDTH, b"".join(tile))
            for level, tile in enumerate(self.levels)
            if tile
        ]

    def root(self) -> bytes:
        """The root of all leaves appended so far."""
        rest: list[bytes] = []
        for tile in self.levels:
            items = [*tile, *rest]
            rest = [fold(items)] if items else []
        return rest[0] if rest else EMPTY


# -- proofs ----------------------------------------------------------------------------------------------------------


def range_hash(node: Node, start: int, end: int) -> bytes:
    """The tree hash of the leaves [start, end), `start` aligned as RFC 6962 cuts its subtrees."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    cut = start + _split(size)
    return parent(range_hash(node, start, cut), range_hash(node, cut, end))


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf, from its sibling up to the root's child. `ValueError` for a leaf the tree has not."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")

    def path(start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        cut = start + _split(end - start)
        if index < cut:
            return [*path(start, cut), range_hash(node, cut, end)]
        return [*path(cut, end), range_hash(node, start, cut)]

    return path(0, size)


def root_from_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an audit path leads to (RFC 9162, 2.1.3.2). `ValueError` for a path of the wrong length."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    at, last, value = index, size - 1, leaf_hash
    for hash_ in path:
        if last == 0:
            raise ValueError("the path is too long")
        if at & 1 or at == last:
            value = parent(hash_, value)
            if not at & 1:
                while at and not at & 1:
                    at >>= 1
                    last >>= 1
        else:
            value = parent(value, hash_)
        at >>= 1
        last >>= 1
    if last:
        raise ValueError("the path is too short")
    return value


def consistency(node: Node, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162, 2.1.4.1). `ValueError`
    unless 0 < `old` <= `new`."""
    if not 0 < old <= new:
        raise ValueError("sizes do not fit")

    def sub(start: int, end: int, whole: bool) -> list[bytes]:
        if end == old:
            return [] if whole else [range_hash(node, start, end)]
        cut = start + _split(end - start)
        if old <= cut:
            return [*sub(start, cut, whole), range_hash(node, cut, end)]
        return [*sub(cut, end, False), range_hash(node, start, cut)]

    return sub(0, new, True)


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the new tree begins with the old one (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return old == 0 and not proof and old_root == EMPTY
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    first = second = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = parent(hash_, first), parent(hash_, second)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            second = parent(second, hash_)
        at >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
