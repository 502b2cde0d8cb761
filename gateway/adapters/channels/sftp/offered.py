"""What a file at the other end is, by its name: a package, something that lies beside packages, or not to be touched.

Only packages are submissions. Lists, forms, pages, sheets and signatures explain packages to people and programs; taken
for submissions they would come back refused. A name decides, because a partner's server says no more before the file
is fetched; what is inside is judged by the stages that open it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.adapters.channels.folders import names
from gateway.outcomes import Outcome

LIST_LIMIT = 4 << 20
"""Bytes. A list of 32 origins has a few thousand."""
_WORD = r"[A-Za-z0-9][A-Za-z0-9.-]{0,95}"
_ID = rf"{_WORD}_{_WORD}_{_WORD}_{_WORD}_r[0-9]{{1,6}}_[0-9a-f]{{8}}"
_PACKAGE = re.compile(rf"({_ID})\.tar(\.[a-z0-9]{{1,8}}){{0,3}}")
_LONGEST = 214
"""Bytes, so that `.f-<24 digits>-<name>.part` is a name too."""


def is_package(name: str) -> bool:
    """`<package id>.tar…`, as the formats page names sealed files."""
    return package_id(name) is not None


def package_id(name: str) -> str | None:
    """The id in a package's file name; None for any other name."""
    match = _PACKAGE.fullmatch(name)
    return match[1] if match and not names.never_taken(name) else None


def is_list(name: str) -> bool:
    """May be a distribution list: JSON, and not the form to sign."""
    return name.lower().endswith(".json") and not name.lower().endswith(".receipt.json")


def is_takeable(name: str) -> bool:
    """A final name that this node can bear too: not hidden, not one that copy programs give to unfinished files, no
    control characters, and short enough for a temporary name of ours around it."""
    return (
        not names.never_taken(name)
        and "/" not in name
        and names.is_plain(name)
        and 0 < len(name.encode("utf-8", "replace")) <= _LONGEST
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """A package as a distribution list names it."""

    size: int
    sha256: str


ReadList = Callable[[bytes], Outcome[Mapping[str, Any]]]
"""Reads a distribution list, in the worker (`worker.asking`)."""


def expected(packages: Sequence[tuple[str, int, str]]) -> Mapping[str, Expected]:
    """Package id -> size and digest, as the worker tells them of a distribution list.

    The list's signature is not judged here: a digest that does not fit keeps a file out, it never lets one in.
    """
    return {package: Expected(size, sha256.lower()) for package, size, sha256 in packages}
