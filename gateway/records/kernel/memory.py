"""Memory that compiled code works on: arrays of C's kinds, all 0 at first, known by their addresses.

NumPy is not asked: importing it costs more than checking fifty thousand records.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

Array: TypeAlias = ctypes.Array[Any]
BYTE, HALF, SHORT, INT, UINT, LONG, WORD = (
    ctypes.c_uint8, ctypes.c_uint16, ctypes.c_int16, ctypes.c_int32, ctypes.c_uint32, ctypes.c_int64, ctypes.c_uint64,
)  # fmt: skip
_MAPPED = 1 << 16


def mapped(size: int) -> mmap.mmap:
    """Bytes on pages of their own, which are taken as they are touched."""
    return mmap.mmap(-1, max(1, size))


def array(kind: Any, count: int) -> Array:
    """So many numbers; a large array is `mapped`."""
    size = count * ctypes.sizeof(kind)
    found: Array = (kind * count)() if size < _MAPPED else (kind * count).from_buffer(mapped(size))
    return found


def filled(kind: Any, values: Sequence[int]) -> Array:
    """An array of the values, and of one 0 where there are none."""
    found: Array = (kind * max(1, len(values)))(*values)
    return found


def over(raw: bytes | bytearray) -> Array:
    """An array of bytes with a copy of `raw`."""
    found: Array = (BYTE * max(1, len(raw))).from_buffer_copy(raw or b"\0")
    return found


def address(data: Any) -> int:
    """Where an array begins."""
    return ctypes.addressof(data)


def address_of(raw: mmap.mmap) -> int:
    """Where mapped bytes begin."""
    return ctypes.addressof(BYTE.from_buffer(raw))


class Words:
    """A record of `layout` as compiled code reads it: a word a member, numbers as they are, arrays by their addresses.
    What the addresses point to is kept as long as this is."""

    def __init__(self, record: Iterable[int | Array | mmap.mmap | Words]) -> None:
        self._record = tuple(record)
        self._array = filled(LONG, [*map(_word, self._record)])
        self.address = address(self._array)


def _word(member: int | Array | mmap.mmap | Words) -> int:
    if isinstance(member, int):
        return member
    if isinstance(member, Words):
        return member.address
    return address_of(member) if isinstance(member, mmap.mmap) else address(member)


def clear(data: Array) -> None:
    """All 0 again."""
    ctypes.memset(data, 0, ctypes.sizeof(data))
