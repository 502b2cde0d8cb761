"""Compiled: what becomes of judged lines: sorted by part, told in the two lists, added up in digests."""

from __future__ import annotations

import numpy as np
from numba import njit

from gateway.records.kernel import sha as sha_two
from gateway.records.kernel.entries import ACCEPTED, DIMENSIONS, LEFT, PARTS, PIECES, REFUSED
from gateway.records.kernel.tables import PLACES
from gateway.records.kernel.words import address, behind, call, copy, eight_at, low_zeros, turned, within

_ROOM = 64
_NONE, _ONE = np.uint64(0), np.uint64(1)


@njit
def _through_libcrypto(data, bounds, count, sha, context, total):  # type: ignore[no-untyped-def]
    """The same as `sha.add_digests`. `sha`: addresses of the functions that begin, go on with and finish a digest."""
    state, found = address(context), behind(context, sha_two.STATES + sha_two.PADS)
    for k in range(count):
        begin, end = bounds[2 * k], bounds[2 * k + 1]
        call(sha[0], state, np.int64(0), np.int64(0))
        call(sha[1], state, address(data) + begin, end - begin)
        call(sha[2], address(found), state, np.int64(0))
        one, two = turned(eight_at(found, 24)), turned(eight_at(found, 16))
        sha_two.add_number(total, one, two, turned(eight_at(found, 8)), turned(eight_at(found, 0)))


if sha_two.HARDWARE:

    @njit
    def add_digests(data, bounds, count, sha, context, total):  # type: ignore[no-untyped-def]
        """Add the SHA-256 of `count` pieces of `data`, each from one of `bounds` to the next, to `total`: four words,
        the lowest first, modulo 2^256."""
        if sha[0] == 0:
            sha_two.add_digests(data, bounds, count, context, total)
        else:
            _through_libcrypto(data, bounds, count, sha, context, total)

    @njit
    def add_digests_beside(data, bounds, count, sha, context, total, whole, at, limit):  # type: ignore[no-untyped-def]
        """The same; from `at` on, unless it is below 0, the blocks of `data[at:limit]` go into the state `whole`."""
        if at >= 0:
            return sha_two.add_digests_beside(data, bounds, count, context, total, whole, at, limit)
        add_digests(data, bounds, count, sha, context, total)
        return at
else:
    add_digests = _through_libcrypto

    @njit
    def add_digests_beside(data, bounds, count, sha, context, total, whole, at, limit):  # type: ignore[no-untyped-def]  # noqa: ARG001
        _through_libcrypto(data, bounds, count, sha, context, total)
        return at


@njit
def digest_accepted(room, status, spots, rows, sha, context, bounds, total):  # type: ignore[no-untyped-def]
    """Add up the digests of the accepted lines among the first `rows`."""
    count = 0
    for row in range(rows):
        if status[row] == ACCEPTED:
            bounds[2 * count], bounds[2 * count + 1] = spots[4 * row], spots[4 * row + 1]
            count += 1
            if count == PIECES:
                add_digests(room, bounds, count, sha, context, total)
                count = 0
    add_digests(room, bounds, count, sha, context, total)


@njit
def digest_lines(data, begin, end, first, sha, context, bounds, total, whole, hashed, reached):  # type: ignore[no-untyped-def]
    """Add up the digests of the complete lines in `data[begin:end]`, but for the first `first` of them, and go on with
    the digest `whole` of all bytes from `hashed` on (below 0: without it). `reached` is told (lines passed, end of the
    last, where the digest of all goes on)."""
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
                bounds[2 * count], bounds[2 * count + 1] = at, place
                count += 1
                if count == PIECES:
                    hashed = add_digests_beside(data, bounds, count, sha, context, total, whole, hashed, place + 1)
                    count = 0
            lines += 1
            at = place + 1
    hashed = add_digests_beside(data, bounds, count, sha, context, total, whole, hashed, end)
    reached[0], reached[1], reached[2] = lines, at, hashed


@njit
def gather(room, status, part, spots, rows, target, begins, at):  # type: ignore[no-untyped-def]
    """Copy the accepted lines into `target`, each with its line feed, sorted by part and otherwise in their order;
    `begins` and `at` (both `PARTS`) receive where each part begins and ends; 64 bytes of no meaning lie between them.
    A counting sort, therefore stable."""
    for k in range(PARTS):
        at[k] = 0
    for row in range(rows):
        if status[row] == ACCEPTED:
            at[part[row]] += spots[4 * row + 1] - spots[4 * row] + 1
    o = np.int64(0)
    for k in range(PARTS):
        n = at[k]
        begins[k] = at[k] = o
        if n:
            o += n + 64
    for row in range(rows):
        if status[row] == ACCEPTED:
            n = spots[4 * row + 1] - spots[4 * row]
            o = at[part[row]]
            copy(room, spots[4 * row], target, o, n)
            target[o + n] = 10
            at[part[row]] = o + n + 1


@njit
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


@njit
def tell(  # type: ignore[no-untyped-def]
    row, rows, first_line, number, status, spots, problems, out,
    dimension, missing, said, said_at, room, counts, dimensions, tally,
    refused, violations, size, sha, context, bounds, total, reached,
):  # fmt: skip
    """Count and list lines from `row` on, up to one that is `LEFT`, or `rows`, or full lists.

    `number`: records before these; `first_line`: the file's number of the buffer's first line. `said`: the ends of all
    lines of the list of violations, `said_at` (field and code → begin, end). `room`: refused and warned rows still to
    be listed. `tally` (refused, warned, cells missing) and `counts` (by field and code), `dimensions` are added to,
    `total` with the lines of the refused list. `refused` and `violations` have `size` bytes each. `reached` is told
    (row reached, bytes of `refused`, bytes of `violations`).
    """
    r = v = np.int64(0)
    first = row
    while row < rows and status[row] != LEFT:
        n = spots[4 * row + 3]
        if n:
            begin, end, some = spots[4 * row], spots[4 * row + 1], spots[4 * row + 2]
            longest = np.int64(0)
            for k in range(some, some + n):
                longest += said_at[2 * problems[k] + 1] - said_at[2 * problems[k]] + _ROOM
            if r + end - begin + 2 * _ROOM > size or v + longest > size:
                break
            this = number + row - first + 1
            hit = np.int64(0)
            for k in range(some, some + n):
                code = problems[k] & ((1 << PLACES) - 1)
                counts[problems[k]] += 1
                tally[2] += missing[code]
                hit |= np.int64(1) << dimension[code]
            for d in range(DIMENSIONS):
                dimensions[d] += hit >> d & 1
            kind = 0 if status[row] == REFUSED else 1
            tally[kind] += 1
            if kind == 0:
                listed = r
                r = _put_number(refused, r, this)
                refused[r] = 44
                r = _put_number(refused, r + 1, first_line + row)
                refused[r] = 44
                copy(out, begin, refused, r + 1, end - begin)
                r += 1 + end - begin
                bounds[0], bounds[1] = listed, r
                add_digests(refused, bounds, 1, sha, context, total)
                refused[r] = 10
                r += 1
            if room[kind] > 0:
                room[kind] -= 1
                for k in range(some, some + n):
                    v = _put_number(violations, v, this)
                    a, b = said_at[2 * problems[k]], said_at[2 * problems[k] + 1]
                    copy(said, a, violations, v, b - a)
                    v += b - a
        row += 1
    reached[0], reached[1], reached[2] = row, r, v
