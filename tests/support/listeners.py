"""Real servers on the loopback that notices are sent to: SMTP (plain, STARTTLS, TLS, login) and HTTP."""

from __future__ import annotations

import asyncio
import base64
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


def certificate(folder: Path) -> Path:
    """A self-signed certificate for `localhost` with its key, by stock openssl; `cert.pem` is what to trust."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    extension = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command.split(), *files, *extension], check=True, capture_output=True)
    return folder / "cert.pem"


@dataclass
class MailServer:
    """Speaks as much SMTP as a client needs. `refuse` is answered to every recipient that it names."""

    folder: Path
    security: str = "none"
    login: tuple[str, str] | None = None
    refuse: str = ""
    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        return context

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        secure, known, to = self.security != "starttls", self.login is None, list[str]()
        await say("220 localhost ESMTP")
        while line := (await reader.readline()).decode("ascii").strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "EHLO":
                offers = [*(["STARTTLS"] if not secure else []), *(["AUTH PLAIN"] if self.login and secure else [])]
                lines = ["localhost", *offers]
                for number, offer in enumerate(lines):
                    await say(f"250{' ' if number == len(lines) - 1 else '-'}{offer}")
            elif verb == "STARTTLS":
                await say("220 go ahead")
                await writer.start_tls(self._context())
                secure = True
            elif verb == "AUTH":
                given = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
                known = tuple(given) == self.login
                await say("235 welcome" if known else "535 no")
            elif verb == "MAIL":
                await say("250 ok" if known and secure else "530 not so")
            elif verb == "RCPT":
                address = line.split("<")[1].rstrip(">")
                to.append(address)
                await say("550 nobody" if self.refuse and self.refuse in address else "250 ok")
            elif verb == "DATA":
                await say("354 go on")
                data = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                self.received.append(message_from_bytes(data, policy=policy.default))  # type: ignore[arg-type]
                self.recipients.append(to)
                to = []
                await say("250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                return
            else:
                to = []
                await say("250 ok")

    @contextmanager
    def running(self) -> Iterator[MailServer]:
        loop, started = asyncio.new_event_loop(), threading.Event()

        async def main() -> None:
            context = self._context() if self.security == "tls" else None
            server = await asyncio.start_server(self._serve, "localhost", self.port, ssl=context)
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            async with server:
                await stop.wait()

        stop = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
        thread.start()
        assert started.wait(60)
        yield self
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


@dataclass
class Hook:
    """An HTTP server that keeps what is posted and answers `status`; `location` sends the client elsewhere."""

    status: int = 200
    location: str = ""
    port: int = 0
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Hook]:
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(hook.status)
                if hook.location:
                    self.send_header("Location", hook.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield self
        server.shutdown()
        server.server_close()
        thread.join(60)
