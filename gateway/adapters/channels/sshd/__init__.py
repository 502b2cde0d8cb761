"""An SFTP server on a free loopback port, for the demo and the tests: a real OpenSSH where there is one, else a pure
Python one that says so by its `name`. Key login only, one data folder, nothing else; never a server for production.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gateway.adapters.channels.sshd.identity import HOST, make_key
from gateway.adapters.channels.sshd.in_python import PythonSftpd
from gateway.adapters.channels.sshd.openssh import LocalSshd, descendants, find_sshd

__all__ = ["HOST", "LocalSshd", "PythonSftpd", "Sftpd", "descendants", "find_sshd", "local_sftpd", "make_key"]


class Sftpd(Protocol):
    """What both servers are to a caller."""

    name: str
    port: int
    data: Path

    @property
    def username(self) -> str: ...

    @property
    def known_hosts_line(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


def local_sftpd(home: Path, authorized_key: str) -> Sftpd:
    """The best server this machine has, not started yet."""
    return LocalSshd(home, authorized_key) if find_sshd() else PythonSftpd(home, authorized_key)
