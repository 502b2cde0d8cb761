"""The data engine: tables read, every record judged, sorted by province, and what was refused told in words.

`check` and `sort` are public and stable (offline, no node); `examine` is what a worker does inside the flow.
"""

from gateway.records.examination import Examination, examine
from gateway.records.offline import Check, NoSuchPeriod, NoSuchSchema, NoSuchSender, NotOurFolder, Sorting, check, sort

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
