"""`gateway init`: a node that runs, or nothing at all. Keys are real: gpg makes them."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import date
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.adapters.sealing import keyring
from gateway.cli import init as command
from gateway.demo import folders as places
from gateway.policy.loading import load
from gateway.policy.rules import inspect

INQUIRIES = ["births-elsewhere", "inquiry-15wd", "inquiry-30d", "reply-15wd", "reply-30d"]
BULLETINS = ["bulletin-monthly", "evaluation"]
OF_A_PROVINCE = ["province-bulletin", "province-evaluation"]
PILOTS = ["pilot-application", "pilot-report"]
OWED_BY_A_PROVINCE = [
    "evaluation-returns",
    "migrants-statistics",
    "migrants-structure",
    "population-base",
    "self-assessment",
    "work-plan",
]
OWED_BY_A_COUNTY = ["county-population-base", "county-statistics", "county-structure"]
BESIDE = {
    "national": [*INQUIRIES, *PILOTS, *BULLETINS, *OWED_BY_A_PROVINCE],
    "province": [*INQUIRIES, *PILOTS, *BULLETINS, *OF_A_PROVINCE, *OWED_BY_A_PROVINCE, *OWED_BY_A_COUNTY],
    "county": [
        *INQUIRIES,
        *PILOTS,
        *OF_A_PROVINCE,
        *OWED_BY_A_COUNTY,
        "adoptions",
        "birth-registrations",
        "births-mismatch",
        "births-outside-hospital",
        "births-verify",
        "births-verify-result",
        "deliveries-unclear",
        "marriages-mismatch",
        "mismatch-monthly",
        "population-changes",
        "registrations-deferred",
        "verification-result",
    ],
}
"""What each tier has beside the migrant cases."""
ISSUED: dict[str, list[str]] = {"national": BULLETINS, "province": OF_A_PROVINCE, "county": []}

app = typer.Typer()
app.command()(command.init)


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("tier", "arguments", "parties"),
    [
        ("national", (), 33),
        ("province", (), 5),
        ("province", ("--party", "510000", "--name", "示例省"), 5),
        ("county", (), 8),
        ("county", ("--party", "110101"), 8),
    ],
)
def test_each_tier_gives_a_node_whose_facts_are_without_fault(
    tmp_path: Path, tier: str, arguments: tuple[str, ...], parties: int
) -> None:
    home = tmp_path / "node"
    code, out = run(home, "--tier", tier, *arguments, "--json")
    document = json.loads(out)
    assert (code, document["ok"], document["faults"], document["parties"]) == (0, True, [], parties)
    facts = load(home)
    assert (facts.digest, facts.node.tier) == (document["digest"], tier)
    assert {"migrants-inflow", "migrants-outflow", *BESIDE[tier]} == set(document["agreements"])
    assert {line["file"] for line in document["unfilled"]} == {a.file for a in facts.agreements.values()}
    for agreement in facts.agreements.values():
        assert facts.senders(agreement)
        assert facts.receivers(agreement)
        # What the node itself sends it makes by itself.
        assert (facts.node.party in {p.id for p in facts.senders(agreement)}) == (agreement.id in ISSUED[tier])
    own = facts.parties[facts.node.party]
    assert own.key == document["fingerprint"] == keyring.own_fingerprint(home / "private")
    assert b"PGP PUBLIC KEY BLOCK" in (home / "keys" / f"{own.id}.asc").read_bytes()
    assert keyring.own_info(home / "private").fingerprint == own.key
    if "--name" in arguments:
        assert own.name == "示例省"
    assert [p.name for p in tmp_path.iterdir()] == ["node"]


def test_every_partner_has_its_folders_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    home = tmp_path / "node"
    assert run(home, "--tier", "county")[0] == 0
    facts = load(home)
    assert {p.name for p in (home / "exchange").iterdir()} == set(facts.parties) - {facts.node.party}
    for party in facts.parties.values():
        for folder in places.folders_of(facts, party) if party.id != facts.node.party else ():
            assert mode(folder) == 0o770
    department = home / "exchange" / "440106-jisheng"
    found = {str(p.relative_to(department)) for p in department.rglob("*")}
    both = ["核查反馈", "区外出生反馈", "核查甲类", "核查乙类", "核查甲类反馈", "核查乙类反馈"]
    datasets = [
        "跨省流入人口个案",
        "跨省流出人口个案",
        "出生不一致信息",
        "婚姻不一致信息",
        "出生核实",
        "试点申报表",
        "试点工作情况",
        "县级户人口基本情况",
        "县级流动人口统计表（跨省往来）",
        "县级流动人口统计表（结构）",
        *both,
    ]
    received = [
        "不一致信息月汇总",
        "收养登记",
        "身份存疑分娩",
        "出生申报",
        "人口变动",
        "暂缓落户",
        "出生核实结果",
        "非住院分娩",
        "省内按月通报",
        "省内评估数据",
        *both,
    ]
    assert found == {
        "上报",
        "上报/签收",
        *(f"上报/{label}" for label in datasets),
        "模板",
        "回执",
        "回执/机器读取",
        "接收",
        *(f"接收/{label}" for label in received),
        "退回",
    }
    province = home / "exchange" / "440000"
    assert (province / "接收" / "跨省流入人口个案").is_dir()
    assert not (province / "上报" / "跨省流入人口个案").exists()
    assert (mode(home / "private"), mode(home / "state"), mode(home / "log")) == (0o700, 0o700, 0o750)


def test_what_the_node_issues_has_its_folders_and_what_it_receives_under_none(tmp_path: Path) -> None:
    """A drop folder that is missing counts as one that is away."""
    home = tmp_path / "node"
    assert run(home, "--tier", "province")[0] == 0
    own = home / "exchange" / "440000"
    assert {str(p.relative_to(own)) for p in own.rglob("*")} == {"上报", "上报/省内按月通报", "上报/省内评估数据"}
    assert {mode(p) for p in own.rglob("*")} == {0o770}


def test_the_corps_has_nobody_to_receive_from_and_the_check_says_so(tmp_path: Path) -> None:
    code, out = run(tmp_path / "node", "--tier", "province", "--party", "660000", "--json")
    assert code == 0
    said = [warning["message"] for warning in json.loads(out)["warnings"]]
    assert [sum(word in message for message in said) for word in ("无人报送", "无人接收")] == [7, 2]


@pytest.mark.parametrize("leftover", ["a.txt", ".hidden", "folder/"])
def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, leftover: str) -> None:
    home = tmp_path / "node"
    home.mkdir()
    (home / leftover).mkdir() if leftover.endswith("/") else (home / leftover).write_text("x")
    assert run(home, "--tier", "county")[0] == 2
    assert [p.name for p in home.iterdir()] == [leftover.rstrip("/")]
    assert [p.name for p in tmp_path.iterdir()] == ["node"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    assert run(tmp_path / "node", "--tier", "county")[0] == 0
    assert (tmp_path / "node" / "config" / "gateway.toml").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tier", "national", "--party", "110000"),
        ("--tier", "province", "--party", "710000"),
        ("--tier", "province", "--party", "440106"),
        ("--tier", "province", "--party", "../etc"),
        ("--tier", "county", "--party", "440100"),
        ("--tier", "county", "--party", "000001"),
        ("--tier", "county", "--name", " "),
        ("--tier", "county", "--name", "a\nb"),
        ("--tier", "village"),
        (),
    ],
)
def test_what_does_not_fit_is_a_usage_error_and_makes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(tmp_path / "node", *arguments)[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_quotes_stays_a_name(tmp_path: Path) -> None:
    assert run(tmp_path / "node", "--tier", "county", "--name", '示例"县"\\1')[0] == 0
    assert load(tmp_path / "node").parties["440106"].name == '示例"县"\\1'


def test_without_gpg_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert run(tmp_path / "node", "--tier", "county")[0] == 3
    assert list(tmp_path.iterdir()) == []


def test_facts_with_a_fault_make_no_node(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(home / "schemas")
    monkeypatch.setenv("GATEWAY_CONFIG", str(home))
    target = tmp_path / "new" / "node"
    code, out = run(target, "--tier", "national", "--json")
    assert code == 1
    assert {fault["message"].partition("：")[0] for fault in json.loads(out)["faults"]} == {"dataset"}
    assert list(target.parent.iterdir()) == []


def test_the_key_of_the_node_is_no_fault_and_no_warning(tmp_path: Path) -> None:
    assert run(tmp_path / "node", "--tier", "province")[0] == 0
    facts = load(tmp_path / "node")
    found = inspect(facts.home, date(2026, 11, 21))
    unpinned = ("000000", "440000-jisheng", "440106", "440305")
    assert [w.file for w in found.warnings] == [f"config/parties/{party}.toml" for party in unpinned]
