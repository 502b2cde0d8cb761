"""Digests of lines, order-independent, taken by compiled code, proved against the SHA-256 that Python itself uses."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from pathlib import Path

from gateway.records.kernel import layout
from gateway.records.kernel.entries import CONTEXT, LINE_LIMIT, PIECES, SLACK
from gateway.records.kernel.loading import Machine
from gateway.records.kernel.memory import (
    BYTE,
    LONG,
    UINT,
    WORD,
    Array,
    Words,
    address,
    address_of,
    array,
    clear,
    filled,
    mapped,
    over,
)
from gateway.records.parts import MODULUS, Measured, line_digest

CHUNK = 1 << 20
# FIPS 180-4, 5.3.3, and where the processor's instructions want each of the eight words.
_BEGIN = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (5, 4, 1, 0, 7, 6, 3, 2)


class NoLibcrypto(RuntimeError):
    """The SHA-256 that Python itself uses cannot be called from compiled code here."""


class Summing:
    """Room for one SHA-256 under way, and a sum of digests; every thread needs its own."""

    def __init__(self) -> None:
        self.context = array(BYTE, CONTEXT)
        self.bounds = array(LONG, 2 * PIECES)
        self.total = array(WORD, 4)
        self.words = Words(layout.Digests(_way[0], self.context, self.bounds, self.total))

    def take(self) -> int:
        """The sum so far; the next one begins at 0."""
        found = int.from_bytes(bytes(self.total), "little")
        clear(self.total)
        return found


def functions() -> Array:
    """Addresses of libcrypto's SHA256_Init, _Update and _Final: the very library that `hashlib` uses.

    Raises `NoLibcrypto` where there are none.
    """
    try:
        import _hashlib

        library = ctypes.CDLL(_hashlib.__file__)
        names = ("SHA256_Init", "SHA256_Update", "SHA256_Final")
        found = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names]
    except (ImportError, AttributeError, OSError) as error:
        raise NoLibcrypto("libcrypto has no SHA256_Init here") from error
    return filled(LONG, found)


# How compiled code takes digests: libcrypto's functions, or noughts for the processor's own instructions.
_way: list[Array] = [array(LONG, 3)]


def prove(machine: Machine, hardware: bool) -> None:
    """Find out how digests are taken here, and take some: with the processor's own instructions where the code was made
    for them, else through libcrypto. Raises `NoLibcrypto` where they are not what `hashlib` gives."""
    _way[0] = array(LONG, 3) if hardware else functions()
    lines = [bytes(range(11, 11 + length)) for length in (0, 3, 55, 56, 63, 64, 65, 119, 120, 200)]
    text = b"\n".join(lines) + b"\n"
    data = over(text.ljust(len(text) + SLACK, b"\0"))
    summing, whole = Summing(), _Whole(machine)
    whole.add(memoryview(text))
    machine.digest_lines(address(data), 0, len(text), 0, summing.words.address, whole.words.address)
    if summing.take() != sum(map(line_digest, lines)) % MODULUS:
        raise NoLibcrypto("compiled code takes other digests than hashlib")
    if whole.finish(data, len(text), len(text)) != hashlib.sha256(text).hexdigest():
        raise NoLibcrypto("compiled code takes other digests than hashlib")


class _Whole:
    """The SHA-256 of a whole file, taken beside those of its lines where the processor takes two at a time, else by
    `hashlib`. `reached` is that of `layout.Whole`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._by_itself = None if _way[0][0] == 0 else hashlib.sha256()
        self._state = filled(UINT, [_BEGIN[place] for place in _ORDER])
        self.reached = filled(LONG, [0, 0, 0 if self._by_itself is None else -1])
        self.words = Words(layout.Whole(self._state, self.reached))

    def add(self, more: memoryview) -> None:
        """Bytes that the compiled code leaves to `hashlib`."""
        if self._by_itself is not None:
            self._by_itself.update(more)

    def finish(self, data: Array, end: int, size: int) -> str:
        """The digest in hexadecimal; `data` goes on to `end`, with room for two blocks behind, `size` bytes in all."""
        if self._by_itself is not None:
            return self._by_itself.hexdigest()
        rest = bytes(data[self.reached[2] : end]) + b"\x80"
        rest += bytes(-(len(rest) + 8) % 64) + (8 * size).to_bytes(8, "big")
        block, summing = over(rest + bytes(SLACK)), Summing()
        self.reached[2] = 0
        self._machine.digest_lines(
            address(block), len(rest), len(rest), 0, summing.words.address, self.words.address
        )  # fmt: skip
        words = dict(zip(_ORDER, self._state, strict=True))
        return "".join(f"{words[place]:08x}" for place in range(8))


def measure(machine: Machine, path: Path) -> Measured:
    """The same as `parts.measure`."""
    size = CHUNK + 4 * LINE_LIMIT
    raw = mapped(size + SLACK)
    begin, view, data = address_of(raw), memoryview(raw), (BYTE * size).from_buffer(raw)
    summing, whole = Summing(), _Whole(machine)
    records, have, line, total = -1, 0, 0, 0
    with path.open("rb", buffering=0) as stream:
        while got := stream.readinto(view[have : min(have + CHUNK, size)]):
            whole.add(view[have : have + got])
            have, total = have + got, total + got
            machine.digest_lines(begin, line, have, int(records < 0), summing.words.address, whole.words.address)
            lines, line, hashed = whole.reached
            records += lines
            keep = line if hashed < 0 else min(line, hashed)
            raw.move(0, keep, have - keep)
            have, line = have - keep, line - keep
            whole.reached[2] = max(hashed - keep, -1)
    return Measured(records, whole.finish(data, have, total), f"{summing.take() % MODULUS:064x}")


def measure_all(machine: Machine, paths: Sequence[Path], threads: int) -> Sequence[Measured]:
    """Several files, in threads."""
    if threads == 1:
        return [measure(machine, path) for path in paths]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda path: measure(machine, path), paths))
