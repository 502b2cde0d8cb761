"""The chunks of a file, each in a slot: room of fixed size that is used again and again.

A chunk is cut at its last line feed, which may lie inside of a cell: what of its last record is there is carried to the
front of the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from gateway.records.kernel import entries, layout
from gateway.records.kernel.digesting import Summing
from gateway.records.kernel.entries import LINE_LIMIT, SLACK
from gateway.records.kernel.memory import BYTE, HALF, INT, LONG, WORD, Words, address_of, array, mapped
from gateway.records.readers.lines import Damaged, pass_line, too_long
from gateway.records.readers.table import TextTable

CHUNK = 8 << 20
ROWS = 1 << 17
PROBLEMS = 1 << 19
CUTS = 2 * LINE_LIMIT + 256
FRONT = LINE_LIMIT + SLACK
"""Bytes of room before a chunk, for a record that begins in the chunk before."""


class Slot:
    """Room for one chunk (`layout.Chunk`, which `words` describes), and its digest. `raw` holds the lines as they came,
    from `FRONT` up to `end`, and from `out` on what is written, up to `written`. Judged are `rows` lines from `at` to
    `next`; `target` has those of them that travel, sorted by part, each from one of `begins` to one of `ends`. `extra`
    are lines that the plain engine let travel, `extra_bytes` of them, which stand behind `written`."""

    def __init__(self, chunk: int, columns: int) -> None:
        self.out = FRONT + chunk + LINE_LIMIT + 2 + SLACK
        self.out_end = self.out + 2 * chunk + 4 * LINE_LIMIT
        self.raw = mapped(self.out_end + 2 * SLACK + entries.SCRATCH * columns)
        self.cuts = array(INT, CUTS)
        self.line_ends = array(LONG, 2 * ROWS)
        self.marks = array(BYTE, ROWS)
        self.odd = array(WORD, self.out // 64 + 2)
        self.status = array(BYTE, ROWS)
        self.part = array(BYTE, ROWS)
        self.spots = array(LONG, 4 * ROWS)
        self.problems = array(HALF, PROBLEMS)
        self.work = array(LONG, entries.WORK_ROWS * (columns + 16))
        self.reached = array(LONG, 3)
        self.target = mapped(1)
        self.begins, self.ends = array(LONG, entries.PARTS), array(LONG, entries.PARTS)
        self.summing = Summing()
        self.digest, self.gathered = 0, False
        self.extra: list[bytes] = []
        self.extra_bytes = 0
        self.at = self.end = self.next = self.rows = self.written = 0
        self.begin = address_of(self.raw)
        self.words = Words(
            layout.Chunk(
                self.raw, self.out, self.out_end, ROWS, CUTS, PROBLEMS, self.cuts, self.line_ends, self.marks, self.odd,
                self.status, self.part, self.spots, self.problems, self.work, self.begins, self.ends, self.reached,
            )
        )  # fmt: skip

    def carry(self, begun: bytes) -> None:
        """Put what was there of a record before the chunk, or in place of one where there is none."""
        self.at, self.end = FRONT - len(begun), max(self.end, FRONT)
        self.raw[self.at : FRONT] = begun


def chunks(stream: BinaryIO, table: TextTable, free: list[Slot], chunk: int) -> Iterator[Slot | Damaged]:
    """The file below its header, in slots that end with a line feed; a line that fits into none comes by itself. A slot
    is taken from `free` for each."""
    for _ in range(table.above):
        while (head := stream.readline(LINE_LIMIT)) and not head.endswith(b"\n"):
            pass
    rest, most = b"", max(chunk, LINE_LIMIT + 1)
    while True:
        slot = free.pop()
        have = len(rest)
        slot.raw[FRONT : FRONT + have] = rest
        room = memoryview(slot.raw)[FRONT + have : FRONT + min(have, LINE_LIMIT + 1) + chunk]
        got = stream.readinto(room) if have < most else 0  # type: ignore[attr-defined]
        if not have + got:
            free.append(slot)
            return
        total = FRONT + have + got
        end = slot.raw.rfind(b"\n", FRONT, total) + 1
        if not end and not got and have < most:
            slot.raw[total] = 10
            total = end = total + 1
        rest = bytes(memoryview(slot.raw)[end or FRONT : total])
        if end:
            slot.at, slot.end = FRONT, end
            yield slot
        else:
            free.append(slot)
        if len(rest) > LINE_LIMIT and b"\n" not in rest:
            line = too_long(rest, table.found)
            rest, _ = pass_line(stream)
            yield line
