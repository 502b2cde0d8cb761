"""Mail and webhook against real servers on the loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from support.listeners import Hook, MailServer, certificate

from gateway.adapters.notices import Mailer, Poster
from gateway.outcomes import Deferred, Ok
from gateway.policy.facts import Mail, Webhook
from gateway.ports import Message

MESSAGE = Message(
    id="0123abcd",
    at="2026-11-02T09:00:00+08:00",
    to=("liaison@330000.example.invalid", "deputy@330000.example.invalid"),
    language="zh",
    subject="【交换网关】国家节点：2 件事项",
    text="您好：\n\n1. 逾期未报：浙江，流入 2026年第三季度\n",
    events=({"event": "obligation_missed", "period": "2026Q3"},),
)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


def mailer(server: MailServer, trusted: Path | None, password: Path, **more: str) -> Mailer:
    settings = Mail(
        host="localhost",
        port=server.port,
        security=server.security,  # type: ignore[arg-type]
        sender="gateway@node.example.invalid",
        **more,
    )
    return Mailer(settings, password, trusted, "national")


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_mail_arrives_as_it_was_written(security: str, trusted: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    with MailServer(trusted.parent, security, login=("node", "geheim")).running() as server:
        assert mailer(server, trusted, tmp_path / "password", username="node").send(MESSAGE) == Ok(None)
    (mail,) = server.received
    assert server.recipients == [list(MESSAGE.to)]
    assert mail["Subject"] == MESSAGE.subject
    assert mail.get_content() == MESSAGE.text
    assert mail["Message-ID"] == "<0123abcd@national.gateway>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.isoformat() == MESSAGE.at


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_nobody_vouches_for_gets_nothing(security: str, trusted: Path, tmp_path: Path) -> None:
    with MailServer(trusted.parent, security).running() as server:
        assert mailer(server, None, tmp_path).send(MESSAGE) == Deferred("701", {"error": "SSLCertVerificationError"})
    assert server.received == []


def test_a_server_without_starttls_gets_nothing(trusted: Path, tmp_path: Path) -> None:
    with MailServer(trusted.parent, "none").running() as server:
        settings = Mail(host="localhost", port=server.port, security="starttls", sender="a@example.invalid")
        outcome = Mailer(settings, tmp_path, trusted, "national").send(MESSAGE)
    assert outcome == Deferred("701", {"error": "SMTPNotSupportedError"})
    assert server.received == []


@pytest.mark.parametrize("wrong", ["password", "recipient", "nobody there"])
def test_what_does_not_get_through_is_deferred_without_an_address(wrong: str, trusted: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong" if wrong == "password" else "geheim")
    refuse = "330000" if wrong == "recipient" else ""
    with MailServer(trusted.parent, "tls", ("node", "geheim"), refuse).running() as server:
        way = mailer(server, trusted, tmp_path / "password", username="node")
        outcome = way.send(MESSAGE) if wrong != "nobody there" else None
    outcome = outcome or way.send(MESSAGE)
    assert isinstance(outcome, Deferred)
    assert outcome.code == "701"
    assert {*outcome.detail} == {"error"}
    assert "@" not in str(outcome.detail)
    assert server.received == []


def test_a_post_is_signed_over_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"shared secret\n")
    with Hook().running() as hook:
        way = Poster(Webhook(url=f"http://127.0.0.1:{hook.port}/gateway?to=ops"), tmp_path / "key", "national")
        assert way.send(MESSAGE) == Ok(None)
    ((path, headers, body),) = hook.posts
    assert path == "/gateway?to=ops"
    assert headers["x-gateway-signature"] == "sha256=" + hmac.new(b"shared secret", body, hashlib.sha256).hexdigest()
    document = json.loads(body)
    assert document["id"] == "0123abcd"
    assert document["events"] == [{"event": "obligation_missed", "period": "2026Q3"}]
    assert b"@" not in body


def test_a_post_follows_nobody_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"k")
    with Hook().running() as other, Hook(status=307, location=f"http://127.0.0.1:{other.port}/").running() as hook:
        way = Poster(Webhook(url=f"http://127.0.0.1:{hook.port}/"), tmp_path / "key", "national")
        assert way.send(MESSAGE) == Deferred("701", {"status": 307})
    assert other.posts == []


def test_without_a_key_nothing_is_posted(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    with Hook().running() as hook:
        for key in ("missing", "empty"):
            outcome = Poster(Webhook(url=f"http://127.0.0.1:{hook.port}/"), tmp_path / key, "national").send(MESSAGE)
            assert isinstance(outcome, Deferred)
    assert hook.posts == []
