"""Asks the kernel itself where it may, and else the unit that may."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.adapters import sockets
from gateway.adapters.channels.writers import leases
from gateway.adapters.channels.writers.leases import Writing

AT_ONCE = 200
"""Descriptors in one message; the kernel takes 253 (SCM_MAX_FD)."""
_SECONDS = 5.0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Writers:
    """Tells who still writes. `unit`: the socket of `unit`, for a daemon that does not own what others drop."""

    def __init__(self, unit: Path | None = None) -> None:
        self._unit = unit

    def of(self, folder: int, names: Sequence[str]) -> dict[str, Writing]:
        """What is known of each regular file in the open folder. A name that is gone, or cannot be opened for reading,
        is `UNKNOWN`; so is every one that may not be asked about, while the unit is away."""
        found: dict[str, Writing] = {}
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            with _opened(folder, some) as (descriptors, broken):
                found |= broken
                answers = {name: leases.ask(descriptor) for name, descriptor in descriptors.items()}
                asked = [name for name, answer in answers.items() if answer is Writing.FORBIDDEN]
                if asked:
                    answers |= zip(asked, self._by_unit([descriptors[name] for name in asked]), strict=True)
                found |= answers
        return found

    def _by_unit(self, descriptors: Sequence[int]) -> list[Writing]:
        nothing = [Writing.UNKNOWN] * len(descriptors)
        if self._unit is None:
            return nothing
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(_SECONDS)
                sockets.connect(connection, self._unit)
                socket.send_fds(connection, [b"?"], list(descriptors))
                answer = connection.recv(AT_ONCE)
        except OSError:
            return nothing
        if len(answer) != len(descriptors):
            return nothing
        try:
            told = [Writing(bytes([sign])) for sign in answer]
        except ValueError:
            return nothing
        return [Writing.UNKNOWN if one is Writing.FORBIDDEN else one for one in told]


@contextmanager
def _opened(folder: int, names: Sequence[str]) -> Iterator[tuple[dict[str, int], dict[str, Writing]]]:
    """Descriptors by name, and what is known of the names that cannot be opened. A file that somebody has a write lease
    on (a server of ours or theirs) is being written."""
    descriptors: dict[str, int] = {}
    broken: dict[str, Writing] = {}
    try:
        for name in names:
            try:
                descriptors[name] = os.open(name, _READ, dir_fd=folder)
            except BlockingIOError:
                broken[name] = Writing.YES
            except OSError:
                broken[name] = Writing.UNKNOWN
        yield descriptors, broken
    finally:
        for descriptor in descriptors.values():
            with suppress(OSError):
                os.close(descriptor)
