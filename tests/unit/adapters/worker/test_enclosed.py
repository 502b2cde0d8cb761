"""A job that leaves what it may do is refused by the kernel: each way out is tried, by a process that is enclosed as
jobs are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.adapters.worker import Worker, landlock, syscalls

FILES, CALLS = "own_files_alone", "own_calls_alone"

WAYS_OUT = {
    "a file of others": (FILES, "open(elsewhere)"),
    "a password file": (FILES, "open('/etc/passwd')"),
    "a folder of others": (FILES, "os.listdir('/etc')"),
    "writing beside the tray": (FILES, "open(elsewhere + '.new', 'w')"),
    "writing what it may only read": (FILES, "open(source, 'a')"),
    "removing what it may only read": (FILES, "os.unlink(source)"),
    "changing the program": (FILES, "open(gateway.__file__, 'a')"),
    "another process's memory": (FILES, "open(f'/proc/{os.getppid()}/mem', 'rb')"),
    "another process's environment": (FILES, "open(f'/proc/{os.getppid()}/environ', 'rb')"),
    "a special file in its own folder": (FILES, "os.mkfifo(out + '/fifo')"),
    "a link in its own folder": (FILES, "os.symlink('/etc/passwd', out + '/link')"),
    "a socket to the internet": (CALLS, "socket.socket(socket.AF_INET)"),
    "a socket on this machine": (CALLS, "socket.socket(socket.AF_UNIX)"),
    "a pair of sockets": (CALLS, "socket.socketpair()"),
    "another program": (CALLS, "os.execv(sys.executable, [sys.executable, '-c', ''])"),
    "another process": (CALLS, "os.fork()"),
    "tracing": (CALLS, "call(101, 0, 0, 0, 0) if os.uname().machine == 'x86_64' else call(117, 0, 0, 0, 0)"),
    "a signal to the worker": (CALLS, "os.kill(os.getppid(), 9)"),
    "a namespace": (CALLS, "call('unshare', 0x10000000)"),
    "a mount": (CALLS, "call('mount', b'a', b'/', b'tmpfs', 0, 0)"),
    "another root": (CALLS, "os.chroot('/')"),
    "another user": (CALLS, "os.setuid(65534)"),
    "a link to a file": (CALLS, "os.link(source, out + '/link')"),
    "limits of another process": (CALLS, "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))"),
    "a file without a name": (CALLS, "os.memfd_create('a')"),
    "the kernel's own rings": (CALLS, "call(425, 8, 0)"),
    "pages for others to run": (CALLS, "call('process_vm_readv', os.getppid(), 0, 0, 0, 0, 0)"),
}

PROGRAM = """
import ctypes, os, resource, socket, sys
from pathlib import Path
import gateway
from gateway.adapters.worker import confine
source, out, elsewhere = sys.argv[1:4]
libc = ctypes.CDLL(None, use_errno=True)

def call(what, *arguments):
    found = libc.syscall(what, *arguments) if isinstance(what, int) else getattr(libc, what)(*arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), "refused")

done = confine.isolate()
confine.enclose([Path(source)], [Path(out)])
try:
    {way}
except OSError as error:
    print("refused", error.errno)
else:
    print("left")
"""


def attempt(way: str, folder: Path) -> str:
    source, out, elsewhere = folder / "source", folder / "out", folder / "elsewhere"
    source.write_text("a")
    elsewhere.write_text("b")
    out.mkdir()
    program = PROGRAM.replace("{way}", way)
    done = subprocess.run(
        [sys.executable, "-c", program, source, out, elsewhere], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("name", WAYS_OUT)
def test_a_way_out_is_refused(name: str, tmp_path: Path, worker: Worker) -> None:
    what, way = WAYS_OUT[name]
    told = attempt(way, tmp_path)
    assert told.startswith("refused") == bool(worker.confinement[what]), told


def test_a_process_that_is_not_enclosed_gets_out(tmp_path: Path) -> None:
    """What is tried above can be done: else its refusal would say nothing."""
    for name in ("a file of others", "writing beside the tray", "a socket on this machine", "another process"):
        folder = tmp_path / name
        folder.mkdir()
        source, out, elsewhere = folder / "source", folder / "out", folder / "elsewhere"
        for path in (source, elsewhere):
            path.write_text("a")
        out.mkdir()
        program = PROGRAM.replace("{way}", WAYS_OUT[name][1]).replace("confine.enclose", "(lambda *_: None)")
        done = subprocess.run(
            [sys.executable, "-c", program, source, out, elsewhere], capture_output=True, text=True, check=False
        )
        assert "left" in done.stdout, done


@pytest.mark.parametrize(
    "way",
    [
        "open(source).read()",
        "os.listdir(out); open(out + '/a', 'w').write('a'); os.rename(out + '/a', out + '/b'); os.unlink(out + '/b')",
        "os.mkdir(out + '/parts'); os.rmdir(out + '/parts')",
        "__import__('threading').Thread(target=print).start()",
        "__import__('sqlite3')",
    ],
)
def test_what_a_job_does_it_may(way: str, tmp_path: Path) -> None:
    assert attempt(way, tmp_path).endswith("left")


def test_this_machine_holds_jobs_as_the_worker_says(worker: Worker) -> None:
    assert worker.confinement[FILES] == (landlock.version() > 0)
    assert worker.confinement[CALLS] == syscalls.known()


def test_no_call_that_makes_a_socket_or_a_program_is_in_the_table() -> None:
    never = {
        *("socket", "connect", "bind", "execve", "execveat", "ptrace", "fork", "vfork", "kill", "mount", "unshare"),
        *("setuid", "bpf", "io_uring_setup", "process_vm_readv", "keyctl", "open_by_handle_at", "memfd_create"),
    }
    assert not never & set(syscalls.names())
    for column in (0, 1):
        numbers = [entry[column] for entry in syscalls.ALLOWED.values() if entry[column] is not None]
        assert len(set(numbers)) == len(numbers)
    assert len(syscalls.program()) % 8 == 0
