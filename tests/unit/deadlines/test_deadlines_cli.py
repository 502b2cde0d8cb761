import json
import os
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from gateway.cli import calendar as calendar_cli
from gateway.cli import deadlines as deadlines_cli

ROOT = Path(__file__).parents[3]

app = typer.Typer()
app.add_typer(deadlines_cli.app, name="deadlines")
app.add_typer(calendar_cli.app, name="calendar")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120", "GATEWAY_CONFIG": str(ROOT)})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def test_json_holds_these_keys_and_nothing_else_is_printed() -> None:
    result = run("deadlines", "compute", "--rule", "workdays:15", "--received", "2026-09-24T16:00:00+08:00", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert list(document) == ["due", "expires_at", "status", "edition", "days"]
    assert document["due"] == "2026-10-22"
    assert document["expires_at"] == "2026-10-23T00:00:00+08:00"
    assert (document["status"], document["edition"]) == ("final", "2026")
    assert document["days"][16] == {
        "date": "2026-10-10",
        "weekday": 6,
        "kind": "makeup",
        "working": True,
        "count": 6,
        "role": "counted",
        "edition": "2026",
        "status": "final",
    }
    assert result.stderr == ""


def test_people_see_every_day_and_why() -> None:
    result = run("deadlines", "compute", "--rule", "workdays:5", "--received", "2026-09-30T16:20:00Z")
    assert result.exit_code == 0
    assert "2026-10-01 00:20:00 星期四" in result.stdout
    assert "2026-10-13 星期二 24:00" in result.stdout
    assert "调休上班，计入" in result.stdout
    assert result.stdout.count("\n2026-10-") == 13
    english = run(
        "deadlines", "compute", "--rule", "days:30", "--received", "2026-09-01T08:00:00+08:00", "--lang", "en"
    )
    assert "2026-10-08 Thu 24:00" in english.stdout
    assert "rest day: the date moves on" in english.stdout


def test_a_provisional_date_says_so() -> None:
    result = run("deadlines", "compute", "--rule", "workdays:15", "--received", "2026-12-20T09:00:00+08:00")
    assert "暂定" in result.stdout


@pytest.mark.parametrize(
    ("rule", "received", "status", "said"),
    [
        ("workdays:15", "2006-12-31T09:00:00+08:00", 1, "[601]"),
        ("workdays:15", "2026-09-24T16:00:00", 2, "[602]"),
        ("weeks:2", "2026-09-24T16:00:00+08:00", 2, "[603]"),
        ("workdays:15", "2026-09-31T16:00:00+08:00", 2, "2026-09-30T16:20:00+08:00"),
        ("workdays:15", "yesterday", 2, "2026-09-30T16:20:00+08:00"),
    ],
)
def test_what_cannot_be_computed(rule: str, received: str, status: int, said: str) -> None:
    result = run("deadlines", "compute", "--rule", rule, "--received", received)
    assert result.exit_code == status
    assert result.stdout == ""
    assert said in result.stderr


def test_refused_in_json() -> None:
    result = run("deadlines", "compute", "--rule", "days:30", "--received", "2006-12-31T09:00:00+08:00", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "due": None,
        "expires_at": None,
        "status": "refused",
        "edition": "",
        "days": [],
    }


def test_calendar_check_finds_the_shipped_files_right() -> None:
    result = run("calendar", "check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "2007–2026" in result.stdout
    assert "2020@2019-11-21" in result.stdout


def test_calendar_check_lists_every_fault(home: Path) -> None:
    (home / "config/calendar/2015.toml").unlink()
    (home / "config/calendar/2027.toml").write_text("edition = ", "utf-8")
    result = run("calendar", "check", "--config", str(home))
    assert result.exit_code == 1
    assert "[615]" in result.stderr
    assert "2027.toml:1: [610]" in result.stderr
    compute = run(
        "deadlines",
        "compute",
        "--rule",
        "days:1",
        "--received",
        "2026-09-24T16:00:00Z",
        "--config",
        str(home),
        "--json",
    )
    assert (compute.exit_code, compute.stdout) == (1, "")


def test_the_picture_marks_days_by_sign() -> None:
    result = run("calendar", "show", "2026")
    assert result.exit_code == 0
    assert "248个工作日" in result.stdout
    for cell in ("10班", "14班", "28班", " 4班", "15休", "29?", "30?", "31?"):
        assert cell in result.stdout
    assert result.stdout.count("班") == 6 + 2, "six make-up workdays, and the legend's sign and word"


def test_the_page_is_whole_in_itself(tmp_path: Path) -> None:
    page = tmp_path / "2020.html"
    assert run("calendar", "show", "2020", "--html", str(page), "--known-on", "2020-01-25").exit_code == 0
    text = page.read_text("utf-8")
    assert "2020@2019-11-21" in text
    assert 'title="2020-02-01 调休上班"' in text
    assert "http" not in text
    assert "<script" not in text


def test_a_notice_is_entered_and_moves_dates(home: Path, tmp_path: Path) -> None:
    notice = tmp_path / "notice.toml"
    notice.write_text('edition = "2027"\ndocument = ""\noff = ["2027-01-01/2027-01-03"]\nwork = []\n', "utf-8")
    arguments = ("deadlines", "compute", "--rule", "workdays:3", "--received", "2026-12-30T10:00:00+08:00", "--json")
    before = json.loads(run(*arguments, "--config", str(home)).stdout)
    result = run("calendar", "import", str(notice), "--config", str(home))
    assert result.exit_code == 0, result.stderr
    assert "2027-01-01" in result.stdout
    after = json.loads(run(*arguments, "--config", str(home)).stdout)
    assert (before["due"], before["status"]) == ("2027-01-04", "provisional")
    assert (after["due"], after["status"], after["edition"]) == ("2027-01-05", "final", "2026+2027")
    again = run("calendar", "import", str(notice), "--config", str(home))
    assert "没有改动" in again.stdout
    assert os.stat(home / "config/calendar/2027.toml").st_mode & 0o777 == 0o644


def test_an_amendment_needs_its_date(home: Path, tmp_path: Path) -> None:
    notice = tmp_path / "notice.toml"
    text = (home / "config/calendar/2026.toml").read_text("utf-8")
    notice.write_text(text.replace('"2026-10-10"', '"2026-10-11"'), "utf-8")
    refused = run("calendar", "import", str(notice), "--config", str(home))
    assert refused.exit_code == 1
    assert "[620]" in refused.stderr
    entered = run("calendar", "import", str(notice), "--config", str(home), "--amended-on", "2026-09-01")
    assert entered.exit_code == 0, entered.stderr
    assert "2026-10-10, 2026-10-11" in entered.stdout
