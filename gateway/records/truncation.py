"""Whether a file lost its end on the way, as the daemon and `gateway check` both judge it."""

from __future__ import annotations

from pathlib import Path

from gateway import wholeness
from gateway.policy.periods import WITHOUT_RECORDS, kind_from_name

TRUNCATED = "260"


def is_truncated(path: Path, name: str, *, table: bool = True) -> bool:
    """A file without its end. Not an empty one, which is judged by what it declares, nor one whose name says that it
    holds no records. `table`: what is text is a table, whose last line ends; a document in prose need not end so.
    Raises `OSError`."""
    if kind_from_name(name).kind in WITHOUT_RECORDS or path.stat().st_size == 0:
        return False
    return not wholeness.of_file(path, name, table=table)
