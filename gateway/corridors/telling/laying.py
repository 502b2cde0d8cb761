"""Laying letters where their readers look. What stands in the way in one party's folder keeps nobody else waiting, nor
the matter that the letter is about: the letter waits in the node's own storage, and a later round lays it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from gateway import durable
from gateway.node import Node

WAITING: Final = "letters-waiting"
"""Below `state`: each letter under the place it is for, relative to the exchange root."""


def lay(node: Node, folder: PurePosixPath, name: str, page: bytes) -> None:
    """Lay a letter into a party's folder, now or as soon as that can be entered. Raises `OSError` while the whole share
    is away, and where the node's own disk fails."""
    waiting = node.spool.state / WAITING / folder / name
    try:
        node.folders.write(folder, name, page)
    except OSError as error:
        if not node.folders.is_up():
            raise
        node.log.warning("letter_waits_here", folder=str(folder), errno=error.errno)
        durable.make_folder(waiting.parent)
        durable.write_bytes(waiting, page)
        return
    if waiting.exists():  # an earlier edition of the same letter
        durable.remove(waiting)


def lay_waiting(node: Node) -> int:
    """Every half minute: lay what waits and can be laid; how many letters."""
    top, laid = node.spool.state / WAITING, 0
    for letter in _letters(top):
        place = PurePosixPath(letter.relative_to(top))
        try:
            node.folders.write(place.parent, place.name, letter.read_bytes())
        except OSError:  # still in the way; told when it was met, and on the page of what is down
            continue
        durable.remove(letter)
        laid += 1
    return laid


def _letters(top: Path) -> list[Path]:
    found = sorted(top.rglob("*")) if top.is_dir() else []
    return [path for path in found if path.is_file() and not path.name.startswith(".")]
