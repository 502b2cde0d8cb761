"""`gateway parties`: what is shown; carrying it out needs root and is tested in `tests_root`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.adapters.channels.sshd import make_key
from gateway.cli import app
from gateway.founding import TierChoice, make
from gateway.inspection import findings
from gateway.policy import loading
from gateway.provisioning import Folder, NotPossible, System, plan

GONGAN = "440106-gongan"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make(tmp_path / "node", TierChoice.COUNTY, "440106", None)
    return tmp_path / "node"


def allow(home: Path, party: str = GONGAN) -> None:
    (home / "keys" / "ssh").mkdir(exist_ok=True)
    (home / "keys" / "ssh" / f"{party}.pub").write_text("# 2026\n" + make_key(home.parent / "key") + " partner\n")


def test_the_list_says_who_has_an_account(home: Path) -> None:
    allow(home)
    done = CliRunner().invoke(app, ["parties", "list", "--json", "--config", str(home)])
    assert done.exit_code == 0
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    assert rows[GONGAN]["account"] == f"gw-{GONGAN}"
    assert rows["440106-minzheng"]["account"] is None
    assert rows[GONGAN]["sends"]
    shown = CliRunner().invoke(app, ["parties", "list", "--config", str(home)])
    assert f"gw-{GONGAN}" in shown.stdout


def test_without_apply_the_commands_are_shown_and_nothing_is_done(home: Path) -> None:
    allow(home)
    before = sorted((home / "exchange").rglob("*"))
    done = CliRunner().invoke(app, ["parties", "provision", "--config", str(home)])
    assert done.exit_code == 0
    assert "useradd" in done.stdout
    assert f"gw-{GONGAN}" in done.stdout
    assert sorted((home / "exchange").rglob("*")) == before


def test_a_chroot_and_what_is_above_it_belongs_to_root_and_no_deeper_folder_is_touched(home: Path) -> None:
    allow(home)
    facts = loading.load(home)
    party = home / "exchange" / GONGAN
    steps = [step for step in plan(facts) if isinstance(step, Folder)]
    made = {step.top / step.below: (step.user, step.group, f"{step.mode:04o}") for step in steps}
    assert made[party] == made[party / "上报"] == made[home / "exchange"] == ("root", "root", "0755")
    for folder, (user, group, mode) in made.items():
        if folder.is_relative_to(party) and folder not in (party, party / "上报"):
            assert made[folder.parent] == ("root", "root", "0755"), "a link may have been planted here"
            assert (user, group, mode) in (("gateway", f"gw-{GONGAN}", "2750"), (f"gw-{GONGAN}", "gateway", "2770"))


def test_the_facts_are_checked_with_keys_for_logging_in(home: Path) -> None:
    from datetime import date

    allow(home)
    assert findings(home, date(2026, 11, 22)).faults == ()


def test_a_sentinel_is_made_once_and_never_again(home: Path) -> None:
    """A root that lost its sentinel is not mounted; a new one would make the mount point look like the share."""
    facts = loading.load(home)
    assert any(".gateway-root" in str(step) for step in plan(facts))
    (home / "state" / "spool").mkdir()
    (home / "state" / "spool" / ".exchange-root").write_text("x")
    assert not any(".gateway-root" in str(step) for step in plan(facts))


def test_a_name_too_long_for_an_account_is_told(home: Path) -> None:
    allow(home)
    with pytest.raises(NotPossible, match=GONGAN):
        list(plan(loading.load(home), System(prefix="gw-" * 8)))
