"""What the system refuses a daemon that starts: the limit by its name, its value, and what to do about it."""

from __future__ import annotations

import errno
import os
import pwd
import resource
from pathlib import Path

from gateway.policy.facts import Facts

_LIMITS = {
    errno.EMFILE: ("NOFILE", "ulimit -n；systemd：LimitNOFILE=", "ulimit -n; systemd: LimitNOFILE="),
    errno.EAGAIN: ("NPROC", "ulimit -u；systemd：TasksMax=", "ulimit -u; systemd: TasksMax="),
}
_NAMES = {
    errno.EMFILE: ("可同时打开的文件数已到上限", "no more open files are allowed"),
    errno.EAGAIN: ("可运行的线程数已到上限", "no more threads are allowed"),
}
_NO_THREAD = "can't start new thread"
"""All that `threading` says where the system gives it none."""


def hinders(error: Exception) -> bool:
    """Whether the system refused something; else the error is ours."""
    return isinstance(error, OSError | MemoryError) or str(error) == _NO_THREAD


def sentences(error: Exception, facts: Facts) -> tuple[str, str]:
    """Why the daemon ended, in Chinese and in English. No path of a party's folder is in it."""
    number = _number(error)
    if number in _LIMITS:
        limit, where_zh, where_en = _LIMITS[number]
        value = resource.getrlimit(getattr(resource, f"RLIMIT_{limit}"))[1]
        shown = "unlimited" if value == resource.RLIM_INFINITY else f"{value}"
        said_zh, said_en = _NAMES[number]
        return f"{said_zh}（{shown}）。请调高：{where_zh}", f"{said_en} ({shown}). Raise it: {where_en}"
    if number == errno.ENOMEM:
        return "内存不足。请调高 MemoryMax= 或腾出内存。", "Out of memory. Raise MemoryMax= or free some."
    if number in (errno.ENOSPC, errno.EDQUOT):
        room = facts.path(facts.node.state)
        return f"磁盘已满：{room}。请腾出空间。", f"The disk is full: {room}. Make room there."
    if number == errno.EADDRINUSE:
        port = facts.node.monitoring.port
        return (
            f"端口 {port} 已被占用（monitoring.port）。请换一个。",
            f"Port {port} is taken (monitoring.port). Name another.",
        )
    where = _place(error, facts)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        user = _user()
        return (
            f"用户 {user} 不能读写 {where}。请检查属主、权限，以及单元的 ReadWritePaths=。",
            f"User {user} cannot read and write {where}. Check owner, mode, and ReadWritePaths= of the unit.",
        )
    reason = os.strerror(number) if number else "?"
    return f"系统拒绝（{reason}）：{where}。", f"The system refused it ({reason}): {where}."


def _number(error: Exception) -> int:
    if isinstance(error, OSError):
        return error.errno or 0
    return errno.ENOMEM if isinstance(error, MemoryError) else errno.EAGAIN


def _place(error: Exception, facts: Facts) -> str:
    """The path, where it is the node's own: others could name a person."""
    name, node = getattr(error, "filename", None), facts.node
    own = [facts.path(folder) for folder in (node.state, node.log, node.private)]
    if isinstance(name, str) and any(Path(name).is_relative_to(folder) for folder in own):
        return name
    return str(facts.home)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
