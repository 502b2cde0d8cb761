"""How many recipients an OpenPGP message names, before gpg tries the session key of each (RFC 9580, 4.2 and 10.3).

This is the one thing of a message that is looked at beside the keys: the headers of its first packets, of which each
costs a fixed number of steps and no more than `MOST_SESSION_KEYS` are looked at. gpg itself reads them there next.
"""

from __future__ import annotations

MOST_SESSION_KEYS = 16
"""A package is for one receiver; by hand somebody may have added a few of the sender's own keys."""
LOOKED_AT = 64 << 10
_PUBLIC_KEY, _PASSPHRASE, _MARKER = 1, 3, 10


def session_keys(head: bytes) -> int:
    """The packets with session keys that the first `LOOKED_AT` bytes of a message begin with, or
    `MOST_SESSION_KEYS` + 1 where there are more, or more than that of markers before them."""
    at = found = 0
    for _ in range(2 * MOST_SESSION_KEYS + 2):
        packet = _packet(head, at)
        if packet is None:
            return found
        tag, at = packet
        if tag in (_PUBLIC_KEY, _PASSPHRASE):
            found += 1
        elif tag != _MARKER:
            return found
    return MOST_SESSION_KEYS + 1


def _packet(head: bytes, at: int) -> tuple[int, int] | None:
    """The tag of the packet at `at`, and where the next one begins; None where this cannot be told."""
    if at + 6 > len(head) or not head[at] & 0x80:
        return None
    first, length = head[at], head[at + 1]
    if first & 0x40:
        if length < 192:
            return first & 0x3F, at + 2 + length
        if length < 224:
            return first & 0x3F, at + 3 + ((length - 192) << 8) + head[at + 2] + 192
        return (first & 0x3F, at + 6 + int.from_bytes(head[at + 2 : at + 6], "big")) if length == 255 else None
    size = 1 << (first & 3)
    if size == 8:  # of indeterminate length: no packet with a session key is
        return None
    return (first >> 2) & 0xF, at + 1 + size + int.from_bytes(head[at + 1 : at + 1 + size], "big")
