"""The worker process: one connection is one job, one job is one forked child.

It is preloaded and single-threaded, so a fork is cheap and safe; a file that kills its child kills nothing else.
Protocol on a Unix stream socket: one line of JSON in, with the open files that the job reads, one line of JSON out,
then the connection ends. A job brings its `limits` along: memory in MiB, seconds of work, seconds on the clock, the
size of files in MiB; the kernel holds them. For a child that died this process writes the line: which signal ended it.
A connection that ends without a line means that the worker itself is gone. `{"job": "ping"}` returns what the process
gave up (`confine`); with `source` and `out` it also reads the one and writes `probe.csv` into the other, which shows
that files can be handed over.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.adapters import sockets, systemd
from gateway.adapters.worker import confine, parsing, working
from gateway.records import jobs, kernel, modes
from gateway.records.parts import create
from gateway.records.readers.encoding import is_workbook, is_zip

# Loaded before the fork: otherwise every child would load them again.
MODULES = (
    "xlsxwriter",
    "gateway.records.repeats",
    "gateway.records.readers.datapackage",
    "gateway.records.readers.workbook",
)
# Looked up before the fork: under a memory limit a codec that cannot be mapped is "unknown", which is no memory error.
ENCODINGS = ("gb18030", "utf-16-le", "utf-16-be")
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
    ended = _ended()
    print(json.dumps({"ready": True, **confinement}), flush=True)
    systemd.notify("READY=1")
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(ended, selectors.EVENT_READ)
    if not unit:
        selector.register(sys.stdin, selectors.EVENT_READ)
    jobs_: dict[int, socket.socket] = {}
    while True:
        ready = {key.fileobj for key, _ in selector.select(PULSE_SECONDS)}
        if ended in ready or sys.stdin in ready:
            return  # SIGTERM; or the daemon is gone, by a signal too: its end of the pipe is closed
        systemd.notify("WATCHDOG=1")
        for over in ready & {*jobs_}:
            assert isinstance(over, int)
            selector.unregister(over)
            _finished(over, jobs_.pop(over))
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            confine.die_with(parent)
            listener.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for other, theirs in jobs_.items():
                os.close(other)
                theirs.close()
            working.one_job(connection, lambda job, files: _run(job, files, confinement))
        watched = os.pidfd_open(pid)
        jobs_[watched] = connection
        selector.register(watched, selectors.EVENT_READ)


def _finished(child: int, connection: socket.socket) -> None:
    """Reap a job's process; where it did not end by itself, say so in its place."""
    found = os.waitid(os.P_PIDFD, child, os.WEXITED)
    os.close(child)
    with connection, contextlib.suppress(OSError):
        if found is not None and found.si_code != os.CLD_EXITED:
            connection.setblocking(False)
            connection.send(json.dumps({"outcome": "died", "signal": found.si_status}).encode() + b"\n")


def _ended() -> socket.socket:
    """A socket that becomes readable once SIGTERM has come. A handler that raises would not do: Python swallows what is
    raised inside a fork's own hooks, and the signal would be lost."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    return reading


def _run(job: Mapping[str, Any], files: Sequence[int], confinement: Mapping[str, Any]) -> dict[str, Any]:
    if job["job"] == "ping":
        return _pong(job, confinement)
    if files:
        return parsing.run(job, files)
    if job["job"] == "examine" and is_workbook(Path(job["source"])):
        confine.memory_for(job["bytes"], zipped=is_zip(Path(job["source"])))
    return jobs.run(job)


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
