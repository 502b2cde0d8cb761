"""Litter: what a write leaves when its process is killed. The next write takes another name, so nobody else removes it;
in a party's folder it may hold records."""

from __future__ import annotations

import time

from gateway import durable
from gateway.node import Node
from gateway.policy.facts import places

HOUR = 3600.0
"""A file that nobody has written to for so long is of no running write; one over a share that hangs is made again."""
_OTHERS = ("opened", "backing-up")
"""Folders in the state whose files others have named, or that somebody else removes."""


def remove(node: Node) -> int:
    """At the start and once an hour; how many files there were. A folder that is away is looked at another time."""
    facts, before_ns = node.facts.current(), int((time.time() - HOUR) * 1e9)
    gone = durable.tidy(node.spool.state, before_ns, _OTHERS)
    for folder in {*places.every_folder(facts), *places.issuing_folders(facts)}:
        try:
            gone += node.folders.tidy(folder, before_ns)
        except OSError as error:
            node.log.warning("litter_waits", folder=str(folder), errno=error.errno)
    if gone:
        node.log.info("litter_removed", files=gone)
    return gone
