"""The tables of all characters: what the rules ask of each, and what the codes of GB 18030 stand for."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.records import cells
from gateway.records.kernel import loading
from gateway.records.kernel.memory import BYTE, INT, Array
from gateway.records.readers.quoting import BREAK
from gateway.records.text import PRIVATE_USE, Repertoire

# What a character is, as bits: its length in GB 18030, and what the rules about text ask. To mend is also what a line
# break is shown as: the plain engine sees to both.
GB_LENGTH, IS_PRIVATE, IS_UNKNOWN, IS_DOT, TO_MEND = 7, 8, 16, 32, 64
BMP, FOUR_BYTE_BMP = 1 << 16, 4 * 12_600
_SURROGATES = range(0xD800, 0xE000)
_TRAILS = (*range(0x40, 0x7F), *range(0x80, 0xFF))
_PLAIN_CODES = [lead << 8 | trail for lead in range(0xB0, 0xF8) for trail in range(0xA1, 0xFF)]


@dataclass(frozen=True, slots=True)
class Characters:
    """`info`: bits of every character of the BMP. `two` and `four`: what the codes of GB 18030 of two and four bytes
    stand for, put right; 0 where Python's codec knows none."""

    info: Array
    two: Array
    four: Array


_known: dict[tuple[tuple[str, str], ...], Characters] = {}


def characters(repertoire: Repertoire) -> Characters:
    """The tables of all characters, which change only with the table of the 26 codes: made once, and kept where the
    compiled code is kept."""
    key = tuple(sorted(repertoire.standard.items()))
    if key not in _known:
        raw = _kept(repr(key).encode(), repertoire)
        _known.clear()
        _known[key] = Characters(
            (BYTE * BMP).from_buffer(raw),
            (INT * BMP).from_buffer(raw, BMP),
            (INT * FOUR_BYTE_BMP).from_buffer(raw, 5 * BMP),
        )
    return _known[key]


def _kept(key: bytes, repertoire: Repertoire) -> bytearray:
    digest = hashlib.sha256(f"{sys.version} {cells.UNKNOWN.pattern} {cells.OTHER_DOTS.pattern} {PRIVATE_USE}".encode())
    digest.update(key + (loading.HERE / "charactertables.py").read_bytes())
    name, places = f"characters-{digest.hexdigest()[:32]}", loading.folders(None)
    for folder in places:
        try:
            return bytearray(loading.kept(folder / name))
        except (OSError, loading.NotLoaded):
            continue
    made = _made(repertoire)
    with contextlib.suppress(OSError):  # made again the next time
        loading.keep(made, places, name)
    return bytearray(made)


def _made(repertoire: Repertoire) -> bytes:
    info = _info(repertoire)
    two, four = _python_codec()
    right = {ord(wrong): ord(right) for wrong, right in repertoire.standard.items()}
    two, four = ([right.get(code, code) for code in table] for table in (two, four))
    # `scanning` passes the two levels of GB 2312 over without a look, and `info` up to 0x7F and from 4E00 to 9F7F.
    plain = [two[code] for code in _PLAIN_CODES if not 0xD7FA <= code <= 0xD7FE]
    assert all(code >= 0x800 and info[code] == 2 for code in plain)
    assert all(info[code] == 2 for code in range(0x4E00, 0x9F80))
    assert all(info[code] == 1 for code in range(0x20, 0x7F) if chr(code) not in "?[]")
    return bytes(info) + b"".join(bytes((INT * len(table))(*table)) for table in (two, four))


def _info(repertoire: Repertoire) -> bytearray:
    alphabet = [chr(code) for code in range(BMP) if code not in _SURROGATES and code != 10]
    as_python = "\n".join(alphabet).translate({ord(right): wrong for right, wrong in repertoire.python.items()})
    info = bytearray(BMP)
    for char, raw in zip(alphabet, as_python.encode("gb18030").split(b"\n"), strict=True):
        info[ord(char)] = len(raw)
    info[10] = 1
    text = "".join(alphabet)
    private = re.compile(f"[{PRIVATE_USE}]")
    for bit, pattern in ((IS_PRIVATE, private), (IS_UNKNOWN, cells.UNKNOWN), (IS_DOT, cells.OTHER_DOTS)):
        for char in pattern.findall(text):
            info[ord(char)] |= bit
    for char in (*repertoire.standard, BREAK):
        info[ord(char)] |= TO_MEND
    return info


def _python_codec() -> tuple[Sequence[int], Sequence[int]]:
    """What Python's codec makes of all codes of two bytes, and of those of four bytes up to 84 FE 39 39."""
    codes = [lead << 8 | trail for lead in range(0x81, 0xFF) for trail in _TRAILS]
    two = [0] * BMP
    for code, known in zip(codes, _decoded([code.to_bytes(2, "big") for code in codes]), strict=True):
        two[code] = known
    fours = [
        bytes((0x81 + first, 0x30 + second, third, fourth))
        for first in range(4)
        for second in range(10)
        for third in range(0x81, 0xFF)
        for fourth in range(0x30, 0x3A)
    ]
    return two, _decoded(fours)


def _decoded(codes: list[bytes]) -> list[int]:
    """The character that each code stands for; 0 where it is none, or more than one."""
    # No code of two or four bytes holds or swallows a line feed; only one code stands for U+FFFD itself.
    found = b"\n".join(codes).decode("gb18030", "replace").split("\n")
    stand_for = [ord(text) if len(text) == 1 else 0 for text in found]
    for place, code in enumerate(stand_for):
        if code == 0xFFFD and codes[place] != "\ufffd".encode("gb18030"):
            stand_for[place] = 0
    return stand_for
