"""The exchange log (交换日志): what an entry is, the bytes that are hashed, the tree over them, and `verify`.

Public and stable: `verify(folder, keys, since=, policy=, authorities=, receipts=) -> Report`; other limits are an
`Auditor`'s. Format: `docs/reference/log-format.md`. Nothing in this room writes; publication is
`gateway.adapters.publishing`.
"""

from gateway.log.entry import Entry, leaf_hash
from gateway.log.verification import Auditor, Problem, Report, verify

__all__ = ["Auditor", "Entry", "Problem", "Report", "leaf_hash", "verify"]
