"""What the compiled code reads and where it writes: records of one 64-bit word a member, in this order.

`memory.Words` lays a record out, `words.reader` reads it in compiled code. A number stands there itself, an array by
its address.
"""

from __future__ import annotations

import mmap
from typing import Annotated, NamedTuple, TypeAlias

from gateway.records.kernel.memory import Array, Words

Number: TypeAlias = Annotated[int, "v"]
Bytes: TypeAlias = Annotated[Array | mmap.mmap, "b"]
Shorts: TypeAlias = Annotated[Array, "h"]
UnsignedShorts: TypeAlias = Annotated[Array, "w"]
Ints: TypeAlias = Annotated[Array, "i"]
Longs: TypeAlias = Annotated[Array, "n"]
UnsignedLongs: TypeAlias = Annotated[Array, "u"]
Record: TypeAlias = Annotated[Words, "n"]
"""The letters are those of `entries.ENTRIES`."""


class Header(NamedTuple):
    """How the columns of a file stand. `direct`: as in the schema, with commas. `order`: the column of each field, the
    file's width where it has none. `others`: columns that are dropped; `unnamed`: columns without a title. `markers`:
    what lines that are no records begin with, in rows of `marker_width` bytes. `classes`: what each byte is to the
    splitter. `reach` as in `quoting.Form`."""

    width: Number
    separator: Number
    reach: Number
    direct: Number
    order: Longs
    others_count: Number
    others: Longs
    unnamed_count: Number
    unnamed: Longs
    marker_count: Number
    marker_width: Number
    marker_lengths: Longs
    markers: Bytes
    classes: Bytes


class Rules(NamedTuple):
    """The rules of a schema. `fields` and `rules`: a `Field` or `Rule` each; `errors`: bits of the codes that refuse a
    record; `slots`: for each field the place and bits of its code table in `keys` and `warns`."""

    field_count: Number
    rule_count: Number
    errors: Number
    fields: Longs
    slots: Longs
    keys: UnsignedLongs
    warns: Longs
    rules: Longs
    values: UnsignedLongs


class Field(NamedTuple):
    """One field. `limit` and `warning`: bytes in GB 18030; `latest` and `mature`: the latest date, and the latest that
    is no warning (yyyymmdd)."""

    kind: Number
    required: Number
    limit: Number
    warning: Number
    person: Number
    side: Number
    latest: Number
    mature: Number


class Rule(NamedTuple):
    """A rule between two fields. `otherwise`: a second code, -1 without one; `values`: where in `Rules.values` its
    values stand, the first of which is how many they are."""

    kind: Number
    first: Number
    second: Number
    code: Number
    otherwise: Number
    values: Number


# Where each member of these two stands: `field[FIELD.limit]`. Compiled code reads them word by word, since reading the
# whole record for every cell makes it a twentieth slower.
FIELD, RULE = Field(*range(8)), Rule(*range(6))


class Circumstances(NamedTuple):
    """What cells are judged against. `first`, `last`: the first and the last code of the sender's own area; all there
    are without one; `as_of`: yyyymmdd, 0 without one; `county`: the last
    valid year of every code, 0 where there was none; `province`: 1 a partner, 2 known and no partner."""

    first: Number
    last: Number
    as_of: Number
    county: Shorts
    province: Bytes


class Alphabet(NamedTuple):
    """The file's encoding, and the tables of `charactertables.Characters`."""

    gb: Number
    info: Bytes
    two: Ints
    four: Ints


class Plan(NamedTuple):
    """What is the same for all chunks of a file. `route`: the field by which records are sorted, -1 without one."""

    route: Number
    header: Record
    rules: Record
    circumstances: Record
    alphabet: Record


class Chunk(NamedTuple):
    """Room for one chunk. `room` holds its lines and, from `out_from` to `out_to`, what is written; behind that is room
    for cells in canonical form. `cuts`, `line_ends`, `marks` and `odd` are `scanning`'s. For each line: `status`;
    `part`; in `spots` a `Spot`. `begins` and `ends`: where each part stands among the gathered lines. `reached`: lines
    judged, where the next begins, where the output ends."""

    room: Bytes
    out_from: Number
    out_to: Number
    most_rows: Number
    most_cuts: Number
    most_problems: Number
    cuts: Ints
    line_ends: Longs
    marks: Bytes
    odd: UnsignedLongs
    status: Bytes
    part: Bytes
    spots: Longs
    problems: Shorts
    work: Longs
    begins: Longs
    ends: Longs
    reached: Longs


class Spot(NamedTuple):
    """Where a judged line stands in the room, and its problems in `Chunk.problems`. The line is the canonical one of an
    accepted record; of a refused one its cells as they came, in the file's order."""

    begin: Number
    end: Number
    first_problem: Number
    problems: Number


class Digests(NamedTuple):
    """Room for SHA-256 under way. `sha`: addresses of libcrypto's functions, 0 where the processor has instructions of
    its own; `bounds`: begin and end of each piece; `total`: the sum of all digests, four words, the lowest first."""

    sha: Longs
    context: Bytes
    bounds: Longs
    total: UnsignedLongs


class Whole(NamedTuple):
    """The digest of a whole file beside those of its lines. `reached`: lines passed, end of the last, and where the
    digest of the whole goes on, which is below 0 where it is taken elsewhere."""

    state: Bytes
    reached: Longs


class Lists(NamedTuple):
    """Both lists under way. By code: `dimension`, `missing` (1: the code means a missing cell), `sentence_at` (by field
    and code: begin and end in `sentences`). `room`: refused and warned rows that may still be listed. Counts, which are
    added to: `problems` by field and code, `dimensions` in records, `tally` (refused, warned, cells missing).
    `refused` and `violations` have `size` bytes each. `reached`: the row reached, bytes of both lists."""

    dimension: Longs
    missing: Longs
    sentences: Bytes
    sentence_at: Longs
    room: Longs
    problems: Longs
    dimensions: Longs
    tally: Longs
    size: Number
    refused: Bytes
    violations: Bytes
    digests: Record
    reached: Longs
