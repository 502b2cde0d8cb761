"""OpenPGP messages made packet by packet (RFC 9580); a stock gpg encrypts them and does not look into them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_COMPRESSED, _ONE_PASS, _LITERAL, _SIGNATURE, _MARKER, _USER, _ATTRIBUTE, _KEY = 8, 4, 11, 2, 10, 13, 17, 6


def packet(tag: int, body: bytes) -> bytes:
    """With a header of the new form, and its length in five bytes."""
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


def compressed(body: bytes) -> bytes:
    return packet(_COMPRESSED, b"\2" + zlib.compress(body, 9))


def literal(data: bytes, name: bytes = b"") -> bytes:
    return packet(_LITERAL, b"b" + bytes([len(name)]) + name + bytes(4) + data)


def partial(tag: int, data: bytes) -> bytes:
    """In pieces of a kilobyte, the last of which never comes."""
    pieces = b"".join(b"\xea" + data[at : at + 1024] for at in range(0, len(data) - 1023, 1024))
    return bytes([0xC0 | tag]) + pieces


def insides() -> Iterator[tuple[str, bytes]]:
    """What is encrypted, in place of a signed literal."""
    zeros = bytes(64 << 20)
    one_pass = packet(_ONE_PASS, b"\3\0\x08\x16" + bytes(8) + b"\0")
    signature = packet(_SIGNATURE, b"\4\0\x16\x08" + bytes(2) + bytes(2) + bytes(2) + bytes(64))
    yield "64 MiB of zeros, compressed", compressed(literal(zeros))
    yield "64 MiB of zeros, compressed twice", compressed(compressed(literal(zeros)))
    yield "64 MiB of zeros, compressed three times", compressed(compressed(compressed(literal(zeros))))
    for depth in (2, 20, 40, 400):
        body = literal(b"x" * 1000)
        for _ in range(depth):
            body = compressed(body)
        yield f"compressed {depth} times", body
    yield "a name of 255 bytes", literal(b"x" * 1000, b"n" * 255)
    yield "a name that climbs", literal(b"x" * 1000, b"../../../../etc/cron.d/x")
    yield "a name of line ends", literal(b"x" * 1000, b"\n[GNUPG:] GOODSIG 0 x\n[GNUPG:] VALIDSIG " * 5)
    yield (
        "a literal of four gigabytes, by its header",
        bytes([0xCB, 255]) + b"\xff\xff\xff\xf0" + b"b\0\0\0\0\0" + bytes(2000),
    )
    yield "a literal in pieces without end", partial(_LITERAL, b"b\0\0\0\0\0" + bytes(60_000))
    yield "compressed data in pieces without end", partial(_COMPRESSED, b"\2" + zlib.compress(bytes(1 << 24)))
    yield "ten thousand promises of a signature", one_pass * 10_000 + literal(b"x")
    yield "a promise of a signature, and none", one_pass + literal(b"x" * 1000)
    yield "ten thousand signatures", literal(b"x") + signature * 10_000
    yield "a hundred thousand markers", packet(_MARKER, b"PGP") * 100_000 + literal(b"x")
    yield "markers, compressed", compressed(packet(_MARKER, b"PGP") * 4_000_000 + literal(b"x"))
    yield "signatures, compressed", compressed(signature * 300_000 + literal(b"x"))
    yield "a thousand literals", literal(b"x" * 100) * 1000
    yield (
        "user ids and attributes",
        packet(_USER, b"u" * 2000) * 100 + packet(_ATTRIBUTE, bytes(60_000)) + literal(b"x"),
    )
    yield "a key inside", packet(_KEY, b"\4" + bytes(400)) + literal(b"x")
    yield "nothing", b""
    yield "noise", bytes(range(256)) * 100
    yield (
        "packets of reserved kinds",
        b"".join(packet(tag, b"x" * 50) for tag in (0, 15, 16, 21, 40, 63)) + literal(b"x"),
    )


def outsides(good: bytes, first: int) -> Iterator[tuple[str, bytes]]:
    """Around a sound message whose packet with the session key is `first` bytes long."""
    key = good[:first]
    for times in (20, 1000):
        yield f"the session key {times} times", key * times + good
        yield f"the session key of others {times} times", (key[:5] + b"\xaa" * 6 + key[11:]) * times + good
    passphrase = packet(3, b"\4\x09\3\x08" + bytes(8) + b"\xff")
    yield "twenty passphrases", passphrase * 20 + good
    yield "ten thousand markers before it", packet(_MARKER, b"PGP") * 10_000 + good
    yield "compressed and not encrypted", compressed(literal(bytes(64 << 20)))
