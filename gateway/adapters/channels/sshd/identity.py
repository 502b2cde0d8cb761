"""What both servers of the demo and the tests share: where they listen, and how a key pair is made."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway import durable

HOST = "127.0.0.1"


def make_key(path: Path) -> str:
    """A new Ed25519 key pair: the private half into `path` (0600, OpenSSH format), the public line is returned."""
    key = Ed25519PrivateKey.generate()
    durable.write_bytes(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
