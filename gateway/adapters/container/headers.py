"""The header of a plain ustar member, written and read strictly."""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass

from gateway.adapters.container.caps import ContainerError
from gateway.packages import safe_path

BLOCK = 512
RECORD = 20 * BLOCK


@dataclass(frozen=True, slots=True)
class Header:
    """What a member's header says; `folder` tells a folder from a regular file."""

    name: str
    size: int
    folder: bool


def header(name: str, size: int) -> bytes:
    """A ustar header that tells nothing but a regular file's name and size."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member.tobuf(format=tarfile.USTAR_FORMAT, encoding="utf-8", errors="strict")


def parse_header(block: bytes) -> Header | None:
    """A plain ustar header; None for a block of zeros. `ContainerError` 214 where it is damaged, 215 for anything that
    is neither a regular file nor a folder, or has an unsafe name."""
    if not any(block):
        return None
    if _octal(block[148:156]) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
        raise ContainerError("214", "a header's checksum is wrong")
    kind, prefix = block[156:157], block[345:500] if block[257:263] == b"ustar\0" else b""
    if kind not in (b"0", b"\0", b"5") or block[157:257].strip(b"\0"):
        raise ContainerError("215", "a member is no regular file")
    try:
        name = b"/".join(p for p in (_string(prefix), _string(block[:100])) if p).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContainerError("215", "a name is not UTF-8") from error
    size, folder = _octal(block[124:136]), kind == b"5"
    if folder:
        name = name.removesuffix("/")
    if not safe_path(name) or (folder and size):
        raise ContainerError("215", "a name is unsafe")
    return Header(name, size, folder)


def _string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _octal(field: bytes) -> int:
    """A number of a tar header: octal digits, or big-endian after the byte 0x80 (GNU, 8 GiB and more)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ") or b"0"
    if not re.fullmatch(rb"[0-7]+", digits):
        raise ContainerError("214", "a header holds no number")
    return int(digits, 8)
