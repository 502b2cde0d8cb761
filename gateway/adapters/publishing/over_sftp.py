"""A witness that is reached over SFTP: what tlog-witness posts and answers, as files of one folder at its endpoint.

The node puts `add-checkpoint`, the very body of the HTTP request; the witness answers with `checkpoint.note`, the
cosigned checkpoint, or with `checkpoint.size`, the size it remembers when the request was made from another one. Either
side writes under a temporary name and renames. There is one request at a time; a newer one replaces it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

import paramiko

from gateway import durable
from gateway.adapters.channels.folders import moving, party
from gateway.adapters.channels.sftp import remote
from gateway.adapters.channels.sftp.breaker import Breaker
from gateway.adapters.channels.sftp.session import Endpoint, HostKeyMismatch, NoSession, session
from gateway.adapters.publishing import over_http
from gateway.adapters.publishing.witness import Witness
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, read_checkpoint

REQUEST, COSIGNED, BEHIND = "add-checkpoint", "checkpoint.note", "checkpoint.size"
STALL = 20.0
MODE = 0o664  # in a chroot the party is another user and in none of our groups; a checkpoint is no secret


class Away(OSError):
    """The witness's endpoint did not take or give what it should. The message is a word of ours."""


class Mailbox:
    """A witness's folder at its party's endpoint. For one thread at a time."""

    def __init__(
        self, endpoint: Endpoint, folder: str, seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`folder` is relative to the endpoint's `remote_folder`; `seconds` pass between two looks."""
        self._endpoint = replace(endpoint, stall_seconds=min(endpoint.stall_seconds, STALL))
        self._folder = PurePosixPath(endpoint.remote_folder) / folder
        self._seconds, self._monotonic = seconds, monotonic
        self._breaker = Breaker(monotonic=monotonic)
        self._looked: float | None = None

    def ask(self, note: Note, proof: Callable[[int], Sequence[bytes]], old: int, incoming: Path) -> bool:
        """Fetch the answer to an earlier request into the file `incoming`, then leave a request for `note`, unless that
        is what was answered. True when something was fetched; False as well when it is too early for another look.
        Raises `Away`."""
        now = self._monotonic()
        if self._looked is not None and now - self._looked < self._seconds:
            return False
        if self._breaker.seconds_left:
            raise Away("breaker")
        self._looked = now
        try:
            with session(self._endpoint) as (sftp, supervisor):
                try:
                    fetched = self._exchange(sftp, supervisor.progress, note, proof, old, incoming)
                except (OSError, EOFError, paramiko.SSHException, paramiko.sftp.SFTPError):
                    raise Away("stall" if supervisor.stalled else "dropped") from None
        except HostKeyMismatch:
            self._breaker.failed(at_once=True)
            raise Away("host key") from None
        except (NoSession, Away) as error:
            self._breaker.failed()
            raise Away(str(error)) from None
        self._breaker.succeeded()
        return fetched

    def _exchange(
        self,
        sftp: paramiko.SFTPClient,
        progress: Callable[[], None],
        note: Note,
        proof: Callable[[int], Sequence[bytes]],
        old: int,
        incoming: Path,
    ) -> bool:
        size = Checkpoint.parse(note.text).size
        remote.make_folders(sftp, str(self._folder), progress)
        answer = self._read(sftp, COSIGNED)
        progress()
        if answer is not None:
            with suppress(BadNote):
                old = max(old, min(read_checkpoint(answer)[1].size, size))
            durable.make_folder(incoming.parent)
            durable.write_bytes(incoming, answer)
            remote.remove(sftp, str(self._folder / COSIGNED))
        told = self._read(sftp, BEHIND)
        progress()
        if told is not None:
            if re.fullmatch(rb"[0-9]{1,18}\n", told) and int(told) <= size:
                old = int(told)
            remote.remove(sftp, str(self._folder / BEHIND))
        if answer is None or old < size:
            self._put(sftp, over_http.request(note, proof, old), progress)
        return answer is not None

    def _read(self, sftp: paramiko.SFTPClient, name: str) -> bytes | None:
        """A small regular file; None for anything else under that name."""
        path = str(self._folder / name)
        there = remote.status(sftp, path)
        if there is None or not remote.is_regular(there) or (there.st_size or 0) > over_http.LARGEST:
            return None
        with sftp.open(path, "rb") as stream:
            return stream.read(over_http.LARGEST)

    def _put(self, sftp: paramiko.SFTPClient, body: bytes, progress: Callable[[], None]) -> None:
        if self._read(sftp, REQUEST) == body:
            return
        final, part = str(self._folder / REQUEST), str(self._folder / f".{REQUEST}.part")
        remote.remove(sftp, part)
        with sftp.open(part, "wbx") as stream:  # one that truncates could be carried out late, after the look
            stream.write(body)
        progress()
        arrived = remote.status(sftp, part)
        if arrived is None or arrived.st_size != len(body):
            raise Away("verify")
        if not remote.rename(sftp, part, final):  # over there nothing is replaced: our earlier request makes room
            remote.remove(sftp, final)
            if not remote.rename(sftp, part, final):
                raise Away("verify")
        progress()


def answer_folder(witness: Witness, logs: Mapping[str, VerifierKey], folder: int, now: int) -> int | None:
    """Answer the request that lies in the open `folder`, as the HTTP witness would: its status, 200 when it was
    cosigned, 400 where something else than a file has its name; None without a request. The folder is the partner's to
    write: nothing in it is followed. Raises `OSError`."""
    if not moving.exists(folder, REQUEST):
        return None
    stream = party.open_file(folder, REQUEST)
    if stream is None:
        return 400
    with stream:
        body = stream.read(over_http.LARGEST + 1)
    status, kind, said = over_http.answer(witness, logs, body[: over_http.LARGEST], now)
    if status == 200:
        party.write_file(folder, COSIGNED, over_http.parse(body)[2].to_bytes() + said, MODE, exactly=True)
    elif kind == over_http.CONFLICT:
        party.write_file(folder, BEHIND, said, MODE, exactly=True)
    moving.remove(folder, REQUEST)
    moving.sync(folder)
    return status


def answer_path(witness: Witness, logs: Mapping[str, VerifierKey], folder: Path, now: int) -> int | None:
    """The same in a folder that a person names."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return answer_folder(witness, logs, descriptor, now)
    finally:
        os.close(descriptor)
