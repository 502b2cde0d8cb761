"""`gateway config check`: every fault in the facts at once."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.adapters.clock import SystemClock
from gateway.deadlines.editions import read_folder
from gateway.policy import crosscheck, loading, tree
from gateway.policy.faults import FactFault, FactsError, Findings

app = typer.Typer(help="配置检查 / check the facts", no_args_is_help=True)

REFUSED = 1


@app.callback()
def _group() -> None:
    """配置检查 / check the facts."""


@app.command("check")
def check(
    config: Annotated[
        Path | None, typer.Option("--config", help="节点文件夹或其 config 文件夹 / the node's folder")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="按哪一天判断依据是否有效 / judge as of this day"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """一次列出配置中的全部错误 / list every fault in the facts at once. Exit 0: none; 1: some."""
    today = on.date() if on else SystemClock().now().date()
    try:
        where = loading.find(config)
    except FactsError as error:
        found, language, digest = Findings(error.faults), "zh", None
    else:
        found, language, digest = findings(where, today), language_of(where), _digest(where)
    if as_json:
        typer.echo(
            json.dumps({"ok": not found.faults, "digest": digest, **document(found, language)}, ensure_ascii=False)
        )
    else:
        show(found, language)
    if found.faults:
        raise typer.Exit(REFUSED)


def findings(where: Path, today: date) -> Findings:
    """Everything there is to say about the facts under `where` on `today`, the calendar's files included."""
    found = crosscheck.inspect(where, today)
    try:
        home = loading.home_of(where)
    except FactsError:
        return found
    calendar = [
        FactFault(
            f"config/calendar/{fault.file}",
            fault.line or 1,
            _sentence(fault.sentence("en")),
            _sentence(fault.sentence("zh")),
        )
        for fault in read_folder(home / "config" / "calendar")[2]
    ]
    return Findings(tuple(sorted({*found.faults, *calendar})), found.warnings)


def _sentence(located: str) -> str:
    """A calendar fault says its file itself; here the file stands in front of every line anyhow."""
    return located.partition(": ")[2]


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
    """Faults and warnings for `--json`: lists of `file`, `line`, `message`."""
    return {
        key: [{"file": one.file, "line": one.line, "message": one.text(language)} for one in several]
        for key, several in (("faults", found.faults), ("warnings", found.warnings))
    }


def show(found: Findings, language: str) -> None:
    """One line for each, `file:line: message`; how many there are goes to stderr."""
    mark = "提醒" if language == "zh" else "warning"
    for fault in found.faults:
        typer.echo(f"{fault.file}:{fault.line}: {fault.text(language)}")
    for warning in found.warnings:
        typer.echo(f"{warning.file}:{warning.line}: {mark}: {warning.text(language)}")
    faults, warnings = len(found.faults), len(found.warnings)
    total = f"错误 {faults} 处，提醒 {warnings} 处。" if language == "zh" else f"{faults} faults, {warnings} warnings."
    typer.echo(total, err=True)
