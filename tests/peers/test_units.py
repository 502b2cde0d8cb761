"""The units, judged by systemd's own tools; starting them for real is in the how-to."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.adapters.sealing.keyring.home import CREDENTIAL as PASSPHRASE
from gateway.adapters.sealing.sm.keys import CREDENTIAL as SM_KEY
from gateway.reference import commands

SYSTEMD = Path(__file__).parents[2] / "systemd"
DAEMON, WORKER = SYSTEMD / "gateway.service", SYSTEMD / "gateway-worker.service"
WRITERS = SYSTEMD / "gateway-writers.service"


def settings(unit: Path) -> dict[str, list[str]]:
    """Every setting of `[Service]`, in order; a setting may stand more than once."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch("[A-Za-z]+", name):
            found.setdefault(name, []).append(value)
    return found


def analyze(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("unit", "most"), [(DAEMON, 1.0), (WORKER, 0.2), (WRITERS, 0.5)], ids=["gateway", "worker", "writers"]
)
def test_a_unit_is_exposed_little(unit: Path, most: float) -> None:
    said = analyze("security", "--offline=true", "--no-pager", str(unit))
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert level is not None, said
    assert float(level[1]) <= most, said


@pytest.mark.parametrize("unit", [DAEMON, WORKER, WRITERS], ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong_but_that_it_is_not_installed(unit: Path) -> None:
    said = [line for line in analyze("verify", "--man=no", str(unit)).splitlines() if line]
    ours = [line for line in said if line.startswith(unit.name) or "gateway" in line]
    assert [line for line in ours if "is not executable: No such file" not in line and "not found" not in line] == []


def test_the_worker_has_neither_secrets_nor_network_nor_the_daemons_groups() -> None:
    worker, daemon = settings(WORKER), settings(DAEMON)
    assert not {"LoadCredential", "SetCredential", "SupplementaryGroups"} & {*worker}
    assert worker["PrivateNetwork"] == ["yes"]
    assert worker["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert worker["User"] != daemon["User"]
    assert worker["Group"] == daemon["SupplementaryGroups"]
    assert worker["BindPaths"] == ["/var/lib/gateway/tray"]


def test_who_asks_the_kernel_has_one_capability_and_nothing_to_open() -> None:
    found = settings(WRITERS)
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == ["CAP_LEASE"]
    assert {*settings(DAEMON)["CapabilityBoundingSet"], *settings(WORKER)["CapabilityBoundingSet"]} == {""}
    assert found["PrivateNetwork"] == ["yes"]
    assert found["TemporaryFileSystem"] == ["/var/lib:ro /srv:ro /etc/gateway:ro"]
    assert found["Group"] == settings(DAEMON)["Group"]
    assert not {"LoadCredential", "SetCredential", "SupplementaryGroups", "ReadWritePaths", "BindPaths"} & {*found}


def test_what_the_units_start_is_there() -> None:
    start = shlex.split(settings(DAEMON)["ExecStart"][0])
    known = {command.words: command.options for command in commands.available()}
    assert start[1:2] == ["run"]
    assert {word for word in start if word.startswith("--")} <= known["run",]
    for line in (*settings(WORKER)["ExecStart"], *settings(WORKER)["ExecStartPre"], *settings(WRITERS)["ExecStart"]):
        module = shlex.split(line)[2]
        subprocess.run(
            [sys.executable, "-c", f"import importlib.util as u; assert u.find_spec({module!r})"], check=True
        )
    subprocess.run([sys.executable, "-m", "gateway.adapters.worker.server", "s", "--unit", "--help"], check=True)


def test_credentials_have_the_names_the_program_looks_for() -> None:
    named = "\n".join(settings(DAEMON)["LoadCredential"])
    named += "\n" + (SYSTEMD / "gateway.service.d" / "credentials.conf").read_text("utf-8")
    assert {PASSPHRASE, SM_KEY, "log.key", "sftp-key"} <= {*re.findall(r"credentials/(\S+)", named)}


@pytest.mark.parametrize("dropin", sorted((SYSTEMD / "gateway.service.d").glob("*.conf")), ids=lambda path: path.stem)
def test_a_drop_in_is_read_as_one(dropin: Path) -> None:
    parser = configparser.ConfigParser(strict=False)
    parser.read_string(dropin.read_text("utf-8").replace("#Load", "Load").replace("#IPA", "IPA"))
    assert parser.sections() == ["Service"]


def test_users_and_folders_are_understood(tmp_path: Path) -> None:
    """By a dry run against an empty root: no user is made here."""
    (tmp_path / "etc").mkdir()
    users = subprocess.run(
        ["systemd-sysusers", "--dry-run", f"--root={tmp_path}", SYSTEMD / "sysusers.d" / "gateway.conf"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("gateway", "gateway-worker", "gateway-parties"):
        assert f"'{name}'" in users.stdout + users.stderr
    lines = (SYSTEMD / "tmpfiles.d" / "gateway.conf").read_text("utf-8").splitlines()
    made = {line.split()[1]: line.split()[2:5] for line in lines if line.startswith("d ")}
    assert made["/var/lib/gateway/tray"] == ["2710", "gateway", "gateway-worker"]
    assert made["/etc/gateway/credentials"] == ["0700", "root", "root"]
