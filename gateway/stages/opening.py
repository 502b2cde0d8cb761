"""Opening: what is inside. For now a table as text, or a declared nil; sealed packages and workbooks are told apart by
their first bytes, never by their name.
"""

from __future__ import annotations

from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import Arrival, Kind, Opened

# zip (.xlsx, .ods), OLE2 (.xls), PDF, gzip, zstd, 7z, RAR, and OpenPGP's armour.
_OTHER = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"%PDF",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf",
    b"Rar!",
    b"-----BEGIN PGP",
)


def decide(arrival: Arrival, head: bytes) -> Outcome[Opened]:
    """`head` is the beginning of the file, at least eight bytes where it has as many. Refused 207 for a file type that
    is no table, 226 for an empty file that was not declared nil."""
    if arrival.kind is Kind.VOID:
        return Ok(Opened(arrival, "void"))
    if arrival.size == 0 and arrival.kind is not Kind.NIL:
        return Refused("226")
    if head.startswith(_OTHER):
        return Refused("207")
    return Ok(Opened(arrival, "nil" if arrival.kind is Kind.NIL else "table"))
