"""Lists a remote folder of any size, with names in any encoding.

paramiko's own listing decodes names strictly: one name in GB 18030 would hide the whole folder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR, SFTP_EOF

_AHEAD = 8
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry. `name` is None where it is not UTF-8. `mtime` in whole seconds: SFTP 3 knows no finer."""

    name: str | None
    attributes: paramiko.SFTPAttributes

    @property
    def size(self) -> int:
        return self.attributes.st_size if self.attributes.st_size is not None else -1

    @property
    def mtime(self) -> int:
        return self.attributes.st_mtime or 0


class _Pages(dict[int, list[Listed] | None]):
    """Answers to our requests: request number to entries; None at the end of the folder."""

    failed = False

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        if kind != CMD_NAME:
            self.failed = self.failed or message.get_int() != SFTP_EOF
            self[number] = None
            return
        page = []
        for _ in range(message.get_int()):
            raw = message.get_string()
            message.get_string()  # the long form, for people
            attributes = paramiko.SFTPAttributes._from_msg(message)  # type: ignore[attr-defined]
            if raw not in (b".", b".."):
                page.append(Listed(_decoded(raw), attributes))
        self[number] = page


def entries(sftp: paramiko.SFTPClient, folder: str, progress: Callable[[], None]) -> Iterator[Listed]:
    """Every entry of a folder, page by page; nothing but the page at hand is held. Ends after a million entries: a
    folder that never ends is no folder. Raises `OSError` (ENOENT when it is not there) and paramiko's errors."""
    kind, message = sftp._request(CMD_OPENDIR, folder.encode("utf-8"))  # type: ignore[attr-defined]
    if kind != CMD_HANDLE:
        raise paramiko.sftp.SFTPError("a handle was expected")
    handle, pages, asked, seen, ended = message.get_string(), _Pages(), deque[int](), 0, False
    while asked or not ended:
        while not ended and len(asked) < _AHEAD:
            asked.append(int(sftp._async_request(pages, CMD_READDIR, handle)))  # type: ignore[attr-defined]
        number = asked.popleft()
        while number not in pages:
            sftp._read_response()  # type: ignore[attr-defined]
        page = pages.pop(number)
        progress()
        ended = ended or page is None or seen >= _MOST
        seen += len(page or ())
        yield from page or ()
    if pages.failed:
        raise OSError("the listing broke off")
    sftp._request(CMD_CLOSE, handle)  # type: ignore[attr-defined]


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
