"""`gateway run`: the daemon, in the foreground; a service manager puts it where it belongs."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway import inspection
from gateway.adapters.clock import SystemClock
from gateway.cli.conventions import ConfigOption, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.daemon import AlreadyRunning, Daemon
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
    try:
        Daemon(facts).run()
    except AlreadyRunning:
        say("本节点的守护进程已在运行。/ The daemon of this node is running already.")
        raise typer.Exit(ExitCode.REFUSED) from None
    except RuntimeError as error:
        say(str(error))
        raise typer.Exit(ExitCode.FAULT) from None
    finally:
        journal.close()
