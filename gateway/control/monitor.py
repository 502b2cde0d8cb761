"""The routes for monitors on a port of the loopback, for those that cannot use a Unix socket. Read-only and without
authentication: the responses hold no secrets, and no other machine can connect."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gateway.control.server import Handler, Request, respond

HOST = "127.0.0.1"
MOST, SECONDS = 16, 10.0
"""Connections at a time, and how long one lasts at most, however slowly it sends."""


class MonitorServer:
    """Serves the routes `GET …` of `routes` until closed."""

    def __init__(self, port: int, routes: Mapping[str, Handler]) -> None:
        """Raises `OSError` when the port is taken."""

        class _RequestHandler(BaseHTTPRequestHandler):
            timeout = SECONDS

            def do_GET(self) -> None:
                """404 for any path that is not the name of a route."""
                path = tuple(self.path.split("?")[0].strip("/").split("/"))
                handler = routes.get(f"GET {path[0]}") if len(path) == 1 else None
                status, body, kind = (
                    respond(handler, Request(path, {}, "monitor"))
                    if handler is not None
                    else (404, json.dumps({"error": "no such route"}).encode(), "application/json")
                )
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Requests are not logged."""

        self._server = _Server((HOST, port), _RequestHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Refuses what is over the most at a time, and cuts off what lasts too long: a monitor that hangs, or somebody who
    sends a byte now and then, costs a few threads and no more."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._room = threading.BoundedSemaphore(MOST)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        cut = threading.Timer(SECONDS, _cut, (request,))
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is printed: a peer that went away is no fault, and what a handler raises becomes a response."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
