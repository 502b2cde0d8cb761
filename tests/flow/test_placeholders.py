"""What an example leaves open: `gateway config check` names every place with file and line, a node runs on it in a
rehearsal only, and with every place filled in it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.adapters.sealing import keyring
from gateway.founding import TierChoice, make

OPEN = re.compile(r'^(document|purpose|approved_by) = ".*(填写|示例).*"$')
EXIT_REFUSED, EXIT_FAULT = 1, 3


def gateway(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def left_open(home: Path) -> list[str]:
    """`file:line` of every placeholder, as a person looking for brackets finds them."""
    return [
        f"config/agreements/{file.name}:{number}"
        for file in sorted((home / "config" / "agreements").glob("*.toml"))
        for number, line in enumerate(file.read_text("utf-8").split("\n"), 1)
        if OPEN.match(line)
    ]


@pytest.mark.parametrize(
    ("tier", "party"), [("national", "000000"), ("province", "510000"), ("province", "660000"), ("county", "110101")]
)
def test_a_fresh_node_of_each_tier_names_what_to_fill_in_and_nothing_else(
    tmp_path: Path, tier: str, party: str
) -> None:
    home = tmp_path / "node"
    made = make(home, TierChoice(tier), party, None)
    keyring.stop_agent(home / "private")
    assert made.findings.faults == ()
    expected = left_open(home)
    assert len(expected) >= len(made.facts.agreements)
    checked = gateway("config", "check", "--config", home)
    assert checked.returncode == EXIT_REFUSED
    faults = [line for line in checked.stdout.splitlines() if "提醒" not in line]
    assert [":".join(line.split(":")[:2]) for line in faults] == expected
    assert all("仍是示例文字，请填写" in line for line in faults)
    assert f"错误 0 处，待填写 {len(expected)} 处" in checked.stderr
    ran = gateway("run", "--config", home)
    assert ran.returncode == EXIT_FAULT
    assert expected[0] in ran.stdout + ran.stderr

    node = home / "config" / "gateway.toml"
    real = node.read_text("utf-8")
    node.write_text(real + "\n[rehearsal]\nstarts_at = 2026-10-20T09:00:00+08:00\nspeed = 1.0\n", "utf-8")
    assert gateway("config", "check", "--config", home).returncode == 0

    node.write_text(real, "utf-8")
    for file in (home / "config" / "agreements").glob("*.toml"):  # the remedy, followed
        file.write_text(re.sub("（示例）|示例", "", file.read_text("utf-8")), "utf-8")
    assert left_open(home) == []
    assert gateway("config", "check", "--config", home).returncode == 0


def test_an_agreement_that_needs_approval_is_named_once_it_is_moved(tmp_path: Path) -> None:
    home = tmp_path / "node"
    make(home, TierChoice.COUNTY, "440106", None)
    keyring.stop_agent(home / "private")
    (home / "config" / "examples" / "on-request.toml").rename(home / "config" / "agreements" / "on-request.toml")
    said = gateway("config", "check", "--config", home).stdout
    assert re.search(
        r"^config/agreements/on-request.toml:\d+: basis.purpose：仍是示例文字，请填写数据的用途$", said, re.M
    )
    assert re.search(r"^config/agreements/on-request.toml:\d+: basis.approved_by：仍是示例文字", said, re.M)
