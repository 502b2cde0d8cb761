"""Limits of the system that a daemon meets: named with what they are called and what to do; none of them ends it where
the work can go on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.nodes import Daemon, copy_node, planned

IN_ITS_OWN = ("unshare", "--user", "--map-root-user", "sh", "-c")
"""Limits are counted for the users of a namespace by themselves: nobody else on the machine meets them."""


@pytest.fixture
def stopped(template: Path, tmp_path: Path) -> Daemon:
    copy_node(template, tmp_path / "node")
    return Daemon(tmp_path / "node")


def started(node: Daemon, by: Sequence[str] = ()) -> str:
    """What a daemon says that does not start."""
    command = [*by, sys.executable, "-m", "gateway", "run", "--config", str(node.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 3, done
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("{")]
    assert "Error" not in " ".join(said), "no sentence is the class of an exception"
    return "\n".join(said)


@pytest.mark.parametrize(
    ("limit", "name"),
    [("instances", "fs.inotify.max_user_instances"), ("watches", "fs.inotify.max_user_watches")],
)
def test_a_full_inotify_table_only_slows_it(stopped: Daemon, limit: str, name: str) -> None:
    node = stopped
    node.start(by=(*IN_ITS_OWN, f'echo 0 > /proc/sys/user/max_inotify_{limit}; exec "$@"', "sh"))
    try:
        node.drop(planned(6))
        assert [row["code"] for row in node.await_settled(1)] == ["100"]
        told = [json.loads(line) for line in node.daemon_log.read_text("utf-8").splitlines()]
        assert [line["limit"] for line in told if line["event"] == "folders_not_heard"] == [name]
        assert node.get("readyz") == {"ok": True, "reasons": []}
        assert f"系统限额 {name} 已满" in node.command("status").stdout
        assert f"系统限额 {name} 已满" in page(node)
    finally:
        assert node.stop() == 0


def page(node: Daemon) -> str:
    file = node.home / "page.html"
    assert node.command("status", "--html", str(file)).returncode == 0
    return file.read_text("utf-8")


def test_a_port_that_is_taken(stopped: Daemon) -> None:
    config = stopped.home / "config" / "gateway.toml"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(f"{config.read_text('utf-8')}\n[monitoring]\nport = {port}\n", "utf-8")
        assert f"端口 {port} 已被占用（monitoring.port）" in started(stopped)


def test_a_folder_that_it_may_not_write(stopped: Daemon) -> None:
    (stopped.home / "state" / "spool").mkdir(parents=True, exist_ok=True)
    (stopped.home / "state" / "spool").chmod(0o500)
    bounded = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()
    said = started(stopped, bounded)
    assert f"不能读写 {stopped.home}/state/spool" in said
    assert "ReadWritePaths=" in said


THREADS = """
import os, resource, sys, threading
from pathlib import Path
from gateway.daemon import hindrances
from gateway.policy import loading
facts = loading.load(Path(sys.argv[1]))
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
try:
    for _ in range(2):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
except Exception as error:
    assert hindrances.hinders(error)
    print(*hindrances.sentences(error, facts), sep="\\n", flush=True)
os._exit(0)
"""


def test_no_more_threads(stopped: Daemon) -> None:
    """The limit binds nobody who is root, so that a daemon cannot be started with it everywhere."""
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(stopped.home)], capture_output=True, text=True, check=False
    )
    zh, en = done.stdout.splitlines()
    assert "可运行的线程数已到上限（1）" in zh
    assert "systemd: TasksMax=" in en
