"""What the node does in the parties' folders, but for what they drop (`Inbox`) and what is delivered (`Courier`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

Obstacle = Literal["link", "file", "folder", "missing", "denied", "error", "root"]
"""Why a folder cannot be entered: a link or a file stands in its place (`folder`: in a file's place), it is not there,
the node has no right to it, the file system fails, the whole root is away."""


@dataclass(frozen=True, slots=True)
class Lying:
    """A regular file in a party's folder: its size in bytes, its last change in nanoseconds since the epoch."""

    name: str
    size: int
    modified_ns: int


class PartyFolders(Protocol):
    """The parties' folders, each named relative to the exchange root. A party can plant a link anywhere below its own:
    none is followed, neither in a folder's place nor in a file's. Every method but `is_up` and `obstacles` raises
    `OSError` while the root is away or something else stands where the folder, or a parent of it, belongs: what is to
    be done there waits, and is done once the folder is back."""

    def is_up(self) -> bool:
        """False while the share is not mounted: what is written into an empty mount point is lost."""
        ...

    def obstacles(self, folders: Iterable[PurePosixPath]) -> Mapping[str, Obstacle]:
        """Which of these folders cannot be entered, and which files could not be written because a folder has their
        name: what stands in the way, by where it stands. A folder that is merely not there is not among them: it is
        made when it is needed."""
        ...

    def make(self, folder: PurePosixPath) -> None:
        """Make a folder and its parents, where they are missing."""
        ...

    def opened(self, folder: PurePosixPath) -> AbstractContextManager[int]:
        """A descriptor of the folder, which is made where it is missing; for what works inside it by descriptors."""
        ...

    def write(self, folder: PurePosixPath, name: str, content: bytes | Path) -> None:
        """Write a file durably under its name, whole or not at all; in place of a file, or a link, of that name."""
        ...

    def files(self, folder: PurePosixPath) -> Sequence[Lying]:
        """The regular files of a folder, by name; none where the folder is not there. Links, pipes and folders are
        not among them."""
        ...

    def read(self, folder: PurePosixPath, name: str, limit: int) -> bytes | None:
        """A regular file's content; None where there is none, or where it has more than `limit` bytes."""
        ...

    def sha256(self, folder: PurePosixPath, name: str) -> str:
        """Hex digest of a regular file; empty where there is none."""
        ...

    def fetch(self, folder: PurePosixPath, name: str, target: Path, sha256: str) -> bool:
        """Copy a regular file to `target` in the node's own storage, if it has this digest; whether it has."""
        ...

    def remove(self, folder: PurePosixPath, name: str) -> None:
        """Remove a file's name durably, if it is there; of a link the name alone. A folder is left alone."""
        ...

    def tidy(self, folder: PurePosixPath, before_ns: int) -> int:
        """Remove what writes of ours left half done in a folder, by nothing else than what is surely ours: the hidden
        name that `write` makes up, a regular file of this process's own user, unchanged since `before_ns` (nanoseconds
        since the epoch). How many there were; none where the folder is not there."""
        ...

    def open_to_others(self, folder: PurePosixPath) -> bool:
        """Whether others than owner and group can look into a folder that is there."""
        ...
