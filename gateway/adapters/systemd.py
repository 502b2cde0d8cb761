"""What the daemon says to the service manager (sd_notify). Written here: the libraries for it are not maintained."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send `READY=1`, `WATCHDOG=1`, `STOPPING=1` or `STATUS=…` where `$NOTIFY_SOCKET` says; nothing without one.

    Never waits: a manager that does not read must not hold up what it watches, and the next word comes soon."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        with contextlib.suppress(BlockingIOError):
            channel.send(state.encode(), socket.MSG_DONTWAIT)
