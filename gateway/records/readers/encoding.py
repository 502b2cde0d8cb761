"""Which encoding a file is in: UTF-8 (with or without BOM) or GB 18030; anything else is refused. And what stands
before its text, and what ends its lines.

The decision rests on the first lines that are not ASCII: text in GB 18030 is next to never valid UTF-8. A single line
that does not decode is that record's fault; most of them make it the file's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from gateway.outcomes import Refused

Encoding = Literal["utf-8", "gb18030"]

SAMPLE_LINES = 1000
HEAD = 4096
_LOOKED_AT = 1 << 16
ZIP, OLE2 = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
BOM = b"\xef\xbb\xbf"
_UTF_16_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_FORMATS = (
    ZIP, b"PK\x05\x06", OLE2, b"%PDF", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf",
    b"Rar!", b"BZh", b"\xfd7zXZ", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"MZ", b"SQLite format 3",
)  # fmt: skip
_MARKED_UP = (b"<!doctype", b"<html", b"<head", b"<meta", b"<style", b"<table", b"<?xml", b"mime-version:", b"{\\rtf")
"""How web pages, XML workbooks and rich text begin, which many systems export under the name `.xls`."""
_CONTROL = bytes(code for code in range(32) if code not in (9, 10, 13)) + b"\x7f"
_SEPARATOR_LINE = re.compile(rb'"?sep=[,;\t]"?(?:\r\n|\n|\r)', re.IGNORECASE)
"""The first line by which a file tells Excel what separates its cells. Excel shows it in no row."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_QUOTED = re.compile(rb'"[^"]*"')


class _Returns(io.RawIOBase):
    """A stream whose lines end with CR, as one whose lines end with LF; CR LF and LF end a line, too."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        """Read at least one byte, unless there is none, into `room`, which has room for more than one."""
        data = self._stream.read(len(room) - 1)
        if data.endswith(b"\r"):  # a CR LF is never cut in two
            data += self._stream.read(1)
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


@dataclass(frozen=True, slots=True)
class Found:
    """How to read a file: its encoding; how many bytes of mark stand before the text, among them the line that tells
    Excel the separator; and whether its lines end with CR alone (old Macintosh files, `CR CR LF`)."""

    encoding: Encoding
    skip: int
    name: str
    returns: bool = False

    def open(self, path: Path) -> BinaryIO:
        """The text as bytes of its encoding, its lines ended by LF or CR LF. Raises `OSError`."""
        stream = path.open("rb")
        stream.seek(self.skip)
        return io.BufferedReader(_Returns(stream)) if self.returns else stream


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as stream:
        return stream.read(len(ZIP)) == ZIP


def is_workbook(path: Path) -> bool:
    """Whether a file begins as a workbook does, of either kind; a Data Package begins like one, too."""
    with path.open("rb") as stream:
        return stream.read(HEAD).startswith((ZIP, OLE2))


def find(path: Path) -> Found | Refused:
    """Look at a file that is not empty. Refused 301 (binary), 302 (no encoding that we read), 313 (a page or marked-up
    text)."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(_FORMATS):
        return Refused("301")
    if head.removeprefix(BOM).lstrip().lower().startswith(_MARKED_UP):
        return Refused("313")
    if head.startswith(_UTF_16_32) or _looks_like_utf_16(head):
        return Refused("302")
    if len(head.translate(None, _CONTROL)) < len(head) * 0.95:
        return Refused("301")
    start, returns = _begins(path)
    utf_8 = gb_18030 = lines = 0
    for line in _telling_lines(Found("utf-8", 0, "", returns).open(path)):
        lines += 1
        utf_8 += _decodes(line, "utf-8")
        gb_18030 += _decodes(line, "gb18030")
    if head.startswith(BOM):
        return Found("utf-8", start, "utf-8-sig", returns) if utf_8 * 2 >= lines else Refused("302")
    if utf_8 * 2 >= lines:
        return Found("utf-8", start, "utf-8", returns)
    return Found("gb18030", start, "gb18030", returns) if gb_18030 * 2 >= lines else Refused("302")


def _begins(path: Path) -> tuple[int, bool]:
    """Where the text begins, and whether its lines end with CR alone: the first line end outside of quotation marks
    says so, and where a stray one leaves none, the first of all."""
    with path.open("rb") as stream:
        head = stream.read(_LOOKED_AT)
    start = len(BOM) if head.startswith(BOM) else 0
    told = _SEPARATOR_LINE.match(head, start)
    first = told or _LINE_END.search(_QUOTED.sub(b"", head)) or _LINE_END.search(head)
    return told.end() if told else start, first is not None and first[0].endswith(b"\r")


def _telling_lines(opened: BinaryIO) -> Iterator[bytes]:
    """The first lines that are not ASCII; a line cut at 64 KiB is judged by its whole characters elsewhere."""
    found = 0
    with opened as stream:
        while found < SAMPLE_LINES and (line := stream.readline(1 << 16)):
            if not line.isascii() and (line.endswith(b"\n") or len(line) < 1 << 16):
                found += 1
                yield line


def _decodes(line: bytes, encoding: Encoding) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _looks_like_utf_16(head: bytes) -> bool:
    """UTF-16 without a mark: a NUL in nearly every second byte of Latin text or digits."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    return max(even, odd) > len(head) // 8 and min(even, odd) * 4 < max(even, odd)
