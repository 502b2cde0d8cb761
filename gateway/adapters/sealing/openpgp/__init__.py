"""Sealing profile `openpgp`: tar → zstd → gpg, one signature by our pinned primary key, encrypted to one recipient.

A partner opens it with `gpg -d -o p.tar.zst FILE && zstd -dc p.tar.zst | tar x`. Both directions stream; each
operation sees our key and the one partner's, and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TypeVar

from gateway import durable
from gateway.adapters import container
from gateway.adapters.container import Caps, Member
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp import outline
from gateway.adapters.sealing.openpgp import status as judgement
from gateway.adapters.sealing.openpgp.engine import Engine, Feed, Pipes
from gateway.adapters.sealing.openpgp.status import AGENT_RETRY, Status
from gateway.adapters.sealing.unpacking import OpenedPackage, folder_beside, publish, unnamed
from gateway.adapters.worker import Accept, Aside, Unpacker
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused

__all__ = ["OpenPGP", "OpenedPackage"]

T = TypeVar("T")
_ATTEMPTS = 3
_WORK_SECONDS = 3
"""Seconds of work that gpg is given for a message, one more for every 8 MiB: fifty times what an honest one takes."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class OpenPGP:
    """Seals, signs, verifies and opens, the last two by one pin, with the node's keys.

    `private` is the folder `keyring.generate` filled, `partners` maps a primary fingerprint to the partner's key file.
    `signing` names another of our keys to sign with (the next one, in a rehearsal). `unpacker` takes apart what was
    decrypted; by default a process of its own for every package. At most `parallel` runs of gpg at a time; the object
    may be used from any number of threads.
    """

    def __init__(
        self,
        private: Path,
        partners: Mapping[str, Path],
        *,
        parallel: int = 4,
        signing: str | None = None,
        unpacker: Unpacker | None = None,
    ) -> None:
        self._private = private
        self._signing = signing
        self._ids: tuple[tuple[str, ...], frozenset[str]] = ((), frozenset())
        self._partners = dict(partners)
        self._unpacker = unpacker or Aside()
        self._engine = Engine(private)
        self._slots = threading.BoundedSemaphore(parallel)

    @property
    def fingerprint(self) -> str:
        """The primary fingerprint we sign with today. Raises `keyring.KeyringError` where there is no key yet."""
        return self._signing or keyring.own_fingerprint(self._private)

    def close(self) -> None:
        """End the agent of this node's home."""
        keyring.stop_agent(self._private)

    # ---- sealing -----------------------------------------------------------------------------------------------

    def seal(self, members: Sequence[Member], recipient: str, target: Path) -> Outcome[None]:
        """tar → zstd → sign + encrypt into `target` (0600, synced, renamed), members in the given order.

        `recipient` is a primary fingerprint. Deferred 702 (no space), 706 (agent), 707 (the recipient's key is expired,
        revoked, missing or cannot encrypt); Fault 902 (our key is expired or missing, a member cannot be read). On
        anything but Ok nothing is left beside `target` or in its place.
        """

        def sealed() -> Outcome[None]:
            size = sum(len(m) if isinstance(m, bytes) else m.stat().st_size for _, m in members)
            return self._seal(lambda write: container.pack(members, write), size, recipient, target)

        return self._guarded(sealed)

    def seal_stream(self, feed: Feed, size: int, recipient: str, target: Path) -> Outcome[None]:
        """As `seal`, over what `feed` writes, about `size` bytes; it is called again when the agent failed."""
        return self._guarded(lambda: self._seal(feed, size, recipient, target))

    def _seal(self, feed: Feed, size: int, recipient: str, target: Path) -> Outcome[None]:
        if (ring := self._ring(recipient)) is None:
            return Deferred("707", {"reason": "missing"}, 3600)
        arguments = [
            *("--keyring", str(ring), "--local-user", f"{self.fingerprint}!", "--recipient", recipient),
            *("--no-encrypt-to", "--sign", "--encrypt", "-z", "0"),
            *("--cipher-algo", "AES256", "--digest-algo", "SHA256", "--output", "-"),
        ]
        temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.{threading.get_ident()}.tmp")

        def attempt() -> Status:
            """One run into `temporary`, which an earlier one may have left half written."""
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            descriptor = os.open(temporary, flags, 0o600)
            try:
                status = self._engine.run(arguments, Pipes(size, feed, out=descriptor), secret=True)
                os.fsync(descriptor)
                return status
            finally:
                os.close(descriptor)

        try:
            outcome = self._attempts(attempt, lambda status: self._judge_seal(status, recipient))
            if isinstance(outcome, Ok):
                durable.publish(temporary, target)
            return outcome
        finally:
            temporary.unlink(missing_ok=True)

    def _judge_seal(self, status: Status, recipient: str) -> Outcome[None]:
        if judgement.created(status, "S", self.fingerprint) and status.count("END_ENCRYPTION") == 1:
            return Ok(None)
        if not status.no_space and status.any_of(("INV_RECP",)):
            return Deferred("707", {"reason": self._unusable(recipient)}, 3600)
        return self._judge_signing(status)

    def sign(self, data: bytes) -> Outcome[bytes]:
        """A detached binary signature over `data`, by our pinned primary key. Deferred 706; Fault 902."""

        def run() -> Outcome[bytes]:
            """The signature goes into memory, not into a file."""
            out = os.memfd_create("signature")
            try:
                arguments = ["--local-user", f"{self.fingerprint}!", "--digest-algo", "SHA256"]
                arguments += ["--detach-sign", "--output", "-"]

                def attempt() -> Status:
                    os.ftruncate(out, 0)
                    os.lseek(out, 0, os.SEEK_SET)
                    pipes = Pipes(len(data), lambda write: write(data), out=out)
                    return self._engine.run(arguments, pipes, secret=True)

                outcome = self._attempts(attempt, self._judge_sign)
                return Ok(os.pread(out, os.fstat(out).st_size, 0)) if isinstance(outcome, Ok) else outcome
            finally:
                os.close(out)

        return self._guarded(run)

    def _judge_sign(self, status: Status) -> Outcome[None]:
        return Ok(None) if judgement.created(status, "D", self.fingerprint) else self._judge_signing(status)

    def _judge_signing(self, status: Status) -> Outcome[None]:
        """Why our own side of a run failed: no space, our key, or else the agent, which is worth another try."""
        if status.no_space:
            return Deferred("702")
        own = next((key for key in keyring.own_infos(self._private) if key.fingerprint == self.fingerprint), None)
        if own is None:
            return Fault("902", {"reason": "the node's key is missing"})
        if not own.usable(_now()):
            return Fault("902", {"reason": "the node's key is revoked" if own.revoked else "the node's key is expired"})
        if status.returncode == 0:
            return Fault("902", {"reason": "gpg did not sign as told"})
        return Deferred("706", {"reason": "agent"}, AGENT_RETRY)

    # ---- judging -----------------------------------------------------------------------------------------------

    def verify(self, data: bytes, signature: bytes, fingerprint: str) -> Outcome[None]:
        """Refused 210 unless `signature` is exactly one good detached signature over `data`, 211 where it is another
        key's, also when that key is ours to know, 268 where it is of the future; Deferred 707 where the pinned key
        itself is missing here."""

        def run() -> Outcome[None]:
            """With the keyring of this one signer and no other: gpg then knows nobody else's key."""
            if fingerprint in self._own():
                rings: list[str] = []
            elif (ring := self._ring(fingerprint)) is None:
                return Deferred("707", {"reason": "missing"}, 3600)
            else:
                rings = ["--no-default-keyring", "--keyring", str(ring)]
            detached = os.memfd_create("signature")
            try:
                os.write(detached, signature)
                os.lseek(detached, 0, os.SEEK_SET)
                status = self._engine.run(
                    [*rings, "--enable-special-filenames", "--verify", "--", f"-&{detached}", "-"],
                    Pipes(len(data), lambda write: write(data), extra=(detached,)),
                    secret=False,
                )
            finally:
                os.close(detached)
            if status.killed or status.silent:
                return Deferred("706", {"reason": "gpg did not finish"}, AGENT_RETRY)
            return judgement.judge_detached(status, fingerprint, _now()) or Ok(None)

        return self._guarded(run)

    def open(
        self, sealed: Path, into: Path, fingerprint: str, caps: Caps | None = None, accept: Accept | None = None
    ) -> Outcome[OpenedPackage]:
        """Open a package sealed for us by the key `fingerprint`, into the folder `into` (missing, or empty).

        Everything is judged before `into` changes: it is filled by one rename, or holds nothing. The signature comes
        first: what was decrypted is unnamed bytes until gpg's whole judgement of it is there, and only then is it taken
        apart, in the worker. `accept` may refuse the package by its descriptor (211, 212, …). Refused 210–216, 263,
        268, 314, 315; Deferred 702, 704, 706, 707 (pinned key missing here).
        """
        limits = caps or Caps()
        return self._guarded(lambda: self._open(sealed, into, (fingerprint,), limits, lambda _: accept))

    def open_any(
        self, sealed: Path, into: Path, fingerprints: Sequence[str], caps: Caps, accept: Callable[[str], Accept]
    ) -> Outcome[OpenedPackage]:
        """`open` where it is not known who signed: by any one of `fingerprints`, in one run. `accept` is asked for the
        one that did. For a package opened by hand; a parcel's sender is known from its folder."""
        return self._guarded(lambda: self._open(sealed, into, fingerprints, caps, accept))

    def _open(
        self,
        sealed: Path,
        into: Path,
        fingerprints: Sequence[str],
        caps: Caps,
        accept: Callable[[str], Accept | None],
    ) -> Outcome[OpenedPackage]:
        own = self._own()
        found_rings = [self._ring(fingerprint) for fingerprint in fingerprints if fingerprint not in own]
        known = [ring for ring in found_rings if ring is not None]
        if not known and not set(fingerprints) & set(own):
            return Deferred("707", {"reason": "missing"}, 3600)
        rings = ["--keyring", str(keyring.together(self._private, known))] if known else []
        with folder_beside(into) as work, unnamed(work) as plain, _opened(sealed) as source:
            size = os.fstat(source).st_size
            limits = caps.of_message(size)
            if outline.session_keys(os.pread(source, outline.LOOKED_AT, 0)) > outline.MOST_SESSION_KEYS:
                return Refused("263", {"reason": "too many recipients"})
            arguments = [*rings, "--max-output", str(limits.plain), "--output", "-", "--decrypt"]

            def attempt() -> Status:
                os.ftruncate(plain, 0)
                os.lseek(plain, 0, os.SEEK_SET)
                os.lseek(source, 0, os.SEEK_SET)
                pipes = Pipes(size, source=source, out=plain, work=_WORK_SECONDS + (size >> 23))
                return self._engine.run(arguments, pipes, secret=True)

            signers: list[str] = []

            def judge(status: Status) -> Outcome[None]:
                named = {a[9] for a in status.every("VALIDSIG") if len(a) > 9} & set(fingerprints)
                signers[:] = [min(named, default=fingerprints[0])]
                return judgement.judge_opening(status, signers[0], self._own_key_ids(), _now()) or Ok(None)

            judged = self._attempts(attempt, judge)
            if not isinstance(judged, Ok):
                return _in_mb(judged, limits.plain)
            tree = work / "tree"
            tree.mkdir(mode=0o700)
            found = self._unpacker.unpack(plain, tree, limits, accept(signers[0]) or (lambda _: None))
            if not isinstance(found, Ok):
                return _in_mb(found, limits.expanded)
            return Ok(publish(tree, into, found.value, signers[0]))

    # ---- what both need ----------------------------------------------------------------------------------------

    def _ring(self, fingerprint: str) -> Path | None:
        file = self._partners.get(fingerprint)
        return keyring.partner_keyring(self._private, file, fingerprint) if file else None

    def _unusable(self, recipient: str) -> str:
        """Why gpg would not encrypt to a key; its own status does not tell."""
        key = keyring.info(self._partners[recipient])[0]
        if key.revoked:
            return "revoked"
        return "unusable" if key.usable(_now()) else "expired"

    def _own(self) -> tuple[str, ...]:
        return keyring.own_fingerprints(self._private)

    def _own_key_ids(self) -> frozenset[str]:
        """Long ids of every key of ours that decrypts; gpg is asked again when a key is added."""
        own = self._own()
        if self._ids[0] != own:
            found = (sub for key in keyring.own_infos(self._private) for sub in key.subkeys if "e" in sub.capabilities)
            self._ids = (own, frozenset(sub.key_id for sub in found))
        return self._ids[1]

    def _attempts(self, attempt: Callable[[], Status], judge: Callable[[Status], Outcome[None]]) -> Outcome[None]:
        """Run and judge, again where the agent failed: gpg starts a new one by itself."""
        outcome: Outcome[None] = Deferred("706", retry_after=AGENT_RETRY)
        for _ in range(_ATTEMPTS):
            outcome = judge(attempt())
            if not (isinstance(outcome, Deferred) and outcome.code == "706"):
                break
        return outcome

    def _guarded(self, work: Callable[[], Outcome[T]]) -> Outcome[T]:
        with self._slots:
            try:
                return work()
            except keyring.KeyringError as error:
                return Fault("902", {"reason": str(error)})
            except ValueError:  # a member's name: ours, since we chose it
                return Fault("902", {"reason": "a member's name is unsafe or doubled"})
            except OSError as error:
                if error.errno in _NO_SPACE:
                    return Deferred("702")
                return Fault("902", {"reason": errno.errorcode.get(error.errno or 0, "OSError")})


def _now() -> datetime:
    """gpg judges keys by the host's clock, so the reason is found by it too, also in a rehearsal."""
    return datetime.fromtimestamp(time(), UTC)


def _in_mb(outcome: Refused | Deferred | Fault, limit: int) -> Refused | Deferred | Fault:
    """The sentence of code 216 names the limit in MB."""
    if isinstance(outcome, Refused) and outcome.code == "216":
        return Refused("216", {"limit_mb": max(1, limit >> 20), **outcome.detail})
    return outcome


@contextlib.contextmanager
def _opened(sealed: Path) -> Iterator[int]:
    source = os.open(sealed, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield source
    finally:
        os.close(source)
