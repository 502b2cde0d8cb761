"""Puts files on a party's SFTP server: `.<name>.part`, resumed where it is a true beginning, verified by reading it all
back, then renamed. One connection serves all files of a call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import paramiko

from gateway import durable
from gateway.adapters.channels.sftp import offered, remote
from gateway.adapters.channels.sftp.session import Endpoint, NoSession, session
from gateway.outcomes import Deferred, Fault, Ok, Outcome
from gateway.parcels import PartyId

_PATIENCE = 60.0
_ROOM = 1 << 20
_FULL = Deferred("702", {"reason": "remote full"}, 300.0)


class _Stop(Exception):
    """Carries an outcome out of the transfer; never leaves this module."""

    def __init__(self, outcome: Deferred | Fault) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


class SftpCourier:
    """`ports.Courier` for parties that run an SFTP server."""

    def __init__(self, endpoints: Mapping[PartyId, Endpoint]) -> None:
        self._endpoints = dict(endpoints)

    def deliver(self, receiver: PartyId, folder: str, files: Mapping[str, tuple[Path, str]]) -> Outcome[None]:
        """See `ports.Courier`; through a channel with `packages_only` nothing but packages goes.

        Deferred 701 with `reason` (`connect`, `handshake`, `login`, `stall`, `dropped`, `denied`, `verify`), 702
        (remote full), 705 (host key), 712 (no algorithm in common); Fault 903 when something else has the final name,
        900 when our own copy, key or known_hosts is not what it should be. No names, and none of the server's words but
        for algorithms."""
        endpoint = self._endpoints.get(receiver)
        if endpoint is None:
            return Fault("900", {"reason": "no endpoint for this party"})
        if endpoint.packages_only and folder != endpoint.acknowledge:
            files = {name: file for name, file in files.items() if offered.is_package(name)}
            if not files:
                return Ok(None)
        target = PurePosixPath(endpoint.remote_folder) / endpoint.folder.replace("{label}", folder)
        try:
            with session(endpoint) as (sftp, supervisor):
                try:
                    _deliver(sftp, target, files, supervisor.progress)
                except _Stop as stop:
                    return stop.outcome
                except (OSError, EOFError, paramiko.SSHException, paramiko.sftp.SFTPError) as error:
                    if supervisor.stalled:
                        return _later("stall")
                    answered = isinstance(error, OSError) and remote.is_answering(sftp)
                    return _later("denied" if answered else "dropped")
        except NoSession as error:
            return error.outcome
        return Ok(None)


def _deliver(
    sftp: paramiko.SFTPClient,
    folder: PurePosixPath,
    files: Mapping[str, tuple[Path, str]],
    progress: Callable[[], None],
) -> None:
    remote.make_folders(sftp, str(folder), progress)
    for name, (source, sha256) in files.items():
        if name in ("", ".", "..") or "/" in name or name.startswith("."):
            raise _Stop(Fault("900", {"reason": "name of a delivery"}))
        _put(sftp, folder, name, source, sha256, progress)


def _put(
    sftp: paramiko.SFTPClient,
    folder: PurePosixPath,
    name: str,
    source: Path,
    sha256: str,
    progress: Callable[[], None],
) -> None:
    final, part = str(folder / name), str(folder / f".{name}.part")
    try:
        size = source.stat().st_size
    except OSError:
        raise _Stop(Fault("900", {"reason": "our copy cannot be read"})) from None
    if _is_there(sftp, final, size, sha256, progress):
        return
    offset = _resumable(sftp, part, source, size, progress)
    free = remote.free_bytes(sftp, str(folder))
    if free is not None and free < size - offset + _ROOM:
        raise _Stop(Deferred("702", {"free_mb": free >> 20, "needed_mb": -(-(size - offset) >> 20)}, 300.0))
    digest = upload(sftp, part, source, offset, size, progress)
    if digest != sha256:
        remote.remove(sftp, part)
        raise _Stop(Fault("900", {"reason": "our copy changed"}))
    arrived = remote.status(sftp, part)
    if arrived is None or arrived.st_size != size or remote.sha256(sftp, part, size, progress) != sha256:
        # paramiko drops the answers to the last writes at close: a full disk may show only here, as a short file.
        full = arrived is not None and (arrived.st_size or 0) < size and _is_full(sftp, part, size)
        remote.remove(sftp, part)
        raise _Stop(_FULL if full else _later("verify"))
    if _is_there(sftp, final, size, sha256, progress):  # somebody was quicker: never write over it
        remote.remove(sftp, part)
        return
    remote.rename(sftp, part, final)  # not looked at afterwards: the receiver may have fetched it already
    progress()


def _is_there(sftp: paramiko.SFTPClient, final: str, size: int, sha256: str, progress: Callable[[], None]) -> bool:
    """The file is delivered already. Stops with 903 when something else has its name."""
    there = remote.status(sftp, final)
    progress()
    if there is None:
        return False
    if not remote.is_regular(there) or there.st_size != size or remote.sha256(sftp, final, size, progress) != sha256:
        raise _Stop(Fault("903"))
    return True


def _resumable(sftp: paramiko.SFTPClient, part: str, source: Path, size: int, progress: Callable[[], None]) -> int:
    """How many bytes of an earlier try may stay: all, when they are a true beginning of the file; else none."""
    there = remote.status(sftp, part)
    progress()
    if there is None:
        return 0
    held = there.st_size or 0
    if remote.is_regular(there) and 0 < held <= size:
        digest, left = hashlib.sha256(), held
        with source.open("rb") as ours:
            while left and (block := ours.read(min(left, durable.CHUNK))):
                digest.update(block)
                left -= len(block)
        if remote.sha256(sftp, part, held, progress) == digest.hexdigest():
            return held
    remote.remove(sftp, part)
    return 0


def upload(
    sftp: paramiko.SFTPClient, part: str, source: Path, offset: int, size: int, progress: Callable[[], None]
) -> str:
    """Write from `offset` on, pipelined; SHA-256 of all we read. A write refused for want of room stops with 702."""
    digest = hashlib.sha256()
    sent = 0
    with source.open("rb") as ours, sftp.open(part, "r+b" if offset else "wb") as theirs:
        theirs.set_pipelined(True)
        theirs.seek(offset)
        try:
            while block := ours.read(remote.BLOCK):
                digest.update(block)
                fresh = block[max(offset - sent, 0) :]
                sent += len(block)
                if fresh:
                    theirs.write(fresh)
                    progress()
        except OSError as error:
            # "Failure" without a number is all a server says of a full disk.
            if error.errno is None and _is_full(sftp, part, size):
                raise _Stop(_FULL) from None
            raise
    progress()
    return digest.hexdigest()


def _is_full(sftp: paramiko.SFTPClient, part: str, size: int) -> bool:
    there = remote.status(sftp, part)
    free = remote.free_bytes(sftp, part)
    return free is None or there is None or free < size - (there.st_size or 0) + _ROOM


def _later(reason: str) -> Deferred:
    return Deferred("701", {"reason": reason}, _PATIENCE)
