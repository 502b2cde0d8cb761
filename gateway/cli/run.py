"""`gateway run`: the daemon, in the foreground; a service manager puts it where it belongs."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import structlog
import typer

from gateway import inspection
from gateway.adapters.clock import SystemClock
from gateway.cli.conventions import ConfigOption, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.daemon import AlreadyRunning, Daemon


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
    configure_logging(log_level)
    try:
        Daemon(facts).run()
    except AlreadyRunning:
        say("本节点的守护进程已在运行。/ The daemon of this node is running already.")
        raise typer.Exit(ExitCode.REFUSED) from None
    except RuntimeError as error:
        say(str(error))
        raise typer.Exit(ExitCode.FAULT) from None


def configure_logging(level: str) -> None:
    """structlog as JSON lines on stderr, from `level` up. Of libraries only warnings and worse are written, and
    reduced: their debug output could hold paths and names."""
    chosen = getattr(logging, level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(chosen),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(handlers=[_Reduced()], level=logging.WARNING, force=True)


class _Reduced(logging.Handler):
    """A library's record becomes: who, how bad, where. Its message is dropped, since it could hold anything."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the reduced record to the journal."""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        structlog.get_logger("library").warning(
            "library",
            logger=record.name,
            severity=record.levelname.lower(),
            at=f"{record.module}:{record.lineno}",
            error=error,
        )
