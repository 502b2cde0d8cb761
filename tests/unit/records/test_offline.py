"""`gateway.records.check` and `sort`, and the commands: the shapes other programs rely on."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway import records
from gateway.cli.check import check
from gateway.cli.sort import sort
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, good

CHECK_KEYS = ["file", "schema", "encoding", "records", "accepted", "refused", "warned", "codes", "quality"]
SORT_KEYS = [*CHECK_KEYS, "out", "digest"]

app = typer.Typer()
app.command()(check)
app.command()(sort)
ID = GOOD["id_number"]


@pytest.fixture(autouse=True)
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's folder that holds nothing but schemas: offline commands need no more."""
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "schemas").symlink_to(SCHEMAS)
    monkeypatch.setenv("GATEWAY_CONFIG", str(tmp_path / "node"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    rows = [good(), good(registered_code="510104000000"), good(sex="3"), good(name="")]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_countys_file_is_judged_by_the_county_as_at_the_gateway(file: Path) -> None:
    asked = ("check", file, "--schema", "migrants-inflow", "--period", "2026Q3", "--sender")
    assert json.loads(_run(*asked, "110101", "--json")[1])["accepted"] == 2
    assert json.loads(_run(*asked, "110102", "--json")[1])["codes"] == {"502": 1}
    assert "不属于报送单位的辖区（北京市西城区（110102））" in "".join(_run(*asked, "110102")[1:])


@pytest.mark.parametrize("sender", ["110000", "11", "北京", "北京市"])
def test_check_json(file: Path, sender: str) -> None:
    asked = ("check", file, "--schema", "migrants-inflow", "--sender", sender, "--period", "2026Q3", "--json")
    status, out, _ = _run(*asked)
    document = json.loads(out)
    assert status == 1
    assert list(document) == CHECK_KEYS
    assert document["records"] == 4
    assert (document["accepted"], document["refused"], document["warned"]) == (2, 2, 1)
    assert document["codes"] == {"401": 1, "408": 1, "452": 1}
    assert set(document["quality"]) == {"completeness", "conformity", "consistency", "plausibility"}


def test_check_writes_both_lists(file: Path, tmp_path: Path) -> None:
    report, violations = tmp_path / "r.xlsx", tmp_path / "v.csv"
    status, out, _ = _run(
        "check", file, "--schema", "migrants-inflow", "--report", report, "--violations", violations, "--lang", "en"
    )
    assert status == 1
    assert "4 records: 2 accepted, 2 refused, 1 with warnings (utf-8)." in out
    rows = list(csv.DictReader(violations.open(encoding="utf-8")))
    assert [(r["row"], r["field"], r["code"], r["severity"]) for r in rows] == [
        ("2", "registered_code", "452", "warning"),
        ("3", "sex", "408", "error"),
        ("4", "name", "401", "error"),
    ]
    assert rows[1]["message"] == "“性别” is not in the code list."
    assert report.read_bytes()[:2] == b"PK"


def test_a_clean_file_ends_with_0_and_shows_nobody(file: Path) -> None:
    file.write_text("\n".join([",".join(FIELDS), *[",".join(GOOD.values())] * 2, ""]), encoding="utf-8")
    status, out, err = _run("check", file, "--schema", "migrants-inflow")
    assert status == 0
    assert "收到 2 条，合格 2 条，退回 0 条" in out
    assert ID not in out + err
    assert GOOD["name"] not in out + err


def test_a_file_refused_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("xl/workbook.xml", "<workbook/>")
    path.write_bytes(path.read_bytes()[:4] + b"\0" * 60 + path.read_bytes()[64:])
    status, out, err = _run("check", path, "--schema", "migrants-inflow", "--json")
    document = json.loads(out)
    assert status == 1
    assert list(document) == CHECK_KEYS
    assert document["codes"] == {"311": 1}
    assert "[311]" in err


@pytest.mark.parametrize("command", [("check",), ("sort", "--by", "household", "--out", "out")])
def test_a_file_without_its_end_is_judged_as_the_daemon_judges_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.csv"
    path.write_text("\n".join([",".join(FIELDS), *[",".join(GOOD.values())] * 2]), encoding="utf-8")
    status, _, err = _run(command[0], path, "--schema", "migrants-inflow", *command[1:])
    assert status == 1
    assert "[260]" in err


def test_sort(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ("sort", file, "--schema", "migrants-inflow", "--by", "household", "--out", out, "--sender", "11", "--json")
    status, text, _ = _run(*asked)
    document = json.loads(text)
    assert status == 1
    assert list(document) == SORT_KEYS
    assert document["out"] == {"44": 1, "51": 1}
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(first) == {"44.csv", "51.csv", "refused.csv", "violations.csv"}
    assert first["44.csv"].decode() == ",".join(FIELDS) + "\n" + ",".join(GOOD.values()) + "\n"
    assert len(first["refused.csv"].splitlines()) == 3
    # Again, over what a run with other records left behind: the same bytes, and no part too many.
    (out / "99.csv").write_text("left over")
    (out / "mine.csv").write_text("not ours")
    assert json.loads(_run(*asked)[1]) == document
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {**first, "mine.csv": b"not ours"}


def test_sort_by_residence(file: Path, tmp_path: Path) -> None:
    found = records.sort(
        file, "migrants-inflow", tmp_path / "out", by="residence", options=records.Options(schemas=SCHEMAS)
    )
    assert found.out == {"11": 2}
    assert found.to_json()["digest"] == found.digest


def test_the_digest_does_not_depend_on_order_and_does_on_content(file: Path, tmp_path: Path) -> None:
    header, *lines = file.read_text("utf-8").splitlines()
    digests = []
    for number, chosen in enumerate((lines, lines[::-1], [*lines, lines[0]])):
        path = tmp_path / f"{number}.csv"
        path.write_text("\n".join([header, *chosen, ""]), encoding="utf-8")
        digests.append(records.sort(path, "migrants-inflow", tmp_path / f"o{number}", by="household").digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--schema", "no-such-thing"),
        ("--schema", "../schemas/migrants-inflow"),
        ("--schema", "migrants-inflow", "--sender", "火星"),
        ("--schema", "migrants-inflow", "--sender", "990000"),
        ("--schema", "migrants-inflow", "--period", "2026Q5"),
    ],
)
def test_usage(file: Path, wrong: tuple[str, ...]) -> None:
    status, out, err = _run("check", file, *wrong, "--json")
    assert status == 2
    assert out == ""
    assert err


def test_no_such_file(tmp_path: Path) -> None:
    assert _run("check", tmp_path / "none.csv", "--schema", "migrants-inflow")[0] == 2
    assert _run("sort", tmp_path / "none.csv", "--schema", "migrants-inflow", "--by", "household", "--out", "o")[0] == 2


def test_nobodys_files_are_overwritten(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "theirs"
    out.mkdir()
    (out / "11.csv").write_text("theirs")
    asked = ("--schema", "migrants-inflow", "--by", "household")
    assert _run("sort", file, *asked, "--out", out)[0] == 2
    assert _run("sort", file, *asked, "--out", file.parent)[0] == 2
    assert (out / "11.csv").read_text() == "theirs"
    assert file.exists()


def test_a_list_that_cannot_be_written_is_no_usage_error(file: Path, tmp_path: Path) -> None:
    status, _, err = _run("check", file, "--schema", "migrants-inflow", "--violations", tmp_path / "no" / "v.csv")
    assert status == 3
    assert err
