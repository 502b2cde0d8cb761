"""Digests of lines, order-independent, taken by compiled code, proved against the SHA-256 that Python itself uses."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gateway.records.kernel.charactertables import Array
from gateway.records.kernel.entries import CONTEXT, LINE_LIMIT, PIECES, SLACK
from gateway.records.kernel.loading import Machine
from gateway.records.parts import MODULUS, Measured, line_digest

CHUNK = 1 << 20


class NoLibcrypto(RuntimeError):
    """The SHA-256 that Python itself uses cannot be called from compiled code here."""


def address(array: Array) -> int:
    """Where an array begins."""
    return int(array.__array_interface__["data"][0])


def number(total: Array) -> int:
    """A sum of digests as a number below 2^256."""
    return int.from_bytes(total.tobytes(), "little")


class Summing:
    """Room for one SHA-256 under way, and a sum of digests; every thread needs its own."""

    def __init__(self) -> None:
        self.context = np.zeros(CONTEXT, np.uint8)
        self.bounds = np.zeros(2 * PIECES, np.int64)
        self.total = np.zeros(4, np.uint64)
        self.given = tuple(address(array) for array in (_way[0], self.context, self.bounds, self.total))

    def take(self) -> int:
        """The sum so far; the next one begins at 0."""
        found = number(self.total)
        self.total[:] = 0
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
    return np.array(found, np.int64)


# How compiled code takes digests: libcrypto's functions, or noughts for the processor's own instructions.
_way: list[Array] = [np.zeros(3, np.int64)]


def prove(machine: Machine, hardware: bool) -> None:
    """Find out how digests are taken here, and take some: with the processor's own instructions where the code was made
    for them, else through libcrypto. Raises `NoLibcrypto` where they are not what `hashlib` gives."""
    _way[0] = np.zeros(3, np.int64) if hardware else functions()
    lines = [bytes(range(11, 11 + length)) for length in (0, 3, 55, 56, 63, 64, 65, 119, 120, 200)]
    text = b"\n".join(lines) + b"\n"
    data = np.frombuffer(text.ljust(len(text) + SLACK, b"\0"), np.uint8)
    summing, reached = Summing(), np.zeros(2, np.int64)
    machine.digest_lines(address(data), len(text), 0, *summing.given, address(reached))
    if summing.take() != sum(map(line_digest, lines)) % MODULUS:
        raise NoLibcrypto("compiled code takes other digests than hashlib")


def measure(machine: Machine, path: Path) -> Measured:
    """The same as `parts.measure`."""
    size = CHUNK + 4 * LINE_LIMIT
    raw = bytearray(size + SLACK)
    buf, view = np.frombuffer(raw, np.uint8), memoryview(raw)
    summing, reached = Summing(), np.zeros(2, np.int64)
    whole, records, have = hashlib.sha256(), -1, 0
    with path.open("rb", buffering=0) as stream:
        while got := stream.readinto(view[have : min(have + CHUNK, size)]):
            whole.update(view[have : have + got])
            have += got
            machine.digest_lines(address(buf), have, int(records < 0), *summing.given, address(reached))
            lines, end = map(int, reached)
            records += lines
            raw[: have - end] = raw[end:have]
            have -= end
    return Measured(records, whole.hexdigest(), f"{summing.take() % MODULUS:064x}")


def measure_all(machine: Machine, paths: Sequence[Path], threads: int) -> Sequence[Measured]:
    """Several files, in threads."""
    if threads == 1:
        return [measure(machine, path) for path in paths]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda path: measure(machine, path), paths))
