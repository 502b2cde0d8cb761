"""Refused originals go back to their sender: `<party>/退回/<name>`, whole, under a name that was free."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from gateway import durable
from gateway.adapters.channels.folders import moving, names
from gateway.adapters.channels.folders.root import ExchangeRoot
from gateway.adapters.channels.room import Room
from gateway.outcomes import Deferred, Ok, Outcome

FOLDER_MODE = 0o770
FILE_MODE = 0o660
_RECORD = "returned.json"


def recorded(target: Path) -> str:
    """The name an original was returned under; empty when it was not."""
    try:
        return str(json.loads((target / _RECORD).read_bytes())["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def record(target: Path, name: str) -> None:
    """Keep the name in the parcel's folder in the spool, so that a second try finds what the first one laid down."""
    durable.make_folder(target)
    durable.write_bytes(target / _RECORD, json.dumps({"name": name}).encode("ascii"))


def copy(root: ExchangeRoot, folder: str, content: Path, target: Path, name: str, room: Room) -> Outcome[str]:
    """Copy `content` into `folder`. Deferred 702 (no space), 709. Raises `SourceDown`."""
    with root.folder(folder, make_mode=FOLDER_MODE) as descriptor:
        before = recorded(target)
        if before and _same(descriptor, before, content):
            return Ok(before)
        if room.free(root.path) < content.stat().st_size + room.min_free:
            return Deferred("702", retry_after=300.0)
        try:
            with content.open("rb") as source:
                return Ok(_lay_down(descriptor, source, name, target))
        except OSError as error:
            return Deferred.by(error)


def move(root: ExchangeRoot, folder: str, source: int, mine: str, target: Path, name: str) -> str:
    """Move a claimed file that was never copied into `folder`; the name it got. Between file systems it is copied, then
    removed. Raises `SourceDown`, and `OSError` when it cannot be done now: then the file is still where it was."""
    with root.folder(folder, make_mode=FOLDER_MODE) as descriptor:
        try:
            chosen = _place(name, descriptor, lambda n: moving.rename_free(source, mine, n, descriptor), target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with os.fdopen(os.open(mine, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source), "rb") as stream:
                chosen = _lay_down(descriptor, stream, name, target)
            moving.remove(source, mine)
        moving.sync(descriptor)
        return chosen


def _lay_down(folder: int, source: BinaryIO, name: str, target: Path) -> str:
    """Write, sync and rename a copy; nothing partial stays."""
    partial = f".{target.name}.part"
    moving.remove(folder, partial)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(partial, flags, FILE_MODE, dir_fd=folder), "wb") as copied:
            os.fchmod(copied.fileno(), FILE_MODE)
            shutil.copyfileobj(source, copied, durable.CHUNK)
            copied.flush()
            os.fsync(copied.fileno())
        chosen = _place(name, folder, lambda n: moving.rename_free(folder, partial, n), target)
    except OSError:
        moving.remove(folder, partial)
        raise
    moving.sync(folder)
    return chosen


def _place(name: str, folder: int, rename: Callable[[str], bool], target: Path) -> str:
    """Rename to `name` or the next free one. The choice is recorded first: a crash after the rename must not lay down a
    second copy."""
    chosen = name
    while True:
        if moving.exists(folder, chosen):
            chosen = names.numbered(name, "", lambda n: moving.exists(folder, n))
        record(target, chosen)
        if rename(chosen):
            return chosen


def _same(folder: int, name: str, content: Path) -> bool:
    try:
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as there:
            if os.fstat(there.fileno()).st_size != content.stat().st_size:
                return False
            with content.open("rb") as ours:
                while block := ours.read(durable.CHUNK):
                    if there.read(len(block)) != block:
                        return False
            return True
    except OSError:
        return False
