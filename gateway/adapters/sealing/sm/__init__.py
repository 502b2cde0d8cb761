"""Sealing profile `sm`: tar → zstd → SM4-GCM, the session key wrapped with SM2, a manifest signed with SM2 over SM3.

Opened by stock `openssl` 3 with the commands of the how-to. Both directions stream. On opening the order is: signature,
digests, unwrapping, decryption; so nothing is decrypted that the pinned partner did not sign for us.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from gateway import durable
from gateway.adapters import container
from gateway.adapters.container import Caps, ContainerError, Member
from gateway.adapters.sealing.sm import keys
from gateway.adapters.sealing.sm import manifest as outside
from gateway.adapters.sealing.sm.keys import KeyFileError, PublicKey
from gateway.adapters.sealing.sm.manifest import Envelope, Manifest
from gateway.adapters.sealing.sm.module import IV_BYTES, TAG_BYTES, Kept, Module, ModuleError, Software
from gateway.adapters.sealing.sm.pins import Pin, spent
from gateway.adapters.sealing.sm.streams import Plain, decrypted, opened, pieces, write_all
from gateway.adapters.sealing.unpacking import OpenedPackage, folder_beside, publish, unnamed
from gateway.adapters.worker import Accept, Aside, Unpacker
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.packages import DESCRIPTOR, Descriptor, DescriptorError

__all__ = ["SM", "Kept", "KeyFileError", "Module", "Pin", "PublicKey", "Software", "keys"]

T = TypeVar("T")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_KEY = "0" * 64


class SM:
    """Seals, signs, verifies and opens, the last two by one pin, with a module that holds the node's keys.

    `partners` maps a pin (SM3 of the SubjectPublicKeyInfo) to the partner's key file; what it says of
    our own keys holds too. `unpacker` takes apart what was decrypted; by default a process of its own for every
    package. At most `parallel` packages at a time; the object may be used from any number of threads.
    """

    def __init__(
        self, module: Module, partners: Mapping[str, Pin], *, parallel: int = 4, unpacker: Unpacker | None = None
    ) -> None:
        self._module = module
        self._unpacker = unpacker or Aside()
        self._partners = dict(partners)
        self._slots = threading.BoundedSemaphore(parallel)

    @property
    def fingerprint(self) -> str:
        """The pin of the key we sign with. Raises `KeyFileError` where there is none yet."""
        found = self._module.own_keys()
        if not found:
            raise KeyFileError("this node has no SM2 key yet")
        return found[0].fingerprint

    @property
    def ready(self) -> bool:
        """Whether there is a key to sign with at all."""
        return bool(self._module.own_keys())

    def close(self) -> None:
        """Nothing runs beside us."""

    # ---- sealing -----------------------------------------------------------------------------------------------

    def seal(self, members: Sequence[Member], recipient: str, target: Path) -> Outcome[None]:
        """Seal into `target` (0600, synced, renamed). The first member is `datapackage.json`: sender, receiver and
        package id are bound as it says them. `recipient` is a pin.

        Deferred 702 (no space), 707 (the recipient's key is missing, expired or revoked); Fault 902 (our key, a member
        that cannot be read). On anything but Ok nothing is left beside `target` or in its place.
        """
        return self._guarded(lambda: self._seal(members, recipient, target))

    def _seal(self, members: Sequence[Member], recipient: str, target: Path) -> Outcome[None]:
        reason, key = self._usable(recipient)
        if key is None:
            return Deferred("707", {"reason": reason}, 3600)
        if gone := spent(self._partners.get(self.fingerprint)):
            return Fault("902", {"reason": f"the node's key is {gone}"})
        name, first = members[0]
        if name != DESCRIPTOR or not isinstance(first, bytes):
            return Fault("902", {"reason": "the first member is not the descriptor"})
        described = Descriptor.parse(first)
        iv = self._module.random(IV_BYTES)
        draft = Manifest(
            package=described.package_id,
            sender=described.sender,
            receiver=described.receiver,
            sender_key=self.fingerprint,
            receiver_key=recipient,
            iv=iv.hex(),
            length=1,
            payload_sm3=_NO_KEY,
            key_sm3=_NO_KEY,
        )
        temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.{threading.get_ident()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb", buffering=0) as stream:
                self._write(stream, members, key, draft)
                os.fsync(stream.fileno())
            durable.publish(temporary, target)
            return Ok(None)
        finally:
            temporary.unlink(missing_ok=True)

    def _write(self, stream: BinaryIO, members: Sequence[Member], key: PublicKey, draft: Manifest) -> None:
        """The payload first, behind the room its head will need: its length and digest are known last."""
        module = self._module
        wrapped, cipher = module.seal(key, bytes.fromhex(draft.iv), draft.package.encode())
        digest, length, before = module.digest(), 0, outside.room(draft)
        stream.seek(before)

        def put(piece: bytes) -> None:
            nonlocal length
            digest.update(piece)
            length += len(piece)
            write_all(stream, piece)

        container.pack(members, lambda plain: put(cipher.update(plain)))
        put(cipher.finish())
        write_all(stream, outside.tail(before, length))
        manifest = replace(draft, length=length, payload_sm3=digest.finalize().hex(), key_sm3=self._digest([wrapped]))
        body = outside.manifest_bytes(manifest)
        signature = module.sign(body)
        if not module.verify(module.own_keys()[0], body, signature):
            raise ModuleError
        stream.seek(0)
        write_all(stream, outside.head(body, signature, wrapped, length))
        assert stream.tell() == before, "the head fills its room"

    def sign(self, data: bytes) -> Outcome[bytes]:
        """A detached signature over `data` (SM2 over SM3, DER). Fault 902."""

        def run() -> Outcome[bytes]:
            if gone := spent(self._partners.get(self.fingerprint)):
                return Fault("902", {"reason": f"the node's key is {gone}"})
            return Ok(self._module.sign(data))

        return self._guarded(run)

    # ---- judging -----------------------------------------------------------------------------------------------

    def verify(self, data: bytes, signature: bytes, fingerprint: str) -> Outcome[None]:
        """Refused 210 unless `signature` is the pinned key's over `data`, or where that key is spent; 211 where it is
        another known key's; Deferred 707 where the pinned key is missing here."""

        def run() -> Outcome[None]:
            """The other known keys are tried only to tell 211 from 210."""
            pinned = self._known(fingerprint)
            if pinned is None:
                return Deferred("707", {"reason": "missing"}, 3600)
            if self._module.verify(pinned, data, signature):
                gone = spent(self._partners.get(fingerprint))
                return Refused("210", {"reason": f"the key is {gone}"}) if gone else Ok(None)
            others = (self._known(other) for other in self._partners if other != fingerprint)
            if any(self._module.verify(other, data, signature) for other in others if other is not None):
                return Refused("211", {"reason": "another signer"})
            return Refused("210", {"reason": "not valid"})

        return self._guarded(run)

    def signer(self, sealed: Path, caps: Caps | None = None) -> Outcome[str]:
        """Which known key a package names as its signer: ours or a partner's. A hint to choose the pin for `open`,
        proved by nothing yet. Refused 211, 213, 214, 215, 216."""

        def run() -> Outcome[str]:
            with opened(sealed) as stream:
                named = Manifest.parse(outside.read(stream).manifest).sender_key
            if named in self._partners or self._ours(named) is not None:
                return Ok(named)
            return Refused("211", {"reason": "unknown signer"})

        return self._guarded(run, caps)

    def open(
        self, sealed: Path, into: Path, fingerprint: str, caps: Caps | None = None, accept: Accept | None = None
    ) -> Outcome[OpenedPackage]:
        """Open a package sealed for us by the key pinned as `fingerprint`, into the folder `into` (missing, or empty).

        `into` is filled by one rename after everything was judged, or holds nothing. Signature, digests and tag come
        first; then what was decrypted is taken apart, in the worker. `accept` may refuse the package by its descriptor.
        Refused 210–216, 314, 315; Deferred 702, 704, 707 (pinned key missing here).
        """
        return self._guarded(lambda: self._open(sealed, into, fingerprint, caps or Caps(), accept), caps)

    def _open(
        self, sealed: Path, into: Path, fingerprint: str, caps: Caps, accept: Accept | None
    ) -> Outcome[OpenedPackage]:
        with folder_beside(into) as work, opened(sealed) as stream, unnamed(work) as plain:
            caps = caps.of_message(os.fstat(stream.fileno()).st_size)
            pinned = self._known(fingerprint)
            if pinned is None:
                return Deferred("707", {"reason": "missing"}, 3600)
            envelope = outside.read(stream)
            if not self._module.verify(pinned, envelope.manifest, envelope.signature):
                return self._not_signed(envelope, fingerprint)
            if gone := spent(self._partners.get(fingerprint)):
                return Refused("210", {"reason": f"the key is {gone}"})
            manifest = Manifest.parse(envelope.manifest)
            if manifest.sender_key != fingerprint:
                return Refused("211", {"reason": "the manifest names another signer"})
            own = self._ours(manifest.receiver_key)
            if own is None:
                return Refused("212")
            if envelope.length > caps.plain:
                return Refused("216", {"reason": "over the limit", "limit_mb": caps.plain >> 20})
            if not self._intact(stream, envelope, manifest):
                return Refused("214", {"reason": "not what was signed"})
            try:
                cipher = self._module.unseal(
                    own, envelope.wrapped, bytes.fromhex(manifest.iv), manifest.package.encode()
                )
            except ModuleError:
                return Refused("213", {"reason": "the session key cannot be unwrapped"})
            stream.seek(envelope.offset)
            try:
                decrypted(Plain(stream, envelope.length - TAG_BYTES, cipher), plain)
            except ModuleError:
                return Refused("214", {"reason": "the tag does not fit"})
            tree = work / "tree"
            tree.mkdir(mode=0o700)
            found = self._unpacker.unpack(plain, tree, caps, _bound(manifest, accept))
            if not isinstance(found, Ok):
                return _in_mb(found, caps)
            return Ok(publish(tree, into, found.value, fingerprint))

    def _not_signed(self, envelope: Envelope, fingerprint: str) -> Refused:
        try:
            named = Manifest.parse(envelope.manifest).sender_key
        except ContainerError:
            named = fingerprint
        if named != fingerprint:
            return Refused("211", {"reason": "another signer"})
        return Refused("210", {"reason": "not valid"})

    def _intact(self, stream: BinaryIO, envelope: Envelope, manifest: Manifest) -> bool:
        if manifest.length != envelope.length or envelope.length <= TAG_BYTES:
            return False
        if self._digest([envelope.wrapped]) != manifest.key_sm3:
            return False
        stream.seek(envelope.offset)
        return self._digest(pieces(stream, envelope.length)) == manifest.payload_sm3

    # ---- what both need ----------------------------------------------------------------------------------------

    def _digest(self, pieces: Iterable[bytes]) -> str:
        digest = self._module.digest()
        for piece in pieces:
            digest.update(piece)
        return digest.finalize().hex()

    def _ours(self, fingerprint: str) -> PublicKey | None:
        return next((key for key in self._module.own_keys() if key.fingerprint == fingerprint), None)

    def _known(self, fingerprint: str) -> PublicKey | None:
        """The key behind a pin: ours, or what the partner's file holds if it is exactly that one."""
        if (own := self._ours(fingerprint)) is not None:
            return own
        pin = self._partners.get(fingerprint)
        if pin is None:
            return None
        try:
            key = keys.read_public(pin.file.read_bytes())
        except (FileNotFoundError, KeyFileError):
            return None
        return key if key.fingerprint == fingerprint else None

    def _usable(self, recipient: str) -> tuple[str, PublicKey | None]:
        """The key to seal for, or why there is none."""
        if gone := spent(self._partners.get(recipient)):
            return gone, None
        return "missing", self._known(recipient)

    def _guarded(self, work: Callable[[], Outcome[T]], caps: Caps | None = None) -> Outcome[T]:
        with self._slots:
            try:
                return work()
            except ContainerError as error:
                return _in_mb(Refused(error.code, {"reason": error.reason}), caps or Caps())
            except KeyFileError as error:
                return Fault("902", {"reason": str(error)})
            except ModuleError:
                return Fault("902", {"reason": "the cryptographic module refused"})
            except DescriptorError:
                return Fault("902", {"reason": "the descriptor is not one of ours"})
            except ValueError:  # a member's name: ours, since we chose it
                return Fault("902", {"reason": "a member's name is unsafe or doubled"})
            except OSError as error:
                if error.errno in _NO_SPACE:
                    return Deferred("702")
                return Fault("902", {"reason": errno.errorcode.get(error.errno or 0, "OSError")})


def _bound(manifest: Manifest, accept: Accept | None) -> Accept:
    """The descriptor has to be that of the package the manifest was signed for; then it is for `accept` to judge."""

    def judge(descriptor: Descriptor) -> Refused | None:
        bound = (manifest.package, manifest.sender, manifest.receiver)
        if bound != (descriptor.package_id, descriptor.sender, descriptor.receiver):
            return Refused("214", {"reason": "the manifest is another package's"})
        return accept(descriptor) if accept is not None else None

    return judge


def _in_mb(outcome: Refused | Deferred | Fault, caps: Caps) -> Refused | Deferred | Fault:
    """The sentence of code 216 names the limit in MB."""
    if isinstance(outcome, Refused) and outcome.code == "216":
        return Refused("216", {"limit_mb": max(1, caps.expanded >> 20), **outcome.detail})
    return outcome
