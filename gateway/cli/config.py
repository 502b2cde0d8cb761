"""`gateway config check`: every fault in the facts at once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import inspection
from gateway.adapters.clock import SystemClock
from gateway.cli.conventions import ConfigOption, JsonOption, group, print_json
from gateway.cli.exits import ExitCode
from gateway.cli.node import ask, load_facts
from gateway.policy import loading
from gateway.policy.faults import FactsError, Findings
from gateway.policy.loading import tree

app = group("config")


@app.command("check")
def check(
    config: ConfigOption = None,
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="按哪一天判断依据是否有效 / judge as of this day"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """一次列出配置中的全部错误 / list every fault at once, and what is left to fill in. Exit 0: none; 1: some."""
    today = on.date() if on else SystemClock().now().date()
    try:
        where = loading.find(config)
    except FactsError as error:
        found, language, digest = Findings(error.faults), "zh", None
    else:
        found, language, digest = inspection.findings(where, today), language_of(where), _digest(where)
    if as_json:
        print_json({"ok": not found.stopping, "digest": digest, **document(found, language)})
    else:
        show(found, language)
    if found.stopping:
        raise typer.Exit(ExitCode.REFUSED)


@app.command()
def reload(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """让守护进程采用改过的配置 / let the daemon take the facts as they stand now. New work only."""
    load_facts(config)
    found = ask(config, "POST", "reload")
    if as_json:
        print_json(found)
    else:
        typer.echo(found["facts"])


def language_of(where: Path) -> str:
    """The node's language, Chinese where its file cannot be read."""
    try:
        node = loading.read(where).node
    except FactsError:
        return "zh"
    return node.language if node else "zh"


def _digest(where: Path) -> str | None:
    try:
        return tree.digest(loading.home_of(where))
    except (FactsError, OSError):
        return None


def document(found: Findings, language: str) -> dict[str, Any]:
    """Faults, what is left to be filled in, and warnings for `--json`: lists of `file`, `line`, `message`."""
    return {
        key: [{"file": one.file, "line": one.line, "message": one.text(language)} for one in several]
        for key, several in (("faults", found.faults), ("unfilled", found.unfilled), ("warnings", found.warnings))
    }


def show(found: Findings, language: str) -> None:
    """One line for each, `file:line: message`; how many there are goes to stderr."""
    mark = "提醒" if language == "zh" else "warning"
    for fault in found.stopping:
        typer.echo(f"{fault.file}:{fault.line}: {fault.text(language)}")
    for warning in found.warnings:
        typer.echo(f"{warning.file}:{warning.line}: {mark}: {warning.text(language)}")
    faults, unfilled, warnings = len(found.faults), len(found.unfilled), len(found.warnings)
    if language == "zh":
        typer.echo(f"错误 {faults} 处，待填写 {unfilled} 处，提醒 {warnings} 处。", err=True)
    else:
        typer.echo(f"{faults} faults, {unfilled} to fill in, {warnings} warnings.", err=True)
