"""`gateway keys`: the node's own key, the partners' keys, and what is about to run out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from gateway.adapters import keyring
from gateway.adapters.clock import SystemClock
from gateway.cli.seal import ConfigOption, JsonOption, load_facts
from gateway.outcomes import Ok, catalogue
from gateway.policy.model import Facts

app = typer.Typer(help="密钥及其有效期 / keys and their expiry", no_args_is_help=True)
REFUSED, FAULT = 1, 3
_WARN_DAYS = 60


class AlgorithmChoice(StrEnum):
    ED25519 = "ed25519"
    RSA3072 = "rsa3072"


_STATES = {
    "ok": ("有效", "valid"),
    "expiring": ("即将到期", "expires soon"),
    "expired": ("已过期", "expired"),
    "revoked": ("已吊销", "revoked"),
    "missing": ("缺公钥文件", "key file missing"),
    "mismatch": ("与登记指纹不符", "not the pinned key"),
    "private": ("含私钥", "holds a private key"),
    "unpinned": ("未登记", "no key pinned"),
    "unusable": ("私钥不可用", "private key unusable"),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One party's key and its state. `own` marks the node's."""

    party: str
    own: bool
    state: str
    fingerprint: str | None = None
    key: keyring.KeyInfo | None = None
    days: int | None = None

    def document(self) -> dict[str, Any]:
        return {
            "party": self.party,
            "own": self.own,
            "state": self.state,
            "fingerprint": self.fingerprint,
            "algorithm": self.key.algorithm if self.key else None,
            "created": self.key.created.isoformat() if self.key else None,
            "expires": self.key.expires.isoformat() if self.key and self.key.expires else None,
            "days_left": self.days,
            "revoked": self.key.revoked if self.key else None,
        }


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """列出本节点和各方的密钥 / every key with its algorithm, expiry and state."""
    facts = load_facts(config)
    rows = list(_rows(facts))
    if as_json:
        typer.echo(json.dumps({"keys": [row.document() for row in rows]}, ensure_ascii=False))
        return
    chinese = facts.node.language == "zh"
    titles = (
        ("交换方", "状态", "到期日", "算法", "指纹")
        if chinese
        else ("party", "state", "expires", "type", "fingerprint")
    )
    table = Table(*titles)
    for row in rows:
        expires = row.key.expires.date().isoformat() if row.key and row.key.expires else "–"
        state = _STATES[row.state][0 if chinese else 1]
        name = f"{row.party} *" if row.own else row.party
        algorithm = row.key.algorithm if row.key else "–"
        table.add_row(name, state, expires, algorithm, row.fingerprint or "–", style=_style(row))
    Console(width=None if Console().is_terminal else 160).print(table)


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """检查密钥：60、30、7 天内到期，过期，吊销，不符 / exit 1 where a key runs out within 60 days or cannot be used."""
    facts = load_facts(config)
    problems = [row for row in _rows(facts) if row.state not in ("ok", "unpinned")]
    if as_json:
        document = {"ok": not problems, "problems": [row.document() for row in problems]}
        typer.echo(json.dumps(document, ensure_ascii=False))
    for row in problems:
        zh, en = _STATES[row.state]
        days = "" if row.days is None else f" ({row.days} d)"
        typer.echo(f"{row.party}: {zh if facts.node.language == 'zh' else en}{days}", err=True)
    raise typer.Exit(REFUSED if problems else 0)


@app.command()
def generate(
    config: ConfigOption = None,
    algorithm: Annotated[AlgorithmChoice, typer.Option("--algorithm")] = AlgorithmChoice.ED25519,
) -> None:
    """生成本节点的密钥 / make the node's key, and pin its public part as the node's own."""
    facts = load_facts(config)
    private = facts.path(facts.node.private)
    try:
        fingerprint = keyring.generate(private, facts.node.name, algorithm=algorithm.value)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "own.asc")
            file.write_bytes(keyring.public_key(private))
            keyring.import_partner(facts.keys, _parties(facts), file, facts.node.party, fingerprint)
    except keyring.KeyringError as error:
        _fail(error)
    typer.echo(fingerprint)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="对方的公钥文件 / the partner's public key")],
    party: Annotated[str, typer.Option("--party", help="交换方 / id of the party")],
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="另行核对的指纹 / confirmed another way")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """登记一方的公钥 / pin a partner's key by the fingerprint that its owner confirmed another way."""
    facts = load_facts(config)
    if not file.is_file():
        typer.echo("文件不存在 / no such file", err=True)
        raise typer.Exit(2)
    try:
        outcome = keyring.import_partner(facts.keys, _parties(facts), file, party, fingerprint)
    except keyring.KeyringError as error:
        _fail(error)
    code = "100" if isinstance(outcome, Ok) else outcome.code
    pinned = outcome.value.fingerprint if isinstance(outcome, Ok) else None
    if as_json:
        typer.echo(json.dumps({"ok": pinned is not None, "code": code, "party": party, "fingerprint": pinned}))
    elif pinned:
        typer.echo(f"{party} {pinned}")
    if pinned is None:
        row, language = catalogue()[code], facts.node.language
        typer.echo(f"[{code}] {row.sentence(language)}\n  → {row.remedy(language)}", err=True)
        raise typer.Exit(REFUSED)


@app.command()
def export(config: ConfigOption = None) -> None:
    """输出本节点的公钥 / print the node's public key, armored."""
    facts = load_facts(config)
    try:
        typer.echo(keyring.public_key(facts.path(facts.node.private)).decode("ascii"), nl=False)
    except keyring.KeyringError as error:
        _fail(error)


def _parties(facts: Facts) -> Path:
    return facts.home / "config" / "parties"


def _fail(error: keyring.KeyringError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(FAULT) from error


def _rows(facts: Facts) -> Iterator[_Row]:
    now = SystemClock().now()
    yield _own(facts, now)
    for party in sorted(facts.parties.values(), key=lambda p: p.area_code):
        if party.id != facts.node.party:
            yield _partner(party.id, facts.keys / f"{party.id}.asc", party.key, now)


def _own(facts: Facts, now: datetime) -> _Row:
    private, party = facts.path(facts.node.private), facts.node.party
    try:
        key = keyring.own_info(private)
        keyring.passphrase_file(private)
    except keyring.KeyringError:
        return _Row(party, True, "unusable")
    pinned = facts.parties[party].key if party in facts.parties else None
    state = "mismatch" if pinned not in (None, key.fingerprint) else _state(key, now)
    return _Row(party, True, state, key.fingerprint, key, _days(key, now))


def _partner(party: str, file: Path, pinned: str | None, now: datetime) -> _Row:
    found = keyring.info(file) if file.is_file() else ()
    if any(key.secret for key in found):
        return _Row(party, False, "private", pinned)
    if pinned is None:
        return _Row(party, False, "unpinned")
    if not file.is_file():
        return _Row(party, False, "missing", pinned)
    if len(found) != 1 or found[0].fingerprint != pinned:
        return _Row(party, False, "mismatch", pinned)
    return _Row(party, False, _state(found[0], now), pinned, found[0], _days(found[0], now))


def _state(key: keyring.KeyInfo, now: datetime) -> str:
    days = _days(key, now)
    if key.revoked:
        return "revoked"
    if not key.usable(now):
        return "expired"
    return "expiring" if days is not None and days <= _WARN_DAYS else "ok"


def _days(key: keyring.KeyInfo, now: datetime) -> int | None:
    return None if key.expires is None else (key.expires - now).days


def _style(row: _Row) -> str:
    if row.state in ("ok", "unpinned"):
        return ""
    return "yellow" if row.state == "expiring" or (row.days is not None and row.days > 7) else "bold red"
