"""The renames of a claim in its drop folder, and how they are undone."""

from __future__ import annotations

from contextlib import suppress

from gateway.adapters.channels.folders import moving, names
from gateway.adapters.channels.folders.scanning import Ready
from gateway.adapters.storage.claims import Record, key_of


def take(folder: int, record: Record, ready: Ready) -> bool:
    """Rename sidecar, marker, then the file to `.taken-<parcel>`, in the open folder.

    False: the file could not be renamed, or is not the one that stood still; then it has a visible name again, and the
    rest is for `give_back`.
    """
    mine = names.taken(record.parcel)
    try:
        for ending, there in ((names.SIDECAR, ready.sidecar), (names.MARKER, ready.marker)):
            if there:
                moving.rename_free(folder, ready.name + ending, mine + ending)
        moving.rename_free(folder, ready.name, mine)
    except OSError:  # held open on a share, gone, not ours to rename: it waits
        return False
    status = moving.status(folder, mine)
    if status is not None and key_of(status) == ready.key:
        return True
    if status is not None:
        let_go(folder, mine, ready.name)
    return False


def let_go(folder: int, mine: str, name: str) -> None:
    """A claimed file gets its own name back; where a newer one has it, a visible name beside it."""
    if not moving.rename_free(folder, mine, name):
        put_back_as_new(folder, mine, name)


def give_back(folder: int, record: Record) -> None:
    """Sidecar and marker get their names back; where the sender has put newer ones, ours go."""
    for ending in (names.SIDECAR, names.MARKER):
        mine = names.taken(record.parcel) + ending
        with suppress(FileNotFoundError):
            if not moving.rename_free(folder, mine, record.name + ending):
                moving.remove(folder, mine)


def put_back_as_new(folder: int, mine: str, name: str) -> None:
    """A claimed file with content that was not copied becomes `<stem>-新内容-<n><suffix>`: a new arrival."""
    while True:
        visible = names.numbered(name, names.NEW_CONTENT, lambda n: moving.exists(folder, n))
        if moving.rename_free(folder, mine, visible):
            return
