"""Opening: what is inside: a table, a document, a declared nil or a withdrawal."""

from __future__ import annotations

from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import Arrival, Form, Kind, Opened, without_records

# PDF, gzip, zstd, 7z, RAR, OpenPGP's armour. What may be a workbook (zip, OLE2) the worker looks into.
_OTHER = (
    b"%PDF",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf",
    b"Rar!",
    b"-----BEGIN PGP",
)


def form(head: bytes, name: str) -> Form:
    """How a file comes. It is a sealed package of profile `sm` by the first member of its tar, an OpenPGP message by
    its name and a first packet that such a message begins with (RFC 4880: public-key encrypted session key, or
    marker)."""
    if head.startswith(b"manifest.json\0"):
        return "sm"
    tag = head[0] & 0x3F if head and head[0] & 0x40 else (head[0] >> 2) & 0x0F if head and head[0] & 0x80 else 0
    return "openpgp" if name.lower().endswith((".gpg", ".pgp")) and tag in (1, 3, 10) else "plain"


def decide(arrival: Arrival, head: bytes, *, document: bool = False) -> Outcome[Opened]:
    """`head` is the beginning of the table, at least eight bytes where it has as many; a document is not looked into.
    Refused 207 for a file type that
    is no table, 226 (265–267 for what is no new submission) for an empty file that was not declared nil."""
    if arrival.kind is Kind.VOID:
        return Ok(Opened(arrival, "void"))
    if arrival.size == 0 and arrival.kind is not Kind.NIL:
        return Refused(without_records(arrival.kind), {"part": arrival.part} if arrival.part else {})
    if document:
        return Ok(Opened(arrival, "nil" if arrival.kind is Kind.NIL else "document"))
    if head.startswith(_OTHER):
        return Refused("207")
    return Ok(Opened(arrival, "nil" if arrival.kind is Kind.NIL else "table"))
