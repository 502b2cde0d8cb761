"""`gateway quarter`: who owes, has sent, is late, on the terminal; and the operator's page for `gateway status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.conventions import ConfigOption, JsonOption, Language, LanguageOption, console, print_json
from gateway.cli.exits import ExitCode
from gateway.cli.node import ask
from gateway.receipts import status as pages
from gateway.receipts.views import StatusView

_STYLES = {"plain": "", "good": "green", "wait": "cyan", "warn": "yellow", "bad": "bold red"}


def quarter(
    period: Annotated[str, typer.Argument(help="2026Q3")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """一季一览 / the quarter at a glance: owed, sent, nil, late, counts. Exit 1 when something is missing."""
    document = ask(config, "GET", "view", period=period)
    view = StatusView.from_json(document)
    if as_json:
        print_json({"period": view.period, "datasets": document["datasets"], "parties": document["parties"]})
    else:
        show(view, lang.value)
    states = [s.state for row in view.parties for s in row.submissions.values()]
    if "missing" in states:
        raise typer.Exit(ExitCode.REFUSED)


def operators_page(document: dict[str, Any], language: str) -> bytes:
    """The operator's page, of what the daemon returns as its view."""
    return pages.status_page(StatusView.from_json(document), "zh" if language == "zh" else "en")


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
