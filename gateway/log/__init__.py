"""The exchange log (交换日志): what an entry is, and the bytes that are hashed. Tiles and checkpoints come later."""

from gateway.log.entry import Entry, Event, leaf_hash, rfc3339

__all__ = ["Entry", "Event", "leaf_hash", "rfc3339"]
