"""An SFTP server on a free loopback port, for the demo and the tests: a real OpenSSH where there is one, else a pure
Python one that says so by its `name`. Key login only, one data folder, nothing else; never a server for production.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway import durable

HOST = "127.0.0.1"
_ALGORITHMS = """\
KexAlgorithms curve25519-sha256@libssh.org,curve25519-sha256,ecdh-sha2-nistp256
Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512
"""


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


def make_key(path: Path) -> str:
    """A new Ed25519 key pair: the private half into `path` (0600, OpenSSH format), the public line is returned."""
    key = Ed25519PrivateKey.generate()
    durable.write_bytes(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def find_sshd() -> str | None:
    """The path of OpenSSH's server; it is often not on an ordinary user's PATH."""
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def local_sftpd(home: Path, authorized_key: str) -> Sftpd:
    """The best server this machine has, not started yet."""
    return LocalSshd(home, authorized_key) if find_sshd() else PythonSftpd(home, authorized_key)


class LocalSshd:
    """A real OpenSSH server in the foreground, ended by its process id. As root or not: it lets in one's own user."""

    name = "OpenSSH"

    def __init__(self, home: Path, authorized_key: str, port: int = 0) -> None:
        """`home` gets the configuration, a host key (kept when there) and `data/`. `port` 0: any free one."""
        self.home = home.absolute()
        self.port = port
        self.data = self.home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Path | None = None
        durable.make_folder(self.data)
        durable.write_bytes(home / "authorized_keys", authorized_key.encode("ascii") + b"\n")
        if not (home / "host_key").exists():
            self.renew_host_key()

    @property
    def username(self) -> str:
        return getpass.getuser()

    @property
    def known_hosts_line(self) -> str:
        """For a known_hosts file; holds the port, so it is asked for after `start`."""
        return f"[{HOST}]:{self.port} {(self.home / 'host_key.pub').read_text('ascii').strip()}\n"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def renew_host_key(self) -> None:
        """Another host key, as after a reinstallation or with somebody in between. In force at the next start."""
        durable.write_bytes(self.home / "host_key.pub", make_key(self.home / "host_key").encode("ascii"))

    def start(self) -> None:
        """Start and wait until it listens. Raises `RuntimeError` with sshd's own words when it does not."""
        program = find_sshd()
        if program is None:
            raise RuntimeError("sshd is missing: install openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for _ in range(5):  # the free port may be taken by somebody else before sshd binds it
            port = self.port or _free_port()
            self._write_configuration(port)
            with (self.home / "sshd.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [program, "-D", "-e", "-f", str(self.home / "sshd_config")],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            if self._listens(port):
                self.port = port
                return
            self.stop()
        raise RuntimeError("sshd does not start: " + (self.home / "sshd.log").read_text("utf-8", "replace")[-2000:])

    def _write_configuration(self, port: int) -> None:
        lines = [
            f"Port {port}",
            f"ListenAddress {HOST}",
            f'HostKey "{self.home / "host_key"}"',
            f'AuthorizedKeysFile "{self.home / "authorized_keys"}"',
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PermitRootLogin prohibit-password",
            "AuthenticationMethods publickey",
            "DisableForwarding yes",
            "PermitTTY no",
            "MaxStartups 100",
            "Subsystem sftp internal-sftp",
            f"ForceCommand internal-sftp -d {self._plain_path()}",
        ]
        durable.write_bytes(self.home / "sshd_config", ("\n".join(lines) + "\n" + _ALGORITHMS).encode("utf-8"))

    def _plain_path(self) -> Path:
        """The data folder for `internal-sftp -d`, which splits at blanks, knows no quotes and expands `%`; where it
        cannot go there, it says nothing and serves the home folder instead."""
        if not re.search(r"[\s%]", str(self.data)):
            return self.data
        if self._link is None:
            self._link = Path(tempfile.mkdtemp(prefix="sftp-")) / "data"
            self._link.symlink_to(self.data)
        return self._link

    def _listens(self, port: int) -> bool:
        assert self._process is not None
        limit = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < limit:
            with suppress(OSError), socket.create_connection((HOST, port), timeout=5) as probe:
                if probe.recv(4) == b"SSH-":
                    return self._process.poll() is None
            time.sleep(0.02)
        return False

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and to every session of it (SIGSTOP stalls a transfer, SIGKILL cuts it)."""
        if self._process is not None:
            for pid in [self._process.pid, *descendants(self._process.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def stop(self) -> None:
        """End the server and its sessions. Idempotent."""
        if self._process is not None:
            self.signal_all(signal.SIGKILL)
            self._process.wait(10)
            self._process = None
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.parent.rmdir()
            self._link = None


def descendants(pid: int) -> list[int]:
    """Process ids below `pid`, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found: list[int] = []
    layer = {pid}
    while layer:
        layer = {child for child, parent in parents.items() if parent in layer}
        found += sorted(layer)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


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
