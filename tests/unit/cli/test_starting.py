"""The first level of the command line: what it lists, what it imports, what it does with a name it does not know."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from gateway.cli import COMPLETION, loaded
from gateway.cli.commands import COMMANDS
from gateway.control.server import ControlServer

HEAVY = {
    "alembic", "apscheduler", "cryptography", "dbos", "gmssl_pyx", "gnupg", "jinja2", "llvmlite", "numba", "numpy",
    "paramiko", "psycopg", "python_calamine", "rfc3161_client", "sqlalchemy", "structlog", "watchdog", "xlsxwriter",
    "zstandard",
}  # fmt: skip
OURS = {"gateway.wiring", "gateway.policy.facts", "gateway.daemon", "gateway.corridors", "gateway.adapters.ledger"}
STATUS = {
    "ok": True,
    "node": "example",
    "now": "2026-10-20T09:00:00+08:00",
    "rehearsal": False,
    "counts": {"parcels": {"accepted": 3}, "deliveries": {}},
    "sources": {"down": []},
    "waiting": {},
    "keys": [],
}


def gateway(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gateway", *arguments],
        env={**os.environ, "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The modules that a process imported, and the packages they are in, by its `-X importtime`."""
    modules = re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE)
    assert "gateway.cli" in modules
    return {name for module in modules for name in (module, module.partition(".")[0])}


def words(text: str) -> str:
    """Without frames and the breaks of lines."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text("")
    return tmp_path


def test_help_lists_every_command_and_imports_none() -> None:
    done = gateway("--help")
    assert done.returncode == 0
    for name, entry in COMMANDS.items():
        assert f"{name} {entry.sentence}" in words(done.stdout)
    found = imported(done)
    assert not found & (HEAVY | OURS | {"pydantic"})
    assert not {f"gateway.cli.{entry.module}" for entry in COMMANDS.values()} & found - {"gateway.cli.commands"}


def test_status_without_a_daemon_imports_little(home: Path) -> None:
    """typer converts values with pydantic; the shapes of our facts are not needed."""
    done = gateway("status", "--config", str(home))
    assert done.returncode == 4
    assert not imported(done) & (HEAVY | OURS | {"rich"})


def test_status_of_a_daemon_imports_little(home: Path) -> None:
    (home / "state").mkdir()
    server = ControlServer(home / "state" / "control.sock", {"GET status": lambda _: STATUS})
    server.start()
    try:
        done = gateway("status", "--config", str(home))
    finally:
        server.close()
    assert done.returncode == 0
    assert "example  2026-10-20T09:00:00+08:00" in done.stdout
    assert "accepted 3" in done.stdout
    assert not imported(done) & (HEAVY | OURS)


def test_help_of_a_group_lists_its_commands() -> None:
    done = gateway("deadlines", "--help")
    assert done.returncode == 0
    assert COMMANDS["deadlines"].sentence in words(done.stdout)
    for name, command in loaded("deadlines").commands.items():
        assert f"{name} {words(command.help)}"[:60] in words(done.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_of_itself_what_the_list_says_of_it(name: str) -> None:
    entry = COMMANDS[name]
    assert loaded(name).help == entry.sentence
    found = getattr(import_module(f"gateway.cli.{entry.module}"), entry.attribute)
    if not isinstance(found, typer.Typer):
        assert words(inspect.getdoc(found) or "") == entry.sentence


def test_a_typo_is_a_usage_error() -> None:
    done = gateway("deadlnes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'deadlines'?" in words(done.stderr)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("gateway dead", ["deadlines"]),
        ("gateway deadlines ext", ["extend"]),
        ("gateway deadlines extend --unt", ["--until"]),
        ("gateway nothing", []),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, offered: list[str]) -> None:
    done = gateway(**{COMPLETION: "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))})
    assert (done.returncode, done.stdout.split()) == (0, offered)


def test_where_the_place_of_the_socket_cannot_be_read_every_fault_is_listed(home: Path) -> None:
    (home / "config" / "gateway.toml").write_text("state = 1\nnonsense = true\n")
    done = gateway("status", "--config", str(home))
    assert (done.returncode, done.stdout) == (3, "")
    assert "config/gateway.toml:1: state: " in done.stderr
    assert "config/gateway.toml:2: nonsense: " in done.stderr
