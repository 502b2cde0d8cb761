"""What the compiled code and those who call it agree on: its entries, the numbers both sides know, room to spare."""

from __future__ import annotations

from typing import Final

ENTRIES: Final = {
    "judge": "nnnnnnunnuhb" + "biibnb" + "bvv" + "inbu" + "bbnwnn",
    "digest_accepted": "bbnv" + "nbnu",
    "digest_lines": "bvvv" + "nbnu" + "uvn",
    "gather": "bbbnvbnn",
    "tell": "vvvvbnwb" + "nnbnnnnn" + "bbv" + "nbnun",
}
"""Every entry: its parameters, a letter each. v: a number of 64 bits. Pointers: b, h, w, i, n, u to bytes, int16,
uint16, int32, int64, uint64. All return nothing."""

LEFT, ACCEPTED, REFUSED = 0, 1, 2
"""The status of a line: left to the plain engine, travels, does not travel."""
NORMAL, HIGH, BOUND, LINE_FEED, QUOTE, CONTROL, RETURN = range(7)
"""What a byte is where a line that is not plain is split."""
UNROUTED: Final = 100
"""The part of records that are not routed, among the numbers of provinces."""
PARTS: Final = 101
PIECES: Final = 512
"""How many lines are digested at a time."""
CONTEXT: Final = 512
"""Bytes of room for digests under way: two of the processor's own instructions, or one of libcrypto (112)."""
LINE_LIMIT: Final = 1 << 20
SLACK: Final = 128
"""Bytes behind the end of a buffer that may be read, or written, and mean nothing."""
DIMENSIONS: Final = 4

# Where `judge` finds what, in the first of its tables.
(
    GB, SEPARATOR, WIDTH, FIELDS, RULES, OTHERS, UNNAMED, SENDER, AS_OF, ERRORS, ROUTE, DIRECT, MARKERS, MARKER_WIDTH,
    OUT_FROM, OUT_TO, MOST_PROBLEMS, MOST_ROWS, MOST_CUTS,
) = range(19)  # fmt: skip
PLAN: Final = 19
"""Of `plan`: encoded in GB 18030; the separator; columns of the file; how many fields, rules, columns that are dropped
and columns without a title there are; sender (-1: none); as-of date (0: none); bits of the codes that refuse; the field
to route by (-1: none); whether columns stand as in the schema, with commas; how many markers, and how long their rows;
where in the room the output begins and ends; room for problems, lines and ends of cells."""
ROWS_DONE, NEXT, OUT_END = range(3)
"""What `judge` tells in its last table: lines judged, where the next begins, where the output ends."""
WORK_ROWS: Final = 10
"""Rows of `work`, each of which is as long as there are columns or fields, and 16 more."""
SCRATCH: Final = 32
"""Bytes for a cell that is put into canonical form, at the end of the room for output, one per field."""
