"""`gateway parties`: who takes part, and the accounts of those who log in here."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated

import typer
from rich.table import Table

from gateway import provisioning
from gateway.cli.conventions import ConfigOption, JsonOption, console, group, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts

app = group("parties")


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
