"""The client side: how commands ask the daemon."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from gateway.adapters import sockets


class NotRunning(Exception):
    """No process listens on the control socket."""


class Refusal(Exception):
    """The daemon refused the request; `status` is HTTP's, the message is for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ControlClient:
    """Asks the daemon that listens on a socket; `timeout` in seconds, for each request."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        self._path = path
        self._timeout = timeout

    def get(self, *path: str, **query: str | None) -> Any:
        """What a route returns, decoded; parameters that are None are left out. Raises `NotRunning`, `Refusal`."""
        given = {k: v for k, v in query.items() if v is not None}
        return self._ask("GET", path, urlencode(given), None)

    def post(self, *path: str, **body: Any) -> Any:
        """What a route returns, decoded; `body` is sent as JSON. Raises `NotRunning`, `Refusal`."""
        return self._ask("POST", path, "", body)

    def _ask(self, method: str, path: tuple[str, ...], query: str, body: Mapping[str, Any] | None) -> Any:
        connection = _Connection(self._path, self._timeout)
        try:
            target = "/" + "/".join(quote(part, safe="") for part in path) + (f"?{query}" if query else "")
            connection.request(method, target, None if body is None else json.dumps(body))
            response = connection.getresponse()
            document = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise NotRunning(str(self._path)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise Refusal(response.status, str(document.get("error", "")))
        return document


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("gateway", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        sockets.connect(self.sock, self._path)
