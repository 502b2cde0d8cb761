"""The server side: a few routes, one thread per request, nothing but the standard library.

The peer's uid comes from SO_PEERCRED, so it cannot be claimed; only root and the daemon's own uid are served.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.adapters import sockets
from gateway.adapters.ledger import LedgerAway, LedgerCorrupt
from gateway.outcomes import catalogue

BODY_LIMIT = 1 << 20
_AWAY = (
    "台账数据库暂时不可用（磁盘已满、正在重启或无法连接），请稍后再执行；节点自身的工作会自动继续。"
    " / The ledger's database is not available for now (a full disk, a restart, no connection): try again in a while; "
    "the node's own work goes on by itself."
)


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is split at `/`; `query` holds the query string's or the JSON body's values; `actor` is who asks."""

    path: tuple[str, ...]
    query: Mapping[str, Any]
    actor: str


class NotFound(Exception):
    """There is no such thing here: 404."""


class Rejected(Exception):
    """The request cannot be carried out; the message is for people: 409."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler returns when it is not 200 with a JSON document: `body` is text, or a document to encode."""

    status: int
    body: Any
    kind: str = "application/json"


DAMAGED = "907"


def damaged() -> Response:
    """What is told of a ledger that is damaged."""
    entry = catalogue()[DAMAGED]
    said = (f"{entry.sentence(language)}\n  → {entry.remedy(language)}" for language in ("zh", "en"))
    return Response(503, {"error": f"[{DAMAGED}] " + "\n".join(said)})


Handler = Callable[[Request], Any]


def respond(handler: Handler, request: Request) -> tuple[int, bytes, str]:
    """Call the handler; returns status, body and media type. Raises nothing: an error that the handler did not expect
    becomes 500 with the name of its class alone, since a message could hold what must not be shown."""
    try:
        found = handler(request)
    except NotFound:
        found = Response(404, {"error": "not found"})
    except Rejected as error:
        found = Response(409, {"error": str(error)})
    except LedgerAway:
        found = Response(503, {"error": _AWAY})
    except LedgerCorrupt:
        found = damaged()
    except Exception as error:
        found = Response(500, {"error": type(error).__name__})
    response = found if isinstance(found, Response) else Response(200, found)
    body = response.body if isinstance(response.body, str) else json.dumps(response.body, ensure_ascii=False)
    return response.status, body.encode(), response.kind


class ControlServer:
    """Serves `routes`, keyed by `METHOD first-path-segment`, until closed."""

    def __init__(self, path: Path, routes: Mapping[str, Handler]) -> None:
        self._path = path
        self._server = _Server(path, routes)
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    daemon_threads = True

    def __init__(self, path: Path, routes: Mapping[str, Handler]) -> None:
        super().__init__(str(path), _RequestHandler)
        self.routes = routes
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sockets.bind(self.socket, path)
        self.socket.listen(32)

    def fileno(self) -> int:
        return self.socket.fileno()

    def get_request(self) -> tuple[socket.socket, str]:
        connection, _ = self.socket.accept()
        return connection, "local"

    def server_close(self) -> None:
        self.socket.close()

    def shutdown_request(self, request: Any) -> None:
        request.close()

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Nothing is printed: a peer that went away is no fault, and what a handler raises becomes a response."""


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    timeout = 60
    """Seconds without a byte from who asks."""
    server: _Server

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        """The body is a JSON object; its values are the query. 400 for anything else."""
        try:
            length = min(int(self.headers.get("Content-Length") or 0), BODY_LIMIT)
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            body = None
        if isinstance(body, dict):
            self._serve(body)
        else:
            self._send(*_error(400, "the body is not a JSON object"))

    def _serve(self, body: Mapping[str, Any]) -> None:
        self._send(*self._response(body))

    def _response(self, body: Mapping[str, Any]) -> tuple[int, bytes, str]:
        uid = _peer_uid(self.connection)
        if uid not in (0, os.getuid()):
            return _error(403, "only root and the daemon's own user are served")
        url = urlsplit(self.path)
        path = tuple(unquote(part) for part in url.path.strip("/").split("/"))
        handler = self.server.routes.get(f"{self.command} {path[0]}")
        if handler is None:
            return _error(404, "no such route")
        return respond(handler, Request(path, {**dict(parse_qsl(url.query)), **body}, _name(uid)))

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged; what they do is, in the exchange log."""


def _error(status: int, message: str) -> tuple[int, bytes, str]:
    return status, json.dumps({"error": message}).encode(), "application/json"


def _peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _name(uid: int) -> str:
    try:
        return f"uid:{uid} {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid:{uid}"
