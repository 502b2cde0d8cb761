"""`gateway audit report 2026Q3`: the auditor's summary of a period, from the log alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.conventions import ConfigOption, JsonOption, Language, LanguageOption, group, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.log.audit import entries, summarise
from gateway.log.note import BadNote

app = group("audit")


@app.command("report")
def report(
    period: Annotated[str, typer.Argument(help="2026Q3")],
    config: ConfigOption = None,
    log: Annotated[Path | None, typer.Option("--log", help="日志副本 / a copy of the log, instead of a node's")] = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """一期审计摘要 / a period's summary: missing, late, refused, flows, extensions, releasers, erasures."""
    if log is None:
        facts = load_facts(config)
        log = facts.path(facts.node.log)
    try:
        found = summarise(entries(log), period)
    except (OSError, BadNote, ValueError):
        say("日志无法读取，请先核验（gateway log verify）/ the log cannot be read: verify it first")
        raise typer.Exit(ExitCode.REFUSED) from None
    if not found["obligations"] and not found["parcels"].get("received"):
        say("日志中没有这一期 / the log knows nothing of this period")
        raise typer.Exit(ExitCode.USAGE)
    if as_json:
        print_json(found)
    else:
        _print(found, lang is Language.ZH)


def _print(found: dict[str, Any], zh: bool) -> None:
    console = Console(highlight=False)
    parcels, owed = found["parcels"], found["obligations"]
    lines = [
        ("限办事项", "obligations", ", ".join(f"{state} {count}" for state, count in sorted(owed.items()))),
        ("收到交换件", "parcels received", str(parcels.get("received", 0))),
        ("受理 / 退回 / 重复", "accepted / refused / duplicates", _three(parcels)),
        ("记录：总数 / 退回", "records: all / refused", _two(parcels)),
        ("销毁", "erased", str(parcels["erased"])),
        (
            "批次：放行 / 销毁 / 销毁的数据包",
            "batches: released / erased / packages erased",
            _batches(found["batches"]),
        ),
        ("放行人", "released by", ", ".join(f"{who} {count}" for who, count in found["releasers"].items()) or "–"),
    ]
    for chinese, english, value in lines:
        console.print(f"{chinese if zh else english}: {value}")
    for title, key in (
        (("未报", "missing"), "missing"),
        (("迟报", "late"), "late"),
        (("延期", "extended"), "extensions"),
    ):
        names = [
            f"{row['party']} {row['agreement']}" + (f" ← {row['by']}" if "by" in row else "") for row in found[key]
        ]
        console.print(f"{title[0] if zh else title[1]}: {'; '.join(names) or '–'}")
    if found["refused"]:
        table = Table(title="退回" if zh else "refused")
        for column in ("party", "agreement", "code", "records", "logged_at"):
            table.add_column(column)
        for row in found["refused"]:
            table.add_row(*(str(row[c]) for c in ("party", "agreement", "code", "records", "logged_at")))
        console.print(table)
    for agreement, origins in found["flows"].items():
        _matrix(console, agreement, origins, zh)


def _matrix(console: Console, agreement: str, origins: dict[str, dict[str, int]], zh: bool) -> None:
    """Who sent how many records to whom, the same places down and across: who sent or received nothing is seen. Cells
    below 3 are shown: this is for the auditor, not for publication."""
    receivers = sorted({receiver for row in origins.values() for receiver in row})
    if all(len(receiver) == 2 for receiver in receivers):  # provinces: the origin by its two digits as well
        origins = {origin[:2] if origin.endswith("0000") else origin: row for origin, row in origins.items()}
    receivers = sorted({*receivers, *origins})
    table = Table(title=f"{agreement} {'报送 → 接收' if zh else 'from → to'}", show_footer=True)
    table.add_column("", footer="Σ")
    for receiver in receivers:
        total = sum(row.get(receiver, 0) for row in origins.values())
        table.add_column(receiver, justify="right", footer=str(total))
    table.add_column("Σ", justify="right", footer=str(sum(sum(row.values()) for row in origins.values())))
    for origin in receivers:
        row = origins.get(origin, {})
        table.add_row(origin, *(str(row.get(r, "")) for r in receivers), str(sum(row.values())))
    Console(highlight=False, width=max(console.width, 12 + 7 * len(receivers))).print(table)


def _three(parcels: dict[str, int]) -> str:
    return f"{parcels.get('accepted', 0)} / {parcels['refused']} / {parcels.get('duplicates', 0)}"


def _batches(batches: dict[str, int]) -> str:
    return f"{batches['released']} / {batches['erased']} / {batches['packages_erased']}"


def _two(parcels: dict[str, int]) -> str:
    return f"{parcels.get('records_records', 0)} / {parcels.get('records_refused', 0)}"
