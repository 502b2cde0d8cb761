"""The routes for monitors on a port of the loopback, for those that cannot use a Unix socket. Read-only and without
authentication: the responses hold no secrets, and no other machine can connect."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway.control.server import Handler, Request, respond

HOST = "127.0.0.1"


class MonitorServer:
    """Serves the routes `GET …` of `routes` until closed."""

    def __init__(self, port: int, routes: Mapping[str, Handler]) -> None:
        """Raises `OSError` when the port is taken."""

        class _RequestHandler(BaseHTTPRequestHandler):
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

        self._server = ThreadingHTTPServer((HOST, port), _RequestHandler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
