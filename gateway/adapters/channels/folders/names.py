"""Names in a drop folder: which are never taken, which belong together, and what the gateway itself calls things."""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePosixPath

from gateway.parcels import ParcelId

TAKEN = ".taken-"
MARKER = ".ok"
SIDECAR = ".json"
NEW_CONTENT = "新内容"
_UNFINISHED = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".download", "~")
_TAKEN_NAME = re.compile(r"\.taken-(p[a-z2-7]{25})(\.json|\.ok)?")
_LIMIT = 255


def never_taken(name: str) -> bool:
    """Hidden files, lock files of office programs, and what copy programs call a file that is not whole yet."""
    return name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED)


def new_parcel(milliseconds: int) -> ParcelId:
    """26 characters that sort by time: `p`, 45 bits of milliseconds, 80 random bits, base 32 (lower case).

    Base 32's own alphabet does not sort (digits stand after letters but before them in ASCII), so the time part is
    written with one that does.
    """
    return ParcelId(_stamp(milliseconds) + base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower())


@lru_cache(maxsize=1)
def _stamp(milliseconds: int) -> str:
    return "p" + "".join(_SORTING[(milliseconds >> shift) & 31] for shift in range(40, -1, -5))


_SORTING = "234567abcdefghijklmnopqrstuvwxyz"


def taken(parcel: ParcelId) -> str:
    """What a claimed file is called in its drop folder."""
    return TAKEN + parcel


def parse_taken(name: str) -> tuple[ParcelId, str] | None:
    """Parcel and ending (empty, `.json` or `.ok`) of a claimed file's name; None for any other name."""
    match = _TAKEN_NAME.fullmatch(name)
    return (ParcelId(match[1]), match[2] or "") if match else None


def is_plain(name: str) -> bool:
    """No control characters, line or paragraph separators, or bytes that are not UTF-8."""
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)


def cleaned(name: str) -> str:
    """A name that can be shown and written: what is not plain becomes `_`; an unknown name becomes `file`."""
    plain = "".join("_" if not is_plain(c) or c == "/" else c for c in name).lstrip(".")
    return plain or "file"


def numbered(name: str, label: str, exists: Callable[[str], bool]) -> str:
    """`<stem>-<label>-<n><suffix>` (no label: `<stem>-<n><suffix>`) with the first free n, within 255 bytes."""
    path = PurePosixPath(cleaned(name))
    n = 1
    while True:
        ending = f"-{label}-{n}{path.suffix}" if label else f"-{n}{path.suffix}"
        candidate = shortened(path.stem, _LIMIT - len(ending.encode())) + ending
        if not exists(candidate):
            return candidate
        n += 1


def shortened(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, cut between characters."""
    return text.encode("utf-8", "replace")[: max(limit, 0)].decode("utf-8", "ignore")
