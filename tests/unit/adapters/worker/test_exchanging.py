"""What a worker answers is heard, however soon it answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Any

from gateway.adapters.worker.exchanging import exchange
from gateway.outcomes import Refused


class _AnsweredAtOnce(socket.socket):
    """The other end has answered and closed as soon as the job is sent."""

    other: socket.socket

    def sendmsg(self, buffers: Iterable[Any], *more: Any) -> int:
        sent = super().sendmsg(buffers, *more)
        self.other.sendall(b'{"outcome": "refused", "code": "214"}\n')
        self.other.close()
        return sent


def test_an_answer_that_comes_before_we_look_is_heard() -> None:
    ours, other = socket.socketpair()
    connection = _AnsweredAtOnce(fileno=ours.detach())
    connection.other = other
    reading, writing = os.pipe()
    try:
        assert exchange(connection, {"job": "unpack"}, 60, (reading,)) == Refused("214")
    finally:
        connection.close()
        os.close(reading)
        os.close(writing)
