"""What the tests of profile `sm` build packages from, piece by piece, so that each piece can be wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gmssl_pyx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.adapters.sealing.sm import keys
from gateway.adapters.sealing.sm import manifest as outside
from gateway.adapters.sealing.sm.manifest import Manifest
from support.packed import describe, packed


def sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


@dataclass(frozen=True)
class Peer:
    """Somebody with a key."""

    name: str
    key: keys.PrivateKey

    @classmethod
    def new(cls, name: str) -> "Peer":
        return cls(name, keys.new())

    @property
    def pin(self) -> str:
        return self.key.public.fingerprint


@dataclass
class Craft:
    """A package by hand. Change any field before `build`; `manifest` overrides fields of the manifest, `after`
    changes the finished bytes. Signatures and digests are made over what is there then."""

    sender: Peer
    receiver: Peer
    plain: bytes = field(default_factory=packed)
    session: bytes = bytes(range(16))
    iv: bytes = bytes(12)
    associated: bytes = describe().package_id.encode()
    wrapped: bytes | None = None
    payload: bytes | None = None
    signed_by: Peer | None = None
    signer_id: bytes | None = b"1234567812345678"
    signature: Callable[[bytes], bytes] = lambda made: made
    manifest: dict[str, Any] = field(default_factory=dict)
    manifest_bytes: Callable[[bytes], bytes] = lambda made: made
    after: Callable[[bytes], bytes] = lambda made: made

    def build(self) -> bytes:
        context = Cipher(algorithms.SM4(self.session), modes.GCM(self.iv)).encryptor()
        context.authenticate_additional_data(self.associated)
        payload = self.payload or context.update(self.plain) + context.finalize() + context.tag
        wrapped = self.wrapped or gmssl_pyx.sm2_encrypt(self.receiver.key.public.point, self.session)
        fields: dict[str, Any] = {
            "package": describe().package_id,
            "sender": "p1",
            "receiver": "node",
            "sender_key": self.sender.pin,
            "receiver_key": self.receiver.pin,
            "iv": self.iv.hex(),
            "length": len(payload),
            "payload_sm3": sm3(payload),
            "key_sm3": sm3(wrapped),
        }
        body = self.manifest_bytes(Manifest(**{**fields, **self.manifest}).to_json())
        signer = (self.signed_by or self.sender).key
        signature = self.signature(gmssl_pyx.sm2_sign(signer.scalar, signer.public.point, body, self.signer_id))
        head = outside.head(body, signature, wrapped, len(payload))
        return self.after(head + payload + outside.tail(len(head), len(payload)))
