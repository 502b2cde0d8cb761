"""The worker process: one connection is one job, one job is one forked child.

It is preloaded and single-threaded, so a fork is cheap and safe; a file that kills its child kills nothing else.
Protocol on a Unix stream socket: one line of JSON in, one line of JSON out, then the connection ends. A job brings its
`limits` along. A connection that ends without a line means that the child died: the client returns `Deferred`, and a
person sees it. `{"job": "ping"}` returns what the process gave up (`confine`); with `source` and `out` it also reads
the one and writes `probe.csv` into the other, which shows that files can be handed over.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import errno
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.adapters import sockets, systemd
from gateway.adapters.worker import confine
from gateway.outcomes import Deferred
from gateway.records import jobs, kernel, modes
from gateway.records.parts import create

READ_LIMIT = 1 << 20
# Loaded before the fork: otherwise every child would load them again.
MODULES = (
    "xlsxwriter",
    "gateway.records.repeats",
    "gateway.records.readers.datapackage",
    "gateway.records.readers.workbook",
)
# Looked up before the fork: under a memory limit a codec that cannot be mapped is "unknown", which is no memory error.
ENCODINGS = ("gb18030", "utf-16-le")
PULSE_SECONDS = 10.0


def serve(path: Path, *, unit: bool = False) -> None:
    """Serve until SIGTERM, or until the daemon is gone.

    Every user that may open the socket may submit jobs: for a child only the daemon's own (0600); for a `unit` of the
    service manager, which has a user of its own, also its group (0660), which the daemon is in.
    """
    confinement: dict[str, Any] = confine.isolate(unit=unit)
    if unit:
        os.umask(0o007)
        modes.share_with_group()
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    for module in MODULES:
        importlib.import_module(module)
    confinement["compiled"] = kernel.preload(None if unit else path.parent / "compiled")
    confinement["uid"] = os.getuid()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sockets.bind(listener, path, 0o660 if unit else 0o600)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: nobody here waits for a child's status
    ended = _ended()
    print(json.dumps({"ready": True, **confinement}), flush=True)
    systemd.notify("READY=1")
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(ended, selectors.EVENT_READ)
    if not unit:
        selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        ready = {key.fileobj for key, _ in selector.select(PULSE_SECONDS)}
        if ended in ready or sys.stdin in ready:
            return  # SIGTERM; or the daemon is gone, by a signal too: its end of the pipe is closed
        systemd.notify("WATCHDOG=1")
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        parent = os.getpid()
        if os.fork() == 0:
            confine.die_with(parent)
            listener.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _child(connection, confinement)
        connection.close()


def _ended() -> socket.socket:
    """A socket that becomes readable once SIGTERM has come. A handler that raises would not do: Python swallows what is
    raised inside a fork's own hooks, and the signal would be lost."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    return reading


def _child(connection: socket.socket, confinement: Mapping[str, Any]) -> None:
    status = 1
    try:
        with connection, connection.makefile("rwb") as stream:
            found = _done(stream.readline(READ_LIMIT), confinement)
            stream.write(json.dumps(found, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            status = 0
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


def _done(line: bytes, confinement: Mapping[str, Any]) -> dict[str, Any]:
    memory_mb = 0
    try:
        job = json.loads(line)
        memory_mb, seconds, file_mb = (int(limit) for limit in job["limits"])
        confine.limit(memory_mb, seconds, file_mb)
        if job["job"] == "ping":
            return _pong(job, confinement)
        return jobs.run(job)
    except MemoryError:
        return _over(memory_mb)
    except OSError as error:
        if error.errno == errno.ENOMEM:  # a mapping that does not fit ends with this, not with a MemoryError
            return _over(memory_mb)
        waits = Deferred.by(error)  # no space, no storage: the world's
        return {"outcome": "deferred", "code": waits.code, "detail": dict(waits.detail)}
    except Exception as error:
        # A fault of ours. Only the class travels: a message could hold a value out of a record.
        return {"outcome": "fault", "code": "900", "detail": {"error": type(error).__name__}}


def _over(memory_mb: int) -> dict[str, Any]:
    return {"outcome": "refused", "code": "216", "detail": {"limit_mb": memory_mb}}


def _pong(job: Mapping[str, Any], confinement: Mapping[str, Any]) -> dict[str, Any]:
    if "source" in job:
        data = Path(job["source"]).read_bytes()
        with create(Path(job["out"]) / "probe.csv") as stream:
            stream.write(data)
    return {"outcome": "ok", "value": dict(confinement)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="gateway.adapters.worker.server", description="The worker process.")
    parser.add_argument("socket", type=Path)
    parser.add_argument("--unit", action="store_true", help="a user of its own, started by the service manager")
    given = parser.parse_args()
    serve(given.socket, unit=given.unit)
