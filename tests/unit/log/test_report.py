"""What a report says of who vouches for the log, and when: in lines, on a page, as JSON, by clocks in China."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.logs import START, Log, archive, make_log, put
from typer.testing import CliRunner

from gateway.cli.log import app
from gateway.log.note import Signer, read_checkpoint

WITNESS, ABSENT = (Signer(f"w{number}.example", bytes([number] * 32)) for number in (1, 2))
COSIGNED = START + timedelta(minutes=30)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """60 parcels from 9:00:00 to 9:00:59 in Shanghai, cosigned half an hour later by one of two witnesses."""
    made = make_log(tmp_path / "node", 60)
    path = archive(made, 420)
    note, _ = read_checkpoint(path.read_bytes())
    put(path, note.merged([WITNESS.cosign(note.text, int(COSIGNED.timestamp()))]).to_bytes())
    policy = f"witness near {WITNESS.cosigner}\nwitness far {ABSENT.cosigner}\nquorum near\n"
    put(made.home / "policy", policy.encode())
    return made


def said(log: Log, *more: str) -> str:
    words = ["verify", str(log.folder), "--key", str(log.key), "--policy", str(log.home / "policy"), *more]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_lines_name_key_witnesses_and_local_time(log: Log) -> None:
    lines = said(log).splitlines()
    assert f"· 签名公钥: national+{log.key.id.hex()}" in lines
    assert "· 登记时间（北京时间）: 2026-10-20 09:00:00+08:00 … 2026-10-20 09:00:59+08:00" in lines
    near, far = WITNESS.cosigner.id.hex(), ABSENT.cosigner.id.hex()
    assert f"· 见证方 near ({near})：见证至第 420 条，2026-10-20 09:30:00+08:00" in lines
    assert f"· 见证方 far ({far})：没有见证" in lines
    english = said(log, "--lang", "en").splitlines()
    assert "· logged (Asia/Shanghai): 2026-10-20 09:00:00+08:00 … 2026-10-20 09:00:59+08:00" in english
    assert f"· witness near ({near}): 420 entries, 2026-10-20 09:30:00+08:00" in english


def test_the_json_has_the_same(log: Log) -> None:
    found = json.loads(said(log, "--json"))
    assert found["keys"] == [f"national+{log.key.id.hex()}"]
    assert (found["first_local"], found["last_local"]) == ("2026-10-20 09:00:00+08:00", "2026-10-20 09:00:59+08:00")
    assert found["witnesses"] == [
        {"name": "near", "key": WITNESS.cosigner.id.hex(), "size": 420, "time": "2026-10-20T01:30:00.000000Z"},
        {"name": "far", "key": ABSENT.cosigner.id.hex(), "size": 0, "time": ""},
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_has_the_same(language: str, log: Log, tmp_path: Path) -> None:
    said(log, "--html", str(tmp_path / "report.html"), "--lang", language)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert f"national+{log.key.id.hex()}" in text
    assert "2026-10-20 09:00:59+08:00" in text
    assert WITNESS.cosigner.id.hex() in text
    assert "2026-10-20 09:30:00+08:00" in text


def test_a_report_says_what_no_log_can_show(log: Log, tmp_path: Path) -> None:
    assert "从未登记的交换件、凭空登记的事项，仅凭日志看不出来" in said(log)
    (tmp_path / "receipts").mkdir()
    assert "从未登记的交换件" not in said(log, "--receipts", str(tmp_path / "receipts"))
