"""Whether a file ends where its format says that it ends: what an upload that broke off leaves behind does not.

Only ends are looked at, a few bytes of them: what is inside is judged where it is checked. A format that does not say
where it ends (plain bytes) counts as whole; so does a table cut exactly behind a line break, which no content can tell.

Sources: RFC 4180 (lines of a CSV), APPNOTE.TXT 4.3.16 (end of central directory), [MS-CFB] 2.2 and 2.3 (header, FAT),
dBASE table header, ISO 32000-1 7.5.5 (`%%EOF`), RFC 4880 4.2 (packet lengths).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

Read = Callable[[int, int], bytes]
"""`(offset, length)` to bytes, fewer at the end of the file."""

_TAIL = 1 << 16
_TABLES, _TEXT = (".csv", ".tsv"), ".txt"
_LENGTHS, _BYTES_A_LENGTH = 1024, 2048
"""How many lengths of a message are followed, one more for so many bytes: programs write parts of 4 KiB and more."""
_BINARY = {*range(1, 32)} - {*b"\t\n\v\f\r\x1a\x1b"}
"""Bytes that no text has; what has one is no table, whatever its name, and who reads it says so."""
_UNUSED = 0xFFFFFFFA
"""Entries of a FAT from here on (but the three above it) number no sector; see [MS-CFB] 2.1."""


def is_whole(read: Read, size: int, name: str, *, table: bool = False) -> bool:
    """Whether a file of `size` bytes is whole as far as its format tells. `name` says what has no mark of its own: a
    table in text, dBASE, a sealed message. `table`: plain text is known to be one, too. An empty file is not whole:
    nothing was written yet. Raises `OSError`."""
    if size == 0:
        return False
    head, lower = read(0, 512), name.lower()
    if head.startswith(b"PK\x03\x04"):
        return _archive(read(max(0, size - _TAIL - 22), _TAIL + 22))
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _compound(read, size, head)
    if head.startswith(b"%PDF"):
        return b"%%EOF" in read(max(0, size - 1024), 1024)
    if lower.endswith(".dbf"):
        return _dbase(size, head)
    if lower.endswith((".gpg", ".pgp")) and head[0] & 0x80:
        return _openpgp(read, size)
    if lower.endswith(_TABLES) or (table and lower.endswith(_TEXT)):
        text = head.startswith((b"\xff\xfe", b"\xfe\xff")) or not _BINARY & {*head}
        return not text or _text(read(max(0, size - 64), 64))
    return True


def of_file(path: Path, name: str, *, table: bool = False) -> bool:
    """`is_whole` of a file of ours. Raises `OSError`."""
    with path.open("rb", buffering=0) as stream:

        def read(offset: int, length: int) -> bytes:
            stream.seek(offset)
            return stream.read(length) or b""

        return is_whole(read, path.stat().st_size, name, table=table)


def _text(tail: bytes) -> bool:
    """The last line has an end; blanks and DOS's end-of-file mark may follow. Two bytes a character: UTF-16."""
    ends = tail.replace(b"\0", b"").rstrip(b" \t\x1a")
    return ends.endswith((b"\n", b"\r")) and not tail.endswith(b"\0\0")


def _archive(tail: bytes) -> bool:
    """The record that ends the central directory is there, and its comment."""
    at = tail.rfind(b"PK\x05\x06")
    end = tail[at + 20 : at + 22]
    return at >= 0 and len(end) == 2 and at + 22 + int.from_bytes(end, "little") <= len(tail)


def _compound(read: Read, size: int, head: bytes) -> bool:
    """Every sector that the last sector of the FAT calls used lies in the file."""
    if len(head) < 512:
        return False
    sector = 1 << min(struct.unpack_from("<H", head, 30)[0], 20)
    (tables,) = struct.unpack_from("<I", head, 44)
    if not tables:
        return True  # no such file; who reads it says so
    if (tables - 1) * (sector // 4) * sector > size:
        return False
    if tables > 109:  # where the last one lies stands further on; the length of all before it is right
        return True
    last = struct.unpack_from("<I", head, 76 + 4 * (tables - 1))[0]
    entries = read((last + 1) * sector, sector)
    if len(entries) < sector:
        return False
    numbers = struct.unpack(f"<{sector // 4}I", entries)
    used = [place for place, number in enumerate(numbers) if number < _UNUSED or number in (0xFFFFFFFE, 0xFFFFFFFD)]
    end = (tables - 1) * (sector // 4) + (used[-1] if used else 0)
    return bool(size >= (end + 2) * sector)


def _dbase(size: int, head: bytes) -> bool:
    """As many bytes as the header's count and length of records ask for."""
    if len(head) < 32:
        return False
    records, header, length = struct.unpack_from("<IHH", head, 4)
    return bool(size >= header + records * length)


def _openpgp(read: Read, size: int) -> bool:
    """The last packet ends with the file. Lengths are followed from packet to packet, their content is not read. One
    that goes on and on in parts of a few bytes is left to who opens it: nobody's scan waits for it."""
    at, left = 0, _LENGTHS + size // _BYTES_A_LENGTH
    while left > 0:
        left -= 1
        if at >= size:
            return at == size
        head = read(at, 6)
        at += 1
        if not head[0] & 0x80:
            return True  # no packet: who opens it says so
        if not head[0] & 0x40:  # the old format
            width = (1, 2, 4, 0)[head[0] & 3]
            if not width:
                return True  # to the end of the file, wherever that is
            if len(head) <= width:
                return False
            at += width + int.from_bytes(head[1 : 1 + width], "big")
            continue
        while left > 0:
            left -= 1
            length, width, more = _new_length(read(at, 5))
            if not width:
                return False
            at += width + length
            if not more:
                break
            if at >= size:
                return False
    return True


def _new_length(head: bytes) -> tuple[int, int, bool]:
    """Length, how many bytes say so (0: cut off), and whether another part follows."""
    if not head:
        return 0, 0, False
    first = head[0]
    if first < 192:
        return first, 1, False
    if first < 224:
        return (((first - 192) << 8) + head[1] + 192, 2, False) if len(head) > 1 else (0, 0, False)
    if first < 255:
        return 1 << (first & 0x1F), 1, True
    return (int.from_bytes(head[1:5], "big"), 5, False) if len(head) == 5 else (0, 0, False)
