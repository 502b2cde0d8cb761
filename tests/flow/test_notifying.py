"""Who is told outside the folders: gathered from the log, one digest a contact, sent over real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.clocks import move
from support.listeners import Hook, MailServer
from support.nodes import PERIOD, Node, edit, planned

from gateway.corridors.obligations import dating, obliging
from gateway.corridors.telling import notices
from gateway.corridors.telling.reminders import automatic, letters
from gateway.daemon import sweeping
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.inspection import findings
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Node as RunningNode
from gateway.outcomes import Ok
from gateway.ports import Clock

DIGEST = timedelta(minutes=30, seconds=1)


@dataclass
class Later:
    """The node's clock, and so much later."""

    clock: Clock
    by: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.by


def later(node: Node, by: timedelta) -> RunningNode:
    return replace(node.running, clock=Later(node.running.clock, by))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path).running() as running:
        yield running


@pytest.fixture
def told(server: MailServer, home: Path, request: pytest.FixtureRequest) -> Node:
    """A node that mails, and has begun to."""
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(
            f'\n[notices.mail]\nhost = "localhost"\nport = {server.port}\nsecurity = "none"\n'
            'sender = "gateway@000000.example.invalid"\n'
        )
    node: Node = request.getfixturevalue("node")
    notices.post(node.running)
    return node


def refuse(node: Node, count: int = 1, party: str = "33") -> None:
    for number in range(count):
        row = node.send(planned(5, party=party, seed=str(number)), data=b"\x00\x01nothing to read" + bytes([number]))
        assert row.state == "refused"


def test_what_is_refused_is_told_to_its_sender_once(told: Node, server: MailServer) -> None:
    refuse(told)
    notices.post(told.running)
    assert server.received == [], "others may follow: it waits for the digest"
    notices.post(later(told, DIGEST))
    notices.post(later(told, 2 * DIGEST))
    (mail,) = server.received
    assert mail["To"] == "liaison@330000.example.invalid"
    assert "已退回" in mail["Subject"]
    assert "演练" in mail["Subject"], "the node is rehearsing, and says so"
    assert "浙江" in mail.get_content()
    assert "回执" in mail.get_content()


def test_a_flood_is_one_message(told: Node, server: MailServer) -> None:
    refuse(told, 25)
    refuse(told, 1, "34")
    notices.post(later(told, DIGEST))
    by = {mail["To"]: mail for mail in server.received}
    assert {*by} == {"liaison@330000.example.invalid", "liaison@340000.example.invalid"}
    text = by["liaison@330000.example.invalid"].get_content()
    assert "25 件事项" in by["liaison@330000.example.invalid"]["Subject"]
    assert "20. 已退回" in text
    assert "21. " not in text
    assert "“退回”5 件" in text


def test_a_mail_names_no_file_and_nobody(told: Node, server: MailServer) -> None:
    file = planned(5, name="王小明-2026Q3.csv")
    told.send(file, data=b"\x00\x01nothing")
    notices.post(later(told, DIGEST))
    (mail,) = server.received
    assert "王小明" not in mail.as_string() + mail.get_content() + mail["Subject"]
    with told.running.ledger.notices() as outbox:
        assert outbox.waiting() == []
    database = (told.home / "state" / "ledger.db").read_bytes() + (told.home / "state" / "ledger.db-wal").read_bytes()
    assert b"liaison@" not in database, "addresses stay in the facts"


def test_a_server_that_is_away_delays_nothing_but_its_mail(
    told: Node, server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(told)
    broken = replace(later(told, DIGEST), notices=told.running.notices)
    away = MailServer(tmp_path, refuse="330000")
    with away.running():
        way = told.running.notices["mail"]
        monkeypatch.setattr(way, "_settings", way._settings.model_copy(update={"port": away.port}))  # type: ignore[attr-defined]
        notices.post(broken)
        assert away.received == []
        notices.post(broken)  # it waits for its next try
        assert len(away.recipients) == 0
    monkeypatch.undo()
    refuse(told, 1, "34")  # intake goes on
    notices.post(later(told, DIGEST + timedelta(minutes=1)))
    assert sorted(mail["To"] for mail in server.received) == [f"liaison@{p}0000.example.invalid" for p in ("33", "34")]


def test_after_three_days_it_is_given_up(told: Node, server: MailServer) -> None:
    refuse(told)
    notices.gather(told.running)
    notices.send(later(told, timedelta(days=4)))
    with told.running.ledger.notices() as outbox:
        assert outbox.waiting() == []
    assert server.received == []


def test_who_owes_and_the_operator_are_told(told: Node, server: MailServer) -> None:
    sweeping.oblige(told.running)
    given = {"agreement": None, "dry_run": False, "actor": "uid:0 test"}
    letters.remind(told.running, PERIOD, party="340000", **given)
    notices.post(later(told, DIGEST))
    (mail,) = server.received
    assert mail["To"] == "liaison@340000.example.invalid"
    assert "2 件事项" in mail["Subject"]
    server.received.clear()
    notices.tell(told.running, "source_down", 3)
    notices.tell(told.running, "disk_low")
    notices.post(later(told, 2 * DIGEST))
    (mail,) = server.received
    assert mail["To"] == "operator@000000.example.invalid"
    assert "文件夹不可用：3 个" in mail.get_content()
    assert "磁盘空间不足" in mail.get_content()


def test_an_escalated_reminder_reaches_the_next_level_and_no_earlier_one_does(
    home: Path, server: MailServer, request: pytest.FixtureRequest
) -> None:
    """Due on Sunday 1 November: Monday 2 is the first working day after it, Friday 6 the fifth."""
    edit(home, automatic="true")
    (home / "config" / "agreements" / f"{OUTFLOW}.toml").unlink()
    file = home / "config" / "agreements" / f"{INFLOW}.toml"
    file.write_text(file.read_text("utf-8").replace('senders = "province"', 'senders = ["340000"]'), "utf-8")
    with (home / "config" / "parties" / "340000.toml").open("a", encoding="utf-8") as stream:
        stream.write('\n[[contacts]]\nname = "示例负责人"\nrole = "分管负责人"\nlevel = 1\n')
        stream.write('email = "head@340000.example.invalid"\n')
    told: Node = request.getfixturevalue("told")
    move(told, "2026-11-02 08:50")
    obliging.enter(told.running)
    for day, expected in (("02", {"liaison"}), ("06", {"liaison", "head", "operator"})):
        server.received.clear()
        move(told, f"2026-11-{day} 09:00")
        assert automatic.prompt(told.running) == 1
        move(told, f"2026-11-{day} 09:31")
        notices.post(told.running)
        reminders = [mail for mail in server.received if "催报函" in mail.get_content()]
        assert {mail["To"].partition("@")[0] for mail in reminders} == expected
        assert len(reminders) == len(expected)
    (first, last) = sorted(told.party_folder("34", "回执").glob("催报函_*.html"), key=lambda path: path.name)
    assert "抄送" not in first.read_text("utf-8")
    assert "抄送：国家节点、安徽省分管负责人" in last.read_text("utf-8")


def test_a_date_that_was_put_off_is_told_and_what_partners_took_is_not(told: Node, server: MailServer) -> None:
    sweeping.oblige(told.running)
    with told.running.ledger.reading() as reading:
        (owed,) = reading.obligations.where(party="340000", agreement=INFLOW, period=PERIOD)
    until = owed.due + timedelta(days=7)
    assert isinstance(dating.extend(told.running, [owed.id], until, "台风", "uid:0 test"), Ok)
    now, common = told.running.clock.now(), {"actor": "gateway", "facts": "4" * 64, "parties": ("330000",)}
    stated = [
        Entry(id=f"statement-{code}/{Event.STATED}", event=Event.STATED, time=now, counts={"code": code}, **common)
        for code in (100, 229)
    ]
    told.running.ledger.append(stated, now)
    notices.post(later(told, DIGEST))
    by = {mail["To"]: mail for mail in server.received}
    assert {*by} == {"liaison@340000.example.invalid", "operator@000000.example.invalid"}
    assert f"限期延至 {until}" in by["liaison@340000.example.invalid"]["Subject"]
    assert "（代码 229）" in by["operator@000000.example.invalid"].get_content()
    assert "100" not in by["operator@000000.example.invalid"].get_content()


def test_a_node_that_begins_to_tell_does_not_tell_its_history(node: Node, server: MailServer) -> None:
    refuse(node)
    running = replace(node.running, notices={"mail": _never})
    notices.post(running)
    notices.post(replace(later(node, DIGEST), notices={"mail": _never}))
    with node.running.ledger.notices() as outbox:
        assert outbox.waiting() == []


class _Never:
    def send(self, message: object) -> object:
        raise AssertionError("history was told")


_never = _Never()


def test_the_webhook_gets_the_operators_matters(home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with Hook().running() as hook:
        with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
            stream.write(f'\n[notices.webhook]\nurl = "http://127.0.0.1:{hook.port}/x"\n')
        (home / "private" / "webhook-key").write_text("k")
        node: Node = request.getfixturevalue("node")
        notices.post(node.running)
        refuse(node)  # the sender's matter: not the operator's
        notices.tell(node.running, "worker_down")
        notices.post(later(node, DIGEST))
        ((_, _, body),) = hook.posts
    assert [event["event"] for event in json.loads(body)["events"]] == ["worker_down"]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('[notices.mail]\nhost = "mail.example.invalid"\nsecurity = "none"\nsender = "a@example.invalid"', "security"),
        ('[notices.mail]\nhost = "localhost"\nsender = "a@example.invalid"\nca = "ca.pem"', "ca"),
        ('[notices.webhook]\nurl = "http://hook.example.invalid/"', "url"),
    ],
)
def test_what_would_leave_the_machine_in_the_clear_is_a_fault(home: Path, table: str, key: str) -> None:
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f"\n{table}\n")
    (fault,) = findings(home, datetime(2026, 11, 22).date()).faults
    line = (home / "config" / "gateway.toml").read_text("utf-8").splitlines()[fault.line - 1]
    assert line.startswith(key)
