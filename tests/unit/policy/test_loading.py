"""Loading: every fault at once, each with its file and line."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gateway
from gateway.policy import finding
from gateway.policy.faults import FactsError
from gateway.policy.loading import find, load, tree
from gateway.policy.periods import Period

Edit = Callable[[str, str, str], None]
PROVINCES = Path(gateway.__file__).parent.parent / "schemas" / "codes" / "province.csv"


def places(error: FactsError) -> list[tuple[str, int]]:
    return [(fault.file, fault.line) for fault in error.faults]


def test_the_shipped_example_is_a_national_node_with_its_32_partners() -> None:
    facts = load(find())
    with PROVINCES.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["participates"] == "yes"]
    assert len(rows) == 32
    provinces = {p.id: p for p in facts.parties.values() if p.tier == "province"}
    assert set(provinces) == {f"{row['code']}0000" for row in rows}
    for row in rows:
        party = provinces[f"{row['code']}0000"]
        assert (party.name, party.short, party.area_code, party.key) == (row["name"], row["short"], party.id, None)
        assert facts.by_province(row["code"]) is party
    assert (facts.node.party, facts.node.tier) == ("000000", "national")
    assert set(facts.parties) == {"000000", *provinces}


def test_the_shipped_agreements_route_as_the_domain_says() -> None:
    facts = load(find())
    routes = {a.id: (a.label, a.route_by, a.senders, a.receivers, a.release) for a in facts.agreements.values()}
    assert routes == {
        "migrants-inflow": ("跨省流入人口个案", "registered_code", "province", "routed", "at_close"),
        "migrants-outflow": ("跨省流出人口个案", "residence_code", "province", "routed", "at_close"),
        "migrants-statistics": ("流动人口统计表（跨省往来）", None, "province", ("000000",), "at_once"),
        "migrants-structure": ("流动人口统计表（结构）", None, "province", ("000000",), "at_once"),
        "pilot-report": ("试点工作情况", None, "province", ("000000",), "at_once"),
        "self-assessment": ("自评估报告", None, "province", ("000000",), "at_once"),
        "work-plan": ("工作计划", None, "province", ("000000",), "at_once"),
        "evaluation-returns": ("省际互评", None, "province", ("000000",), "at_once"),
        "pilot-application": ("试点申报表", None, "province", ("000000",), "at_once"),
        "population-base": ("户人口基本情况", None, "province", ("000000",), "at_once"),
        "inquiry-15wd": ("核查甲类", "registered_code", "province", "routed", "at_once"),
        "inquiry-30d": ("核查乙类", "registered_code", "province", "routed", "at_once"),
        "reply-15wd": ("核查甲类反馈", None, "province", "routed", "at_once"),
        "reply-30d": ("核查乙类反馈", None, "province", "routed", "at_once"),
        "births-elsewhere": ("区外出生反馈", "registered_code", "province", "routed", "at_once"),
        "bulletin-monthly": ("按月通报", None, ("000000",), "province", "at_once"),
        "evaluation": ("评估数据", None, ("000000",), "province", "at_once"),
    }
    dated = [agreement for agreement in facts.agreements.values() if agreement.deadline is not None]
    tables = [agreement for agreement in dated if agreement.rhythm == "quarterly"]
    assert len(tables) == 4
    yearly = {a.id: (dict(a.deadline.due), a.deadline.within) for a in dated if a.deadline and a not in tables}
    assert yearly == {
        "self-assessment": ({"Y": "12-30"}, True),
        "work-plan": ({"Y": "05-31"}, True),
        "evaluation-returns": ({"H1": "08-10", "H2": "12-30"}, ("H2",)),
        "bulletin-monthly": ({"M": "01-10"}, False),
        "evaluation": ({"H1": "07-20", "H2": "01-20"}, False),
    }
    for agreement in tables:
        assert agreement.deadline is not None
        due = {str(p): agreement.deadline.due[p.key] for p in (Period("quarterly", 2026, n) for n in (1, 2, 3, 4))}
        assert due == {"2026Q1": "05-01", "2026Q2": "08-01", "2026Q3": "11-01", "2026Q4": "02-01"}
        assert len(facts.senders(agreement)) == 32
        assert len(facts.receivers(agreement)) == (32 if agreement.receivers == "routed" else 1)


def test_every_fault_of_every_file_is_reported_at_once(home: Path, edit: Edit) -> None:
    edit("config/gateway.toml", "scan_seconds = 2.0", 'scan_seconds = "soon"')
    edit("config/gateway.toml", "[limits]\n", "[limits]\nseal_paralel = 3\n")
    edit("config/parties/110000.toml", 'area_code = "110000"', "area_code = 110000")
    edit("config/parties/120000.toml", 'name = "天津市"\n', "")
    edit("config/parties/130000.toml", 'tier = "province"', 'tier = "provincial')
    edit("config/parties/140000.toml", 'id = "140000"', 'id = "150000"')
    edit("config/agreements/migrants-inflow.toml", 'senders = "province"', 'senders = "provinces"')
    edit("config/agreements/migrants-outflow.toml", "valid_from = 2009-01-01", 'valid_from = "in spring"')
    (home / "config/parties/210000.toml").write_bytes('id = "210000"\nname = "辽宁省"\n'.encode("gb18030"))
    with pytest.raises(FactsError) as raised:
        load(home)
    lines = (home / "config/gateway.toml").read_text("utf-8").splitlines()
    inflow = (home / "config/agreements/migrants-inflow.toml").read_text("utf-8").splitlines()
    outflow = (home / "config/agreements/migrants-outflow.toml").read_text("utf-8").splitlines()
    assert places(raised.value) == [
        ("config/agreements/migrants-inflow.toml", inflow.index('senders = "provinces"') + 1),
        ("config/agreements/migrants-outflow.toml", outflow.index('valid_from = "in spring"') + 1),
        ("config/gateway.toml", lines.index('scan_seconds = "soon"') + 1),
        ("config/gateway.toml", lines.index("seal_paralel = 3") + 1),
        ("config/parties/110000.toml", 5),
        ("config/parties/120000.toml", 1),
        ("config/parties/130000.toml", 6),
        ("config/parties/140000.toml", 2),
        ("config/parties/210000.toml", 2),
    ]
    for fault in raised.value.faults:
        assert fault.message
        assert fault.message_zh
        assert not {"soon", "in spring"} & set(fault.message.split())


def test_numbers_and_texts_are_not_taken_for_each_other(home: Path, edit: Edit) -> None:
    edit("config/gateway.toml", "network = false", 'network = "false"')
    edit("config/gateway.toml", "max_file_mb = 4096", "max_file_mb = 4096.5")
    edit("config/gateway.toml", "seal_parallel = 4", 'seal_parallel = "4"')
    with pytest.raises(FactsError) as raised:
        load(home)
    assert [fault.message.partition(":")[0] for fault in raised.value.faults] == [
        "intake.network",
        "intake.max_file_mb",
        "limits.seal_parallel",
    ]


def test_a_channel_without_its_host_is_one_fault_at_its_table(home: Path, edit: Edit) -> None:
    text = '\n[channel]\nkind = "sftp"\nusername = "g"\nknown_hosts = "h"\n\n[[contacts]]\n'
    edit("config/parties/110000.toml", "\n[[contacts]]\n", text)
    with pytest.raises(FactsError) as raised:
        load(home)
    (fault,) = raised.value.faults
    line = (home / "config/parties/110000.toml").read_text("utf-8").splitlines().index("[channel]") + 1
    assert (fault.file, fault.line, fault.message) == ("config/parties/110000.toml", line, "channel.host: is missing")


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(home: Path) -> None:
    file = home / "config/parties/110000.toml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load(home).parties["110000"].name == "北京市"


def test_the_node_folder_and_its_config_name_the_same_facts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = load(home)
    assert load(home / "config") == facts
    monkeypatch.chdir(home / "config")
    assert load(Path()) == facts
    assert (facts.home, facts.calendar) == (home, home / "config" / "calendar")


def test_a_config_folder_under_another_name_is_refused(home: Path) -> None:
    (home / "config").rename(home / "conf")
    with pytest.raises(FactsError) as raised:
        load(home / "conf")
    assert places(raised.value) == [("gateway.toml", 1)]


def test_a_folder_without_facts_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FactsError) as raised:
        load(tmp_path)
    assert places(raised.value) == [("config/gateway.toml", 1)]


def test_an_option_comes_before_the_environment_and_that_before_the_shipped_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    assert (find() / "config" / "gateway.toml").is_file()
    monkeypatch.setenv("GATEWAY_CONFIG", str(tmp_path / "b"))
    assert find() == tmp_path / "b"
    assert find(tmp_path / "a") == tmp_path / "a"


def test_in_a_wheel_the_shipped_copy_lies_in_the_package(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    package = home / "site-packages" / "gateway"
    package.mkdir(parents=True)
    (home / "config").rename(package.parent / "elsewhere")
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    monkeypatch.setattr(finding.gateway, "__file__", str(package / "__init__.py"))
    with pytest.raises(FactsError):
        find()
    (package / "_shipped").mkdir()
    (package.parent / "elsewhere").rename(package / "_shipped" / "config")
    assert find() == package / "_shipped"


def test_the_digest_is_the_one_that_stock_tools_compute(home: Path) -> None:
    command = "find config schemas keys -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    run = subprocess.run(["sh", "-c", command], cwd=home, capture_output=True, text=True, check=True)
    assert load(home).digest == tree.digest(home) == run.stdout.split()[0]


@pytest.mark.parametrize("name", [".gateway.toml.swp", "gateway.toml~", "#gateway.toml#", "gateway.toml.bak"])
def test_what_editors_leave_behind_changes_nothing(home: Path, name: str) -> None:
    before = load(home)
    (home / "config" / ".hidden").mkdir()
    (home / "config" / ".hidden" / "x.toml").write_text("unfinished = [")
    (home / "config" / "parties" / name).write_text("unfinished = [")
    assert load(home) == before


@pytest.mark.parametrize(
    "file", ["config/gateway.toml", "config/calendar/2026.toml", "schemas/migrants-inflow.json", "keys/README.md"]
)
def test_one_changed_byte_anywhere_changes_the_digest(home: Path, file: str) -> None:
    before = tree.digest(home)
    (home / file).write_bytes((home / file).read_bytes() + b"\n")
    changed = tree.digest(home)
    (home / file).rename((home / file).with_name("moved"))
    assert len({before, changed, tree.digest(home)}) == 3


def test_a_linked_folder_that_leads_back_to_itself_ends(home: Path) -> None:
    (home / "config" / "loop").symlink_to(home / "config")
    assert load(home).node.party == "000000"


@pytest.mark.parametrize("target", ["parties/110000.toml"])
def test_a_file_that_is_a_link_counts_with_what_it_points_to(home: Path, target: str) -> None:
    before = tree.digest(home)
    file = home / "config" / target
    elsewhere = home / "elsewhere.toml"
    file.rename(elsewhere)
    os.symlink(elsewhere, file)
    assert tree.digest(home) == before
