"""One run of gpg: pipes, the status stream, the watchdog. The judgement of a run is in `status`.

python-gnupg is not used here: it holds the output in memory, hides the exit code of a write error, turns a wanted
signing key into a mere default and reports the last of several signatures (decision record 0004).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp.status import Status

# No file, server, trust database or terminal decides anything: only these options and the named keyrings do.
_ALWAYS = (
    *("--batch", "--no-tty", "--no-options", "--no-greeting", "--no-verbose"),
    *("--trust-model", "always", "--no-auto-check-trustdb", "--no-auto-key-locate", "--no-auto-key-retrieve"),
    *("--disable-dirmngr", "--no-random-seed-file", "--exit-on-status-write-error"),
)
_PIPE = 1 << 20
SECONDS = 120.0
SECONDS_PER_MIB = 1.0


Write = Callable[[bytes], None]
Feed = Callable[[Write], None]
"""Writes what gpg is to read, through the function it is given."""


@dataclass(frozen=True, slots=True)
class Pipes:
    """What a run reads and where its plain output goes: gpg reads what `feed` writes, or the open file `source`; it
    writes into the open file `out`. `extra` are further open files that the arguments name. `size`, in bytes, stretches
    the time after which gpg is killed; `work` are the seconds of work after which the kernel ends it (`SIGXCPU`)."""

    size: int
    feed: Feed | None = None
    source: int | None = None
    out: int = subprocess.DEVNULL
    extra: Sequence[int] = ()
    work: int | None = None


class Engine:
    """gpg with one home and one passphrase. `run` may be called from many threads at once."""

    def __init__(self, private: Path) -> None:
        self._private = private

    def run(self, arguments: Sequence[str], pipes: Pipes, *, secret: bool) -> Status:
        """Run gpg to its end; what it said.

        `secret` tells whether our private key is needed (only then an agent may be started and the passphrase given).
        An exception of `feed` kills gpg before its input ends, so that half an input never becomes a whole message, and
        is raised again.
        """
        status, messages = os.memfd_create("status"), os.memfd_create("messages")
        try:
            command = ["gpg", "--homedir", str(keyring.home(self._private)), *_ALWAYS, "--status-fd", str(status)]
            if secret:
                passphrase = str(keyring.passphrase_file(self._private))
                command += ["--pinentry-mode", "loopback", "--passphrase-file", passphrase]
            else:
                command += ["--no-autostart"]
            with subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.PIPE if pipes.feed else (subprocess.DEVNULL if pipes.source is None else pipes.source),
                stdout=pipes.out,
                stderr=messages,
                bufsize=0,
                pass_fds=(status, *pipes.extra),
                env=_environment(),
            ) as process:
                if pipes.work is not None:
                    with contextlib.suppress(ProcessLookupError):
                        resource.prlimit(process.pid, resource.RLIMIT_CPU, (pipes.work, pipes.work + 1))
                watchdog = threading.Timer(SECONDS + SECONDS_PER_MIB * (pipes.size >> 20), process.kill)
                watchdog.daemon = True
                watchdog.start()
                try:
                    if pipes.feed:
                        _feed(process, pipes.feed)
                    process.wait()
                except BaseException:
                    process.kill()
                    raise
                finally:
                    watchdog.cancel()
            return Status.parse(process.returncode, _content(status), _content(messages))
        finally:
            os.close(status)
            os.close(messages)


def _feed(process: subprocess.Popen[bytes], feed: Feed) -> None:
    assert process.stdin is not None
    pipe = process.stdin
    with contextlib.suppress(OSError):  # an unprivileged user's pipes may be held to a smaller size
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
    closed = False

    def write(data: bytes) -> None:
        """All of it; nothing any more once gpg has closed its end."""
        nonlocal closed
        view = memoryview(data)
        while view and not closed:
            try:
                view = view[os.write(pipe.fileno(), view) :]
            except BrokenPipeError:  # gpg has given up; its status says why
                closed = True

    try:
        feed(write)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _environment() -> dict[str, str]:
    """Messages in English (they are searched for system errors); nothing of a desktop session."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "HOME": os.environ.get("HOME", "/")}


def _content(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0)
