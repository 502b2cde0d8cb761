"""The worker: untrusted files are read in a child that holds nothing and can be lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.nodes import children, planned

from gateway.adapters import sockets
from gateway.adapters.worker import Worker
from gateway.adapters.worker.client import submit
from gateway.demo.files import render
from gateway.outcomes import Deferred, Fault, Ok, Refused
from gateway.parcels import ParcelId
from gateway.policy.facts import Limits
from gateway.policy.loading import find
from gateway.ports import ExamineJob

SCHEMAS = find() / "schemas"
PARCEL = ParcelId("p" + "2" * 25)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Workers with limits of a test's own."""
    started: list[Worker] = []

    def start(limits: Limits | None = None, max_file_mb: int = 64) -> Worker:
        made = Worker(tmp_path / f"worker-{len(started)}.sock", limits or Limits(), max_file_mb)
        started.append(made)
        made.start()
        return made

    yield start
    for made in started:
        made.stop()


def job(tmp_path: Path, rows: int = 20) -> ExamineJob:
    source, out = tmp_path / "source", tmp_path / "out"
    source.write_bytes(render(planned(rows)))
    out.mkdir(exist_ok=True)
    return ExamineJob(
        source=source,
        out=out,
        schemas=SCHEMAS,
        dataset="migrants-inflow",
        version="1",
        route_by="registered_code",
        sender="33",
        as_of="2026-09-30",
    )


def until(holds: Callable[[], bool], seconds: float = 20) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_it_examines_and_its_files_are_ours_alone(worker: Worker, tmp_path: Path) -> None:
    answer = worker.examine(PARCEL, job(tmp_path))
    assert isinstance(answer, Ok)
    assert answer.value["accepted"] == 20
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert written
    assert all(p.stat().st_mode & 0o077 == 0 and p.stat().st_uid == os.getuid() for p in written)


def test_each_job_has_a_process_of_its_own_that_ends_with_it(worker: Worker, tmp_path: Path) -> None:
    pid = worker.pid
    assert pid is not None
    for _ in range(3):
        assert isinstance(worker.examine(PARCEL, job(tmp_path)), Ok)
    assert worker.pid == pid
    assert until(lambda: children(pid) == [])


def test_a_worker_that_dies_as_it_starts_defers_and_is_started_again(
    own: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = own()
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    assert until(lambda: not killed.is_up())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", shutil.which("false"))
        answer = killed.examine(PARCEL, job(tmp_path))
        assert isinstance(answer, Deferred)
        assert answer.code == "704"
    assert isinstance(killed.examine(PARCEL, job(tmp_path)), Ok)


@pytest.mark.parametrize("said", [b"", b'{"outcome": "o'])
def test_an_answer_that_breaks_off_is_none(said: bytes, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "w.sock"))
        listener.listen()

        def break_off() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as asked:
                asked.readline()
                connection.sendall(said)

        thread = threading.Thread(target=break_off)
        thread.start()
        answer = submit(tmp_path / "w.sock", {"job": "ping"}, Limits(), 64, 20)
        thread.join()
    assert isinstance(answer, Deferred)
    assert answer.code == "704"


def test_a_job_over_the_memory_limit_is_refused_and_the_worker_lives(
    own: Callable[..., Worker], worker: Worker, tmp_path: Path
) -> None:
    small = own(Limits.model_construct(**{**Limits().model_dump(), "worker_memory_mb": 24}))
    pid = small.pid
    for _ in range(2):
        answer = small.examine(PARCEL, job(tmp_path, 3000))
        assert isinstance(answer, Refused)
        assert (answer.code, answer.detail) == ("216", {"limit_mb": 24})
        assert small.pid == pid
    assert isinstance(worker.examine(PARCEL, job(tmp_path, 3000)), Ok)


def test_a_job_over_its_time_is_cut_off(own: Callable[..., Worker], tmp_path: Path) -> None:
    quick = own(Limits.model_construct(**{**Limits().model_dump(), "worker_seconds": 1}))
    pid = quick.pid
    big = job(tmp_path)
    with big.source.open("ab") as stream:
        line = render(planned(1)).splitlines()[1] + b"\n"
        # Doubled quotation marks are the plain engine's, which takes its time.
        line = b'"x""y"' + line[line.index(b",") :]
        for _ in range(60):
            stream.write(line * 5000)
    assert quick.examine(PARCEL, big) == Refused("314")
    assert quick.pid == pid


def test_a_job_that_is_wrong_is_a_fault_without_words(worker: Worker, tmp_path: Path) -> None:
    wrong = job(tmp_path)
    answer = worker.ask({"job": "examine", "parcel": PARCEL, "source": str(wrong.source), "out": "/nowhere"})
    assert isinstance(answer, Fault)
    assert answer.code == "900"
    assert set(answer.detail) == {"error"}


def test_a_source_that_is_gone_is_the_worlds(worker: Worker, tmp_path: Path) -> None:
    missing = job(tmp_path)
    missing.source.unlink()
    answer = worker.examine(PARCEL, missing)
    assert isinstance(answer, Deferred)
    assert answer.code == "709"


def test_the_network_is_not_there(own: Callable[..., Worker]) -> None:
    """A listener on the loopback answers us, and cannot be reached from the worker's network."""
    made = own()
    told = made.confinement
    assert told["no_new_privileges"]
    status = Path(f"/proc/{made.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    ours, theirs = os.stat("/proc/self/ns/net").st_ino, os.stat(f"/proc/{made.pid}/ns/net").st_ino
    assert told["no_network"] == (ours != theirs)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        reached = _confined(
            "import socket, sys\n"
            "try:\n"
            f"    socket.create_connection(('127.0.0.1', {port}), timeout=3).close()\n"
            "except OSError:\n"
            "    sys.exit(7)\n"
        )
    assert reached == (7 if told["no_network"] else 0)


def _confined(program: str) -> int:
    """Run a program after the worker's own `isolate`."""
    code = f"from gateway.adapters.worker import confine\nconfine.isolate()\n{program}"
    return subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode


def test_limits_hold_in_the_child_alone(worker: Worker) -> None:
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    assert "Max core file size        0" in limits
    assert "Max address space         unlimited" in limits


def test_its_environment_and_descriptors_hold_no_secret(
    own: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/gateway")
    monkeypatch.setenv("GATEWAY_SECRET", "do-not-pass-on")
    monkeypatch.setenv("GNUPGHOME", "/nowhere")
    secret = tmp_path / "passphrase"
    secret.write_text("do-not-pass-on")
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        made = own()
        environment = Path(f"/proc/{made.pid}/environ").read_bytes()
        names = {pair.partition(b"=")[0].decode() for pair in environment.split(b"\0") if pair}
        assert names <= {"PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "LC_CTYPE"}
        assert b"do-not-pass-on" not in environment
        targets = [os.readlink(f) for f in Path(f"/proc/{made.pid}/fd").iterdir()]
        assert not any("passphrase" in target for target in targets)


def test_its_socket_is_ours_alone(own: Callable[..., Worker], tmp_path: Path) -> None:
    own()
    assert (tmp_path / "worker-0.sock").stat().st_mode & 0o777 == 0o600


def test_it_ends_when_the_pipe_to_the_daemon_closes(tmp_path: Path) -> None:
    """Whatever ends the daemon, its end of the pipe is closed by the kernel."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.adapters.worker.server", str(tmp_path / "w.sock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["ready"]
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_child_ends_with_its_worker(own: Callable[..., Worker], tmp_path: Path) -> None:
    """Else it would go on writing where the next try of the same parcel writes."""
    made = own()
    assert made.pid is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        sockets.connect(held, tmp_path / "worker-0.sock")  # a job that never comes: its child waits for the line
        assert until(lambda: children(made.pid or 0) != [])
        (child,) = children(made.pid)
        os.kill(made.pid, signal.SIGKILL)
        ended = until(lambda: gone(child))
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    assert ended


def test_a_worker_that_was_killed_comes_back_by_itself(own: Callable[..., Worker], tmp_path: Path) -> None:
    made = own()
    first = made.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert until(lambda: made.pid is None)
    assert isinstance(made.examine(PARCEL, job(tmp_path)), Ok)
    assert made.pid not in (None, first)


def test_stopping_leaves_nothing(own: Callable[..., Worker]) -> None:
    made = own()
    pid = made.pid
    assert pid is not None
    made.stop()
    assert made.pid is None
    assert gone(pid)
