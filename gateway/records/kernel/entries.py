"""What the compiled code and its callers agree on: the entries, the numbers both sides know, room to spare."""

from __future__ import annotations

from typing import Final

from gateway.records.readers.quoting import LINE_LIMIT as LINE_LIMIT

ENTRIES: Final = {
    "judge": "nnvvv",
    "digest_accepted": "nvn",
    "digest_lines": "bvvvnn",
    "gather": "nbvb",
    "tell": "vvvvnn",
}
"""Every entry: its parameters, a letter each. v: a number of 64 bits. Pointers: b, h, w, i, n, u to bytes, int16,
uint16, int32, int64, uint64; to a record of `layout`: n. All return nothing."""

LEFT, ACCEPTED, REFUSED, JOINED = 0, 1, 2, 3
"""The status of a line: left to the plain engine, travels, does not travel, belongs to the record before it."""
NORMAL, HIGH, BOUND, LINE_FEED, QUOTE, CONTROL, RETURN = range(7)
"""What a byte is where a line that is not plain is split."""
UNROUTED: Final = 100
"""The part of records that are not routed, among the numbers of provinces."""
PARTS: Final = 101
PIECES: Final = 512
"""How many lines are digested at a time."""
CONTEXT: Final = 512
"""Bytes of room for digests under way: two of the processor's own instructions, or one of libcrypto (112)."""
SLACK: Final = 128
"""Bytes behind the end of a buffer that may be read, or written, and mean nothing."""
DIMENSIONS: Final = 4
WORK_ROWS: Final = 9
"""Rows of `layout.Chunk.work`, each of which is as long as there are columns or fields, and 16 more."""
SCRATCH: Final = 32
"""Bytes for a cell that is put into canonical form, behind the room for output, one per field."""
