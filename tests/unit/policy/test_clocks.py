"""Rules between an inquiry, its replies and its clock."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from gateway.policy.rules import inspect

ROOT = Path(__file__).parents[3]
TODAY = date(2026, 10, 20)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in ("config", "schemas", "keys"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def faults(home: Path, agreement: str, pattern: str = "", text: str = "") -> list[str]:
    """The faults after one change of one agreement's file: `file: path`."""
    file = home / "config" / "agreements" / f"{agreement}.toml"
    if pattern:
        changed, count = re.subn(pattern, text, file.read_text("utf-8"), count=1, flags=re.MULTILINE)
        assert count == 1
        file.write_text(changed, "utf-8")
    found = inspect(home, TODAY).faults
    return [f"{Path(fault.file).stem}: {fault.message}" for fault in found]


def test_the_shipped_agreements_are_without_fault(home: Path) -> None:
    assert faults(home, "inquiry-15wd") == []


@pytest.mark.parametrize(
    ("agreement", "pattern", "text", "said"),
    [
        ("inquiry-15wd", "^answered_by = .*$", 'answered_by = "nobody"', "agreement nobody has no file"),
        ("inquiry-15wd", "^rule = .*$", 'rule = "15 workdays"', "workdays:N or days:N"),
        ("inquiry-15wd", "^answered_by = .*$", "", "needs answered_by, or in starts a date field"),
        ("inquiry-15wd", "^rule = .*$", 'rule = "workdays:15"\nstarts = "matter"', "starts at delivery"),
        ("inquiry-15wd", '"record_number", ', "", "needs the field record_number"),
        ("inquiry-30d", "^yields_to = .*$", 'yields_to = "inquiry-30d"', "one class has to stand first"),
        ("inquiry-30d", "^yields_to = .*$", 'yields_to = "births-elsewhere"', "both have to be inquiries"),
        ("reply-15wd", "^receivers = .*$", 'receivers = ["110000"]', "a reply goes back to who asked"),
        ("reply-15wd", '"result", ', "", "needs the fields record_number and result"),
        ("births-elsewhere", "^starts = .*$", 'starts = "sex"', "sex is no date field that travels"),
        ("births-elsewhere", "^rhythm = .*$", 'rhythm = "monthly"', 'a clock needs rhythm = "event"'),
    ],
)
def test_each_fault_of_a_clock_is_told(home: Path, agreement: str, pattern: str, text: str, said: str) -> None:
    assert any(said in fault for fault in faults(home, agreement, pattern, text))


def test_only_a_reply_is_routed_by_no_field(home: Path) -> None:
    told = faults(home, "births-elsewhere", "^route_by = .*$", "")
    assert any("routed needs route_by" in fault for fault in told)
