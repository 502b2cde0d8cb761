"""Compiled: what becomes of judged lines: sorted by part, told in the two lists, added up in digests."""

from __future__ import annotations

import ctypes
import hashlib

import numpy as np
from numba import njit

from gateway.records.kernel.judging import LEFT, REFUSED
from gateway.records.kernel.tables import PLACES, Array
from gateway.records.kernel.words import bare, call

PARTS = 101
CONTEXT = 128
"""Room for the state of libcrypto's SHA-256 (112 bytes)."""
_ROOM = 64


class NoLibcrypto(RuntimeError):
    """The SHA-256 that Python itself uses cannot be called from compiled code here."""


def sha256_functions() -> Array:
    """Addresses of libcrypto's SHA256_Init, _Update and _Final: the very library that `hashlib` uses.

    Raises `NoLibcrypto` where they are not to be had, or do not give what `hashlib` gives.
    """
    try:
        import _hashlib

        library = ctypes.CDLL(_hashlib.__file__)
        names = ("SHA256_Init", "SHA256_Update", "SHA256_Final")
        found = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names]
    except (ImportError, AttributeError, OSError) as error:
        raise NoLibcrypto("libcrypto has no SHA256_Init here") from error
    addresses = np.array(found, np.int64)
    total = np.zeros(4, np.uint64)
    add_digest(np.array(list(b"abc"), np.uint8), 0, 3, addresses, *scratch(), total)
    if number(total) != int.from_bytes(hashlib.sha256(b"abc").digest(), "big"):
        raise NoLibcrypto("libcrypto's SHA-256 differs from hashlib's")
    return addresses


def scratch() -> tuple[Array, Array]:
    """Room for one SHA-256 under way; every thread needs its own."""
    return np.zeros(CONTEXT, np.uint8), np.zeros(32, np.uint8)


def number(total: Array) -> int:
    """A sum of digests as a number below 2^256."""
    return sum(int(word) << (64 * place) for place, word in enumerate(total))


@njit(cache=True, nogil=True)
def add_digest(data, begin, end, sha, context, digest, total):  # type: ignore[no-untyped-def]
    """Add the SHA-256 of `data[begin:end]` to `total`: four words, the lowest first, modulo 2^256."""
    state = np.int64(context.ctypes.data)
    call(sha[0], state, np.int64(0), np.int64(0))
    call(sha[1], state, np.int64(data.ctypes.data) + np.int64(begin), np.int64(end - begin))
    call(sha[2], np.int64(digest.ctypes.data), state, np.int64(0))
    carry = np.uint64(0)
    for word in range(4):
        value = np.uint64(0)
        for i in range(8):
            value = (value << np.uint64(8)) | np.uint64(digest[24 - 8 * word + i])
        before = total[word]
        now = before + value
        over = np.uint64(1) if now < before else np.uint64(0)
        now = now + carry
        if carry and now == np.uint64(0):
            over = np.uint64(1)
        total[word] = now
        carry = over


@njit(cache=True, nogil=True)
def digest_accepted(out, status, spots, rows, sha, context, digest, total):  # type: ignore[no-untyped-def]
    """Add up the digests of the accepted lines among the first `rows`."""
    out = bare(out)
    status = bare(status)
    spots = bare(spots)
    sha = bare(sha)
    context = bare(context)
    digest = bare(digest)
    total = bare(total)
    for row in range(rows):
        if status[row] == 1:
            add_digest(out, spots[row, 0], spots[row, 1], sha, context, digest, total)


@njit(cache=True, nogil=True)
def digest_lines(data, end, first, sha, context, digest, total):  # type: ignore[no-untyped-def]
    """Add up the digests of the complete lines in `data[:end]`, but for the first `first` of them; returns (lines
    passed, end of the last)."""
    data = bare(data)
    sha = bare(sha)
    context = bare(context)
    digest = bare(digest)
    total = bare(total)
    lines = at = 0
    for i in range(end):
        if data[i] == 10:
            if lines >= first:
                add_digest(data, at, i, sha, context, digest, total)
            lines += 1
            at = i + 1
    return lines, at


@njit(cache=True, nogil=True)
def last_line(data, end, most):  # type: ignore[no-untyped-def]
    """End of the last whole line in `data[:end]`, of the first `most` of them; 0 where there is none."""
    lines = at = 0
    for i in range(end):
        if data[i] == 10:
            lines += 1
            at = i + 1
            if lines == most:
                break
    return at


@njit(cache=True, nogil=True)
def gather(out, status, part, spots, rows, target, begins):  # type: ignore[no-untyped-def]
    """Copy the accepted lines into `target`, each with its line feed, sorted by part and otherwise in their order;
    `begins` (`PARTS` + 1) receives where each part begins. A counting sort, therefore stable."""
    out = bare(out)
    status = bare(status)
    part = bare(part)
    spots = bare(spots)
    target = bare(target)
    begins = bare(begins)
    begins[:] = 0
    for row in range(rows):
        if status[row] == 1:
            begins[part[row] + 1] += spots[row, 1] - spots[row, 0] + 1
    for k in range(PARTS):
        begins[k + 1] += begins[k]
    at = begins[:PARTS].copy()
    for row in range(rows):
        if status[row] == 1:
            n = spots[row, 1] - spots[row, 0]
            o = at[part[row]]
            target[o : o + n] = out[spots[row, 0] : spots[row, 1]]
            target[o + n] = 10
            at[part[row]] = o + n + 1


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def tell(  # type: ignore[no-untyped-def]
    row, rows, first_line, number, status, spots, problems, out,
    dimension, missing, said, said_at, room, counts, dimensions, tally,
    refused, violations, sha, context, digest, total,
):  # fmt: skip
    """Count and list lines from `row` on, up to one that is `LEFT`, or `rows`, or full lists.

    `number`: records before these; `first_line`: the file's number of the buffer's first line. `said`: the ends of all
    lines of the list of violations, `said_at` (field and code → begin, end). `room`: refused and warned rows still to
    be listed. `tally` (refused, warned, cells missing) and `counts`, `dimensions` are added to, `total` with the lines
    of the refused list. Returns (row reached, bytes of `refused`, bytes of `violations`).
    """
    status = bare(status)
    spots = bare(spots)
    problems = bare(problems)
    out = bare(out)
    dimension = bare(dimension)
    missing = bare(missing)
    said = bare(said)
    said_at = bare(said_at)
    room = bare(room)
    counts = bare(counts)
    dimensions = bare(dimensions)
    tally = bare(tally)
    refused = bare(refused)
    violations = bare(violations)
    sha = bare(sha)
    context = bare(context)
    digest = bare(digest)
    total = bare(total)
    r = v = 0
    first = row
    hit = np.zeros(len(dimensions), np.bool_)
    while row < rows and status[row] != LEFT:
        n = spots[row, 3]
        if n:
            size = spots[row, 1] - spots[row, 0]
            longest = 0
            for k in range(spots[row, 2], spots[row, 2] + n):
                longest += said_at[problems[k], 1] - said_at[problems[k], 0] + _ROOM
            if r + size + 2 * _ROOM > len(refused) or v + longest > len(violations):
                break
            this = number + row - first + 1
            hit[:] = False
            for k in range(spots[row, 2], spots[row, 2] + n):
                code = problems[k] & ((1 << PLACES) - 1)
                counts[code] += 1
                tally[2] += missing[code]
                hit[dimension[code]] = True
            for d in range(len(dimensions)):
                dimensions[d] += hit[d]
            kind = 0 if status[row] == REFUSED else 1
            tally[kind] += 1
            if kind == 0:
                begin = r
                r = _put_number(refused, r, this)
                refused[r] = 44
                r = _put_number(refused, r + 1, first_line + row)
                refused[r] = 44
                r += 1
                refused[r : r + size] = out[spots[row, 0] : spots[row, 1]]
                r += size
                add_digest(refused, begin, r, sha, context, digest, total)
                refused[r] = 10
                r += 1
            if room[kind] > 0:
                room[kind] -= 1
                for k in range(spots[row, 2], spots[row, 2] + n):
                    v = _put_number(violations, v, this)
                    a, b = said_at[problems[k], 0], said_at[problems[k], 1]
                    violations[v : v + b - a] = said[a:b]
                    v += b - a
        row += 1
    return row, r, v
