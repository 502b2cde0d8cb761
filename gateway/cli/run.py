"""`gateway run`: the daemon, in the foreground; a service manager puts it where it belongs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gateway import inspection
from gateway.adapters.clock import SystemClock
from gateway.adapters.ledger import LedgerAway
from gateway.cli.conventions import ConfigOption, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.daemon import AlreadyRunning, Daemon, NotToBeSigned, hindrances
from gateway.daemon.journal import configure


def run(
    config: ConfigOption = None,
    log_level: Annotated[str, typer.Option("--log-level", help="debug | info | warning | error")] = "info",
) -> None:
    """运行守护进程 / run the daemon. Logs are JSON lines on stderr and hold no personal data."""
    facts = load_facts(config)
    found = inspection.findings(facts.home, SystemClock().now().date())
    for fault in found.stopping:
        say(f"{fault.file}:{fault.line}: {fault.text(facts.node.language)}")
    if found.stopping:
        raise typer.Exit(ExitCode.FAULT)
    journal = configure(log_level)

    def abandon() -> None:
        journal.close()
        os._exit(ExitCode.FAULT)

    try:
        Daemon(facts, abandon).run()
    except AlreadyRunning as other:
        say(f"本节点的守护进程已在运行，或其台账（数据库）已由另一守护进程使用：{other}。")
        say("请先停止那一个；每个节点须有自己的数据库。主机掉电后约一分钟自动释放。")
        say(f"The daemon of this node is running already, or another one works on its ledger (database): {other}.")
        say("Stop that one first; each node needs a database of its own. After a power loss it is free in a minute.")
        raise typer.Exit(ExitCode.REFUSED) from None
    except LedgerAway:
        say("台账（数据库）暂时无法使用：数据库未启动、无法连接或磁盘已满。请检查后重新启动；数据不会丢失。")
        say("The ledger (database) cannot be used now: not started, not reachable, or out of room. Nothing is lost.")
        raise typer.Exit(ExitCode.FAULT) from None
    except NotToBeSigned as error:
        say(str(error))
        raise typer.Exit(ExitCode.FAULT) from None
    except (OSError, MemoryError, RuntimeError) as error:
        if not hindrances.hinders(error):
            raise
        for sentence in hindrances.sentences(error, facts):
            say(sentence)
        raise typer.Exit(ExitCode.FAULT) from None
    finally:
        journal.close()
