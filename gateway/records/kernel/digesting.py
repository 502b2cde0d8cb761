"""Digests of lines, order-independent, taken by compiled code, proved against the SHA-256 that Python itself uses."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from pathlib import Path

from gateway.records.kernel.entries import CONTEXT, LINE_LIMIT, PIECES, SLACK
from gateway.records.kernel.loading import Machine
from gateway.records.kernel.memory import (
    BYTE,
    LONG,
    WORD,
    Array,
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


class NoLibcrypto(RuntimeError):
    """The SHA-256 that Python itself uses cannot be called from compiled code here."""


class Summing:
    """Room for one SHA-256 under way, and a sum of digests; every thread needs its own."""

    def __init__(self) -> None:
        self.context = array(BYTE, CONTEXT)
        self.bounds = array(LONG, 2 * PIECES)
        self.total = array(WORD, 4)
        self.given = tuple(map(address, (_way[0], self.context, self.bounds, self.total)))

    def take(self) -> int:
        """The sum so far; the next one begins at 0."""
        found = int.from_bytes(bytes(self.total), "little")
        clear(self.total)
        return found


def functions() -> Array:
    """Addresses of libcrypto's SHA256_Init, _Update and _Final: the very library that `hashlib` uses.

    Raises `NoLibcrypto` where they are not to be had.
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
    summing, reached = Summing(), array(LONG, 2)
    machine.digest_lines(address(data), len(text), 0, *summing.given, address(reached))
    if summing.take() != sum(map(line_digest, lines)) % MODULUS:
        raise NoLibcrypto("compiled code takes other digests than hashlib")


def measure(machine: Machine, path: Path) -> Measured:
    """The same as `parts.measure`."""
    size = CHUNK + 4 * LINE_LIMIT
    raw = mapped(size + SLACK)
    begin, view = address_of(raw), memoryview(raw)
    summing, reached = Summing(), array(LONG, 2)
    whole, records, have = hashlib.sha256(), -1, 0
    with path.open("rb", buffering=0) as stream:
        while got := stream.readinto(view[have : min(have + CHUNK, size)]):
            whole.update(view[have : have + got])
            have += got
            machine.digest_lines(begin, have, int(records < 0), *summing.given, address(reached))
            lines, end = reached
            records += lines
            raw[: have - end] = raw[end:have]
            have -= end
    return Measured(records, whole.hexdigest(), f"{summing.take() % MODULUS:064x}")


def measure_all(machine: Machine, paths: Sequence[Path], threads: int) -> Sequence[Measured]:
    """Several files, in threads."""
    if threads == 1:
        return [measure(machine, path) for path in paths]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda path: measure(machine, path), paths))
