"""What somebody honest sends: the measure of what is hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.demo.files import render
from gateway.policy.loading import find
from support.nodes import planned

SCHEMAS = find() / "schemas"


def table(records: int) -> bytes:
    """As CSV."""
    return render(planned(records))


def rows(records: int) -> list[list[str]]:
    """As the rows of a sheet, titles first."""
    return [line.split(",") for line in table(records).decode("utf-8-sig").splitlines()]


def job(folder: Path, data: bytes, ending: str) -> dict[str, Any]:
    """What the worker is told of a table with these bytes."""
    source, out = folder / f"source{ending}", folder / "out"
    source.write_bytes(data)
    out.mkdir()
    return {
        "job": "examine",
        "source": str(source),
        "out": str(out),
        "schemas": str(SCHEMAS),
        "dataset": "migrants-inflow",
        "version": "1",
        "route_by": "registered_code",
        "sender": "33",
        "as_of": "2026-09-30",
        "bytes": len(data),
    }
