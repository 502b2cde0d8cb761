"""What a package may cost: limits in bytes, and how they follow from the size of the message."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

PLAIN_FLOOR, PLAIN_FACTOR = 64 << 10, 2
"""A sealed message holds little less than what is decrypted from it: nobody compresses twice, with a gain."""
EXPANDED_FLOOR, EXPANDED_FACTOR = 4 << 20, 50
"""Records shrink to a third, artificial ones to a tenth; a nil report's padding more, but that is small."""
DESCRIPTOR_FLOOR, DESCRIPTOR_FACTOR = 256 << 10, 20


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits in bytes, held before anything is written. `plain`: what decryption may give (still compressed),
    `expanded`: all members together; `members`: how many; `descriptor`: the length of `datapackage.json`."""

    plain: int = 4 << 30
    expanded: int = 16 << 30
    members: int = 1000
    descriptor: int = 4 << 20

    def of_message(self, size: int) -> Caps:
        """These limits, and none above what a message of `size` bytes can honestly need."""
        return replace(
            self,
            plain=min(self.plain, PLAIN_FLOOR + PLAIN_FACTOR * size),
            expanded=min(self.expanded, EXPANDED_FLOOR + EXPANDED_FACTOR * size),
            descriptor=min(self.descriptor, DESCRIPTOR_FLOOR + DESCRIPTOR_FACTOR * size),
        )


class ContainerError(Exception):
    """A container is refused, with its code of the catalogue: 214 damaged, 215 unsafe member, 216 too large."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


def free_bytes(folder: Path) -> int:
    """What an unprivileged user may still write on the file system of `folder`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
