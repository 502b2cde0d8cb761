"""A pass over a text table with compiled code: chunks read in order, judged in threads, consumed in order.

Chunks are consumed as they were read, so the bytes of all outputs are the same for any number of threads. Memory is
flat: so many slots of fixed size, used again and again.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gateway.records.cells import Circumstances
from gateway.records.kernel import judging, output, reading
from gateway.records.kernel.tables import PLACES, Array, Tables, build
from gateway.records.parts import MODULUS, UNROUTED, Measured, Uncollected, line_digest
from gateway.records.passing import Pass, Progress
from gateway.records.readers.lines import LINE_LIMIT, Damaged, decode_line, join, pass_line, too_long
from gateway.records.readers.table import TextTable
from gateway.records.violations import DIMENSIONS

CHUNK = 4 << 20
ROWS = 1 << 16
PROBLEMS = 1 << 18
LISTED = 4 << 20


class Slot:
    """Room for one chunk, its judgement, and its digest."""

    def __init__(self, chunk: int) -> None:
        self.buf = np.empty(chunk + LINE_LIMIT + 2 + reading.SLACK, np.uint8)
        self.out = np.empty(2 * chunk + 4 * LINE_LIMIT, np.uint8)
        self.lines = np.empty((ROWS, 2), np.int64)
        self.status = np.empty(ROWS, np.uint8)
        self.part = np.empty(ROWS, np.uint8)
        self.spots = np.empty((ROWS, 4), np.int64)
        self.problems = np.empty(PROBLEMS, np.uint16)
        self.total = np.zeros(4, np.uint64)
        self.context, self.digest = output.scratch()
        self.work: Array = np.zeros((10, 0), np.int64)
        self.end = self.rows = self.written = 0


class _Counts:
    """What compiled code counts over a whole pass, and its room for lines of both lists."""

    def __init__(self, codes: int) -> None:
        self.codes = np.zeros(codes, np.int64)
        self.dimensions = np.zeros(len(DIMENSIONS), np.int64)
        self.tally = np.zeros(3, np.int64)
        self.refused = np.empty(LISTED, np.uint8)
        self.violations = np.empty(LISTED, np.uint8)

    def into(self, run: Pass, tables: Tables) -> None:
        """Add everything to the state of the pass."""
        run.codes.update({code: int(n) for code, n in zip(tables.codes, self.codes, strict=True) if n})
        run.refused += int(self.tally[0])
        run.warned += int(self.tally[1])
        rows: dict[str, int] = {name: int(n) for name, n in zip(DIMENSIONS, self.dimensions, strict=True) if n}
        run.quality.count(int(self.tally[2]), rows)


class Engine:
    """One pass with compiled code; `read` and `measure` stand for the plain ones."""

    def __init__(self, run: Pass, table: TextTable, tables: Tables, threads: int, chunk: int) -> None:
        self.run, self.table, self.tables, self.threads, self.chunk = run, table, tables, threads, chunk
        self._sha = output.sha256_functions()
        self._target = np.empty(0, np.uint8)
        header = table.header
        named = set(header.order) | set(header.unnamed)
        self._order = np.array(header.order, np.int64)
        self._unnamed = np.array(header.unnamed, np.int64)
        self._others = np.array([column for column in range(header.width) if column not in named], np.int64)
        self._classes = classes(header.separator)
        self._said, self._said_at = self._sentences()

    @classmethod
    def for_pass(cls, run: Pass, circumstances: Circumstances, threads: int) -> Engine | None:
        """None where the tables cannot say the whole schema."""
        assert isinstance(run.table, TextTable)
        tables = build(run.rules, circumstances)
        return None if tables is None else cls(run, run.table, tables, threads, CHUNK)

    @property
    def rules_running(self) -> int:
        """How many rules are applied to every record."""
        return self.tables.rules_running

    def read(self, progress: Progress | None) -> None:
        """Judge every line, as `Pass.read` does."""
        header = self.table.header
        number = header.line + 1
        waiting: deque[tuple[Slot | Damaged, Future[None] | None]] = deque()
        free = [Slot(self.chunk) for _ in range(self.threads + 1)]
        counted = _Counts(len(self.tables.codes))
        read_bytes = 0
        with self.table.path.open("rb") as stream, ThreadPoolExecutor(self.threads) as pool:
            chunks = self._chunks(stream, free)
            more = True
            while more or waiting:
                while more and free:
                    item = next(chunks, None)
                    if item is None:
                        more = False
                    else:
                        waiting.append((item, pool.submit(self._judge, item) if isinstance(item, Slot) else None))
                if not waiting:
                    continue
                item, future = waiting.popleft()
                if isinstance(item, Damaged):
                    self._leave(item, number, [])
                    number += 1
                    continue
                assert future is not None
                future.result()
                self._consume(item, number, counted)
                number += item.rows
                read_bytes += item.end
                if progress is not None:
                    progress(read_bytes)
                free.append(item)
        counted.into(self.run, self.tables)

    def _chunks(self, stream: BinaryIO, free: list[Slot]) -> Iterator[Slot | Damaged]:
        """The file below its header, in slots that end with a line feed; a line that fits into none comes by itself.
        A slot is taken from `free` for each."""
        found = self.table.found
        stream.seek(found.skip)
        for _ in range(self.table.header.line):
            while (head := stream.readline(LINE_LIMIT)) and not head.endswith(b"\n"):
                pass
        rest, most = b"", max(self.chunk, LINE_LIMIT + 1)
        while True:
            slot = free.pop()
            have = len(rest)
            slot.buf[:have] = np.frombuffer(rest, np.uint8)
            room = slot.buf.data[have : min(have, LINE_LIMIT + 1) + self.chunk]
            got = stream.readinto(room) if have < most else 0  # type: ignore[attr-defined]
            total = have + got
            if not total:
                free.append(slot)
                return
            end = output.last_line(slot.buf, total, ROWS)
            ended = not got and have < most
            if not end and ended:
                slot.buf[total] = 10
                total = end = total + 1
            rest = slot.buf[end:total].tobytes()
            if end:
                slot.end = end
                yield slot
            else:
                free.append(slot)
            if len(rest) > LINE_LIMIT and b"\n" not in rest:
                line = too_long(rest, found)
                rest, _ = pass_line(stream)
                yield line

    def _judge(self, slot: Slot) -> None:
        """In a thread, without the GIL: all rules over one slot, and the digests of what travels."""
        header, tables, characters = self.table.header, self.tables, self.tables.characters
        gb = self.table.found.encoding == "gb18030"
        passable, lengths = tables.passable[self.table.found.encoding]
        need = max(16, header.width + 2, len(tables.fields) + 1)
        if slot.work.shape[1] < need:
            slot.work = np.zeros((10, need), np.int64)
        slot.rows, slot.written, _ = judging.judge(
            slot.buf, slot.end, gb, self._classes, header.width, self._order, self._others, self._unnamed,
            tables.fields, tables.slots, tables.keys, tables.warns, tables.rules, tables.values, tables.county,
            tables.province, tables.sender, tables.as_of, tables.errors,
            -1 if self.run.route is None else self.run.route, characters.info, characters.two, characters.four,
            passable, lengths, slot.out, slot.lines, slot.status, slot.part, slot.spots, slot.problems, slot.work,
        )  # fmt: skip
        slot.total[:] = 0
        output.digest_accepted(
            slot.out, slot.status, slot.spots, slot.rows, self._sha, slot.context, slot.digest, slot.total
        )

    def _consume(self, slot: Slot, number: int, counted: _Counts) -> None:
        """Count, list and write what one slot holds, in the file's order. `number`: the file's line it begins with."""
        run, listing = self.run, self.run.listing
        extra: list[bytes] = []
        row = 0
        run.digest += output.number(slot.total)
        while True:
            start = row
            room = np.array(listing.room, np.int64)
            total = np.zeros(4, np.uint64)
            row, refused, violations = output.tell(
                row, slot.rows, number, run.rows, slot.status, slot.spots, slot.problems, slot.out,
                self.tables.dimension, self.tables.missing, self._said, self._said_at, room,
                counted.codes, counted.dimensions, counted.tally, counted.refused, counted.violations,
                self._sha, slot.context, slot.digest, total,
            )  # fmt: skip
            run.rows += row - start
            if refused or violations:
                listing.take(
                    counted.refused.data[:refused],
                    counted.violations.data[:violations],
                    output.number(total),
                    (int(room[0]), int(room[1])),
                )
            if row >= slot.rows:
                break
            if slot.status[row] == judging.LEFT:
                begin, end = slot.lines[row]
                raw = slot.buf[begin:end].tobytes()
                found, repertoire = self.table.found, self.table.repertoire
                line = too_long(raw, found) if len(raw) > LINE_LIMIT else decode_line(raw, found, repertoire)
                self._leave(line, number + row, extra, slot, row)
                row += 1
        self._write(slot, extra)

    def _leave(self, line: str, number: int, extra: list[bytes], slot: Slot | None = None, row: int = 0) -> None:
        """A line for the plain engine; where it travels it takes its place among the others."""
        values = self.run.line(line, number)
        if values is None:
            return
        assert slot is not None, "a line that was cut does not travel"
        text = join(values).encode()
        self.run.digest += line_digest(text)
        part = self.run.part_of(values)
        if not (part == UNROUTED or (len(part) == 2 and part.isascii() and part.isdigit())):
            raise ValueError("a record without a part")
        slot.status[row] = judging.ACCEPTED
        slot.part[row] = judging.UNROUTED if part == UNROUTED else int(part)
        at = slot.written + sum(map(len, extra))
        slot.spots[row, 0], slot.spots[row, 1] = at, at + len(text)
        extra.append(text)

    def _write(self, slot: Slot, extra: Sequence[bytes]) -> None:
        out = slot.out
        if extra:
            more = np.frombuffer(b"".join(extra), np.uint8)
            if slot.written + len(more) > len(out):
                out = np.concatenate((out[: slot.written], more))
            out[slot.written : slot.written + len(more)] = more
        if isinstance(self.run.parts, Uncollected):
            accepted = int((slot.status[: slot.rows] == judging.ACCEPTED).sum())
            digest = output.number(slot.total) + sum(map(line_digest, extra))
            self.run.parts.count(accepted, digest)
            return
        need = slot.written + sum(map(len, extra)) + slot.rows
        if len(self._target) < need:
            self._target = np.empty(need + (need >> 2), np.uint8)
        begins = np.zeros(output.PARTS + 1, np.int64)
        output.gather(out, slot.status, slot.part, slot.spots, slot.rows, self._target, begins)
        view = self._target.data
        for part in range(output.PARTS):
            if begins[part] < begins[part + 1]:
                name = UNROUTED if part == judging.UNROUTED else f"{part:02}"
                self.run.parts.write(name, view[begins[part] : begins[part + 1]])

    def _sentences(self) -> tuple[Array, Array]:
        """How the line of every possible violation goes on behind its row number, and where each stands."""
        said = bytearray()
        places = np.zeros((len(self.run.rules.fields) << PLACES, 2), np.int64)
        for field in range(len(self.run.rules.fields)):
            for place, code in enumerate(self.tables.codes):
                ending = self.run.listing.ending(field, code)
                places[field << PLACES | place] = len(said), len(said) + len(ending)
                said += ending
        return np.array(said, np.uint8), places

    def measure(self, path: Path) -> Measured:
        """The same as `parts.measure`."""
        buf = np.empty(self.chunk + 4 * LINE_LIMIT, np.uint8)
        context, digest = output.scratch()
        total = np.zeros(4, np.uint64)
        whole, records, have = hashlib.sha256(), -1, 0
        with path.open("rb") as stream:
            while got := stream.readinto(buf.data[have:]):
                whole.update(buf.data[have : have + got])
                have += got
                lines, end = output.digest_lines(buf, have, int(records < 0), self._sha, context, digest, total)
                records += lines
                buf[: have - end] = buf[end:have]
                have -= end
        return Measured(records, whole.hexdigest(), f"{output.number(total) % MODULUS:064x}")

    def measure_all(self, paths: Sequence[Path]) -> Sequence[Measured]:
        """Several files, in threads."""
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(self.measure, paths))


@cache
def classes(separator: str) -> Array:
    """What each byte is to the splitter; in UTF-8 and in GB 18030 these bytes are never part of another character."""
    table = np.full(256, reading.NORMAL, np.uint8)
    table[0x80:] = reading.HIGH
    table[:0x20] = reading.CONTROL
    table[0x7F] = reading.CONTROL
    table[9] = reading.NORMAL
    table[ord(separator)] = reading.SEPARATOR
    table[10], table[13], table[34] = reading.LINE_FEED, reading.RETURN, reading.QUOTE
    return table


def warm_up() -> None:
    """Load or compile everything, for the very types that a pass uses; no thread is started."""
    slot, counted = Slot(1 << 10), _Counts(1)
    numbers, words, table = np.zeros(0, np.int64), np.zeros(1, np.uint64), np.zeros((0, 8), np.int64)
    marks, small = np.zeros((0, 1), np.uint8), np.zeros(0, np.int32)
    judging.judge(
        slot.buf, 0, False, classes(","), 1, numbers, numbers, numbers, table, table[:, :2].copy(), words, numbers,
        table[:, :6].copy(), words, np.zeros(0, np.int16), marks[:, 0].copy(), -1, 0, 0, -1, marks[:, 0].copy(), small,
        small, marks, numbers, slot.out, slot.lines, slot.status, slot.part, slot.spots, slot.problems, slot.work,
    )  # fmt: skip
    sha = output.sha256_functions()
    state = (sha, slot.context, slot.digest, slot.total)
    output.digest_accepted(slot.out, slot.status, slot.spots, 0, *state)
    output.digest_lines(slot.buf, 0, 0, *state)
    output.last_line(slot.buf, 0, 1)
    output.gather(slot.out, slot.status, slot.part, slot.spots, 0, slot.buf, np.zeros(output.PARTS + 1, np.int64))
    output.tell(
        0, 0, 1, 0, slot.status, slot.spots, slot.problems, slot.out, numbers, numbers, slot.buf, slot.lines,
        numbers, counted.codes, counted.dimensions, counted.tally, counted.refused, counted.violations, *state,
    )  # fmt: skip
