"""Snapshots: every parcel pins the facts in force at its arrival by their digest, and the facts so pinned are kept.

A snapshot is a copy of `config/`, `schemas/` and `keys/` in a folder named by the digest. It is made under another name
and renamed when it is whole and synced, so a folder with a digest's name is whole.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from gateway import durable
from gateway.policy.facts import Facts
from gateway.policy.faults import FactFault, FactsError
from gateway.policy.loading import reading, tree


class FactsChanged(Exception):
    """The files are no longer those that were loaded: load them again."""


def keep(facts: Facts, into: Path) -> Path:
    """Copy the facts' files durably to `into/<digest>/`, unless they are there, and return that folder.

    Raises `FactsChanged` when the files changed since they were loaded, `OSError` when they cannot be written; neither
    leaves a folder of that name.
    """
    kept = into / facts.digest
    if kept.is_dir():
        return kept
    contents = tree.read(facts.home)
    if tree.digest_of(contents) != facts.digest:
        raise FactsChanged(facts.digest)
    durable.make_folder(into)
    temporary = Path(tempfile.mkdtemp(prefix=f".{facts.digest}.", dir=into))
    try:
        for path, content in contents.items():
            target = temporary / path
            durable.make_folder(target.parent)
            durable.write_bytes(target, content)
        try:
            durable.publish(temporary, kept)
        except OSError:
            if not kept.is_dir():  # otherwise another thread has put the same copy there meanwhile
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return kept


def load(into: Path, digest: str, root: Path | None = None) -> Facts:
    """The facts kept under `digest`. `root` is the node's folder: the paths of `gateway.toml` are relative to it.

    Raises `FactsError` when there is no such snapshot, or it is not what its name says.
    """
    kept = into / digest
    if not kept.is_dir():
        message = "no snapshot of the facts is kept under this digest"
        raise FactsError((FactFault(digest, 1, message, "没有保存该摘要的事实快照"),))
    facts = reading.load(kept)
    if facts.digest != digest:
        message = "the snapshot was changed: its files do not have the digest it is named by"
        raise FactsError((FactFault(digest, 1, message, "快照被改动：内容与其摘要不符"),))
    return replace(facts, root=root)
