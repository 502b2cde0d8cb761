"""The interface where a certified cryptographic module plugs in, and the module that is built in.

Everything that touches a key, and every algorithm formal compliance would ask a certificate for, is behind `Module`:
SM2 with our private key, SM2 with a partner's public key, SM3, SM4-GCM. A private key and a session key never cross it.
Decision record 0012 says what a hardware module has to bring.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from time import time
from typing import Protocol

import gmssl_pyx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import (
    AEADDecryptionContext,
    AEADEncryptionContext,
    Cipher,
    algorithms,
    modes,
)

from gateway.adapters.sealing.sm import keys
from gateway.adapters.sealing.sm.keys import KeyFileError, PrivateKey, PublicKey

SIGNER_ID = b"1234567812345678"
"""The distinguishing identifier where none is agreed (GM/T 0009, 10)."""
IV_BYTES, TAG_BYTES, KEY_BYTES = 12, 16, 16


class ModuleError(Exception):
    """The module refuses: a wrapped key that is not for us or was changed, a tag that does not fit. No detail."""


class Digest(Protocol):
    """SM3 (GB/T 32905), piece by piece."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def finalize(self) -> bytes: ...


class Sealing(Protocol):
    """SM4-GCM under one session key and one IV, piece by piece. `finish` gives the tag of 16 bytes."""

    def update(self, data: bytes, /) -> bytes: ...
    def finish(self) -> bytes: ...


class Unsealing(Protocol):
    """The other way. What `update` gives is not authentic before `finish` has taken the tag: it raises `ModuleError`
    for a wrong one."""

    def update(self, data: bytes, /) -> bytes: ...
    def finish(self, tag: bytes, /) -> None: ...


class Module(Protocol):
    """A cryptographic module with our SM2 keys in it. Calls may come from several threads."""

    def own_keys(self) -> Sequence[PublicKey]:
        """The public halves of our keys: the one that signs first, then those that still unwrap."""
        ...

    def sign(self, message: bytes) -> bytes:
        """SM2 over SM3 with `SIGNER_ID` (GB/T 32918.2), DER."""
        ...

    def verify(self, key: PublicKey, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is the key's over `message`; False for anything that is no signature at all."""
        ...

    def seal(self, key: PublicKey, iv: bytes, associated: bytes) -> tuple[bytes, Sealing]:
        """A fresh session key: wrapped for `key` with SM2 (GB/T 32918.4, C1C3C2, DER), and in use."""
        ...

    def unseal(self, key: PublicKey, wrapped: bytes, iv: bytes, associated: bytes) -> Unsealing:
        """Unwrap with our private half of `key`. Raises `ModuleError`: off the curve, wrong C3, no session key."""
        ...

    def digest(self) -> Digest: ...

    def random(self, size: int) -> bytes: ...


class Software:
    """`Module` with GmSSL for SM2 and OpenSSL for SM3 and SM4. `own`: the key that signs first."""

    def __init__(self, own: Sequence[PrivateKey] = ()) -> None:
        self._own = tuple(own)

    def held(self) -> tuple[PrivateKey, ...]:
        """Our keys, the one that signs first."""
        return self._own

    def own_keys(self) -> Sequence[PublicKey]:
        return tuple(key.public for key in self.held())

    def sign(self, message: bytes) -> bytes:
        """As `Module`. Raises `KeyFileError` where there is no key yet."""
        held = self.held()
        if not held:
            raise KeyFileError("this node has no SM2 key yet")
        key = held[0]
        signature: bytes = gmssl_pyx.sm2_sign(key.scalar, key.public.point, message, SIGNER_ID)
        return signature

    def verify(self, key: PublicKey, message: bytes, signature: bytes) -> bool:
        try:
            return bool(gmssl_pyx.sm2_verify(key.point, message, signature, SIGNER_ID))
        except gmssl_pyx.GmsslInnerError:
            return False

    def seal(self, key: PublicKey, iv: bytes, associated: bytes) -> tuple[bytes, Sealing]:
        """As `Module`. Raises `KeyFileError` for a point off the curve."""
        session = self.random(KEY_BYTES)
        # The point is checked again: however the `PublicKey` was made, nothing is encrypted to a point off the curve.
        wrapped = gmssl_pyx.sm2_encrypt(PublicKey.of_der(key.der).point, session)
        context = Cipher(algorithms.SM4(session), modes.GCM(iv)).encryptor()
        context.authenticate_additional_data(associated)
        return wrapped, _Sealing(context)

    def unseal(self, key: PublicKey, wrapped: bytes, iv: bytes, associated: bytes) -> Unsealing:
        """As `Module`."""
        try:
            (own,) = (own for own in self.held() if own.public == key)
            session = gmssl_pyx.sm2_decrypt(own.scalar, wrapped)
        except (gmssl_pyx.GmsslInnerError, ValueError):
            raise ModuleError from None
        if len(session) != KEY_BYTES:
            raise ModuleError
        context = Cipher(algorithms.SM4(session), modes.GCM(iv)).decryptor()
        context.authenticate_additional_data(associated)
        return _Unsealing(context)

    def digest(self) -> Digest:
        return hashes.Hash(hashes.SM3())

    def random(self, size: int) -> bytes:
        return os.urandom(size)


class Kept(Software):
    """The built-in module over the private folder: our present key, from `starting` on the next one, and the former.
    The files are read again when they change. Raises `KeyFileError` where one is open to others or no key."""

    def __init__(self, private: Path, starting: date | None = None) -> None:
        super().__init__()
        self._private, self._starting = private, starting

    def held(self) -> tuple[PrivateKey, ...]:
        """The order goes by the host's date."""
        today = datetime.fromtimestamp(time(), UTC).astimezone().date()
        order = [keys.CURRENT, keys.NEXT, keys.FORMER]
        if self._starting is not None and today >= self._starting:
            order = [keys.NEXT, keys.CURRENT, keys.FORMER]
        found = (keys.load(self._private, name) for name in order)
        return tuple(key for key in found if key is not None)


class _Sealing:
    def __init__(self, context: AEADEncryptionContext) -> None:
        self._context = context

    def update(self, data: bytes) -> bytes:
        return self._context.update(data)

    def finish(self) -> bytes:
        self._context.finalize()
        return self._context.tag


class _Unsealing:
    def __init__(self, context: AEADDecryptionContext) -> None:
        self._context = context

    def update(self, data: bytes) -> bytes:
        return self._context.update(data)

    def finish(self, tag: bytes) -> None:
        try:
            self._context.finalize_with_tag(tag)
        except (InvalidTag, ValueError):
            raise ModuleError from None
