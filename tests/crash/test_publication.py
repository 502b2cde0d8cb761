"""Faults at the system calls of a publication, made by strace in the kernel's place: an input/output error, a SIGKILL.

Whatever fails where, what is published verifies, continues what was published before, and a new process brings it to
what was signed. Ten calls of each kind of fault by default; `GATEWAY_CRASHES=1000` tries every call there is.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from publishing_child import DONE
from support.logs import START, Log, make_log

from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, Publisher
from gateway.log import verify
from gateway.log.note import read_checkpoint

LIMIT = int(os.environ.get("GATEWAY_CRASHES", "10"))
OLD, NEW = 36 * 7, 40 * 7  # over the edge of the first tile
# What writes: where there is no time to try every call, these are tried first.
WRITING = ("fsync", "fdatasync", "rename", "renameat2", "write", "pwrite64", "openat", "mkdir", "unlink", "ftruncate")


class Server:
    """The child's parent, and strace on the child."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        self._process = subprocess.Popen(
            [sys.executable, here / "publishing_child.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(here.parent)},
        )

    def publish(self, home: Path, *strace: str) -> int:
        """One publication under strace; answers the exit code, or minus the signal."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{home}\n".encode())
        self._process.stdin.flush()
        pid = int(self._line("ready"))
        tracer = subprocess.Popen(
            ["strace", "-f", "-o", home / "trace", *strace, "-p", str(pid)], stderr=subprocess.PIPE
        )
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        assert b"attached" in attached, attached
        os.kill(pid, signal.SIGCONT)
        code = int(self._line("left"))
        tracer.communicate(timeout=60)
        return code

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _line(self, word: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode().split()
        assert line[:1] == [word], line
        return line[1]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log with entries that are committed and not published."""
    log = make_log(tmp_path_factory.mktemp("before") / "node", OLD // 7)
    log.grow(OLD // 7, (NEW - OLD) // 7, START, publish=False)
    log.ledger.close()
    return log


@pytest.fixture(scope="module")
def calls(server: Server, before: Log, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """Every system call of a publication: (name, how many of that name came before, plus one)."""
    home = tmp_path_factory.mktemp("calls") / "node"
    shutil.copytree(before.home, home)
    assert server.publish(home) == DONE
    seen: Counter[str] = Counter()
    found = []
    for line in (home / "trace").read_text("utf-8", "replace").splitlines():
        name = re.match(r"\d+ +([a-z0-9_]+)\(", line)
        if name and name[1] not in ("exit_group", "exit", "execve", "rt_sigreturn"):
            seen[name[1]] += 1
            found.append((name[1], seen[name[1]]))
    assert seen["fsync"] + seen["fdatasync"] >= 8, seen
    assert seen["rename"] >= 4, seen
    return found


def chosen(calls: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Evenly over the calls that write; all calls where there is time for them."""
    pool = calls if len(calls) <= LIMIT else [call for call in calls if call[0] in WRITING]
    step = max(1, len(pool) // LIMIT)
    return pool[::step]


@pytest.mark.parametrize("fault", ["error=EIO", "signal=SIGKILL"])
def test_no_fault_makes_two_histories(
    fault: str, server: Server, before: Log, calls: list[tuple[str, int]], tmp_path: Path
) -> None:
    old = before.checkpoint.read_bytes()
    ends: Counter[int] = Counter()
    for number, (name, count) in enumerate(chosen(calls)):
        home = tmp_path / str(number)
        shutil.copytree(before.home, home)
        ends[server.publish(home, "-e", f"trace={name}", "-e", f"inject={name}:{fault}:when={count}")] += 1
        where = f"{name} {count} {fault}"

        crashed = verify(home / "log", [before.key], since=[old])
        assert crashed.ok, (where, crashed.problems)
        assert crashed.size in (OLD, NEW), where
        left = (home / "log" / "checkpoint").read_bytes()

        ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
        publisher = Publisher(ledger, home / "log", "national", LogKeys(home / "private", "national").signers)
        with ledger.published() as tables:
            signed = tables.signed()
        publisher.recover()
        if signed is not None and signed.size == NEW:
            assert (home / "log" / "checkpoint").read_bytes() == signed.note, where
        publisher.publish(START + timedelta(hours=1))
        ledger.close()
        after = verify(home / "log", [before.key], since=[old, left])
        assert after.ok, (where, after.problems)
        assert after.size == NEW, where
        assert not list((home / "log").rglob(".*.tmp")), where
        _, checkpoint = read_checkpoint((home / "log" / "checkpoint").read_bytes())
        assert checkpoint.root == crashed.root or crashed.size == OLD, where
        shutil.rmtree(home)
    print(f"{fault}: {sum(ends.values())} of {len(calls)} calls; ends {dict(ends)}")
    if "KILL" in fault:
        assert ends[-signal.SIGKILL] == sum(ends.values())
    else:
        assert ends[DONE] < sum(ends.values())


def test_a_disk_that_is_full_costs_nothing_but_time(server: Server, before: Log, tmp_path: Path) -> None:
    """No space at every rename in turn: nothing is lost, and the same process could go on."""
    shutil.copytree(before.home, tmp_path / "node")
    assert server.publish(tmp_path / "node", "-e", "trace=rename", "-e", "inject=rename:error=ENOSPC:when=1+") != DONE
    assert verify(tmp_path / "node" / "log", [before.key], since=[before.checkpoint.read_bytes()]).ok
    assert server.publish(tmp_path / "node") == DONE
    found = verify(tmp_path / "node" / "log", [before.key], since=[before.checkpoint.read_bytes()])
    assert (found.ok, found.size) == (True, NEW)
