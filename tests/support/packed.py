"""The contents of a package: what every opening has to give back, whatever it was sealed with."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.adapters import container
from gateway.adapters.container import Member
from gateway.packages import DESCRIPTOR, Descriptor, Resource
from gateway.parcels import Kind

CONTENT = b"name,code\r\n" + b"".join(b"MARKER-%06d,0\r\n" % number for number in range(4000))


def describe(content: bytes = CONTENT, **changes: object) -> Descriptor:
    resource = Resource("cases", "data/cases.csv", len(content), hashlib.sha256(content).hexdigest())
    fields: dict[str, Any] = {
        "agreement": "migrants-inflow",
        "sender": "p1",
        "origin": "p1",
        "receiver": "node",
        "period": "2026Q3",
        "kind": Kind.NEW,
        "revision": 1,
        "records": 4000,
        "created": datetime(2026, 11, 1, tzinfo=UTC),
        "resources": (resource,),
    }
    return Descriptor(**{**fields, **changes})


def members(content: bytes = CONTENT, **changes: object) -> list[Member]:
    return [(DESCRIPTOR, describe(content, **changes).to_json()), ("data/cases.csv", content)]


def packed(content: bytes = CONTENT, **changes: object) -> bytes:
    pieces: list[bytes] = []
    container.pack(members(content, **changes), pieces.append)
    return b"".join(pieces)


def unpack(stream: container.Source, into: Path, caps: container.Caps) -> Descriptor:
    """What the worker and the process with keys do between them, in one process."""
    laying, found = container.Laying(into), None
    at = ""
    try:
        for name, what in container.members(stream, caps):
            if isinstance(what, Descriptor):
                found = what
                laying.expect(what)
            elif found is None:
                laying.original(what)
            else:
                if name != at:
                    laying.begin(name)
                at = name
                laying.write(what)
        laying.end()
    finally:
        laying.close()
    assert found is not None
    return found
