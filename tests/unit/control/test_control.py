"""The control socket of a real daemon, asked by the real command line."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.nodes import Daemon, copy_node, planned, processes_of

from gateway.adapters import sockets
from gateway.control.client import ControlClient, NotRunning, Refusal
from gateway.control.server import ControlServer
from gateway.demo.people import INFLOW

NOWHERE = "p" + "7" * 25


@pytest.fixture(scope="module")
def daemon(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    home = tmp_path_factory.mktemp("control") / "node"
    copy_node(template, home)
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f"\n[monitoring]\nport = {_free_port()}\n")
    node = Daemon(home)
    node.start()
    yield node
    node.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def monitor(daemon: Daemon, path: str) -> tuple[int, str, str]:
    """Status, kind and text from the port on the loopback."""
    port = re.findall(r"^port = (\d+)$", (daemon.home / "config" / "gateway.toml").read_text("utf-8"), re.MULTILINE)[-1]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()
    finally:
        connection.close()


def client(daemon: Daemon) -> ControlClient:
    return ControlClient(daemon.home / "state" / "control.sock")


def entries(daemon: Daemon, event: str) -> list[dict]:
    with closing(sqlite3.connect(f"file:{daemon.home}/state/ledger.db?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT body FROM log_entries WHERE event = ? ORDER BY seq", (event,))
        return [json.loads(row[0]) for row in rows]


def test_health_and_status(daemon: Daemon) -> None:
    health = daemon.get("health")
    assert health["ok"], health
    assert health["pid"] == daemon.pid
    assert health["worker"]["pid"] in [p for p in health["worker"].values() if isinstance(p, int)]
    assert health["sources"]["down"] == []
    assert health["rehearsal"]
    counted = {"parcels", "packages", "deliveries", "obligations", "replies", "incoming", "statements"}
    assert set(daemon.get("status")["counts"]) == counted
    assert daemon.get("status")["counts"]["obligations"] == {"open": 64}
    assert daemon.get("view", period="2026Q3")["period"] == "2026Q3"


def test_it_says_that_it_lives_and_is_ready_on_both_doors(daemon: Daemon) -> None:
    assert daemon.get("healthz") == {"ok": True, "stuck": []}
    assert daemon.get("readyz") == {"ok": True, "reasons": []}
    assert monitor(daemon, "/healthz")[::2] == (200, '{"ok": true, "stuck": []}')
    assert monitor(daemon, "/readyz")[0] == 200


def test_what_monitors_read_is_prometheus_text_without_names(daemon: Daemon) -> None:
    status, kind, text = monitor(daemon, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    typed = set(re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE))
    sample = re.compile(r'(gateway_[a-z_]+)(\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})? (-?[0-9.e+-]+)')
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            found = sample.fullmatch(line)
            assert found, line
            assert found[1] in typed
            values[found[1] + (found[2] or "")] = float(found[3])
    assert values["gateway_alive"] == values["gateway_ready"] == values["gateway_intake_open"] == 1
    assert values['gateway_obligations{state="open"}'] == 64
    assert values['gateway_sources{state="down"}'] == 0
    assert values["gateway_disk_free_bytes"] > 0
    assert any(name.startswith("gateway_key_expiry_seconds{") for name in values)
    assert any(name.startswith("gateway_deadline_seconds{") for name in values)
    assert re.search(r"[\u4e00-\u9fff]", text) is None


@pytest.mark.parametrize("path", ["/", "/status", "/parcels", "/metrics/x", "/view"])
def test_the_port_shows_nothing_else(daemon: Daemon, path: str) -> None:
    assert monitor(daemon, path)[0] == 404


def test_its_socket_is_for_its_own_user(daemon: Daemon) -> None:
    state = daemon.home / "state"
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "control.sock").stat().st_mode & 0o777 == 0o600


def test_what_is_not_there(daemon: Daemon) -> None:
    ask = client(daemon)
    for path in (("nothing",), ("parcels", NOWHERE), ("parcels", "../../etc/passwd")):
        with pytest.raises(Refusal) as refused:
            ask.get(*path)
        assert refused.value.status == 404
    with pytest.raises(Refusal) as refused:
        ask.post("retry", NOWHERE)
    assert refused.value.status == 404
    with pytest.raises(Refusal) as refused:
        ask.post("release", agreement="no-such", period="2026Q3")
    assert refused.value.status == 404


def test_what_cannot_be_done_now(daemon: Daemon) -> None:
    ask = client(daemon)
    with pytest.raises(Refusal) as refused:
        ask.get("view", period="next summer")
    assert refused.value.status == 409
    with pytest.raises(Refusal) as refused:
        ask.post("release", agreement=INFLOW, period="2026Q1")
    assert refused.value.status == 409


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"BREW /coffee HTTP/1.0\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"POST /retry/x HTTP/1.0\r\nContent-Length: 8\r\n\r\nnot json",
        b"POST /retry/x HTTP/1.0\r\nContent-Length: 2\r\n\r\n[]",
        b"POST /retry/x HTTP/1.0\r\nContent-Length: many\r\n\r\n{}",
        b"GET /parcels?limit=many HTTP/1.0\r\n\r\n",
        b"POST /retry HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.0\r\n\r\n",
    ],
)
def test_nonsense_is_answered_and_harms_nothing(daemon: Daemon, request_: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        sockets.connect(connection, daemon.home / "state" / "control.sock")
        connection.sendall(request_)
        answer = b""
        with suppress(ConnectionResetError):  # what it did not want to read to the end
            while block := connection.recv(65_536):
                answer += block
    assert re.search(rb"^HTTP/1\.[01] [45]|Error code: 4", answer) or not answer, answer[:200]
    assert b"200 OK" not in answer
    assert b"Traceback" not in answer
    assert daemon.get("health")["ok"]


def test_a_client_that_goes_away_harms_nothing(daemon: Daemon) -> None:
    for _ in range(5):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            sockets.connect(connection, daemon.home / "state" / "control.sock")
            connection.sendall(b"GET /status HT")
    assert daemon.get("health")["ok"]


def test_a_second_daemon_on_the_same_node_is_refused(daemon: Daemon) -> None:
    done = daemon.command("run")
    assert done.returncode == 1
    assert "running already" in done.stderr
    assert daemon.alive()
    assert daemon.get("health")["pid"] == daemon.pid


def test_a_release_by_hand_and_who_did_it(daemon: Daemon) -> None:
    daemon.drop(planned(40, party="33"))
    (parcel,) = daemon.await_parcels(1, lambda p: p["sender"] == "330000" and p["posted_at"] != "")
    with pytest.raises(Refusal) as refused:
        client(daemon).post("retry", parcel["id"])
    assert refused.value.status == 409
    shown = json.loads(daemon.command("parcels", "show", parcel["id"], "--json").stdout)
    assert shown["parcel"]["state"] == "accepted"
    assert {p["state"] for p in shown["packages"]} == {"held"}
    released = daemon.command("parcels", "release", "--agreement", INFLOW, "--period", "2026Q3", "--json")
    assert released.returncode == 0
    assert json.loads(released.stdout)["packages"] == len(shown["packages"])
    daemon.await_counts("deliveries", "delivered", 32)
    logged = entries(daemon, "released")
    assert len(logged) == 32
    assert {body["actor"].split()[0] for body in logged} == {f"uid:{os.getuid()}"}
    assert sum(body["counts"]["packages"] for body in logged) == len(shown["packages"])
    assert {body["actor"] for body in entries(daemon, "delivered")} == {"gateway"}
    assert daemon.command("parcels", "release", "--agreement", INFLOW, "--period", "2026Q3").returncode == 1


def test_a_retry_by_hand_and_who_did_it(daemon: Daemon) -> None:
    """A receiver without a key: deferred, seen in the list, tried again by a person, taken when the key is there."""
    receiver = daemon.home / "config" / "parties" / "440000.toml"
    pinned = receiver.read_text()
    _take_facts(daemon, lambda: receiver.write_text(re.sub(r"(?m)^key = .*\n", "", pinned)))
    daemon.drop(planned(60, party="34", agreement="migrants-outflow"))
    (parcel,) = daemon.await_parcels(1, lambda p: p["sender"] == "340000" and p["code"] == "707")
    assert parcel["next_attempt_at"] != ""
    listed = daemon.command("parcels", "list", "--sender", "340000", "--json")
    assert [p["id"] for p in json.loads(listed.stdout)] == [parcel["id"]]
    assert daemon.command("parcels", "retry", parcel["id"]).returncode == 0
    daemon.await_parcels(1, lambda p: p["id"] == parcel["id"] and p["attempt"] > parcel["attempt"] + 1)
    retried = [body for body in entries(daemon, "retried") if body["parcel"] == parcel["id"]]
    assert [body["actor"].split()[0] for body in retried] == [f"uid:{os.getuid()}"]
    _take_facts(daemon, lambda: receiver.write_text(pinned))
    daemon.command("parcels", "retry", parcel["id"])
    daemon.await_parcels(1, lambda p: p["id"] == parcel["id"] and p["state"] == "accepted" and p["posted_at"])


def _take_facts(daemon: Daemon, change: Callable[[], object]) -> None:
    before = daemon.get("health")["facts"]
    change()
    os.kill(daemon.pid, signal.SIGHUP)
    _await(lambda: daemon.get("health")["facts"] != before)


def _await(holds) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_without_a_daemon_the_command_line_says_so(template: Path, tmp_path: Path) -> None:
    copy_node(template, tmp_path / "node")
    asleep = Daemon(tmp_path / "node")
    for arguments in (("parcels", "list"), ("parcels", "show", NOWHERE), ("parcels", "retry", NOWHERE), ("status",)):
        done = asleep.command(*arguments)
        assert done.returncode == 4, arguments
        assert "not running" in done.stderr
        assert done.stdout == ""
    with pytest.raises(NotRunning):
        asleep.get("health")


def test_a_stop_is_clean_and_leaves_no_process_behind(template: Path, tmp_path: Path) -> None:
    home = tmp_path / "node"
    copy_node(template, home)
    node = Daemon(home)
    node.start()
    try:
        node.drop(planned(6))
        node.await_settled(1)
        worker = node.get("health")["worker"]["pid"]
        assert processes_of(home) != []  # the key agent is at work
        assert node.stop() == 0
        assert processes_of(home) == []
        assert not Path(f"/proc/{worker}").exists()
        assert not (home / "state" / "control.sock").exists()
        assert [e["event"] for e in entries(node, "node_stopped")] == ["node_stopped"]
        node.start()
        assert [p["state"] for p in node.get("parcels")] == ["accepted"]
    finally:
        node.close()


def test_a_broken_fact_starts_nothing(template: Path, tmp_path: Path) -> None:
    home = tmp_path / "node"
    copy_node(template, home)
    (home / "config" / "parties" / "330000.toml").write_text("id = 3\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "run", "--config", str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "330000.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_parcel_in_work_is_not_retried(daemon: Daemon) -> None:
    """409, and nothing is changed: neither its row nor the log. Its worker stands still meanwhile."""
    worker = daemon.get("health")["worker"]["pid"]
    before = {p["id"] for p in daemon.get("parcels")}
    os.kill(worker, signal.SIGSTOP)
    try:
        daemon.drop(planned(6, party="36", seed="in work"))
        (parcel,) = daemon.await_parcels(1, lambda p: p["id"] not in before and p["state"] == "received")
        with pytest.raises(Refusal) as refused:
            client(daemon).post("retry", parcel["id"])
        assert refused.value.status == 409
        done = daemon.command("parcels", "retry", parcel["id"])
        assert (done.returncode, done.stdout) == (1, "")
        assert daemon.get("parcels", parcel["id"])["parcel"] == parcel
    finally:
        os.kill(worker, signal.SIGCONT)
    (settled,) = daemon.await_parcels(1, lambda p: p["id"] == parcel["id"] and p["posted_at"] != "")
    assert (settled["state"], settled["attempt"]) == ("accepted", 1)
    assert [e for e in entries(daemon, "retried") if e["parcel"] == parcel["id"]] == []


def test_another_user_on_the_socket_is_refused_and_one_s_own_is_named() -> None:
    """The kernel says who asks. As root the asker is a child with another uid; the folder lets it as far as the
    socket, so that the refusal is the server's."""
    folder = Path(tempfile.mkdtemp(prefix="gw-"))
    asked: list[str] = []
    server = ControlServer(folder / "s", {"GET who": lambda request: asked.append(request.actor)})
    server.start()
    folder.chmod(0o755)
    (folder / "s").chmod(0o777)
    ask = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(folder / 's')!r}); "
    ask += "s.sendall(b'GET /who HTTP/1.0\\r\\n\\r\\n'); print(s.recv(100).split()[1].decode())"
    try:
        other = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        done = subprocess.run(["/usr/bin/python3", "-c", ask], capture_output=True, text=True, check=True, **other)
        assert done.stdout.strip() == ("403" if other else "200")
        assert len(asked) == (0 if other else 1)
        own = subprocess.run(["/usr/bin/python3", "-c", ask], capture_output=True, text=True, check=True)
        assert own.stdout.strip() == "200"
        assert asked[-1].split()[0] == f"uid:{os.getuid()}"
    finally:
        server.close()
        shutil.rmtree(folder)
