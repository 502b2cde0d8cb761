"""Asks the kernel for a daemon that does not own what other users drop: one process with one capability, CAP_LEASE,
that opens nothing itself. It is handed descriptors opened for reading and says of each whether anybody writes it.

Protocol on a Unix socket of whole messages: one message in with up to 200 descriptors, one out with a sign for each
(`leases.Writing`), and the connection ends.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
from pathlib import Path

from gateway.adapters import sockets, systemd
from gateway.adapters.channels.writers import leases
from gateway.adapters.channels.writers.asking import AT_ONCE

_PULSE_SECONDS, _CLIENT_SECONDS = 10.0, 2.0


def serve(path: Path) -> None:
    """Serve until a signal ends the process. Who may open the socket (its group) may ask."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        sockets.bind(listener, path, 0o660)
        listener.listen(16)
        listener.settimeout(_PULSE_SECONDS)
        systemd.notify("READY=1")
        while True:
            systemd.notify("WATCHDOG=1")
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(_CLIENT_SECONDS)
                _answer(connection)


def _answer(connection: socket.socket) -> None:
    descriptors: list[int] = []
    try:
        _, descriptors, _, _ = socket.recv_fds(connection, 16, AT_ONCE)
        connection.send(b"".join(_sign(descriptor) for descriptor in descriptors))
    except OSError:
        return  # the daemon asks again at its next scan
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _sign(descriptor: int) -> bytes:
    try:
        return leases.ask(descriptor).value
    except OSError:
        return leases.Writing.UNKNOWN.value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="gateway.adapters.channels.writers.unit", description="Tells who writes.")
    parser.add_argument("socket", type=Path)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve(parser.parse_args().socket)
