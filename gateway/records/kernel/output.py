"""Compiled: what is done with judged lines: sorted by part, written to the two lists, added up in digests."""

from __future__ import annotations

import numpy as np

from gateway.records.kernel import sha as sha_two
from gateway.records.kernel.entries import ACCEPTED, DIMENSIONS, LEFT, PARTS, PIECES, REFUSED
from gateway.records.kernel.tables import PLACES
from gateway.records.kernel.task import chunk_at, digests_at, lists_at, spot_at, whole_at
from gateway.records.kernel.words import (
    address,
    behind,
    call,
    called,
    copy,
    eight_at,
    inlined,
    low_zeros,
    turned,
    within,
)

_ROOM = 64
_NONE, _ONE = np.uint64(0), np.uint64(1)


@called
def _through_libcrypto(data, count, digests):  # type: ignore[no-untyped-def]
    """The same as `sha.add_digests`, by the functions that begin, go on with and finish a digest."""
    bounds, sha = digests.bounds, digests.sha
    state, found = address(digests.context), behind(digests.context, sha_two.STATES + sha_two.PADS)
    for k in range(count):
        begin, end = bounds[2 * k], bounds[2 * k + 1]
        call(sha[0], state, np.int64(0), np.int64(0))
        call(sha[1], state, address(data) + begin, end - begin)
        call(sha[2], address(found), state, np.int64(0))
        one, two = turned(eight_at(found, 24)), turned(eight_at(found, 16))
        sha_two.add_number(digests.total, one, two, turned(eight_at(found, 8)), turned(eight_at(found, 0)))


if sha_two.HARDWARE:

    @called
    def add_digests(data, count, digests):  # type: ignore[no-untyped-def]
        """Add the SHA-256 of `count` pieces of `data` to the total of `digests` (`layout.Digests`), modulo 2^256."""
        if digests.sha[0] == 0:
            sha_two.add_digests(data, count, digests)
        else:
            _through_libcrypto(data, count, digests)

    @called
    def add_digests_beside(data, count, digests, whole, at, limit):  # type: ignore[no-untyped-def]
        """The same; from `at` on, unless it is below 0, the blocks of `data[at:limit]` go into the state `whole`.
        Returns how far that came."""
        if at >= 0:
            return sha_two.add_digests_beside(data, count, digests, whole, at, limit)
        add_digests(data, count, digests)
        return at
else:
    add_digests = _through_libcrypto

    @called
    def add_digests_beside(data, count, digests, whole, at, limit):  # type: ignore[no-untyped-def]  # noqa: ARG001
        _through_libcrypto(data, count, digests)
        return at


@called
def digest_accepted(chunk, rows, digests):  # type: ignore[no-untyped-def]
    """Add up the digests of the accepted lines among the first `rows` of a chunk."""
    slot, to = chunk_at(chunk), digests_at(digests)
    count = 0
    for row in range(rows):
        if slot.status[row] == ACCEPTED:
            spot = spot_at(slot, row)
            to.bounds[2 * count], to.bounds[2 * count + 1] = spot.begin, spot.end
            count += 1
            if count == PIECES:
                add_digests(slot.room, count, to)
                count = 0
    add_digests(slot.room, count, to)


@called
def digest_lines(data, begin, end, first, digests, whole):  # type: ignore[no-untyped-def]
    """Add up the digests of the complete lines in `data[begin:end]`, but for the first `first` of them, and go on with
    the digest of the whole (`layout.Whole`), whose `reached` is written."""
    to, beside = digests_at(digests), whole_at(whole)
    hashed = beside.reached[2]
    lines, at = np.int64(0), begin
    count = 0
    for i in range(begin, end, 64):
        feeds = within(data, i, 10, 10)
        if end - i < 64:
            feeds &= (_ONE << np.uint64(end - i)) - _ONE
        while feeds:
            place = i + low_zeros(feeds)
            feeds &= feeds - _ONE
            if lines >= first:
                to.bounds[2 * count], to.bounds[2 * count + 1] = at, place
                count += 1
                if count == PIECES:
                    hashed = add_digests_beside(data, count, to, beside.state, hashed, place + 1)
                    count = 0
            lines += 1
            at = place + 1
    hashed = add_digests_beside(data, count, to, beside.state, hashed, end)
    beside.reached[0], beside.reached[1], beside.reached[2] = lines, at, hashed


@called
def gather(chunk, room, rows, target):  # type: ignore[no-untyped-def]
    """Copy the accepted lines out of `room` into `target`, each with its line feed, sorted by part and otherwise in
    their order; the chunk's `begins` and `ends` receive where each part begins and ends; 64 bytes of no meaning lie
    between them. A counting sort, therefore stable."""
    slot = chunk_at(chunk)
    at = slot.ends
    for k in range(PARTS):
        at[k] = 0
    for row in range(rows):
        if slot.status[row] == ACCEPTED:
            spot = spot_at(slot, row)
            at[slot.part[row]] += spot.end - spot.begin + 1
    o = np.int64(0)
    for k in range(PARTS):
        n = at[k]
        slot.begins[k] = at[k] = o
        if n:
            o += n + 64
    for row in range(rows):
        if slot.status[row] == ACCEPTED:
            spot = spot_at(slot, row)
            n = spot.end - spot.begin
            o = at[slot.part[row]]
            copy(room, spot.begin, target, o, n)
            target[o + n] = 10
            at[slot.part[row]] = o + n + 1


@called
def _put_number(target, o, value):  # type: ignore[no-untyped-def]
    n = 1
    rest = value // 10
    while rest:
        n += 1
        rest //= 10
    for i in range(n):
        target[o + n - 1 - i] = 48 + value % 10
        value //= 10
    return o + n


@inlined
def _sentences_size(slot, lists, spot):  # type: ignore[no-untyped-def]
    """Bytes that the lines of a row's violations take at most."""
    size = np.int64(0)
    for k in range(spot.first_problem, spot.first_problem + spot.problems):
        at = 2 * slot.problems[k]
        size += lists.sentence_at[at + 1] - lists.sentence_at[at] + _ROOM
    return size


@inlined
def _count(slot, lists, spot, kind):  # type: ignore[no-untyped-def]
    """Count a row, refused (`kind` 0) or warned (1), and what is wrong with it."""
    hit = np.int64(0)
    for k in range(spot.first_problem, spot.first_problem + spot.problems):
        problem = slot.problems[k]
        code = problem & ((1 << PLACES) - 1)
        lists.problems[problem] += 1
        lists.tally[2] += lists.missing[code]
        hit |= np.int64(1) << lists.dimension[code]
    for d in range(DIMENSIONS):
        lists.dimensions[d] += hit >> d & 1
    lists.tally[kind] += 1


@inlined
def _put_sentences(slot, lists, spot, number, v):  # type: ignore[no-untyped-def]
    """Write a row's violations; returns the place behind them."""
    for k in range(spot.first_problem, spot.first_problem + spot.problems):
        v = _put_number(lists.violations, v, number)
        at = 2 * slot.problems[k]
        a, b = lists.sentence_at[at], lists.sentence_at[at + 1]
        copy(lists.sentences, a, lists.violations, v, b - a)
        v += b - a
    return v


@called
def tell(row, rows, number, first_line, chunk, record):  # type: ignore[no-untyped-def]
    """Count and list lines from `row` on, up to one that is `LEFT`, or `rows`, or full lists (`layout.Lists`), whose
    `reached` is written, and whose digests take up the lines of the refused list.

    `number`: records before these; `first_line`: the file's number of the chunk's first line.
    """
    slot, lists = chunk_at(chunk), lists_at(record)
    digests = digests_at(lists.digests)
    refused = lists.refused
    r = v = np.int64(0)
    first = row
    while row < rows and slot.status[row] != LEFT:
        spot = spot_at(slot, row)
        if spot.problems:
            n = spot.end - spot.begin
            if r + n + 2 * _ROOM > lists.size or v + _sentences_size(slot, lists, spot) > lists.size:
                break
            this = number + row - first + 1
            kind = 0 if slot.status[row] == REFUSED else 1
            _count(slot, lists, spot, kind)
            if kind == 0:
                listed = r
                r = _put_number(refused, r, this)
                refused[r] = 44
                r = _put_number(refused, r + 1, first_line + row)
                refused[r] = 44
                copy(slot.room, spot.begin, refused, r + 1, n)
                r += 1 + n
                digests.bounds[0], digests.bounds[1] = listed, r
                add_digests(refused, 1, digests)
                refused[r] = 10
                r += 1
            if lists.room[kind] > 0:
                lists.room[kind] -= 1
                v = _put_sentences(slot, lists, spot, this, v)
        row += 1
    lists.reached[0], lists.reached[1], lists.reached[2] = row, r, v
