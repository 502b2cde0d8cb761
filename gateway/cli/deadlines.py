"""`gateway deadlines`: when something is due, explained day by day. `compute` needs no node; what is owed to a node
is in `gateway.cli.obligations`."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli import obligations
from gateway.cli.calendar import load
from gateway.cli.conventions import ConfigOption, Language, LanguageOption, complain, group, say
from gateway.cli.exits import ExitCode
from gateway.deadlines.calendar import DayKind, NaiveInstant, in_shanghai
from gateway.deadlines.clocks import DayTrace, Due, Rule, RuleError, due
from gateway.deadlines.picture import KINDS

app = group("deadlines")

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_ROLES = {
    "zh": {
        "received": "收到当日，不计",
        "waiting": "非工作时间收到，按下一工作日收到计",
        "counted": "",
        "skipped": "不计",
        "rolled": "休息日，顺延",
        "due": "截止日",
    },
    "en": {
        "received": "day of receipt, not counted",
        "waiting": "received after hours: counts as the next working day",
        "counted": "",
        "skipped": "not counted",
        "rolled": "rest day: the date moves on",
        "due": "due",
    },
}
_WEEKDAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


app.command("list")(obligations.list_)
app.command("return")(obligations.return_)
for _command in (
    obligations.show,
    obligations.extend,
    obligations.void,
    obligations.transfer,
    obligations.recompute,
    obligations.outage,
):
    app.command()(_command)


@app.command()
def compute(
    rule: Annotated[str, typer.Option("--rule", help="workdays:15 | days:30[,roll=none|backward][,cutoff=17:30]")],
    received: Annotated[
        str, typer.Option("--received", help="收到时间（RFC 3339，须有时区）/ RFC 3339 with time zone")
    ],
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """计算一个期限，逐日说明 / compute a due date and explain it day by day"""
    try:
        parsed = Rule.parse(rule)
    except RuleError as error:
        complain(error.code, lang, ExitCode.USAGE)
    instant = _instant(received, lang)
    calendar = load(config, lang)
    try:
        result = due(instant, parsed, calendar)
    except NaiveInstant as error:
        complain(error.code, lang, ExitCode.USAGE)
    if as_json:
        typer.echo(json.dumps(result.document(), ensure_ascii=False, indent=2))
    if result.date is None:
        complain("601", lang, ExitCode.REFUSED)
    if not as_json:
        _explain(instant, parsed, result, lang.value)


def _instant(text: str, lang: Language) -> datetime:
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    say(
        "收到时间须写成 2026-09-30T16:20:00+08:00。"
        if lang is Language.ZH
        else "The time of receipt is written 2026-09-30T16:20:00+08:00."
    )
    raise typer.Exit(ExitCode.USAGE)


def _explain(received: datetime, rule: Rule, result: Due, language: str) -> None:
    console = Console(highlight=False)
    last, expires_at = result.settled
    zh = language == "zh"
    clock = f"{expires_at:%H:%M}" if rule.cutoff else "24:00"
    status = {
        "zh": {"final": "已确定", "provisional": "暂定：放假安排尚未公布，公布后重新计算"},
        "en": {"final": "final", "provisional": "provisional: computed again when the arrangement is published"},
    }[language][result.status]
    rows = (
        (
            "收到" if zh else "Received",
            f"{in_shanghai(received):%Y-%m-%d %H:%M:%S} {_weekday(result.days[0], language)}",
        ),
        ("规则" if zh else "Rule", _rule(rule, language)),
        ("截止" if zh else "Due", f"{last} {_weekday(_last(result), language)} {clock}"),
        ("状态" if zh else "Status", status),
        ("依据" if zh else "Edition", result.edition),
    )
    for label, value in rows:
        console.print(Text.assemble((f"{label}  ", "bold"), value))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("日期", "星期", "性质", "计数", "说明") if zh else ("Date", "Day", "Kind", "Count", "Note"):
        table.add_column(title)
    for day in result.days:
        sign = "?" if day.status == "provisional" else ""
        style = "bold green" if day.role == "due" else "" if day.working else "dim"
        count = "" if day.count is None else str(day.count)
        kind = KINDS[language][day.kind] + sign
        table.add_row(str(day.date), _weekday(day, language), kind, count, _note(day, rule, language), style=style)
    console.print(table)


def _note(day: DayTrace, rule: Rule, language: str) -> str:
    if day.role == "rolled" and rule.roll == "backward":
        return "休息日，提前" if language == "zh" else "rest day: the date moves back"
    if day.role == "counted" and day.kind is DayKind.MAKEUP and rule.unit == "workdays":
        return "调休上班，计入" if language == "zh" else "make-up workday, counted"
    return _ROLES[language][day.role]


def _weekday(day: DayTrace, language: str) -> str:
    name = _WEEKDAYS[language][day.date.weekday()]
    return f"星期{name}" if language == "zh" else name


def _last(result: Due) -> DayTrace:
    return next(day for day in result.days if day.role == "due")


def _rule(rule: Rule, language: str) -> str:
    zh = language == "zh"
    if rule.unit == "workdays":
        text = (
            f"{rule.count}个工作日，收到当日不计"
            if zh
            else f"{rule.count} working days, the day of receipt not counted"
        )
    else:
        rolls = {
            "forward": ("遇休息日顺延", "rolled forward off a rest day"),
            "backward": ("遇休息日提前", "rolled back off a rest day"),
            "none": ("遇休息日不顺延", "not rolled"),
        }[rule.roll]
        text = f"{rule.count}天，{rolls[0]}" if zh else f"{rule.count} natural days, {rolls[1]}"
    return f"{text} ({rule})"
