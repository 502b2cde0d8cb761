"""In the worker: the jobs that take apart what came from outside and is no table.

What they read comes as an open file with the job (`SCM_RIGHTS`), not as a path: the worker need not see the folder, and
may be another user. What they return is flat and short, so that reading it beside the keys can cost nothing.

`unpack` and `describe`: the inside of a package; `note`: a file beside another (`name.json`); `list`: a distribution
list that nobody has vouched for yet.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.adapters import container
from gateway.adapters.container import Caps, ContainerError
from gateway.adapters.worker import frames
from gateway.packages import Descriptor
from gateway.receipts import listing

NOTE_BYTES, NOTE_TEXT, NOTE_KEYS = 1 << 16, 200, 50
LIST_BYTES = 4 << 20
UNREADABLE = "264"

Verdict = dict[str, Any]


def run(job: Mapping[str, Any], files: Sequence[int]) -> Verdict:
    """The verdict of a job of this kind."""
    match job["job"]:
        case "unpack":
            return _unpack(job, *files)
        case "describe":
            return _describe(job, *files)
        case "note":
            return _note(*files)
        case _:
            return _list(*files)


def _unpack(job: Mapping[str, Any], plain: int, out: int) -> Verdict:
    """Read the compressed tar in the open file `plain`; write frames into the pipe `out`."""
    at = ""
    try:
        with os.fdopen(plain, "rb", buffering=0) as stream, os.fdopen(out, "wb", buffering=0) as pipe:
            for name, what in container.members(stream, Caps(*job["caps"])):
                if isinstance(what, Descriptor):
                    frames.write(pipe, frames.DESCRIPTOR, what.to_json())
                elif not at:
                    frames.write(pipe, frames.ORIGINAL, what)
                else:
                    if name != at:
                        frames.write(pipe, frames.MEMBER, name.encode())
                    frames.write(pipe, frames.BYTES, what)
                at = name or "."
    except ContainerError as error:
        return _refused(error.code, reason=error.reason)
    except BrokenPipeError:  # nobody reads on: what was read is refused already
        return _refused("214", reason="not wanted")
    return {"outcome": "ok", "value": {}}


def _describe(job: Mapping[str, Any], file: int) -> Verdict:
    try:
        data = _whole(file, Caps(*job["caps"]).descriptor)
        if data is None:
            return _refused("216", reason="the descriptor is too long")
        return {"outcome": "ok", "value": {"descriptor": container.restated(data).to_json().decode()}}
    except ContainerError as error:
        return _refused(error.code, reason=error.reason)


def _note(file: int) -> Verdict:
    """What a note says: its keys with short plain values; other values are left out. Refused 264."""
    data = _whole(file, NOTE_BYTES)
    try:
        if data is None:
            return _refused(UNREADABLE)
        found = json.loads(data)
    except (ValueError, RecursionError):
        return _refused(UNREADABLE)
    if not isinstance(found, dict) or len(found) > NOTE_KEYS:
        return _refused(UNREADABLE)
    said = {
        key: value
        for key, value in found.items()
        if len(key) <= NOTE_TEXT and isinstance(value, str | bool) and len(str(value)) <= NOTE_TEXT
    }
    said |= {key: str(value) for key, value in found.items() if type(value) is int and abs(value) < 1 << 53}
    return {"outcome": "ok", "value": said}


def _list(file: int) -> Verdict:
    """The packages that a list names; and, where it is a distribution list in full, who wrote it for whom. Refused 247
    for anything else."""
    data = _whole(file, LIST_BYTES) or b""
    try:
        packages = [
            [str(p["package"])[:NOTE_TEXT], int(p["size"]), str(p["sha256"])[:64]] for p in json.loads(data)["packages"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return _refused("247")
    value: dict[str, Any] = {"packages": packages}
    with contextlib.suppress(ValueError):
        whole = listing.parse(data)
        value |= {"issuer": whole.issuer, "receiver": whole.receiver}
    return {"outcome": "ok", "value": value}


def _whole(file: int, longest: int) -> bytes | None:
    with os.fdopen(file, "rb") as stream:
        data = stream.read(longest + 1)
    return data if len(data) <= longest else None


def _refused(code: str, **detail: str) -> Verdict:
    return {"outcome": "refused", "code": code, "detail": detail}
