"""`gateway remind`: letters (催报函) to those who owe a submission. The daemon writes them, and logs that it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.conventions import (
    ConfigOption,
    JsonOption,
    Language,
    LanguageOption,
    console,
    grouped,
    print_json,
    say,
)
from gateway.cli.node import ask
from gateway.receipts.views import SIGNS, TONES, State
from gateway.receipts.words import Words, plain

_STYLES = {"plain": "", "good": "green", "wait": "cyan", "warn": "yellow", "bad": "bold red"}
_COLUMNS = {
    "zh": ("报送单位", "交换事项", "期限", "状态", "催报函"),
    "en": ("Party", "Exchange", "Due", "State", "Letter"),
}


@dataclass(frozen=True, slots=True)
class Owing:
    """Of those who owe, who is reminded: everybody, where neither is given."""

    agreement: Annotated[str | None, typer.Option("--agreement", help="只催一项 / of one agreement only")] = None
    party: Annotated[str | None, typer.Option("--party", help="只催一个单位 / one party only")] = None


@grouped
def remind(
    period: Annotated[str, typer.Argument(help="2026Q3")],
    owing: Owing,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只列出，不发函 / say who, write nothing")] = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """催报 / write a letter to everybody who still owes a submission. Exit 4 when the daemon is not running."""
    given = {key: value for key, value in asdict(owing).items() if value is not None}
    found = ask(config, "POST", "remind", period=period, dry_run=dry_run, **given)
    if as_json:
        print_json(found)
        return
    rows, chinese = found["reminded"], lang is Language.ZH
    if not rows:
        say("没有需要催报的单位。" if chinese else "Nobody needs a reminder.")
        return
    console().print(_table(rows, lang))
    count = len(rows)
    if found["dry_run"]:
        say(f"试运行：未发出。应催报 {count} 项。" if chinese else f"Dry run, nothing was written: {count} would be.")
    else:
        say(f"已催报 {count} 项，请打印、盖章后发出。" if chinese else f"{count} written: print, seal and send them.")


def _table(rows: list[dict[str, Any]], lang: Language) -> Table:
    table = Table(header_style="bold")
    for column in _COLUMNS[lang.value]:
        table.add_column(column)
    for row in rows:
        cells = (row["name"], row["label"], row["due"], _state(row["state"], lang), row["file"] or "–")
        table.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in cells))
    return table


def _state(state: State, lang: Language) -> Text:
    """A state as the operator's page tells it; one this command does not know, by its own word."""
    word = Words("zh" if lang is Language.ZH else "en").get(f"state.{state}", state)
    return Text(f"{SIGNS.get(state, '')} {word}".strip(), _STYLES[TONES.get(state, "plain")])
