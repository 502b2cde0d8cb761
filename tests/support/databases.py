"""A PostgreSQL cluster of the tests' own: made with initdb in a temporary folder, on a free port of the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

_NUMBERS = count(1)


def tool(name: str) -> str:
    """A program of PostgreSQL. Where it is missing the test fails and says which."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    assert path, f"PostgreSQL is missing: no {name} (package postgresql)"
    return path


def _as_nobody_special() -> list[str]:
    """PostgreSQL refuses to run as root; as root it is run as its own user, or as nobody."""
    if os.getuid() != 0:
        return []
    known = {user.pw_name for user in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", "--"]


class Cluster:
    """Runs until closed. `fresh` makes an empty database and answers its SQLAlchemy URL."""

    def __init__(self, folder: Path, of: Cluster | None = None) -> None:
        """`of`: the cluster that this one follows, as its standby, until it is promoted."""
        self.folder = folder
        self._prefix = _as_nobody_special()
        data = folder / "data"
        if self._prefix:
            shutil.chown(folder, self._prefix[1].removeprefix("--reuid="))
        initdb = [tool("initdb"), "-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--no-sync"]
        follow = [tool("pg_basebackup"), "-D", data, "-R", "-c", "fast", "-d", of._dsn("postgres") if of else ""]
        made = subprocess.run(
            [*self._prefix, *(follow if of else initdb)],
            capture_output=True,
            check=False,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert made.returncode == 0, made.stderr.decode()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": folder,
            "fsync": "off",
        }
        settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        settings += ["-c", "max_connections=200"]
        self._command = [*self._prefix, tool("postgres"), "-D", data, *settings]
        self.start()

    def start(self) -> None:
        """Start the server (again) and wait until it serves."""
        with (self.folder / "postgres.log").open("ab") as log:
            self._server = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder)
        self._await()

    def wait_for_standbys(self) -> None:
        """From here on a commit is on the standby too when it returns."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """A standby becomes the one that writes."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def kill(self) -> None:
        """The machine is gone."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()

    def cut(self) -> int:
        """End every connection but our own, as an administrator or a failover does; how many there were."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchone()
        return int(found[0]) if found else 0

    def _await(self) -> None:
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            assert self._server.poll() is None, (self.folder / "postgres.log").read_text()
            try:
                psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise AssertionError("PostgreSQL does not answer")

    def _dsn(self, name: str) -> str:
        return f"postgresql://gateway@127.0.0.1:{self.port}/{name}"

    def fresh(self) -> str:
        name = f"gateway_{next(_NUMBERS)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._dsn(name).replace("postgresql://", "postgresql+psycopg://")

    def emptied(self, url: str) -> None:
        """Make a database anew under its name, as after a loss."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")

    def close(self) -> None:
        """Stop the server; `start` brings it back."""
        self._server.send_signal(signal.SIGINT)  # a fast shutdown: whoever is connected is cut off
        try:
            self._server.wait(60)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()


@contextmanager
def cluster_of_its_own() -> Iterator[Cluster]:
    """For tests that cut connections, stop the server or break what it holds."""
    with tempfile.TemporaryDirectory(prefix="gw-pg-", ignore_cleanup_errors=True) as folder:
        made = Cluster(Path(folder))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One cluster for the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="gw-pg-"))
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)
