"""The log's private keys: Ed25519 seeds (32 bytes), from the service manager's credentials, else from `private/`.

`log.key` signs. While `log.retiring.key` is there it signs too: the overlap in which both keys verify every checkpoint.
"""

from __future__ import annotations

import os
from pathlib import Path

from gateway import durable
from gateway.adapters.credentials import credential
from gateway.log.note import Signer

CURRENT, RETIRING, WITNESS = "log.key", "log.retiring.key", "witness.key"
SEED = 32


class NoKey(Exception):
    """The log has no key, or a file that is none."""


class LogKeys:
    """The keys of the log whose origin is `origin`."""

    def __init__(self, private: Path, origin: str) -> None:
        self._private, self._origin = private, origin

    def signers(self) -> tuple[Signer, ...]:
        """The key in force, then the retiring one. Raises `NoKey`."""
        found = [self._read(CURRENT)]
        if credential(self._private, RETIRING).exists():
            found.append(self._read(RETIRING))
        return tuple(found)

    def exists(self) -> bool:
        return credential(self._private, CURRENT).exists()

    def generate(self) -> Signer:
        """Make the key. Raises `FileExistsError` when there is one: replacing it is a rotation."""
        if self.exists():
            raise FileExistsError
        durable.write_bytes(self._private / CURRENT, os.urandom(SEED))
        return self._read(CURRENT)

    def rotate(self) -> tuple[Signer, Signer]:
        """A new key comes into force, the old one retires. Returns (old, new). Raises `FileExistsError` while an
        earlier overlap lasts, `PermissionError` when the key is the service manager's: it has to be changed there."""
        if credential(self._private, CURRENT) != self._private / CURRENT:
            raise PermissionError
        if credential(self._private, RETIRING).exists():
            raise FileExistsError
        old = self._read(CURRENT)
        durable.write_bytes(self._private / RETIRING, credential(self._private, CURRENT).read_bytes())
        durable.write_bytes(self._private / CURRENT, os.urandom(SEED))
        return old, self._read(CURRENT)

    def retire(self) -> Signer:
        """The overlap ends: the old key is destroyed. Returns it, for the record. Raises `NoKey` without one."""
        old = self._read(RETIRING)
        durable.remove(self._private / RETIRING)
        return old

    def witness(self) -> Signer:
        """The key this node cosigns others' logs with, made when it is first asked for: a key has one use."""
        if not credential(self._private, WITNESS).exists():
            durable.write_bytes(self._private / WITNESS, os.urandom(SEED))
        return self._read(WITNESS)

    def _read(self, name: str) -> Signer:
        path = credential(self._private, name)
        try:
            seed = path.read_bytes()
        except FileNotFoundError:
            raise NoKey(name) from None
        if len(seed) != SEED:
            raise NoKey(name)
        return Signer(self._origin, seed)
