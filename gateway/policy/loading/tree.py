"""The files that make up the facts (`config/`, `schemas/`, `keys/` under the node's folder), and their digest.

The digest is what stock tools say: in the node's folder,
`find config schemas keys -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` (hidden files and the leftovers of
editors do not count).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

FOLDERS: Final = ("config", "schemas", "keys")
_LEFTOVER = re.compile(r"\..*|#.*#|.*(~|\.(sw[a-p]|tmp|part|bak|orig|rej|pyc))|4913|__pycache__", re.IGNORECASE)


def leftover(name: str) -> bool:
    """Is this a hidden file or what an editor leaves behind? Such files and folders are no facts."""
    return _LEFTOVER.fullmatch(name) is not None


def paths(home: Path, folders: Sequence[str] = FOLDERS, leftovers: bool = False) -> Iterator[PurePosixPath]:
    """Every file of the facts, relative to `home`; with `leftovers`, every file there is.

    Linked folders are followed once, so a loop ends.
    """
    seen: set[str] = set()
    for top in folders:
        for folder, children, files in os.walk(home / top, followlinks=True):
            real = os.path.realpath(folder)
            children[:] = [] if real in seen else [name for name in children if leftovers or not leftover(name)]
            if real in seen:
                continue
            seen.add(real)
            for name in files:
                if (leftovers or not leftover(name)) and Path(folder, name).is_file():
                    yield PurePosixPath(Path(folder, name).relative_to(home).as_posix())


def read(home: Path) -> dict[str, bytes]:
    """Relative path -> content of every file, in order of path. `OSError` when one cannot be read."""
    return {str(path): (home / path).read_bytes() for path in sorted(paths(home), key=lambda path: str(path).encode())}


def digest_of(contents: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over the lines `sha256sum` prints for the files in order of path, its escapes included."""
    total = hashlib.sha256()
    for path in sorted(contents, key=str.encode):
        line = f"{hashlib.sha256(contents[path]).hexdigest()}  {path}"
        if "\\" in path or "\n" in path or "\r" in path:
            escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
            line = f"\\{hashlib.sha256(contents[path]).hexdigest()}  {escaped}"
        total.update(line.encode() + b"\n")
    return total.hexdigest()


def digest(home: Path) -> str:
    """The digest of the facts that stand under `home` now."""
    return digest_of(read(home))
