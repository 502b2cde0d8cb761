"""C2SP signed notes: keys, signatures and cosignatures; and the checkpoint, the note a log signs.

A verifier key is `<name>+<key id, hex>+<base64 of type byte and key>`. Type 1 is Ed25519 over the note's text, type 4 a
witness's timestamped cosignature. The name of a log's key is its origin.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519, COSIGNATURE = 1, 4
LONGEST = 65_536
_LINE = re.compile("— ([^ +\t\r\n]+) ([A-Za-z0-9+/]+={0,2})")


class BadNote(ValueError):
    """Bytes that are no signed note, or a note that is no checkpoint."""


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name. `kind` is `ED25519` or `COSIGNATURE`."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, line: str) -> VerifierKey:
        """`BadNote` for another shape, another type, or an id that does not belong to name and key."""
        parts = line.strip().split("+", 2)
        if len(parts) != 3 or not re.fullmatch(r"[0-9a-f]{8}", parts[1]) or not re.fullmatch(r"\S+", parts[0]):
            raise BadNote("not a verifier key: <name>+<id>+<key> is expected")
        raw = unbase64(parts[2])
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise BadNote("a key of an unknown type")
        key = cls(parts[0], raw[0], raw[1:])
        if key.id.hex() != parts[1]:
            raise BadNote("the key's id does not belong to it")
        return key

    def der(self) -> bytes:
        """SubjectPublicKeyInfo, as OpenSSL reads it."""
        return Ed25519PublicKey.from_public_bytes(self.public).public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def check(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    id: bytes
    signature: bytes

    def line(self) -> str:
        return f"— {self.name} {base64.b64encode(self.id + self.signature).decode()}\n"


class Signer:
    """A private key (32-byte seed) that signs as `name`."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.name = name

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, ED25519, self._public)

    @property
    def cosigner(self) -> VerifierKey:
        """The key under which this signer cosigns as a witness."""
        return VerifierKey(self.name, COSIGNATURE, self._public)

    def sign(self, text: str) -> Signature:
        return Signature(self.name, self.verifier.id, self._key.sign(text.encode()))

    def cosign(self, text: str, time: int) -> Signature:
        """A cosignature over a checkpoint's text at `time` (POSIX seconds)."""
        return Signature(self.name, self.cosigner.id, struct.pack(">Q", time) + self._key.sign(_cosigned(text, time)))


@dataclass(frozen=True, slots=True)
class Note:
    """A text (ending with a newline) and its signature lines."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """`BadNote` for bytes that are no note: too long, not UTF-8, without signature lines, or with one that is none.
        Signatures are not judged."""
        if len(data) > LONGEST:
            raise BadNote("too long for a note")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise BadNote("a note is UTF-8") from None
        text, blank, lines = whole.rpartition("\n\n")
        if not blank or not lines.endswith("\n") or any(ord(sign) < 0x20 and sign != "\n" for sign in whole):
            raise BadNote("a note is text, a blank line, and signature lines")
        found = []
        for line in lines[:-1].split("\n"):
            match = _LINE.fullmatch(line)
            raw = unbase64(match[2]) if match else b""
            if match is None or len(raw) < 5:
                raise BadNote("a signature line that is none")
            found.append(Signature(match[1], raw[:4], raw[4:]))
        return cls(text + "\n", tuple(found))

    def to_bytes(self) -> bytes:
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()

    def signed_by(self, key: VerifierKey) -> bool:
        """Whether the log's key `key` signed it, validly."""
        return key.kind == ED25519 and any(
            s.name == key.name and s.id == key.id and key.check(self.text.encode(), s.signature)
            for s in self.signatures
        )

    def cosigned_at(self, key: VerifierKey) -> int | None:
        """The time (POSIX seconds) of a witness's valid cosignature; `None` without one."""
        for s in self.signatures:
            if key.kind == COSIGNATURE and s.name == key.name and s.id == key.id and len(s.signature) == 72:
                time = struct.unpack(">Q", s.signature[:8])[0]
                if time < 1 << 63 and key.check(_cosigned(self.text, time), s.signature[8:]):
                    return int(time)
        return None

    def claims(self, key: VerifierKey) -> bool:
        """Whether a line says it is this key's, valid or not."""
        return any(s.name == key.name and s.id == key.id for s in self.signatures)

    def merged(self, signatures: Iterable[Signature]) -> Note:
        """The same note with the lines it did not have yet."""
        extra = tuple(s for s in signatures if s not in self.signatures)
        return Note(self.text, (*self.signatures, *dict.fromkeys(extra)))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's tree at one size. `root` is 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """`BadNote` for a text that is no checkpoint. Lines after the root are passed over, as the format allows."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
            raise BadNote("not a checkpoint: origin, size and root are expected")
        root = unbase64(lines[2])
        if len(root) != 32:
            raise BadNote("a root has 32 bytes")
        return cls(lines[0], int(lines[1]), root)

    def signed(self, signers: Iterable[Signer]) -> Note:
        text = self.text()
        return Note(text, tuple(signer.sign(text) for signer in signers))


def read_checkpoint(data: bytes) -> tuple[Note, Checkpoint]:
    """A signed checkpoint's note and content, signatures not judged. `BadNote` for anything else."""
    note = Note.parse(data)
    return note, Checkpoint.parse(note.text)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def unbase64(text: str) -> bytes:
    """The bytes of canonical base64. `BadNote` for anything else."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise BadNote("not canonical base64")
    return raw
