"""What lies at the other end: digests, room, folders, renames. Every step tells the supervisor that something moved.

Files are read back with a window of our own over paramiko's requests: its prefetch runs in a thread that nothing ends,
can fall back to synchronous reads and hold a whole file in memory (#2519).
"""

from __future__ import annotations

import errno
import hashlib
import stat
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import paramiko
from paramiko.sftp import (
    CMD_DATA,
    CMD_EXTENDED,
    CMD_EXTENDED_REPLY,
    CMD_INIT,
    CMD_READ,
    CMD_VERSION,
    SFTP_BAD_MESSAGE,
    SFTP_EOF,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
    int64,
)

BLOCK = 32768 - 128
"""Bytes of one request. With what SFTP and SSH put before them they fit into one packet of 32 KiB, the most a server
takes or gives; 32 KiB of data would go as two packets, each encrypted and authenticated by itself."""
WINDOW = 128
"""Reads under way at a time: 4 MiB, well over what a line holds, and all the memory this takes."""
_ERRNO = {
    SFTP_BAD_MESSAGE: errno.EINVAL,
    SFTP_NO_SUCH_FILE: errno.ENOENT,
    SFTP_PERMISSION_DENIED: errno.EACCES,
    SFTP_OP_UNSUPPORTED: errno.EOPNOTSUPP,
}


_VERSION = 3


class NotOnDisk(Exception):
    """The server could not put on its disk what it had taken."""


class Client(paramiko.SFTPClient):
    """paramiko's, for servers that speak Chinese: of an answer the number counts. Its text is for people, and paramiko
    raises UnicodeDecodeError over one in GB 18030, be it the one that says that all is well. `extensions` are those
    that the server says it knows."""

    extensions: frozenset[bytes] = frozenset()

    def _send_version(self) -> int:
        hello = paramiko.Message()
        hello.add_int(_VERSION)
        self._send_packet(CMD_INIT, hello)  # type: ignore[attr-defined]
        kind, data = self._read_packet()  # type: ignore[attr-defined]
        if kind != CMD_VERSION:
            raise paramiko.sftp.SFTPError("no SFTP server")
        answer, names = paramiko.Message(data), set()
        version = int(answer.get_int())
        while answer.get_remainder():
            names.add(answer.get_binary())
            answer.get_binary()  # its version
        self.extensions = frozenset(names)
        return version

    def _convert_status(self, message: paramiko.Message) -> None:
        """Raises `EOFError`, or `OSError` with a number where SFTP has one; without, "Failure" is all that was said."""
        code = message.get_int()
        if code == SFTP_EOF:
            raise EOFError
        if code in _ERRNO:
            raise OSError(_ERRNO[code], "the server's answer")
        if code != SFTP_OK:
            raise OSError("the server's answer")


def status(sftp: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    """lstat; None when nothing has this name."""
    try:
        return sftp.lstat(path)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def is_regular(attributes: paramiko.SFTPAttributes) -> bool:
    return attributes.st_mode is not None and stat.S_ISREG(attributes.st_mode)


def is_answering(sftp: paramiko.SFTPClient) -> bool:
    """The connection still lives: what failed was the server's answer, not the wire."""
    channel = sftp.get_channel()
    transport = channel.get_transport() if channel is not None else None
    return transport is not None and transport.is_active()


def sha256(sftp: paramiko.SFTPClient, path: str, size: int, progress: Callable[[], None]) -> str:
    """SHA-256 of the first `size` bytes as the server gives them back; of fewer when the file is shorter."""
    with sftp.open(path, "rb") as theirs:
        return sha256_of(sftp, theirs, size, progress)


def sha256_of(sftp: paramiko.SFTPClient, theirs: paramiko.SFTPFile, size: int, progress: Callable[[], None]) -> str:
    """The same of an open file."""
    digest = hashlib.sha256()
    for block in _blocks(sftp, theirs.handle, 0, size):
        digest.update(block)
        progress()
    return digest.hexdigest()


def blocks(sftp: paramiko.SFTPClient, path: str, offset: int, size: int) -> Iterator[bytes]:
    """The bytes from `offset` to `size`, in order; fewer when the file is shorter."""
    with sftp.open(path, "rb") as remote:
        yield from _blocks(sftp, remote.handle, offset, size)


class _Answers(dict[int, bytes]):
    """Where paramiko leaves the answers to our reads: request number to bytes; none of them at the end of the file."""

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        self[number] = message.get_string() if kind == CMD_DATA else b""


def _blocks(sftp: paramiko.SFTPClient, handle: object, offset: int, size: int) -> Iterator[bytes]:
    """The file in order, with `WINDOW` reads under way. Ends early where the file does, all answers collected."""
    answers, asked, ended = _Answers(), deque[tuple[int, int, int]](), False
    while asked or (offset < size and not ended):
        while offset < size and not ended and len(asked) < WINDOW:
            length = min(BLOCK, size - offset)
            asked.append((_ask(sftp, answers, handle, offset, length), offset, length))
            offset += length
        number, start, length = asked.popleft()
        while number not in answers:
            sftp._read_response()  # type: ignore[attr-defined]
        block = answers.pop(number)
        if ended:
            continue
        while block and len(block) < length:  # a server may give less than was asked for
            yield block
            start, length = start + len(block), length - len(block)
            again = _ask(sftp, answers, handle, start, length)
            while again not in answers:
                sftp._read_response()  # type: ignore[attr-defined]
            block = answers.pop(again)
        ended = not block
        if block:
            yield block


def _ask(sftp: paramiko.SFTPClient, answers: _Answers, handle: object, offset: int, length: int) -> int:
    request = sftp._async_request(answers, CMD_READ, handle, int64(offset), length)  # type: ignore[attr-defined]
    return int(request)


def free_bytes(sftp: paramiko.SFTPClient, path: str) -> int | None:
    """Bytes we may still write there, by OpenSSH's `statvfs@openssh.com`; None where the server does not know it."""
    try:
        kind, message = sftp._request(CMD_EXTENDED, "statvfs@openssh.com", path)  # type: ignore[attr-defined]
    except OSError:
        return None
    if kind != CMD_EXTENDED_REPLY:
        return None
    _, fragment, _, _, available = (message.get_int64() for _ in range(5))
    return int(fragment * available)


def make_folders(sftp: paramiko.SFTPClient, folder: str, progress: Callable[[], None]) -> None:
    """Make a folder and its parents where they are missing."""
    path = PurePosixPath(folder)
    for part in [*reversed(path.parents), path]:
        name = str(part)
        if name in (".", "/") or status(sftp, name) is not None:
            continue
        try:
            sftp.mkdir(name)
        except OSError:
            if status(sftp, name) is None:  # else it was made meanwhile
                raise
        progress()


def remove(sftp: paramiko.SFTPClient, path: str) -> None:
    """Remove a file if it is there."""
    try:
        sftp.remove(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def rename(sftp: paramiko.SFTPClient, old: str, new: str) -> bool:
    """Put `old` in the place of `new` by `posix-rename@openssh.com`. Where the server does not know that or refuses it,
    the plain rename, which replaces nothing: False, and nothing done, when `new` is taken."""
    try:
        sftp.posix_rename(old, new)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        try:
            sftp.rename(old, new)
        except OSError:  # "Failure" is all that is said of a name that is taken
            if status(sftp, new) is None:
                raise
            return False
    return True


def settle(sftp: paramiko.SFTPClient, theirs: paramiko.SFTPFile) -> None:
    """Hear what became of every pipelined write (paramiko drops the last answers when it closes a file), then have the
    file put on the server's disk where it knows `fsync@openssh.com`: a rename that outlives a power failure without the
    bytes would leave a short file under a final name. Raises `OSError` for a write, `NotOnDisk`."""
    known = isinstance(sftp, Client) and b"fsync@openssh.com" in sftp.extensions
    command = (CMD_EXTENDED, "fsync@openssh.com", theirs.handle)
    # Asked for before the answers are heard: one wait for all of them.
    synced = sftp._async_request(type(None), *command) if known else None  # type: ignore[attr-defined]
    while theirs._reqs:  # type: ignore[attr-defined]
        sftp._read_response(theirs._reqs.popleft())  # type: ignore[attr-defined]
    if synced is None:
        return
    try:
        sftp._read_response(synced)  # type: ignore[attr-defined]
    except OSError as error:
        if error.errno is None and is_answering(sftp):
            raise NotOnDisk from None
        if error.errno not in (errno.EOPNOTSUPP, errno.EACCES, errno.EINVAL):
            raise
