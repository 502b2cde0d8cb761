"""One SFTP connection: host key pinned, modern algorithms only, and a supervisor that ends every stall.

A stalled server holds paramiko's get and put beyond every timeout (#1380, #1832, #926); closing the client from another
thread frees the worker at once. So a thread watches the progress of every session and closes it when nothing moves.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko

from gateway.adapters.channels.sftp import negotiation, remote
from gateway.outcomes import Deferred, Detail, Fault

WIRE_LOG = "gateway.sftp.wire"
# paramiko writes paths, banners and tracebacks: none of it belongs into a journal.
logging.getLogger(WIRE_LOG).setLevel(logging.CRITICAL + 1)


_PATIENCE, _LONG_PATIENCE = 60.0, 3600.0


class NoSession(Exception):
    """There is no session. `outcome` is what a channel returns then; it holds words of ours, never the server's, but
    for names of algorithms."""

    @property
    def outcome(self) -> Deferred | Fault:
        raise NotImplementedError


class HostKeyMismatch(NoSession):
    """The server's key is not the pinned one, or none is pinned for it."""

    @property
    def outcome(self) -> Deferred:
        return Deferred("705", retry_after=_LONG_PATIENCE)


class Misconfigured(NoSession):
    """Our own key or known_hosts file cannot be used. The message names the fact, never its content."""

    @property
    def outcome(self) -> Fault:
        return Fault("900", {"reason": str(self)})


class Unreachable(NoSession):
    """Down, refused, too slow, or it does not let us in. The message is a word of ours."""

    @property
    def outcome(self) -> Deferred:
        return Deferred("701", {"reason": str(self)}, _PATIENCE)


class NothingInCommon(NoSession):
    """The server shares no algorithm with us: only another configuration over there changes that."""

    def __init__(self, detail: Detail) -> None:
        super().__init__("algorithms")
        self._detail = detail

    @property
    def outcome(self) -> Deferred:
        return Deferred("712", self._detail, _LONG_PATIENCE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A party's server. `known_hosts` pins its host key (`[host]:port` for a port other than 22); `key` is our private
    key file (OpenSSH format, no passphrase: it is itself a credential), never looked for elsewhere. `stall_seconds`:
    how long nothing may move.

    `folder` is where a delivery goes, `{label}` being the folder it is for. With `packages_only` nothing but packages
    is put there, except into the folder `acknowledge`, which takes signatures: the other end is a node's drop folder.
    """

    host: str
    username: str
    key: Path
    known_hosts: Path
    port: int = 22
    remote_folder: str = "."
    folder: str = "{label}"
    packages_only: bool = False
    acknowledge: str = "签收"
    stall_seconds: float = 60.0
    connect_seconds: float = 10.0


class Supervisor:
    """Closes a connection on which nothing moved for a while. `progress` is called whenever something did."""

    def __init__(self, stall_seconds: float) -> None:
        self.stalled = False
        self._stall = max(stall_seconds, 0.1)
        self._moved = time.monotonic()
        self._done = threading.Event()
        self._aborted = False
        self._socket: socket.socket | None = None
        self._client: paramiko.SSHClient | None = None
        self._thread = threading.Thread(target=self._watch, name="sftp-supervisor", daemon=True)

    def watch(self, connection: socket.socket, client: paramiko.SSHClient) -> None:
        self._socket, self._client = connection, client
        self.progress()
        self._thread.start()
        if self._aborted:
            self.abort()

    def progress(self) -> None:
        self._moved = time.monotonic()

    def stop(self) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(20)

    def abort(self) -> None:
        """Cut the connection now, or as soon as there is one; from any thread. A thread that waits on it gets an
        error at once."""
        self._aborted = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._client is not None:
            with suppress(Exception):
                self._client.close()

    def _watch(self) -> None:
        while not self._done.wait(min(1.0, self._stall / 4)):
            if time.monotonic() - self._moved > self._stall:
                self.stalled = True
                self.abort()
                return


class _Pinned(paramiko.MissingHostKeyPolicy):
    """No key is pinned under this name: never learn one from the wire."""

    def missing_host_key(self, *_: object) -> None:
        raise HostKeyMismatch


@contextmanager
def session(
    endpoint: Endpoint, supervisor: Supervisor | None = None
) -> Iterator[tuple[paramiko.SFTPClient, Supervisor]]:
    """Connect, check the host key, log in, open SFTP; closed at the end in any case. A caller that passes a
    `supervisor` can abort while it still logs in.

    Raises `NoSession`; inside the block a stall surfaces as one of paramiko's
    errors with `supervisor.stalled` set.
    """
    client = paramiko.SSHClient()
    client.set_log_channel(WIRE_LOG)
    client.set_missing_host_key_policy(_Pinned())
    key = _load_key(endpoint)
    try:
        client.load_host_keys(str(endpoint.known_hosts))
    except (OSError, ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey):
        raise Misconfigured("known_hosts") from None
    supervisor = supervisor or Supervisor(endpoint.stall_seconds)
    connection: socket.socket | None = None
    try:
        try:
            connection = socket.create_connection((endpoint.host, endpoint.port), timeout=endpoint.connect_seconds)
        except OSError:
            raise Unreachable("connect") from None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        supervisor.watch(connection, client)
        yield _log_in(client, connection, endpoint, key, supervisor), supervisor
    finally:
        supervisor.stop()
        with suppress(Exception):
            client.close()
        if connection is not None:
            connection.close()


def _load_key(endpoint: Endpoint) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(endpoint.key)
    except Exception:  # OSError, SSHException, ValueError, UnsupportedAlgorithm, …: all say the same to us
        raise Misconfigured("key") from None


def _log_in(
    client: paramiko.SSHClient,
    connection: socket.socket,
    endpoint: Endpoint,
    key: paramiko.PKey,
    supervisor: Supervisor,
) -> paramiko.SFTPClient:
    try:
        client.connect(
            endpoint.host,
            endpoint.port,
            username=endpoint.username,
            pkey=key,
            sock=connection,
            timeout=endpoint.connect_seconds,
            banner_timeout=15,
            auth_timeout=20,
            channel_timeout=20,
            allow_agent=False,
            look_for_keys=False,
            disabled_algorithms=negotiation.DISABLED,
            transport_factory=negotiation.Transport,  # type: ignore[arg-type] # the stubs tell of GSS, which is gone
        )
        supervisor.progress()
        transport = client.get_transport()
        client_sftp = remote.Client.from_transport(transport) if transport is not None else None
        if client_sftp is None:
            raise Unreachable("handshake")
    except (HostKeyMismatch, paramiko.BadHostKeyException):
        raise HostKeyMismatch from None
    except negotiation.Refused as error:
        raise NothingInCommon(error.detail) from None
    except paramiko.AuthenticationException:
        raise Unreachable("login") from None
    except Exception:  # whatever paramiko raises over what a server sends: ValueError, UnicodeDecodeError, …
        raise Unreachable("stall" if supervisor.stalled else "handshake") from None
    supervisor.progress()
    return client_sftp
