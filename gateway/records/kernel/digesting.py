"""Digests of lines, order-independent, taken by compiled code with the SHA-256 that Python itself uses."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from gateway.records.kernel.charactertables import Array
from gateway.records.kernel.entries import LINE_LIMIT, SLACK
from gateway.records.kernel.loading import Machine
from gateway.records.parts import MODULUS, Measured

CONTEXT = 128
"""Room for the state of libcrypto's SHA-256 (112 bytes)."""
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
        self.digest = np.zeros(32, np.uint8)
        self.total = np.zeros(4, np.uint64)
        self.sha = functions()
        self.given = tuple(address(array) for array in (self.sha, self.context, self.digest, self.total))

    def take(self) -> int:
        """The sum so far; the next one begins at 0."""
        found = number(self.total)
        self.total[:] = 0
        return found


@cache
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


def prove(machine: Machine) -> None:
    """Take one digest with the compiled code. Raises `NoLibcrypto` where it is not what `hashlib` gives."""
    line = np.frombuffer(b"abc\n".ljust(SLACK, b"\0"), np.uint8)
    summing, reached = Summing(), np.zeros(2, np.int64)
    machine.digest_lines(address(line), 4, 0, *summing.given, address(reached))
    if summing.take() != int.from_bytes(hashlib.sha256(b"abc").digest(), "big"):
        raise NoLibcrypto("libcrypto's SHA-256 differs from hashlib's")


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
