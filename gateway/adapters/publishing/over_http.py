"""C2SP tlog-witness over HTTP: asking a witness for its cosignature, and being one.

`POST <prefix>/add-checkpoint` with `old <size>`, the consistency proof, an empty line and the checkpoint; the answer is
signature lines, or 409 with the size the witness remembers.
"""

from __future__ import annotations

import base64
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway.adapters.publishing.witness import BadProof, Behind, TwoHistories, Witness
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, read_checkpoint

SECONDS, LARGEST = 5, 1 << 16
CONFLICT = "text/x.tlog.size"


def ask(url: str, note: Note, proof: Callable[[int], Sequence[bytes]], old: int = 0) -> Note:
    """The note with the witness's lines. `proof(old)` is the consistency proof from a size the witness remembers.
    Raises `OSError` when the witness is away or refuses, `BadNote` when its answer makes no sense."""
    size = Checkpoint.parse(note.text).size
    for _ in range(2):
        body = request(note, proof, old)
        asked = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", body)  # noqa: S310 - from the policy
        try:
            with urllib.request.urlopen(asked, timeout=SECONDS) as reply:  # noqa: S310
                return Note.parse(note.to_bytes() + reply.read(LARGEST))
        except urllib.error.HTTPError as error:
            with error:
                told = error.read(LARGEST) if error.code == 409 else b""
            if not re.fullmatch(rb"[0-9]{1,18}\n", told) or int(told) in (old, 0) or int(told) > size:
                raise
            old = int(told)
    raise BadNote("the witness does not know what it remembers")


def request(note: Note, proof: Callable[[int], Sequence[bytes]], old: int) -> bytes:
    """The body of add-checkpoint: the size the witness remembers, the proof from there, the checkpoint."""
    lines = [f"old {old}\n", *(base64.b64encode(h).decode() + "\n" for h in (proof(old) if old else ()))]
    return "".join(lines).encode() + b"\n" + note.to_bytes()


def parse(body: bytes) -> tuple[int, list[bytes], Note, Checkpoint]:
    """(old size, proof, note, checkpoint) of a request. `BadNote` for anything else."""
    head, blank, tail = body.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    found = re.fullmatch(r"old (0|[1-9][0-9]{0,17})", lines[0])
    if not found or not blank or len(lines) > 64:
        raise BadNote("not a request to cosign")
    try:
        proof = [base64.b64decode(line, validate=True) for line in lines[1:]]
    except ValueError:
        raise BadNote("not a consistency proof") from None
    return int(found[1]), proof, *read_checkpoint(tail)


def answer(witness: Witness, logs: Mapping[str, VerifierKey], body: bytes, now: int) -> tuple[int, str, bytes]:
    """(status, content type, body), as tlog-witness has it."""
    try:
        old, proof, note, checkpoint = parse(body)
    except BadNote:
        return 400, "text/plain", b""
    key = logs.get(checkpoint.origin)
    if key is None:
        return 404, "text/plain", b""
    if not note.signed_by(key):
        return 403, "text/plain", b""
    if old > checkpoint.size:
        return 400, "text/plain", b""
    before = witness.remembered(key)
    size = Checkpoint.parse(before.text).size if before else 0
    if old != size:
        return 409, CONFLICT, f"{size}\n".encode()
    try:
        line = witness.add(note, checkpoint, key, lambda _old: proof, now)
    except Behind:
        return 409, CONFLICT, f"{size}\n".encode()
    except TwoHistories:
        return 409, CONFLICT, f"{size}\n".encode()
    except BadProof:
        return 422, "text/plain", b""
    return 200, "text/plain; charset=utf-8", line.line().encode()


def server(witness: Witness, logs: Mapping[str, VerifierKey], host: str, port: int) -> ThreadingHTTPServer:
    """A witness that listens; the caller runs `serve_forever`. TLS, if wanted, is the reverse proxy's."""

    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != "/add-checkpoint" or not length.isdecimal() or int(length) > LARGEST:
                self._say(404 if self.path != "/add-checkpoint" else 400, "text/plain", b"")
                return
            self._say(*answer(witness, logs, self.rfile.read(int(length)), int(time.time())))

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the journal is the daemon's."""

    return ThreadingHTTPServer((host, port), Handler)
