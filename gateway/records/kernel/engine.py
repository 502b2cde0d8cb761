"""A pass over a text table with compiled code: chunks read in order, judged in threads, consumed in order.

Chunks are consumed as they were read, so the bytes of all outputs are the same for any number of threads. Memory is
flat: so many slots of fixed size, used again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.records.cells import Circumstances
from gateway.records.kernel import digesting, entries, layout, slots
from gateway.records.kernel.digesting import Summing
from gateway.records.kernel.entries import ACCEPTED, JOINED, LEFT, LINE_LIMIT, PARTS, SLACK
from gateway.records.kernel.loading import Machine
from gateway.records.kernel.memory import BYTE, LONG, Array, Words, address_of, array, filled, mapped, over
from gateway.records.kernel.slots import Slot
from gateway.records.kernel.tables import PLACES, Tables, build
from gateway.records.kernel.threads import Done, threads
from gateway.records.parts import UNROUTED, Measured, Uncollected, fill, line_digest
from gateway.records.passing import Pass, Progress
from gateway.records.readers.lines import Damaged, decode_line, join, too_long
from gateway.records.readers.table import TextTable
from gateway.records.violations import DIMENSIONS

if TYPE_CHECKING:
    from concurrent.futures import Future

LISTED = 4 << 20


class _Counts:
    """What compiled code counts over a whole pass, and its room for lines of both lists (`layout.Lists`)."""

    def __init__(self, run: Pass, tables: Tables) -> None:
        fields = tables.rules.field_count
        self.problems = array(LONG, fields << PLACES)
        self.dimensions = array(LONG, len(DIMENSIONS))
        self.tally = array(LONG, 3)
        self.refused, self.violations = mapped(LISTED + SLACK), mapped(LISTED + SLACK)
        self.summing = Summing()
        self.room = array(LONG, 2)
        self.reached = array(LONG, 3)
        sentences, sentence_at = _sentences(run, tables.codes)
        self.words = Words(
            layout.Lists(
                tables.dimension, tables.missing, sentences, sentence_at, self.room, self.problems, self.dimensions,
                self.tally, LISTED, self.refused, self.violations, self.summing.words, self.reached,
            )
        )  # fmt: skip

    def into(self, run: Pass, tables: Tables) -> None:
        """Add everything to the state of the pass."""
        for found, n in enumerate(self.problems):
            if n:
                code = tables.codes[found & ((1 << PLACES) - 1)]
                run.codes[code] += n
                run.quality.found[found >> PLACES, code] += n
        refused, warned, missing = self.tally
        run.refused += refused
        run.warned += warned
        run.quality.count(missing, {name: n for name, n in zip(DIMENSIONS, self.dimensions, strict=True) if n})


class Engine:
    """One pass with compiled code; `read` and `measure` stand for the plain ones."""

    def __init__(self, machine: Machine, run: Pass, table: TextTable, tables: Tables, threads: int) -> None:
        self.machine, self.run, self.table, self.tables, self.threads = machine, run, table, tables, threads
        self._columns = max(table.header.width, tables.rules.field_count) + 2
        self._plan = _plan(run, table, tables)
        self._begun = b""

    @classmethod
    def for_pass(cls, machine: Machine, run: Pass, circumstances: Circumstances, threads: int) -> Engine | None:
        """None where the tables cannot say the whole schema."""
        assert isinstance(run.table, TextTable)
        tables = build(run.rules, circumstances, run.table.found.encoding)
        return None if tables is None else cls(machine, run, run.table, tables, threads)

    def read(self, progress: Progress | None) -> None:
        """Judge every line, as `Pass.read` does."""
        number = self.table.header.line + 1
        waiting: deque[tuple[Slot | Damaged, Future[None] | Done | None]] = deque()
        writing: deque[tuple[Slot, Future[None] | Done]] = deque()
        # Every thread gets some: a file of a few megabytes is not one chunk.
        fair = max(1 << 20, self.table.path.stat().st_size // (8 * self.threads))
        chunk = min(slots.CHUNK, fair) if self.threads > 1 else slots.CHUNK
        free = [Slot(chunk, self._columns) for _ in range(self.threads + 2 if self.threads > 1 else 1)]
        counted = _Counts(self.run, self.tables)
        read_bytes = 0
        with self.table.found.open(self.table.path) as stream, threads(self.threads) as pool:
            chunks = slots.chunks(stream, self.table, free, chunk)
            more = True
            while more or waiting or writing:
                while more and free:
                    item = next(chunks, None)
                    if item is None:
                        more = False
                    else:
                        waiting.append((item, pool.submit(self._judge, item) if isinstance(item, Slot) else None))
                if writing and (not waiting or len(writing) > 1):
                    slot, written = writing.popleft()
                    written.result()
                    free.append(slot)
                if not waiting:
                    continue
                item, future = waiting.popleft()
                if isinstance(item, Damaged):
                    number = self._consume_begun(number, counted)
                    self._leave(item, number)
                    number += 1
                    continue
                assert future is not None
                future.result()
                if self._begun:
                    # It was judged as if a record began with it.
                    item.carry(self._begun)
                    self._judge(item)
                number = self._consume_whole(item, number, counted)
                writing.append((item, pool.submit(self._write, item, self._reserve(item))))
                read_bytes += item.end - slots.FRONT
                if progress is not None:
                    progress(read_bytes)
            self._consume_begun(number, counted)
        counted.into(self.run, self.tables)

    def _consume_whole(self, slot: Slot, number: int, counted: _Counts, last: bool = False) -> int:
        """Consume a slot that is judged, and what there was no room for, up to a record of which more has to be seen,
        which is kept for the next slot. What was gathered last is still to be written. Returns the number behind."""
        number += self._consume(slot, number, counted)
        while slot.rows and slot.next < slot.end:
            self._write(slot, self._reserve(slot))
            slot.at = slot.next
            self._judge(slot, last)
            number += self._consume(slot, number, counted)
        self._begun = bytes(memoryview(slot.raw)[slot.next : slot.end])
        return number

    def _consume_begun(self, number: int, counted: _Counts) -> int:
        """Consume what is left of a record that never ends: its lines are records by themselves."""
        if self._begun:
            slot = Slot(0, self._columns)
            slot.carry(self._begun)
            self._judge(slot, last=True)
            number = self._consume_whole(slot, number, counted, last=True)
            self._write(slot, self._reserve(slot))
        return number

    def _judge(self, slot: Slot, last: bool = False) -> None:
        """In a thread, without the GIL: all rules over one slot, the digests of what travels, and, where nothing is
        left to the plain engine, its order by parts."""
        self.machine.judge(self._plan.address, slot.words.address, slot.at, slot.end, last)
        slot.rows, slot.next, slot.written = slot.reached
        slot.extra, slot.extra_bytes = [], 0
        self.machine.digest_accepted(slot.words.address, slot.rows, slot.summing.words.address)
        slot.digest = slot.summing.take()
        slot.gathered = not bytes(memoryview(slot.status)[: slot.rows]).count(LEFT)
        if slot.gathered:
            self._gather(slot)

    def _consume(self, slot: Slot, number: int, counted: _Counts) -> int:
        """Count, list and write what one slot holds, in the file's order. `number`: of the row it begins with. Returns
        how many rows that were."""
        run, listing = self.run, self.run.listing
        row = joined = 0
        run.digest += slot.digest
        while True:
            start = row
            counted.room[0], counted.room[1] = listing.room
            self.machine.tell(row, slot.rows, run.rows, number - joined, slot.words.address, counted.words.address)
            row, refused, violations = counted.reached
            run.rows += row - start
            if refused or violations:
                listing.take(
                    memoryview(counted.refused)[:refused],
                    memoryview(counted.violations)[:violations],
                    counted.summing.take(),
                    (counted.room[0], counted.room[1]),
                )
            if row >= slot.rows:
                break
            if slot.status[row] == LEFT:
                begin, last = slot.line_ends[2 * row - 2] + 1 if row else slot.at, row
                while last + 1 < slot.rows and slot.status[last + 1] == JOINED:
                    last += 1
                raw = slot.raw[begin : slot.line_ends[2 * last]]
                table = self.table
                line = (
                    too_long(raw, table.found)
                    if len(raw) > LINE_LIMIT
                    else decode_line(raw, table.found, table.repertoire)
                )
                self._leave(line, number - joined + row, slot, row)
                joined += last - row
                row = last + 1
        if not slot.gathered:
            self._gather(slot)
        if isinstance(run.parts, Uncollected):
            accepted = bytes(memoryview(slot.status)[: slot.rows]).count(ACCEPTED)
            run.parts.count(accepted, slot.digest + sum(map(line_digest, slot.extra)))
        return slot.rows - joined

    def _leave(self, line: str, number: int, slot: Slot | None = None, row: int = 0) -> None:
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
        slot.status[row] = ACCEPTED
        slot.part[row] = entries.UNROUTED if part == UNROUTED else int(part)
        at = slot.written + slot.extra_bytes
        slot.spots[4 * row], slot.spots[4 * row + 1] = at, at + len(text)
        slot.extra.append(text)
        slot.extra_bytes += len(text)

    def _gather(self, slot: Slot) -> None:
        """Bring the lines that travel together by their parts, or only count them."""
        if isinstance(self.run.parts, Uncollected):
            return
        more = b"".join(slot.extra)
        room, written = slot.raw, slot.written + len(more)
        if written + SLACK > len(room):
            room = mapped(written + SLACK)
            room[: slot.written] = slot.raw[: slot.written]
        room[slot.written : written] = more
        need = slot.end - slot.at + written - slot.out + SLACK * PARTS
        if len(slot.target) < need:
            slot.target = mapped(need + (need >> 2))
        self.machine.gather(slot.words.address, address_of(room), slot.rows, address_of(slot.target))

    def _reserve(self, slot: Slot) -> list[tuple[int, int, int, int]]:
        """Room in the parts for what was gathered, in the file's order: descriptor, place there, begin and end here."""
        parts, room = self.run.parts, []
        if not isinstance(parts, Uncollected):
            for part, (begin, end) in enumerate(zip(slot.begins, slot.ends, strict=True)):
                if begin < end:
                    name = UNROUTED if part == entries.UNROUTED else f"{part:02}"
                    room.append((*parts.reserve(name, end - begin), begin, end))
        return room

    def _write(self, slot: Slot, room: Sequence[tuple[int, int, int, int]]) -> None:
        """In a thread: write what was gathered where there is room for it."""
        view = memoryview(slot.target)
        for descriptor, at, begin, end in room:
            fill(descriptor, at, view[begin:end])

    def measure(self, path: Path) -> Measured:
        """The same as `parts.measure`."""
        return digesting.measure(self.machine, path)

    def measure_all(self, paths: Sequence[Path]) -> Sequence[Measured]:
        """Several files, in threads."""
        return digesting.measure_all(self.machine, paths, self.threads)


def _plan(run: Pass, table: TextTable, tables: Tables) -> Words:
    """What compiled code needs to know of this table and its schema, the same for every chunk."""
    header, width = table.header, max(map(len, tables.markers))
    named = set(header.order) | set(header.unnamed)
    others = [column for column in range(header.width) if column not in named]
    fields = range(tables.rules.field_count)
    columns = layout.Header(
        width=header.width,
        separator=ord(header.separator),
        reach=table.form.reach,
        direct=header.width == len(fields) and list(header.order) == [*fields],
        order=filled(LONG, header.order),
        others_count=len(others),
        others=filled(LONG, others),
        unnamed_count=len(header.unnamed),
        unnamed=filled(LONG, header.unnamed),
        marker_count=len(tables.markers),
        marker_width=width,
        marker_lengths=filled(LONG, [*map(len, tables.markers)]),
        markers=over(b"".join(marker.ljust(width, b"\0") for marker in tables.markers)),
        classes=classes(header.separator),
    )
    route = -1 if run.route is None else run.route
    records = (columns, tables.rules, tables.circumstances, tables.alphabet)
    return Words(layout.Plan(route, *map(Words, records)))


def _sentences(run: Pass, codes: Sequence[str]) -> tuple[Array, Array]:
    """How the line of every possible violation goes on behind its row number, and where each stands."""
    sentences = bytearray()
    places = array(LONG, 2 * len(run.rules.fields) << PLACES)
    for field in range(len(run.rules.fields)):
        for place, code in enumerate(codes):
            ending = run.listing.ending(field, code)
            at = 2 * (field << PLACES | place)
            places[at], places[at + 1] = len(sentences), len(sentences) + len(ending)
            sentences += ending
    return over(sentences), places


@cache
def classes(separator: str) -> Array:
    """What each byte is to the splitter; in UTF-8 and in GB 18030 these bytes are never part of another character."""
    table = array(BYTE, 256)
    table[0x80:] = [entries.HIGH] * 0x80
    table[:0x20] = [entries.CONTROL] * 0x20
    table[0x7F] = entries.CONTROL
    table[9] = entries.NORMAL
    table[ord(separator)] = entries.BOUND
    table[10], table[13], table[34] = entries.LINE_FEED, entries.RETURN, entries.QUOTE
    return table
