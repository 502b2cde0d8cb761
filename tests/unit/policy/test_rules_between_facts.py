"""Rules between facts: one folder of `tests/golden/config` per defect, and what a file cannot show."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway.policy.faults import Findings
from gateway.policy.loading import find, load
from gateway.policy.rules import inspect

GOLDEN = Path(__file__).parents[2] / "golden" / "config"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name != "_base")
TODAY = date(2026, 11, 21)
Edit = Callable[[str, str, str], None]


@pytest.mark.parametrize("case", CASES)
def test_a_defect_gives_exactly_the_faults_and_warnings_it_must(case: str, tmp_path: Path) -> None:
    home = tmp_path / "node"
    shutil.copytree(GOLDEN / "_base", home)
    for top in ("config", "schemas", "keys"):
        if (GOLDEN / case / top).is_dir():
            shutil.copytree(GOLDEN / case / top, home / top, dirs_exist_ok=True)
    removed = GOLDEN / case / "removed.txt"
    for file in removed.read_text("utf-8").split() if removed.exists() else ():
        (home / file).unlink()
    found = inspect(home, TODAY)
    said = [
        f"{kind} {one.file}:{one.line}: {one.message} | {one.message_zh}"
        for kind, several in (("fault", found.faults), ("warning", found.warnings), ("unfilled", found.unfilled))
        for one in several
    ]
    assert said == (GOLDEN / case / "expected.txt").read_text("utf-8").splitlines()


def test_every_fault_lies_on_a_line_of_its_file() -> None:
    for case in CASES:
        for line in (GOLDEN / case / "expected.txt").read_text("utf-8").splitlines():
            file, number = line.split(" ")[1].split(":")[:2]
            source = next(p for p in (GOLDEN / case / file, GOLDEN / "_base" / file) if p.exists())
            assert 1 <= int(number) <= len(source.read_text("utf-8").splitlines())


def test_the_base_and_the_shipped_example_are_without_fault() -> None:
    assert inspect(GOLDEN / "_base", TODAY) == Findings()
    shipped = inspect(find(), TODAY)
    assert shipped.faults == ()
    assert {w.message for w in shipped.warnings} == {"key: not pinned: nothing can be sealed for this party"}
    assert len(shipped.warnings) == 32


@pytest.mark.parametrize(
    "file", ["keys/110000.asc", "keys/deep/er/x.pem", "config/parties/110000.pem", "keys/.hidden", "keys/old.asc~"]
)
def test_a_private_key_anywhere_below_keys_or_config_is_a_fault(home: Path, file: str) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    (fault,) = inspect(home, TODAY).faults
    assert (fault.file, fault.line) == (file, 1)
    assert "private key" in fault.message


def test_faults_within_and_between_files_come_together(home: Path, edit: Edit) -> None:
    edit("config/gateway.toml", 'tier = "national"', 'tier = "national"\nunknown = 1')
    edit("config/agreements/migrants-inflow.toml", 'route_by = "registered_code"', 'route_by = "nowhere"')
    edit("config/agreements/migrants-outflow.toml", 'label = "跨省流出人口个案"', 'label = "跨省流入人口个案"')
    edit("config/parties/120000.toml", 'area_code = "120000"', 'area_code = "110000"')
    faults = inspect(home, TODAY).faults
    assert [(Path(fault.file).name, fault.message.partition(":")[0]) for fault in faults] == [
        ("migrants-inflow.toml", "label"),
        ("migrants-inflow.toml", "route_by"),
        ("migrants-outflow.toml", "label"),
        ("gateway.toml", "unknown"),
        ("110000.toml", "area_code"),
        ("120000.toml", "area_code"),
    ]


def test_a_basis_ends_with_its_last_day(home: Path, edit: Edit) -> None:
    edit("config/agreements/migrants-inflow.toml", "# valid_until = 2030-12-31", "valid_until = 2030-12-31")
    facts = load(home)
    assert inspect(facts.home, date(2030, 12, 31)).faults == ()
    assert [f.message for f in inspect(facts.home, date(2031, 1, 1)).faults] == [
        "basis.valid_until: the basis has expired"
    ]
    assert len(inspect(facts.home, date(2008, 9, 25)).faults) == len(facts.agreements)


def test_departments_share_their_countys_code(home: Path) -> None:
    for suffix in ("a", "b"):
        (home / f"config/parties/440106-{suffix}.toml").write_text(
            f'id = "440106-{suffix}"\nname = "部门"\narea_code = "440106"\ntier = "department"\n', "utf-8"
        )
    assert inspect(home, TODAY).faults == ()
