"""A worker for one job, where no other one runs: `gateway open`, and whatever opens a package without a node."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gateway.adapters.worker.asking import Asking
from gateway.adapters.worker.exchanging import WALL, died, environment, exchange, seconds_for, terms
from gateway.outcomes import Deferred, Outcome

if TYPE_CHECKING:
    from gateway.policy.facts import Limits


class Aside(Asking):
    """`Asking` with a process of its own for every job."""

    def __init__(self, limits: Limits | None = None) -> None:
        if limits is None:
            from gateway.policy.facts import Limits  # what reads the facts is large, and no business of the child's

            limits = Limits()
        self._limits = limits

    def ask(self, job: Mapping[str, Any], files: Sequence[int] = ()) -> Outcome[Mapping[str, Any]]:
        """One job. Deferred 704 when the process died."""
        work = seconds_for(self._limits, int(job["bytes"]))
        job = {**job, "limits": terms(self._limits, work, 0)}
        try:
            ours, theirs = socket.socketpair()
            with ours:
                with theirs:
                    command = [sys.executable, "-m", "gateway.adapters.worker.single", str(theirs.fileno())]
                    child = subprocess.Popen(command, pass_fds=(theirs.fileno(),), env=environment())
                try:
                    found = exchange(ours, job, WALL * work + 30, files)
                finally:
                    ours.close()
                    child.kill()
                    ended = child.wait()
        except OSError as error:
            return Deferred("704", {"errno": error.errno or 0}, retry_after=5)
        return found or died(-ended)
