"""`gateway keys list|check`: every key there is, and those that need somebody."""

from __future__ import annotations

from typing import Any

import typer
from rich.table import Table

from gateway.adapters.clock import SystemClock
from gateway.adapters.sealing.key_health import KeyState, key_states
from gateway.cli.conventions import ConfigOption, JsonOption, console, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts

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


def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """列出本节点和各方的密钥 / every key with its algorithm, expiry and state."""
    facts = load_facts(config)
    rows = list(key_states(facts, SystemClock().now()))
    if as_json:
        print_json({"keys": [_document(row) for row in rows]})
        return
    chinese = facts.node.language == "zh"
    zh, en = ("交换方", "状态", "到期日", "算法", "指纹"), ("party", "state", "expires", "type", "fingerprint")
    table = Table(*(zh if chinese else en))
    for row in rows:
        expires = row.expires.date().isoformat() if row.expires else "–"
        state = _STATES[row.state][0 if chinese else 1]
        if row.slot == "next":
            state = f"{'新密钥，' if chinese else 'next, '}{state}"
        name = f"{row.party} *" if row.own else row.party
        table.add_row(name, state, expires, row.algorithm or "–", row.fingerprint or "–", style=_style(row))
    console().print(table)


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """检查密钥：60、30、7 天内到期，过期，吊销，不符 / exit 1 where a key runs out within 60 days or cannot be used."""
    facts = load_facts(config)
    problems = [row for row in key_states(facts, SystemClock().now()) if row.state not in ("ok", "unpinned")]
    if as_json:
        print_json({"ok": not problems, "problems": [_document(row) for row in problems]})
    for row in problems:
        days = "" if row.days is None else f" ({row.days} d)"
        say(f"{row.party}: {_STATES[row.state][0 if facts.node.language == 'zh' else 1]}{days}")
    raise typer.Exit(ExitCode.REFUSED if problems else ExitCode.FINE)


def _document(row: KeyState) -> dict[str, Any]:
    return {
        "party": row.party,
        "own": row.own,
        "state": row.state,
        "fingerprint": row.fingerprint,
        "profile": row.profile,
        "slot": row.slot,
        "algorithm": row.algorithm,
        "created": row.created.isoformat() if row.created else None,
        "expires": row.expires.isoformat() if row.expires else None,
        "days_left": row.days,
        "revoked": row.state == "revoked" if row.algorithm else None,
    }


def _style(row: KeyState) -> str:
    if row.state in ("ok", "unpinned"):
        return ""
    return "yellow" if row.state == "expiring" and (row.step or 0) > 7 else "bold red"
