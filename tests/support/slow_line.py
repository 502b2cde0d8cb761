"""A line that is slow, stands still, or breaks: a relay on the loopback between a client and a server."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
_BLOCK = 16 << 10


@dataclass
class SlowLine:
    """Relays to `port`. `rate`: bytes a second from the client; after `still_at` of them the line stands still for
    `still_seconds`; after `break_at` the first connection that gets there breaks, for both sides."""

    port: int
    rate: float = float("inf")
    still_at: float = float("inf")
    still_seconds: float = 0.0
    break_at: float = float("inf")
    listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.listener = socket.create_server((HOST, 0))
        self._broken = threading.Event()
        self._ends: list[socket.socket] = []
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    @property
    def address(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def has_broken(self) -> bool:
        return self._broken.is_set()

    def cut(self) -> None:
        """Every connection there is breaks, for both sides."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Shut down first: a thread that waits in `accept` would else wait on whatever gets the number next."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self._serving.join()
        self.listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection((HOST, self.port))
                self._ends += [client, server]
                for source, target, upwards in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._relay, args=(source, target, upwards), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, upwards: bool) -> None:
        moved = 0
        with suppress(OSError):
            while data := source.recv(_BLOCK):
                before, moved = moved, moved + len(data)
                if upwards:
                    if moved >= self.break_at and not self._broken.is_set():
                        self._broken.set()
                        break
                    if before < self.still_at <= moved:
                        time.sleep(self.still_seconds)
                    time.sleep(len(data) / self.rate)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
