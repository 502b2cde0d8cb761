"""`gateway status`, `gateway quarter`: the node at a glance, on the terminal and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gateway import durable
from gateway.cli.conventions import REFUSED, ConfigOption, JsonOption, Language, LanguageOption, answer, console
from gateway.cli.node import ask, load_facts
from gateway.receipts import status as pages
from gateway.receipts.views import StatusView

_STYLES = {"plain": "", "good": "green", "wait": "cyan", "warn": "yellow", "bad": "bold red"}
_NAMES = {
    "parcels": "交换件",
    "packages": "交换包",
    "deliveries": "投递",
    "obligations": "限办事项",
    "replies": "核查反馈",
    "incoming": "收到的批次",
    "statements": "回执与清单",
}


def status(
    config: ConfigOption = None,
    html: Annotated[Path | None, typer.Option("--html", help="写成网页 / write the operator's page")] = None,
    period: Annotated[str | None, typer.Option("--period", help="2026Q3")] = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """节点状态 / the node's health. Exit 1 when something is down or stopped, 4 when the daemon is not running."""
    facts = load_facts(config)
    found = ask(facts, "GET", "status")
    if html is not None:
        view = StatusView.from_json(ask(facts, "GET", "view", period=period))
        durable.write_bytes(html.absolute(), pages.status_page(view, lang.value), 0o640)
    if as_json:
        answer(found)
    else:
        out = console()
        out.print(
            f"{found['node']}  {found['now']}", Text("演练 / rehearsal", "bold magenta") if found["rehearsal"] else ""
        )
        if found.get("recovering"):
            out.print(Text("■ 正在恢复，等待核对 / recovering: gateway restore --reconcile", "bold red"))
        for kind, states in found["counts"].items():
            line = "  ".join(f"{state} {count:,}" for state, count in sorted(states.items()))
            out.print(f"{_NAMES.get(kind, kind)} {kind}: {line or '–'}")
        for folder in found["sources"]["down"]:
            out.print(Text(f"■ 文件夹不可用 / source down: {folder}", "bold red"))
        for code, count in found["waiting"].items():
            out.print(Text(f"▲ 等待或停下 / waits or stopped: [{code}] ×{count}", "yellow"))
        for key in found["keys"]:
            gone = key["days"] < 0
            said = "已过期 / has run out" if gone else f"还有 {key['days']} 天到期 / {key['days']} days left"
            line = f"{'■' if gone else '▲'} 密钥 / key {key['party']} …{key['key']}: {said}"
            out.print(Text(line, "bold red" if gone else "yellow"))
    stopped = found["counts"]["parcels"].get("faulted", 0) + found["counts"]["deliveries"].get("faulted", 0)
    if not found["ok"] or stopped:
        raise typer.Exit(REFUSED)


def quarter(
    period: Annotated[str, typer.Argument(help="2026Q3")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """一季一览 / the quarter at a glance: owed, sent, nil, late, counts. Exit 1 when something is missing."""
    facts = load_facts(config)
    document = ask(facts, "GET", "view", period=period)
    view = StatusView.from_json(document)
    if as_json:
        answer({"period": view.period, "datasets": document["datasets"], "parties": document["parties"]})
    else:
        show(view, lang.value)
    states = [s.state for row in view.parties for s in row.submissions.values()]
    if "missing" in states:
        raise typer.Exit(REFUSED)


def show(view: StatusView, language: str) -> None:
    """Print the quarter's table; on a narrow terminal a dataset's cells share one column."""
    table = pages.quarter_table(view, "zh" if language == "zh" else "en")
    out = console()
    printed = Table(title=f"{view.node} {view.period}", show_footer=True, header_style="bold")
    per_dataset = (len(table.columns) - 2) // max(len(view.datasets), 1)
    if out.width >= 84 * len(view.datasets) + 40:
        for column, total in zip(table.columns, table.totals, strict=True):
            printed.add_column(column.title, justify=column.justify, footer=total.text, no_wrap=True)
        for row in table.rows:
            printed.add_row(*(Text(cell.text, _STYLES[cell.tone]) for cell in row))
    else:
        printed.add_column(table.columns[0].title, footer=table.totals[0].text, no_wrap=True)
        groups = [slice(1 + n * per_dataset, 1 + (n + 1) * per_dataset) for n in range(len(view.datasets))]
        for dataset, group in zip(view.datasets, groups, strict=True):
            printed.add_column(dataset.title, footer=_joined(table.totals[group]))
        printed.add_column(table.columns[-1].title)
        for row in table.rows:
            printed.add_row(row[0].text, *(_joined(row[group]) for group in groups), row[-1].text)
    out.print(printed)


def _joined(cells: Sequence[pages.Cell]) -> Text:
    """State, records, share and change side by side; what is empty takes no room."""
    joined = Text()
    for cell in cells[:4]:
        if cell.text:
            joined.append(cell.text + "  ", _STYLES[cell.tone])
    return joined
