"""The published tree against its entries: every bundle is read, every tile is computed and compared with its file."""

from __future__ import annotations

from pathlib import Path

from gateway.log import merkle, tiles
from gateway.log.merkle import WIDTH
from gateway.log.note import Checkpoint
from gateway.log.verification.entries import Scan
from gateway.log.verification.findings import Findings


class Published:
    """The files of a log in `folder`. Every entry that can be read is fed to `scan`."""

    def __init__(self, folder: Path, scan: Scan, findings: Findings) -> None:
        self._folder, self._scan, self._findings = folder, scan, findings

    def read(self, checkpoint: Checkpoint) -> list[list[bytes]]:
        """The hashes of the complete subtrees by level of tiles, as the entries give them. Where entries cannot be
        read their hashes are taken from the tiles, so that the rest of the tree can be judged."""
        size = checkpoint.size
        levels: list[list[bytes]] = [[]]
        for number in range((size + WIDTH - 1) // WIDTH):
            levels[0] += self._bundle(number, min(WIDTH, size - number * WIDTH))
        while len(levels[-1]) >= WIDTH:
            below = levels[-1]
            levels.append([merkle.fold(below[at : at + WIDTH]) for at in range(0, len(below) // WIDTH * WIDTH, WIDTH)])
        for level, number, width in tiles.shapes(size):
            if level:
                self._compare(level, number, width, b"".join(levels[level][number * WIDTH : number * WIDTH + width]))
        if merkle.root_of(levels, size) != checkpoint.root:
            zh, en = "条目算出的树根与签名的不同", "the entries do not give the signed root"
            self._findings.add("root", tiles.CHECKPOINT, zh, en)
        return levels

    def _bundle(self, number: int, width: int) -> list[bytes]:
        """The leaf hashes of one bundle."""
        entries = self._entries(number, width)
        leaves = [self._scan.feed(entry) for entry in entries]
        if len(leaves) == width:
            self._compare(0, number, width, b"".join(leaves))
            return leaves
        self._scan.skip(width - len(leaves))
        try:
            data = tiles.read_tile(self._folder, 0, number, width)
        except (OSError, ValueError):
            data = bytes(32 * width)
        return [*leaves, *(data[at : at + 32] for at in range(32 * len(leaves), 32 * width, 32))]

    def _entries(self, number: int, width: int) -> list[bytes]:
        place = str(tiles.path_of(tiles.ENTRIES, number, width))
        add = self._findings.add
        try:
            entries, rest = tiles.salvage(tiles.read_tile(self._folder, tiles.ENTRIES, number, width))
        except OSError:
            add("structure", place, "条目文件缺失", "the bundle is missing")
            return []
        if rest:
            add("structure", place, f"多出 {rest} 个字节", f"{rest} bytes that are no entry")
        if entries and len(entries) != width:
            zh, en = f"应有 {width} 条，实有 {len(entries)} 条", f"{len(entries)} entries of {width}"
            add("structure", place, zh, en)
        return entries[:width]

    def _compare(self, level: int, number: int, width: int, expected: bytes) -> None:
        place = str(tiles.path_of(level, number, width))
        try:
            data = tiles.read_tile(self._folder, level, number, width)
        except OSError:
            self._findings.add("structure", place, "瓦片缺失", "the tile is missing")
        except ValueError:
            self._findings.add("structure", place, "瓦片长度不对", "the tile has the wrong length")
        else:
            if data != expected:
                at = next(i for i in range(width) if data[i * 32 : i * 32 + 32] != expected[i * 32 : i * 32 + 32])
                zh, en = f"第 {at} 个哈希与条目不符", f"hash {at} is not that of the entries"
                self._findings.add("tile", place, zh, en)
