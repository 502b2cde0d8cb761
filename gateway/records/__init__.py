"""The data engine: tables read, every record judged, sorted by province, and what was refused told in words.

`check` and `sort` are public and stable (offline, no node); `examine` is what a worker does inside the flow.
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
    "Sorting",
    "check",
    "examine",
    "sort",
]


def __getattr__(name: str) -> Any:
    """What finds facts and fills workbooks is loaded by those who ask for it; a worker does not."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gateway.records import offline

    return getattr(offline, name)
