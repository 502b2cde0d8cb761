"""One job over a connected socket: how long it may take, what is sent, and what comes of the line that comes back."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused

if TYPE_CHECKING:
    from gateway.policy.facts import Limits

TOO_LONG, BREAKS = "314", "315"
WALL = 4
"""Seconds on the clock for a second of work: other files are read beside, on a machine that does other things too."""
_LONGEST_LINE = 64 << 20
_SECONDS, _SECONDS_PER_MIB = 20, 10
_BREAKS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS, signal.SIGTRAP}
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME")


def seconds_for(limits: Limits, size: int) -> int:
    """Seconds of work that a file of `size` bytes is given: more than ten times what an honest one takes, and never
    above the limit of the facts."""
    return min(limits.worker_seconds, _SECONDS + _SECONDS_PER_MIB * (size >> 20))


def terms(limits: Limits, work: int, file_mb: int) -> list[int]:
    """`limits` of a job, as `server` reads them."""
    return [limits.worker_memory_mb, work, WALL * work, file_mb]


def environment() -> dict[str, str]:
    """What a worker inherits of ours: nothing that could hold a credential."""
    return {k: v for k, v in os.environ.items() if k in _PASSED_ON}


def exchange(
    connection: socket.socket, job: Mapping[str, Any], timeout: float, files: Sequence[int] = ()
) -> Outcome[Any] | None:
    """Hand over a job, with open `files`, and wait for its line; None where it broke off. Raises `OSError`."""
    data = json.dumps(job, ensure_ascii=False).encode() + b"\n"
    connection.settimeout(timeout)
    sent = socket.send_fds(connection, [data], list(files)) if files else 0
    # Sending nothing is told as a broken pipe where the job was done, and the other end closed, in the meantime.
    if sent < len(data):
        connection.sendall(data[sent:])
    with connection.makefile("rb") as stream:
        line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):  # killed before, or in the middle of, its line
        return None
    return outcome_of(json.loads(line))


def outcome_of(found: Mapping[str, Any]) -> Outcome[Any]:
    """What the worker's line says, as an outcome."""
    match found["outcome"]:
        case "ok":
            return Ok(found["value"])
        case "refused":
            return Refused(found["code"], found.get("detail", {}))
        case "deferred":
            return Deferred(found["code"], found.get("detail", {}))
        case "died":
            return died(int(found["signal"]))
        case _:
            return Fault(found["code"], found.get("detail", {}))


def died(number: int) -> Refused | Deferred:
    """What a job comes to whose process was ended by this signal (0: it ended by itself, and said nothing).

    A job that spent its seconds of work is the sender's, at once: another try would spend them again. What breaks
    its reader is the sender's, too. On the clock alone a busy machine may be late; a kill may be anybody's."""
    if number == signal.SIGXCPU:
        return Refused(TOO_LONG)
    if number in _BREAKS:
        return Refused(BREAKS)
    detail = {"ended": "late"} if number == signal.SIGALRM else {}
    return Deferred("704", detail, retry_after=5)
