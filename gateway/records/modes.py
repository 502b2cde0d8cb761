"""Who may read what an examination writes: its owner alone, and in a worker that is another user also its group, which
is how the daemon takes the results over."""

from __future__ import annotations

_shared = {"group": False}


def share_with_group() -> None:
    """For the whole process, once, before anything is written."""
    _shared["group"] = True


def file_mode() -> int:
    return 0o660 if _shared["group"] else 0o600


def folder_mode() -> int:
    return 0o770 if _shared["group"] else 0o700
