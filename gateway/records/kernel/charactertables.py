"""The tables of all characters: what the rules ask of each, and what the codes of GB 18030 stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.records import cells
from gateway.records.text import PRIVATE_USE, Repertoire

Array = npt.NDArray[Any]

# What a character is, as bits: its length in GB 18030, and what the rules about text ask.
GB_LENGTH, IS_PRIVATE, IS_UNKNOWN, IS_DOT, TO_MEND = 7, 8, 16, 32, 64
FOUR_BYTE_BMP = 4 * 12_600
_SURROGATES = range(0xD800, 0xE000)
_TRAILS = (*range(0x40, 0x7F), *range(0x80, 0xFF))
_PLAIN_CODES = [lead << 8 | trail for lead in range(0xB0, 0xF8) for trail in range(0xA1, 0xFF)]


@dataclass(frozen=True, slots=True)
class Characters:
    """`info`: bits of every character of the BMP. `two` and `four`: what the codes of GB 18030 of two and four bytes
    stand for, put right; -1 where Python's codec knows none. Both are empty where nobody asked for them."""

    info: Array
    two: Array
    four: Array


_known: dict[tuple[tuple[str, str], ...], dict[bool, Characters]] = {}


def characters(repertoire: Repertoire, codes: bool = True) -> Characters:
    """The tables of all characters; with `codes` those of GB 18030, too. They change only with the table of the 26
    codes."""
    key = tuple(sorted(repertoire.standard.items()))
    if key not in _known:
        _known.clear()
        none = np.zeros(1, np.int32)
        _known[key] = {False: Characters(_info(repertoire), none, none)}
    if codes and True not in _known[key]:
        two, four = (table.copy() for table in _python_codec())
        for wrong, right in repertoire.standard.items():
            two[two == ord(wrong)] = ord(right)
            four[four == ord(wrong)] = ord(right)
        info = _known[key][False].info
        # `scanning` passes the two levels of GB 2312 over without a look.
        stand_for = two[[code for code in _PLAIN_CODES if not 0xD7FA <= code <= 0xD7FE]]
        assert (stand_for >= 0x800).all()
        assert (info[stand_for] == 2).all()
        _known[key][True] = Characters(info, two, four)
    return _known[key][codes]


def _info(repertoire: Repertoire) -> Array:
    alphabet = [chr(code) for code in range(1 << 16) if code not in _SURROGATES and code != 10]
    as_python = "\n".join(alphabet).translate({ord(right): wrong for right, wrong in repertoire.python.items()})
    lengths = [len(raw) for raw in as_python.encode("gb18030").split(b"\n")]
    info = np.zeros(1 << 16, np.uint8)
    info[[ord(char) for char in alphabet]] = lengths
    info[10] = 1
    text = "".join(alphabet)
    private = re.compile(f"[{PRIVATE_USE}]")
    for bit, pattern in ((IS_PRIVATE, private), (IS_UNKNOWN, cells.UNKNOWN), (IS_DOT, cells.OTHER_DOTS)):
        info[[ord(char) for char in pattern.findall(text)]] |= bit
    info[[ord(char) for char in repertoire.standard]] |= TO_MEND
    # `scanning` passes these over without a look.
    assert (info[0x4E00:0x9F80] == 2).all()
    assert all(info[code] == 1 for code in range(0x20, 0x7F) if chr(code) not in "?[]")
    return info


@lru_cache(maxsize=1)
def _python_codec() -> tuple[Array, Array]:
    """What Python's codec makes of all codes of two bytes, and of those of four bytes up to 84 FE 39 39."""
    codes = [lead << 8 | trail for lead in range(0x81, 0xFF) for trail in _TRAILS]
    two = np.full(1 << 16, -1, np.int32)
    two[codes] = _decoded([code.to_bytes(2, "big") for code in codes])
    fours = [
        bytes((0x81 + first, 0x30 + second, third, fourth))
        for first in range(4)
        for second in range(10)
        for third in range(0x81, 0xFF)
        for fourth in range(0x30, 0x3A)
    ]
    return two, np.array(_decoded(fours), np.int32)


def _decoded(codes: list[bytes]) -> list[int]:
    """The character that each code stands for; -1 where it is none, or more than one."""
    # No code of two or four bytes holds or swallows a line feed; only one code stands for U+FFFD itself.
    found = b"\n".join(codes).decode("gb18030", "replace").split("\n")
    stand_for = [ord(text) if len(text) == 1 else -1 for text in found]
    for place, code in enumerate(stand_for):
        if code == 0xFFFD and codes[place] != "\ufffd".encode("gb18030"):
            stand_for[place] = -1
    return stand_for
