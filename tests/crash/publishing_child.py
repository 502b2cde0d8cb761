"""Publishes when told to: a server that forks, so that a hundred faults do not cost a hundred starts of Python.

Reads `HOME` lines; forks a child that opens the node's log, recovers, and stops itself (SIGSTOP); says `ready PID`. The
tester attaches what it wants and lets it go on (SIGCONT): the child publishes and leaves. Then the server says
`left STATUS`: the exit code, or minus the signal.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from support.logs import ORIGIN, START

from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, PublicationFailed, Publisher

DONE, FAILED, OTHER = 0, 5, 6


def child(home: Path) -> None:
    ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
    publisher = Publisher(ledger, home / "log", ORIGIN, LogKeys(home / "private", ORIGIN).signers)
    publisher.recover()
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        publisher.publish(START)
    except PublicationFailed:
        os._exit(FAILED)
    except BaseException:
        os._exit(OTHER)
    os._exit(DONE)


def main() -> None:
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            child(Path(line.rstrip("\n")))
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            print(f"ready {pid}", flush=True)
            _, status = os.waitpid(pid, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        print(f"left {code}", flush=True)


if __name__ == "__main__":
    main()
