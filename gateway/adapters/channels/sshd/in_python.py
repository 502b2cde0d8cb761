"""A small SFTP server in pure Python: for the demo and the tests on a machine without OpenSSH, not for production."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import paramiko

from gateway import durable
from gateway.adapters.channels.sshd.identity import HOST, make_key


class PythonSftpd:
    """A small SFTP server in threads of this process, on paramiko: where OpenSSH is missing. It confines paths to
    `data`, but links inside it are followed: for the demo's own files only."""

    name = "paramiko (pure Python; OpenSSH is not installed)"
    username = "gateway"

    def __init__(self, home: Path, authorized_key: str, port: int = 0) -> None:
        self.home = home.absolute()
        self.port = port
        self.data = self.home / "data"
        self._authorized = authorized_key.split()[1]
        self._listener: socket.socket | None = None
        self._transports: list[paramiko.Transport] = []
        durable.make_folder(self.data)
        if not (home / "host_key").exists():
            self.renew_host_key()

    @property
    def known_hosts_line(self) -> str:
        """For a known_hosts file; holds the port, so it is asked for after `start`."""
        return f"[{HOST}]:{self.port} {(self.home / 'host_key.pub').read_text('ascii').strip()}\n"

    def renew_host_key(self) -> None:
        """Another host key; in force at the next start."""
        durable.write_bytes(self.home / "host_key.pub", make_key(self.home / "host_key").encode("ascii"))

    def start(self) -> None:
        """Listen and serve, each connection in threads of its own."""
        self._listener = socket.create_server((HOST, self.port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(self._listener,), name="sftpd", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        host_key = paramiko.PKey.from_path(self.home / "host_key")
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.set_log_channel("gateway.sftp.wire")
            transport.add_server_key(host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self.data)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(threading.Event(), _Login(self._authorized))

    def stop(self) -> None:
        """Close the listener and every connection. Idempotent."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        while self._transports:
            self._transports.pop().close()


class _Login(paramiko.ServerInterface):
    """One user, one key."""

    def __init__(self, authorized: str) -> None:
        self._authorized = authorized

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == PythonSftpd.username and key.get_base64() == self._authorized
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey" if username else ""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED if kind == "session" and chanid >= 0 else 1


class _Handle(paramiko.SFTPHandle):
    """An open file; reading and writing at offsets come from paramiko, by `readfile` and `writefile`."""

    def __init__(self, flags: int, stream: IO[Any]) -> None:
        super().__init__(flags)
        self.readfile = stream
        self.writefile = stream

    def stat(self) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):
    """Files below one folder."""

    def __init__(self, server: paramiko.ServerInterface, data: Path) -> None:
        super().__init__(server)
        self._data = data

    def _path(self, path: str) -> Path:
        return self._data / self.canonicalize(path).lstrip("/")

    def _status(self, status: os.stat_result, name: str = "") -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(status, name)

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            return [self._status(p.lstat(), p.name) for p in self._path(path).iterdir()]
        except OSError as error:
            return _code(error)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return self._status(self._path(path).stat())
        except OSError as error:
            return _code(error)

    def lstat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return self._status(self._path(path).lstat())
        except OSError as error:
            return _code(error)

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        """As paramiko wants it: a handle, or an error code of SFTP."""
        try:
            descriptor = os.open(self._path(path), flags | os.O_CLOEXEC, attr.st_mode or 0o640)
        except OSError as error:
            return _code(error)
        access = flags & os.O_ACCMODE
        mode = "rb" if access == os.O_RDONLY else "r+b" if access == os.O_RDWR else "wb"
        return _Handle(flags, os.fdopen(descriptor, mode, buffering=0))

    def remove(self, path: str) -> int:
        return _run(lambda: self._path(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        if self._path(newpath).exists():
            return paramiko.sftp.SFTP_FAILURE
        return _run(lambda: self._path(oldpath).rename(self._path(newpath)))

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return _run(lambda: self._path(oldpath).replace(self._path(newpath)))

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return _run(lambda: self._path(path).mkdir(stat.S_IMODE(attr.st_mode or 0o750)))


def _run(action: Callable[[], object]) -> int:
    try:
        action()
    except OSError as error:
        return _code(error)
    return paramiko.sftp.SFTP_OK


def _code(error: OSError) -> int:
    return int(paramiko.SFTPServer.convert_errno(error.errno or 0))
