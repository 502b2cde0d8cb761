"""Doing something as another user: a forked child that has given root away for good."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Sequence
from typing import Any


def become(uid: int, gid: int, groups: Sequence[int] = (), umask: int = 0o027) -> None:
    """From here on this process is that user. There is no way back."""
    os.setgroups(list(groups))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(umask)
    assert os.getresuid() == (uid, uid, uid)


def run(task: Callable[[], Any], uid: int, gid: int, groups: Sequence[int] = ()) -> Any:
    """What `task` answers (JSON) as that user; an exception comes back as `{"raised": class}`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer: Any = None
        try:
            become(uid, gid, groups)
            answer = task()
        except BaseException as error:
            answer = {"raised": type(error).__name__, "said": str(error)}
        finally:
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    return json.loads(data)


def start(task: Callable[[], Any], uid: int, gid: int, groups: Sequence[int] = ()) -> int:
    """The process id of a child that runs `task` as that user until it is ended."""
    pid = os.fork()
    if pid == 0:
        try:
            become(uid, gid, groups)
            task()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    return pid
