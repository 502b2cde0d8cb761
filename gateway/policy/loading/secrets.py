"""Finding private keys where only public facts belong: `keys/` and `config/` are copied, backed up and read by many."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_PUTTY = b"PuTTY-User-Key-File"
_ARMOR = re.compile(rb"-----BEGIN PGP [^-]*-----(.*?)-----END PGP", re.DOTALL)
_SECRET_TAGS: Final = (5, 7)  # RFC 9580, 5.5.1.3 and 5.5.1.4: secret key and secret subkey packets


def holds_private_key(data: bytes) -> bool:
    """Is there a private key in `data`: PEM, PuTTY, DER (PKCS #1, #8, #12, SEC 1), OpenPGP binary or under any armor?

    Text in UTF-16 is seen through. What is encrypted under a passphrase is a private key all the same.
    """
    text = data.replace(b"\x00", b"")
    if _PEM.search(text) or _PUTTY in text or _is_der_key(data):
        return True
    if any(tag in _SECRET_TAGS for tag in _packet_tags(data)):
        return True
    for armor in _ARMOR.finditer(text):
        body = armor[1].replace(b"\r", b"").rpartition(b"\n\n")[2].partition(b"\n=")[0]
        try:
            packets = base64.b64decode(body)
        except binascii.Error:
            continue
        if any(tag in _SECRET_TAGS for tag in _packet_tags(packets)):
            return True
    return False


def _is_der_key(data: bytes) -> bool:
    """A SEQUENCE that begins with the version number 0, 1 or 3. Certificates and public keys begin otherwise."""
    if len(data) < 8 or data[0] != 0x30:
        return False
    head = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return (
        head <= 6 and data[head : head + 2] == b"\x02\x01" and data[head + 2 : head + 3] in (b"\x00", b"\x01", b"\x03")
    )


def _packet_tags(data: bytes) -> Iterator[int]:
    """Tags of the OpenPGP packets in `data` as long as they follow each other; a key packet must bear a version 2–6."""
    at = 0
    while at + 1 < len(data) and data[at] & 0x80:
        if data[at] & 0x40:
            tag, first = data[at] & 0x3F, data[at + 1]
            if first < 192:
                body, length = at + 2, first
            elif first < 224 and at + 2 < len(data):
                body, length = at + 3, ((first - 192) << 8) + data[at + 2] + 192
            elif first == 255:
                body, length = at + 6, int.from_bytes(data[at + 2 : at + 6], "big")
            else:
                return
        else:
            tag, width = (data[at] >> 2) & 0x0F, (1, 2, 4, 0)[data[at] & 3]
            body = at + 1 + width
            length = int.from_bytes(data[at + 1 : body], "big") if width else len(data) - body
        if tag in _SECRET_TAGS and not (body < len(data) and 2 <= data[body] <= 6):
            return
        yield tag
        at = body + length
