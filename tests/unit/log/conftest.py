"""The tools of an auditor, for the tests of the log."""

from support.auditors import authority, sumdb

__all__ = ["authority", "sumdb"]
