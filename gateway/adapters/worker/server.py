"""The worker process: one connection is one job, one job is one forked child.

It is preloaded and single-threaded, so a fork is cheap and safe; a file that kills its child kills nothing else.
Protocol on a Unix stream socket: one line of JSON in, one line of JSON out, then the connection ends. A connection
that ends without a line means that the child died: the client answers `Deferred`, and a person sees it.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import sys
from pathlib import Path

from gateway.adapters import sockets
from gateway.adapters.worker import confine
from gateway.records import jobs, kernel

READ_LIMIT = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Looked up before the fork: under a memory limit a codec that cannot be mapped is "unknown", which is no memory error.
ENCODINGS = ("gb18030", "utf-16-le")


def serve(path: Path, memory_mb: int, seconds: int, file_mb: int) -> None:
    """Serve until told to stop. `path` is made with mode 0600; whoever may open it may submit jobs."""
    told = confine.isolate()
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    told["compiled"] = kernel.preload(path.parent / "compiled")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sockets.bind(listener, path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: nobody here waits for a child's status
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(json.dumps({"ready": True, **told}), flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        if any(key.fileobj is sys.stdin for key, _ in selector.select()):
            return  # the daemon is gone, however it went: its end of the pipe is closed
        connection, _ = listener.accept()
        parent = os.getpid()
        if os.fork() == 0:
            confine.die_with(parent)
            listener.close()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _child(connection, memory_mb, seconds, file_mb)
        connection.close()


def _child(connection: socket.socket, memory_mb: int, seconds: int, file_mb: int) -> None:
    status = 1
    try:
        with connection, connection.makefile("rwb") as stream:
            line = stream.readline(READ_LIMIT)
            confine.limit(memory_mb, seconds, file_mb)
            try:
                answer = jobs.run(json.loads(line))
            except MemoryError:
                answer = {"outcome": "refused", "code": "216", "detail": {"limit_mb": memory_mb}}
            except OSError as error:
                # No space, no storage: the world's. The text could hold a path, so only the number travels.
                code = "702" if error.errno in FULL else "709"
                answer = {"outcome": "deferred", "code": code, "detail": {"errno": error.errno or 0}}
            except Exception as error:
                # Ours. Only the class travels: a message could hold a value out of a record.
                answer = {"outcome": "fault", "code": "900", "detail": {"error": type(error).__name__}}
            stream.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            status = 0
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:5]))
