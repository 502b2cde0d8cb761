"""`gateway calendar`: check the holiday arrangements, look at a year, enter a notice."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway import durable
from gateway.cli.conventions import ConfigOption, Language, LanguageOption, complain, group, say
from gateway.cli.exits import ExitCode
from gateway.deadlines import picture
from gateway.deadlines.calendar import Calendar, DayKind, OutsideCalendar
from gateway.deadlines.editions import CalendarError, read_folder
from gateway.deadlines.entering import enter
from gateway.outcomes import catalogue
from gateway.policy.faults import FactsError
from gateway.policy.finding import find, home_of

app = group("calendar")

_STYLES = {
    DayKind.WORKDAY: "",
    DayKind.WEEKEND: "dim",
    DayKind.HOLIDAY: "bold red",
    DayKind.MAKEUP: "bold white on blue",
}


def load(config: Path | None, language: Language) -> Calendar:
    """The calendar of the facts that `config` points to; ends with exit code 1 and every fault when it has any."""
    try:
        return Calendar.load(folder(config))
    except CalendarError as error:
        fail(error, language)


def folder(config: Path | None) -> Path:
    """Where the calendar's files lie; ends with exit code 3 when there are no facts at all."""
    try:
        return home_of(find(config)) / "config" / "calendar"
    except FactsError as error:
        say(str(error))
        raise typer.Exit(ExitCode.FAULT) from error


def fail(error: CalendarError, language: Language) -> NoReturn:
    """Print every fault of the calendar's files with its remedy; ends with exit code 1."""
    console = Console(stderr=True, highlight=False)
    for fault in error.faults:
        console.print(Text(fault.sentence(language.value), style="red"), soft_wrap=True)
        console.print(Text("  → " + catalogue()[fault.code].remedy(language.value, fault.detail)), soft_wrap=True)
    raise typer.Exit(ExitCode.REFUSED)


@app.command()
def check(config: ConfigOption = None, lang: LanguageOption = Language.ZH) -> None:
    """检查全部放假安排，一次列出所有问题 / every fault of the calendar's files at once"""
    editions, published, faults = read_folder(folder(config))
    if faults or published is None:
        fail(CalendarError(faults), lang)
    years = [e.year for e in editions if e.superseded_until is None]
    old = [e.id for e in editions if e.superseded_until]
    if lang is Language.ZH:
        typer.echo(f"{years[0]}–{years[-1]} 年的放假安排完整，无问题；已确定至 {published}，此后的日期为暂定。")
        typer.echo(f"保留的旧版本：{'、'.join(old) or '无'}。")
    else:
        typer.echo(f"{years[0]}–{years[-1]}: complete, no faults; settled through {published}, provisional after it.")
        typer.echo(f"Superseded editions kept: {', '.join(old) or 'none'}.")


@app.command()
def show(
    year: Annotated[int, typer.Argument(min=2007, max=2199)],
    config: ConfigOption = None,
    lang: LanguageOption = Language.ZH,
    html: Annotated[Path | None, typer.Option("--html", help="写成可打印的网页 / write a page to print")] = None,
    known_on: Annotated[
        datetime | None, typer.Option("--known-on", formats=["%Y-%m-%d"], help="当日所知的版本 / as known on a day")
    ] = None,
) -> None:
    """一年的工作日历：休 为放假，班 为调休上班，? 为暂定 / a picture of the year"""
    calendar = load(config, lang)
    if known_on is not None:
        calendar = calendar.as_known_on(known_on.date())
    try:
        title, line = picture.heading(calendar, year, lang.value)
    except OutsideCalendar:
        complain("601", lang, ExitCode.REFUSED)
    if html is not None:
        durable.write_bytes(html, picture.page(calendar, year, lang.value).encode(), 0o644)
        typer.echo(str(html), err=True)
        return
    console = Console(highlight=False)
    console.print(Text(title, style="bold"))
    console.print(line)
    console.print()
    console.print(Columns([_grid(month, lang.value) for month in picture.months(calendar, year)], padding=(1, 3)))
    console.print(_legend(lang.value))


def _grid(month: picture.Month, language: str) -> Table:
    table = Table(title=picture.month_title(month, language), title_justify="left", box=None, padding=(0, 1, 0, 0))
    for weekday in picture.WEEKDAYS[language]:
        table.add_column(weekday, width=4, no_wrap=True)
    for week in month.weeks:
        table.add_row(*(_cell(cell, language) for cell in week))
    return table


def _cell(cell: picture.Cell | None, language: str) -> Text:
    if cell is None:
        return Text("")
    return Text(f"{cell.day.day:2d}{cell.sign(language)}", style=_STYLES[cell.kind])


def _legend(language: str) -> Text:
    text = Text()
    for kind, sign, meaning in picture.legend(language):
        text.append(f" 1{sign} ", style=_STYLES[kind] if kind else "")
        text.append(f" {meaning}   ")
    return text


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="通知文件 / the notice's file")],
    config: ConfigOption = None,
    lang: LanguageOption = Language.ZH,
    amended_on: Annotated[
        datetime | None,
        typer.Option("--amended-on", formats=["%Y-%m-%d"], help="修改通知的日期 / the amendment's date"),
    ] = None,
) -> None:
    """录入一份放假通知，检查后写入 / check a notice's file and add it to the calendar"""
    day: date | None = amended_on.date() if amended_on else None
    try:
        entered = enter(folder(config), file, day)
    except CalendarError as error:
        fail(error, lang)
    zh = lang is Language.ZH
    if not entered.files:
        typer.echo("内容相同，没有改动。" if zh else "The same is here already: nothing changed.")
        return
    days = ", ".join(str(changed) for changed in entered.changed)
    if zh:
        typer.echo(f"已录入 {entered.edition.id}；写入 {'、'.join(entered.files)}。")
        typer.echo(f"上班与休息有变化的日子（{len(entered.changed)}天）：{days or '无'}")
        typer.echo("请运行 gateway deadlines recompute，重新计算未结事项的期限。")
    else:
        typer.echo(f"Entered {entered.edition.id}; wrote {', '.join(entered.files)}.")
        typer.echo(f"Days that changed between worked and not ({len(entered.changed)}): {days or 'none'}")
        typer.echo("Run gateway deadlines recompute to compute open dates again.")
