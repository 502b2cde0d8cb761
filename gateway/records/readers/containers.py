"""Workbooks that are zip archives, looked at before anything opens them: real sizes, extent, what the reader drops.

A few kilobytes can hold gigabytes, or one cell in the last corner of a sheet. Every member is therefore expanded here
in pieces, kept nowhere, and counted by what it really holds; the sizes the archive states are not believed.
"""

from __future__ import annotations

import posixpath
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gateway.outcomes import Refused

EXPANDED = 512 << 20
"""Bytes all members may hold together once expanded."""
MEMBERS = 2_000
CELLS = 8_000_000
"""Rows × columns of all sheets, as far as anything is written in them: what has to be held in memory."""
PIECE = 1 << 20

TOO_LARGE, DAMAGED, PROTECTED, NO_TABLE = "310", "311", "312", "301"

_WORKBOOK = "xl/workbook.xml"
_SHEETS = "xl/worksheets/"
_ATTRIBUTES = rb"(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*"
# A cell that closes itself holds a format and nothing else; spreadsheets write those down to the last row.
_FILLED = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"'](?!" + _ATTRIBUTES + rb"\s*/>)")
_ERROR = re.compile(rb"<(?:\w+:)?c(?=[^>]*\st\s*=\s*[\"']e[\"'])[^>]*\sr\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"']")
_DATE_1904 = re.compile(rb"date1904\s*=\s*[\"'](?:1|true)[\"']")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s[^>]*?\br?:?id\s*=\s*[\"']([^\"']+)[\"']")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^>]*)>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*[\"']([^\"']*)[\"']")
_LONGEST_TAG = 1 << 12

Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at a workbook showed. `errors`: for every sheet, in the workbook's order, the cells (row and column
    from 0) that hold an error such as #N/A, which the reader makes empty. `epoch_1904`: days count from 1904."""

    errors: tuple[frozenset[Cell], ...]
    epoch_1904: bool


def survey(path: Path) -> Survey | Refused:
    """Look at an archive that may be a workbook. Refused 301 (another archive), 310 (too large once expanded), 311
    (damaged), 312 (protected by a password)."""
    try:
        with ZipFile(path) as archive:
            return _survey(archive, path)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, UnicodeError):
        return Refused(DAMAGED)


def _survey(archive: ZipFile, path: Path) -> Survey | Refused:
    members = archive.infolist()
    names = {member.filename for member in members}
    if _WORKBOOK not in names:
        return Refused(NO_TABLE)
    if len(members) > MEMBERS or len(names) < len(members):
        return Refused(TOO_LARGE if len(members) > MEMBERS else DAMAGED)
    if any(member.flag_bits & 1 for member in members):
        return Refused(PROTECTED)
    total = 0
    cells = 0
    errors: dict[str, set[Cell]] = {}
    kept = {_WORKBOOK: b"", "xl/_rels/workbook.xml.rels": b""}
    for member in members:
        look = _Look() if member.filename.startswith(_SHEETS) else None
        for piece in _expand(path, archive, member):
            total += len(piece)
            if total > EXPANDED:
                return Refused(TOO_LARGE, {"limit_mb": EXPANDED >> 20})
            if member.filename in kept and len(kept[member.filename]) <= PIECE:
                kept[member.filename] += piece
            if look is not None:
                look.at(piece)
                if cells + look.cells > CELLS:
                    return Refused(TOO_LARGE, {"limit_mb": EXPANDED >> 20})
        if look is not None:
            errors[member.filename] = look.errors
            cells += look.cells
    workbook, relations = kept.values()
    order = _order(workbook, relations)
    return Survey(tuple(frozenset(errors.get(name, ())) for name in order), bool(_DATE_1904.search(workbook)))


def _expand(path: Path, archive: ZipFile, member: ZipInfo) -> Iterator[bytes]:
    """The real content of a member, in pieces. Raises `BadZipFile`, `zlib.error`, `NotImplementedError`."""
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise NotImplementedError("a compression that no spreadsheet uses")
    archive.open(member).close()  # checks the member's own header against the directory
    with path.open("rb") as stream:
        stream.seek(member.header_offset + 26)
        head = stream.read(4)
        stream.seek(int.from_bytes(head[:2], "little") + int.from_bytes(head[2:], "little"), 1)
        left = member.compress_size
        inflate = zlib.decompressobj(-15) if member.compress_type == ZIP_DEFLATED else None
        while left > 0 and (packed := stream.read(min(left, PIECE // 16))):
            left -= len(packed)
            if inflate is None:
                yield packed
                continue
            yield inflate.decompress(packed, PIECE)
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, PIECE)
            if inflate.eof:
                return


class _Look:
    """A look at one sheet's XML, piece by piece: how far it is filled, and which cells hold errors."""

    def __init__(self) -> None:
        self._rest = b""
        self._columns: set[bytes] = set()
        self._known: set[bytes] = set()
        self._bottom = self._right = 1
        self.errors: set[Cell] = set()

    @property
    def cells(self) -> int:
        return self._bottom * self._right

    def at(self, piece: bytes) -> None:
        """Look at the next piece."""
        data = self._rest + piece
        cut = max(data.rfind(b"<"), len(data) - _LONGEST_TAG)
        data, self._rest = data[:cut], data[cut:]
        found = _FILLED.findall(data)
        if found:
            self._bottom = max(self._bottom, max(map(int, {row for _, row in found})))
            columns = {column for column, _ in found} - self._columns
            self._columns |= columns
            self._right = max([self._right, *(_number(column) + 1 for column in columns)])
        if b'"e"' in data or b"'e'" in data:
            self.errors |= {(int(row) - 1, _number(column)) for column, row in _ERROR.findall(data)}


def _number(letters: bytes) -> int:
    """A column's number from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1


def _order(workbook: bytes, relations: bytes) -> list[str]:
    """The members of the sheets, in the workbook's order."""
    targets: Mapping[bytes, bytes] = {}
    found = [dict(_ATTRIBUTE.findall(tag)) for tag in _RELATION.findall(relations)]
    targets = {tag.get(b"Id", b""): tag.get(b"Target", b"") for tag in found}
    names = (targets.get(sheet, b"").decode("utf-8", "replace") for sheet in _SHEET.findall(workbook))
    return [posixpath.normpath(posixpath.join("/xl", name)).lstrip("/") for name in names]
