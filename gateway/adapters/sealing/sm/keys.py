"""SM2 keys as stock `openssl` writes them: SubjectPublicKeyInfo and PKCS #8, PEM, on the curve of GB/T 32918.5.

A public key is pinned by the SM3 digest of its SubjectPublicKeyInfo (64 hex digits, small letters), which is what
`openssl pkey -pubin -in FILE -outform DER | openssl dgst -sm3` prints. Both structures have one length and one spelling
here; what is encoded in another way (compressed points, explicit parameters) is refused.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import gmssl_pyx
from cryptography.hazmat.primitives import hashes

from gateway import durable

CREDENTIAL = "gateway-sm2-key"
CURRENT, NEXT, FORMER = "sm2.pem", "sm2.next.pem", "sm2.former.pem"
# AlgorithmIdentifier: id-ecPublicKey with the curve sm2p256v1 (1.2.156.10197.1.301).
_ALGORITHM = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
_PUBLIC = bytes.fromhex("3059") + _ALGORITHM + bytes.fromhex("03420004")
_PRIVATE = bytes.fromhex("308187020100") + _ALGORITHM + bytes.fromhex("046d306b0201010420")
_PRIVATE_POINT = bytes.fromhex("a14403420004")
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END \1-----\s*")


class KeyFileError(Exception):
    """A file does not hold the key it should. The message tells no path and no content."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point that lies on the curve, and its pin."""

    der: bytes

    @property
    def point(self) -> bytes:
        """X and Y, 64 bytes."""
        return self.der[len(_PUBLIC) :]

    @property
    def fingerprint(self) -> str:
        """The pin: SM3 of the SubjectPublicKeyInfo, hex."""
        digest = hashes.Hash(hashes.SM3())
        digest.update(self.der)
        return digest.finalize().hex()

    @property
    def pem(self) -> bytes:
        return _armored(b"PUBLIC KEY", self.der)

    @classmethod
    def of_point(cls, point: bytes) -> PublicKey:
        """Raises `KeyFileError` for a point off the curve: encrypting to one would give the key away bit by bit."""
        try:
            return cls(_PUBLIC + gmssl_pyx.normalize_sm2_public_key(point if len(point) == 64 else b""))
        except gmssl_pyx.InvalidValueError as error:
            raise KeyFileError("the point is not on the curve") from error

    @classmethod
    def of_der(cls, der: bytes) -> PublicKey:
        if len(der) != len(_PUBLIC) + 64 or not der.startswith(_PUBLIC):
            raise KeyFileError("not an SM2 public key")
        return cls.of_point(der[len(_PUBLIC) :])


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A scalar and its public point. Never shown: `repr` tells the pin only."""

    public: PublicKey
    scalar: bytes = field(repr=False)

    @property
    def pem(self) -> bytes:
        return _armored(b"PRIVATE KEY", _PRIVATE + self.scalar + _PRIVATE_POINT + self.public.point)


def new() -> PrivateKey:
    """A fresh key pair."""
    point, scalar = gmssl_pyx.sm2_key_generate()
    return PrivateKey(PublicKey.of_point(point), scalar)


def read_public(data: bytes) -> PublicKey:
    """The one public key in a PEM file. Raises `KeyFileError` for anything else, a private key too."""
    kind, der = _unarmored(data)
    if kind != b"PUBLIC KEY":
        raise KeyFileError("the file holds no public key")
    return PublicKey.of_der(der)


def read_private(data: bytes) -> PrivateKey:
    """The one unencrypted PKCS #8 key in a PEM file, whose two halves belong together."""
    kind, der = _unarmored(data)
    head, middle = len(_PRIVATE), len(_PRIVATE) + 32
    if kind != b"PRIVATE KEY" or len(der) != 138 or not der.startswith(_PRIVATE):
        raise KeyFileError("not an unencrypted SM2 private key")
    if der[middle : middle + len(_PRIVATE_POINT)] != _PRIVATE_POINT:
        raise KeyFileError("not an unencrypted SM2 private key")
    key = PrivateKey(PublicKey.of_point(der[middle + len(_PRIVATE_POINT) :]), der[head:middle])
    try:
        # With a point that is not the scalar's, signatures do not verify.
        probe = gmssl_pyx.sm2_sign(key.scalar, key.public.point, b"probe")
        fits = gmssl_pyx.sm2_verify(key.public.point, b"probe", probe)
    except gmssl_pyx.GmsslInnerError as error:
        raise KeyFileError("the private key is not usable") from error
    if not fits:
        raise KeyFileError("the public half is not the private half's")
    return key


def private_file(private: Path) -> Path | None:
    """Where our key lies: the service credential, or `private/sm2.pem`. None where there is none yet.

    Raises `KeyFileError` for a file that others may read."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials, CREDENTIAL)).is_file():
        return path
    return checked(private / CURRENT)


def checked(path: Path) -> Path | None:
    """`path` where it is a regular file of mode 0600 or stricter, None where there is nothing."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise KeyFileError("the private key file is open to others")
    return path


def load(private: Path, name: str = CURRENT) -> PrivateKey | None:
    """Our current, next or former key, as far as there is one."""
    path = private_file(private) if name == CURRENT else checked(private / name)
    return _read(path, path.stat().st_mtime_ns) if path else None


@lru_cache(maxsize=8)
def _read(path: Path, _mtime_ns: int) -> PrivateKey:
    return read_private(path.read_bytes())


def generate(private: Path, name: str = CURRENT) -> PublicKey:
    """Make our key. Raises `KeyFileError` where there is one: rotation is another command."""
    durable.make_folder(private)
    if (private / name).exists() or (name == CURRENT and private_file(private)):
        raise KeyFileError("this node has such a key already")
    key = new()
    durable.write_bytes(private / name, key.pem)
    return key.public


def finish(private: Path) -> None:
    """The next key becomes the key; the former one still opens what is late. Raises `KeyFileError` without a next key,
    and where our key is a credential, which is not ours to replace."""
    if checked(private / NEXT) is None:
        raise KeyFileError("there is no next key")
    if private_file(private) != private / CURRENT:
        raise KeyFileError("the key is a service credential: replace it there")
    durable.write_bytes(private / FORMER, (private / CURRENT).read_bytes())
    durable.publish(private / NEXT, private / CURRENT)


def _armored(kind: bytes, der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (kind, lines, kind)


def _unarmored(data: bytes) -> tuple[bytes, bytes]:
    found = _PEM.fullmatch(data.replace(b"\r\n", b"\n").lstrip())
    if found is None:
        raise KeyFileError("not one key in PEM")
    try:
        return found[1], base64.b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error as error:
        raise KeyFileError("not one key in PEM") from error
