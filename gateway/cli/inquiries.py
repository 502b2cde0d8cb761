"""`gateway inquiries`: what was asked, of whom, and how much of it is open. Asks the daemon."""

from __future__ import annotations

from dataclasses import dataclass
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
    group,
    grouped,
    print_json,
    say,
)
from gateway.cli.node import ask
from gateway.receipts.words import Words, plain

app = group("inquiries")

_COLUMNS = {
    "zh": ("核查单号", "交换事项", "查询方", "户籍地", "记录数", "未反馈", "最早期限"),
    "en": ("Inquiry", "Exchange", "Asked by", "Asked of", "Records", "Open", "Due first"),
}
_RECORDS = {"zh": ("序", "区划代码", "状态", "期限"), "en": ("No.", "Area", "State", "Due")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which inquiries are listed."""

    origin: Annotated[str | None, typer.Option("--from", help="查询方 / who asked")] = None
    receiver: Annotated[str | None, typer.Option("--to", help="户籍地 / who was asked")] = None
    agreement: Annotated[str | None, typer.Option("--agreement", help="交换约定 / of one agreement")] = None
    everything: Annotated[bool, typer.Option("--all", help="含已办结的 / closed ones too")] = False

    def query(self) -> dict[str, str | None]:
        """As the daemon's route takes it."""
        everything = "1" if self.everything else None
        return {"origin": self.origin, "receiver": self.receiver, "agreement": self.agreement, "all": everything}


@app.command("list")
@grouped
def list_(
    wanted: Wanted, config: ConfigOption = None, as_json: JsonOption = False, lang: LanguageOption = Language.ZH
) -> None:
    """未结的核查单 / inquiries with open records. Exit 4 when the daemon is not running."""
    found = ask(config, "GET", "inquiries", **wanted.query())
    if as_json:
        print_json(found)
    elif not found:
        say("没有未结的核查单。" if lang is Language.ZH else "Nothing is open.")
    else:
        console().print(_table(found, lang))


@app.command()
def show(
    number: Annotated[str, typer.Argument(help="核查单号，例如 110000-7 / the inquiry's number")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """一份核查单逐条的状态（不含记录编号） / the state of each record, without its number"""
    found = ask(config, "GET", "inquiries", number)
    if as_json:
        print_json(found)
        return
    for inquiry in found:
        console().print(_table([inquiry], lang))
        table = Table(header_style="bold")
        for column in _RECORDS[lang.value]:
            table.add_column(column)
        for record in inquiry["records"]:
            table.add_row(str(record["ordinal"]), record["area"], _state(record["state"], lang), record["due"])
        console().print(table)


def _table(rows: list[dict[str, Any]], lang: Language) -> Table:
    table = Table(header_style="bold")
    for column in _COLUMNS[lang.value]:
        table.add_column(column)
    for row in rows:
        cells = (row["number"], row["label"], row["origin_name"], row["receiver_name"])
        counts = (str(row["count"]), str(row["open"]), row["due"] or "–")
        table.add_row(*(Text(plain(cell)) for cell in (*cells, *counts)))
    return table


def _state(state: str, lang: Language) -> str:
    return Words("zh" if lang is Language.ZH else "en").get(f"owed_state.{state}", state)
