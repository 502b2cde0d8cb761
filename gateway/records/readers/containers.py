"""Workbooks that are zip archives, looked at before anything opens them: real sizes, extent, what the reader drops.

A few kilobytes can hold gigabytes, or one cell in the last corner of a sheet. Every member is therefore expanded here
in pieces, kept nowhere, and counted by what it really holds; the sizes the archive states are not believed. What the
whole may hold follows from the size of the file. XML has to be well formed and without a document type: then the reader
that comes next sees the same tags as the look here (`cells`).
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from gateway.outcomes import Refused
from gateway.records.readers import cells
from gateway.records.readers.cells import Cell, Malformed

EXPANDED = 512 << 20
"""Bytes all members may hold together once expanded."""
EXPANDED_FLOOR, EXPANDED_FACTOR = 16 << 20, 100
"""And what they may hold by the size of the file: sheets of records shrink to a tenth, formats alone to a sixtieth."""
MEMBERS = 2_000
CELLS = 8_000_000
"""Rows × columns of all sheets, as far as anything is written in them: what has to be held in memory."""
CELLS_FLOOR, CELLS_FACTOR = 1_000_000, 50
"""And by how many cells are filled: a stray one far below the records is human."""
PIECE = 1 << 20

TOO_LARGE, DAMAGED, PROTECTED, NO_TABLE = "310", "311", "312", "301"

_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


def may_expand(size: int) -> int:
    """Bytes that a zip archive of `size` bytes may hold once expanded."""
    return min(EXPANDED, EXPANDED_FLOOR + EXPANDED_FACTOR * size)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the reader does not tell of a sheet. `errors`: cells (row and column from 0) that hold an error such as
    #N/A, and `unworked` those whose formula was never worked out, all of which it makes empty; `hidden`: for every row,
    from 1, whether it is not shown, as far as any is."""

    errors: frozenset[Cell] = frozenset()
    unworked: frozenset[Cell] = frozenset()
    hidden: bytes = b""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at a workbook showed: its sheets in the workbook's order. `epoch_1904`: days count from 1904."""

    sheets: tuple[Seen, ...] = ()
    epoch_1904: bool = False


def survey(path: Path) -> Survey | Refused:
    """Look at an archive that may be a workbook. Refused 301 (another archive), 310 (too large once expanded), 311
    (damaged), 312 (protected by a password)."""
    try:
        with ZipFile(path) as archive:
            return _survey(archive, path)
    except (BadZipFile, Malformed, zlib.error, EOFError, NotImplementedError, ValueError, UnicodeError):
        return Refused(DAMAGED)
    except OSError as error:
        if error.errno != errno.EINVAL:  # told to look before the beginning of the file: by the file
            raise
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
    limit = may_expand(path.stat().st_size)
    too_large = Refused(TOO_LARGE, {"limit_mb": limit >> 20})
    book, extent, total = cells.Book(), cells.Extent(), 0
    seen: dict[str, Seen] = {}
    for member in members:
        look = _looker(member.filename, book)
        for piece in _expand(path, archive, member):
            total += len(piece)
            if total > limit:
                return too_large
            if look is None:
                continue
            look.at(piece)
            if look.longest_text > cells.LONGEST_TEXT or extent.with_(look).beyond(CELLS, CELLS_FLOOR, CELLS_FACTOR):
                return too_large
        if look is not None:
            look.end()
            seen[member.filename] = Seen(frozenset(look.errors), frozenset(look.unworked), bytes(look.hidden))
            extent = extent.with_(look)
    return Survey(tuple(seen.get(name, Seen()) for name in book.order()), book.epoch_1904)


def _looker(name: str, book: cells.Book) -> cells.Look | None:
    """How a member is looked at. Any XML may be a sheet: which ones are, is said in another member."""
    if name == _WORKBOOK:
        return cells.Look(book.workbook)
    if name == _RELATIONS:
        return cells.Look(book.relation)
    return cells.Look() if name.lower().endswith((".xml", ".rels")) else None


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
