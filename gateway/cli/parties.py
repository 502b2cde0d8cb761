"""`gateway parties`: who takes part, and the accounts of those who log in here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table

from gateway import provisioning
from gateway.cli.conventions import (
    ConfigOption,
    JsonOption,
    Language,
    LanguageOption,
    console,
    group,
    print_json,
    say,
    say_code,
)
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts

app = group("parties")

_KINDS = {
    "kex": "密钥交换 / key exchange",
    "host_key": "主机密钥 / host key",
    "cipher": "加密 / cipher",
    "mac": "完整性 / MAC",
    "compression": "压缩 / compression",
}
_IN_THE_WAY = {
    "connect": "连不上 / nobody answers there",
    "handshake": "不是可用的 SSH 服务 / no SSH as it should be",
    "login": "不接受我们的密钥 / our key is not let in",
    "stall": "没有反应 / it stands still",
    "dropped": "连接中断 / the connection broke",
    "denied": "拒绝访问该文件夹 / the folder may not be looked at",
    "key": "我们的登录密钥不可用 / our key to log in with cannot be used",
    "known_hosts": "登记的主机密钥文件不可用 / the pinned host key cannot be used",
}


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """列出交换方 / the parties: what they send and receive under, over which channel, and their account here."""
    facts = load_facts(config)
    served = {party.id for party in provisioning.served(facts)}
    rows = [
        {
            "id": party.id,
            "name": party.name,
            "area_code": party.area_code,
            "tier": party.tier,
            "channel": party.channel.kind,
            "account": provisioning.System().account(party) if party.id in served else None,
            "key": party.key or party.sm_key,
            "sends": sorted(a.id for a in facts.agreements.values() if party in facts.senders(a)),
            "receives": sorted(a.id for a in facts.agreements.values() if party in facts.receivers(a)),
        }
        for party in sorted(facts.parties.values(), key=lambda p: p.area_code)
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("代码 / id", "名称 / name", "通道 / channel", "账号 / account", "报送 / sends", "接收 / receives")
    for row in rows:
        cells = [row["id"], row["name"], row["channel"], row["account"] or "–"]
        table.add_row(*map(str, cells), *(str(len(row[key] or ())) for key in ("sends", "receives")))
    console().print(table)


@app.command()
def reach(
    party: str, config: ConfigOption = None, as_json: JsonOption = False, lang: LanguageOption = Language.ZH
) -> None:
    """试连一个交换方的 SFTP 服务器 / log in at a party's SFTP server and out again: what was agreed on, or what stands
    in the way. Exit 1 when it cannot be reached."""
    from gateway import wiring
    from gateway.adapters.channels.sftp import reach as try_it
    from gateway.outcomes import Fault, Ok
    from gateway.policy.facts import SftpChannel

    facts = load_facts(config)
    channel = facts.parties[party].channel if party in facts.parties else None
    if not isinstance(channel, SftpChannel):
        say(f"没有这样的 SFTP 交换方 / no party over SFTP: {party}")
        raise typer.Exit(ExitCode.USAGE)
    outcome = try_it(wiring.endpoint(facts, channel))
    found = outcome.value if isinstance(outcome, Ok) else outcome.detail
    if as_json:
        print_json({"party": party, "code": "100" if isinstance(outcome, Ok) else outcome.code, **found})
    elif isinstance(outcome, Ok):
        for kind, name in found.items():
            if kind in _KINDS:
                typer.echo(f"{_KINDS[kind]}: {name}")
        if found["folder"] == "no":
            typer.echo("文件夹尚不存在，投递时建立 / the folder is not there yet; a delivery makes it")
        typer.echo("✓ 可以登录 / it lets us in")
    else:
        _say_why(outcome.code, found, lang)
    if not isinstance(outcome, Ok):
        raise typer.Exit(ExitCode.FAULT if isinstance(outcome, Fault) else ExitCode.REFUSED)


def _say_why(code: str, found: Mapping[str, str | int], lang: Language) -> None:
    say_code(code, lang.value)
    reason = str(found.get("reason", ""))
    if reason:
        say(f"  {_IN_THE_WAY.get(reason, reason)}")
    for kind, name in _KINDS.items():
        if f"{kind}_offered" in found:
            say(f"  {name}\n    对方提供 / offered: {found[f'{kind}_offered'] or '–'}")
            say(f"    本系统支持 / spoken: {found[f'{kind}_spoken']}")


@app.command()
def provision(
    config: ConfigOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="以 root 执行 / do it, as root; without it they are shown")
    ] = False,
    daemon: Annotated[str, typer.Option("--user", help="守护进程的用户 / the daemon's user and group")] = "gateway",
) -> None:
    """为经 SFTP 登录的交换方开户建目录 / accounts, folders and keys of the parties that log in here over SFTP.

    Prints the commands; `--apply` carries them out, as root. All of them may be repeated."""
    facts = load_facts(config)
    if apply and os.geteuid() != 0:
        say("需要 root 权限。/ --apply needs root.")
        raise typer.Exit(ExitCode.USAGE)
    stopped = False
    try:
        for step in provisioning.plan(facts, provisioning.System(daemon=daemon)):
            try:
                if isinstance(step, provisioning.Folder):
                    step.check()
                typer.echo(str(step))
                if apply:
                    step.do()
            except provisioning.NotPossible as error:  # of one party: the others go on
                say(f"■ {error}")
                stopped = True
        if stopped:
            raise typer.Exit(ExitCode.REFUSED)
    except provisioning.NotPossible as error:
        say(str(error))
        raise typer.Exit(ExitCode.REFUSED) from None
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"未完成 / it stopped here: {type(error).__name__}")
        raise typer.Exit(ExitCode.FAULT) from None
