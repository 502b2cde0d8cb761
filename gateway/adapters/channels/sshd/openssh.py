"""A real OpenSSH server, started and ended by us, on the loopback: for the demo and the tests, not for production."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from gateway import durable
from gateway.adapters.channels.sshd.identity import HOST, make_key

_ALGORITHMS = """\
KexAlgorithms curve25519-sha256@libssh.org,curve25519-sha256,ecdh-sha2-nistp256
Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512
"""


def find_sshd() -> str | None:
    """The path of OpenSSH's server; it is often not on an ordinary user's PATH."""
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class LocalSshd:
    """A real OpenSSH server in the foreground, ended by its process id. It lets in the user who started it."""

    name = "OpenSSH"

    def __init__(self, home: Path, authorized_key: str, port: int = 0, options: str = "") -> None:
        """`home` gets the configuration, a host key (kept when there) and `data/`. `port` 0: any free one.
        `options` are those of sftp-server(8), beside the folder to start in."""
        self.home = home.absolute()
        self.port = port
        self._options = options
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
        """Another host key, as after a reinstallation, or with an attacker in between. In force at the next start."""
        durable.write_bytes(self.home / "host_key.pub", make_key(self.home / "host_key").encode("ascii"))

    def start(self) -> None:
        """Start and wait until it listens. Raises `RuntimeError` with sshd's own words when it does not."""
        program = find_sshd()
        if program is None:
            raise RuntimeError("sshd is missing: install openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for _ in range(5):  # another process may take the free port before sshd binds it
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
            f"ForceCommand internal-sftp -d {self._plain_path()} {self._options}".rstrip(),
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
