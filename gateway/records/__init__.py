"""The data engine: reads tables, judges every record, sorts the accepted ones by province and lists the refused ones.

`check` and `sort` (with `Options`) are public and stable: one file, offline, no node. `examine` is what a worker does
inside the flow.
"""

from typing import TYPE_CHECKING, Any

from gateway.records.examination import Examination, examine

if TYPE_CHECKING:
    from gateway.records.offline import (
        Check,
        NoSuchPeriod,
        NoSuchSchema,
        NoSuchSender,
        NotOurFolder,
        Options,
        Sorting,
        check,
        sort,
    )

__all__ = [
    "Check",
    "Examination",
    "NoSuchPeriod",
    "NoSuchSchema",
    "NoSuchSender",
    "NotOurFolder",
    "Options",
    "Sorting",
    "check",
    "examine",
    "sort",
]


def __getattr__(name: str) -> Any:
    """Load `offline` on first use: it finds facts and fills workbooks, which a worker does not need."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gateway.records import offline

    return getattr(offline, name)
