"""`gateway parties`: what is shown; carrying it out needs root and is tested in `tests_root`."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import stat
from pathlib import Path, PurePosixPath

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


USER, GROUP = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
"""Whom a test that is not root can give a folder to: itself."""


@pytest.mark.parametrize("level", ["", "上报", "回执"])
@pytest.mark.parametrize("what", ["link", "dangling", "file"])
def test_nothing_is_done_behind_what_stands_in_the_place_of_a_folder(
    home: Path, tmp_path: Path, level: str, what: str
) -> None:
    """A party that had no account until now may have planted it; it was another's folder that changed hands."""
    there = tmp_path / "there"
    (there / "上报").mkdir(parents=True)
    for folder in (there, there / "上报"):
        folder.chmod(0o700)
    place = home / "exchange" / GONGAN / level
    shutil.rmtree(place)
    if what == "file":
        place.write_bytes(b"own")
    else:
        place.symlink_to(there if what == "link" else tmp_path / "nowhere")
    step = Folder(home / "exchange", PurePosixPath(GONGAN, level), USER, GROUP, 0o2770)
    for attempt in (step.check, step.do):
        with pytest.raises(NotPossible, match=re.escape(str(place))):
            attempt()
    below = Folder(home / "exchange", PurePosixPath(GONGAN, level, "上报"), USER, GROUP, 0o2770)
    with pytest.raises(NotPossible):
        below.do()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (there, there / "上报")] == [0o700, 0o700]
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_is_made_with_its_mode_and_again_changes_nothing(tmp_path: Path) -> None:
    step = Folder(tmp_path, PurePosixPath("party/上报"), USER, GROUP, 0o2770)
    for _ in range(2):
        step.do()
        assert stat.S_IMODE((tmp_path / "party" / "上报").stat().st_mode) == 0o2770
    assert str(step).startswith(f"install -d -o {USER} -g {GROUP} -m 2770 ")


def test_a_party_whose_folder_is_in_the_way_is_told_and_the_others_go_on(home: Path, tmp_path: Path) -> None:
    allow(home)
    place = home / "exchange" / GONGAN / "上报"
    shutil.rmtree(place)
    place.symlink_to(tmp_path)
    done = CliRunner().invoke(app, ["parties", "provision", "--config", str(home)])
    assert done.exit_code == 1
    assert f"{place}: a link is in the way" in done.output
    assert str(home / "exchange" / GONGAN / "回执") in done.stdout
    assert f"{place}/" not in done.stdout, "no command that would follow it is shown"
