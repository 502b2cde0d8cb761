"""The outside of a package in the profile `sm`: a plain tar of four members, bound together by a signed manifest.

`manifest.json` says who sealed what for whom (parties, pins, package id), the IV, the payload's length and the SM3 of
payload and wrapped key; `manifest.sig` is the sender's SM2 signature over its bytes; `key.sm2` the session key, wrapped
for the receiver; `payload.sm4gcm` the SM4-GCM ciphertext with its tag behind it, the package id being the associated
data.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import rfc8785

from gateway.adapters import container
from gateway.adapters.container import BLOCK, RECORD, ContainerError

MANIFEST, SIGNATURE, KEY, PAYLOAD = "manifest.json", "manifest.sig", "key.sm2", "payload.sm4gcm"
FORMAT = 1
_LIMITS = {MANIFEST: 1 << 16, SIGNATURE: 128, KEY: 256}
_FIXED: dict[str, Any] = {
    "format": FORMAT,
    "profile": "sm",
    "signature": "SM2-SM3",
    "signer_id": "1234567812345678",
    "key_wrap": "SM2-C1C3C2",
    "cipher": "SM4-GCM",
}
_DIGEST, _IV = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{24}")
_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the sender signs. `sender_key` and `receiver_key` are pins; `length` counts the payload with its tag."""

    package: str
    sender: str
    receiver: str
    sender_key: str
    receiver_key: str
    iv: str
    length: int
    payload_sm3: str
    key_sm3: str

    def to_json(self, size: int = 0) -> bytes:
        """One line of JSON, filled up to `size` bytes with line feeds, so that its room can be kept beforehand."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return rfc8785.dumps({**_FIXED, **own}).ljust(size, b"\n")

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Raises `ContainerError` 214 for anything that is not this format in full and nothing more."""
        try:
            document = json.loads(data, object_pairs_hook=_once)
            own = {name: document.pop(name) for name in cls.__dataclass_fields__}
        except (UnicodeDecodeError, RecursionError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ContainerError("214", "the manifest is not one of this format") from error
        if document != _FIXED or not _well_formed(own):
            raise ContainerError("214", "the manifest is not one of this format")
        return cls(**own)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("doubled key")
    return document


def _well_formed(own: dict[str, Any]) -> bool:
    length = own["length"]
    return (
        all(isinstance(value, str) for name, value in own.items() if name != "length")
        and isinstance(length, int)
        and not isinstance(length, bool)
        and 0 < length < 2**53
        and all(_TEXT.fullmatch(own[name]) for name in ("package", "sender", "receiver"))
        and all(_DIGEST.fullmatch(own[name]) for name in ("sender_key", "receiver_key", "payload_sm3", "key_sm3"))
        and _IV.fullmatch(own["iv"]) is not None
    )


def room(manifest: Manifest) -> int:
    """Bytes before the payload's first one: the same for every length, so that the payload can be written first."""
    return _manifest_size(manifest) + BLOCK * 6


def _manifest_size(manifest: Manifest) -> int:
    widest = Manifest(**{**{n: getattr(manifest, n) for n in manifest.__dataclass_fields__}, "length": 2**53 - 1})
    return -(-len(widest.to_json()) // BLOCK) * BLOCK


def manifest_bytes(manifest: Manifest) -> bytes:
    """What is signed and travels."""
    return manifest.to_json(_manifest_size(manifest))


def head(manifest: bytes, signature: bytes, wrapped: bytes, length: int) -> bytes:
    """Everything before the payload."""
    pieces = []
    for name, data in ((MANIFEST, manifest), (SIGNATURE, signature), (KEY, wrapped)):
        pieces += [container.header(name, len(data)), data, bytes(-len(data) % BLOCK)]
    return b"".join([*pieces, container.header(PAYLOAD, length)])


def tail(before: int, length: int) -> bytes:
    """Everything behind the payload: padding, the end mark, the last record filled up."""
    padding = -length % BLOCK
    total = before + length + padding + 2 * BLOCK
    return bytes(padding + 2 * BLOCK + -total % RECORD)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The four members as they lie in a file: nothing judged yet. The payload is the `length` bytes from `offset`."""

    manifest: bytes
    signature: bytes
    wrapped: bytes
    offset: int
    length: int


def read(stream: BinaryIO) -> Envelope:
    """Read the outside strictly: these four plain members in this order, and zeros. `ContainerError` 213 where it is
    no such file at all, 214 where it is damaged, 215 where there is more in it."""
    whole = os.fstat(stream.fileno()).st_size
    manifest, signature, wrapped = (_small(stream, name) for name in (MANIFEST, SIGNATURE, KEY))
    length = _header(stream, PAYLOAD)
    offset = stream.tell()
    if offset + length > whole:
        raise ContainerError("214", "the archive ends too early")
    stream.seek(offset + length)
    rest = stream.read(BLOCK * 3 + RECORD)
    if len(rest) < -length % BLOCK + 2 * BLOCK:
        raise ContainerError("214", "the archive ends too early")
    if rest.strip(b"\0") or stream.read(1):
        raise ContainerError("215", "something follows the archive's end")
    return Envelope(manifest, signature, wrapped, offset, length)


def _header(stream: BinaryIO, name: str) -> int:
    """The size of the member that comes next, which must be this one."""
    try:
        found = container.parse_header(_exactly(stream, BLOCK))
    except ContainerError:
        if name != MANIFEST:
            raise
        found = None
    if found is not None and found.name == name and not found.folder:
        return found.size
    if name == MANIFEST:
        raise ContainerError("213", "not a package of this profile")
    raise ContainerError("215", "other members than the four")


def _small(stream: BinaryIO, name: str) -> bytes:
    size = _header(stream, name)
    if size > _LIMITS[name]:
        raise ContainerError("216", "a member is too long")
    data = _exactly(stream, size)
    _exactly(stream, -size % BLOCK)
    return data


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ContainerError("214", "the archive ends too early")
    return data
