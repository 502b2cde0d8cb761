"""`gateway deadlines list|show|extend|void|return|transfer|recompute|outage`: what is owed, and what people do about
it. The daemon does it, and logs who asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
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
from gateway.cli.exits import ExitCode
from gateway.cli.node import ask, load_facts

_STATES = {
    "open": ("未到期", "open", "cyan"),
    "met": ("按时", "met", "green"),
    "nil": ("零报告", "nil", "green"),
    "met_after_correction": ("按时（更正）", "met after correction", "green"),
    "met_late": ("逾期报送", "met late", "yellow"),
    "missed": ("逾期未报", "missed", "bold red"),
    "void": ("作废", "void", "dim"),
    "returned": ("已退回", "returned", "dim"),
    "transferred": ("已转交", "transferred", "dim"),
}
_KINDS = {
    "submission": ("报送", "submission"),
    "reply": ("反馈", "reply"),
    "feedback": ("核查反馈", "feedback"),
    "collection": ("下载签收", "collection"),
    "distribution": ("分发", "distribution"),
}
_HEADS = {
    "zh": ("单位", "类别", "交换事项", "事由", "期限", "状态", "编号"),
    "en": ("Party", "Kind", "Exchange", "Occasion", "Due", "State", "Id"),
}
WhyOption = Annotated[str, typer.Option("--why", help="原因；不得含号码 / the reason, without any number")]
IdsArgument = Annotated[list[str] | None, typer.Argument(help="编号（见 list）/ ids, as list shows them")]


@dataclass(frozen=True, slots=True)
class Records:
    """Of the records that are asked about, which: those of a party, of an agreement."""

    party: Annotated[str | None, typer.Option("--party", help="交换方 / party")] = None
    agreement: Annotated[str | None, typer.Option("--agreement", help="交换约定 / agreement")] = None


@dataclass(frozen=True, slots=True)
class Owed(Records):
    """Of all that is owed, which."""

    period: Annotated[str | None, typer.Option("--period", help="2026Q3")] = None
    kind: Annotated[
        str | None, typer.Option("--kind", help="submission | reply | feedback | collection | distribution")
    ] = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Of what is owed, which is listed, and how much at most."""

    state: Annotated[
        str | None,
        typer.Option("--state", help="open | missed | … | all；默认未办结 / by default what is owed"),
    ] = None
    extended: Annotated[bool, typer.Option("--extended", help="只列延期的 / only those put off")] = False
    provisional: Annotated[bool, typer.Option("--provisional", help="只列暂定的 / only provisional dates")] = False
    limit: Annotated[int, typer.Option("--limit", min=1)] = 200

    def query(self) -> dict[str, str | None]:
        """As the daemon's route takes it."""
        return {
            "state": self.state,
            "limit": str(self.limit),
            "extended": "1" if self.extended else None,
            "status": "provisional" if self.provisional else None,
        }


@grouped
def list_(
    *,
    owed: Owed,
    listing: Listing,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """列出限办事项，按期限先后；有逾期的退出码为 1 / list what is owed, by date; exit 1 when something is overdue."""
    found = ask(config, "GET", "deadlines", **asdict(owed), **listing.query())
    if as_json:
        print_json(found)
    else:
        console().print(_table(found["obligations"], load_facts(config), lang))
        zh = lang is Language.ZH
        if found["total"] > len(found["obligations"]):
            shown = len(found["obligations"])
            say(f"共 {found['total']} 项，列出 {shown} 项。" if zh else f"{shown} of {found['total']} are listed.")
        if found["overdue"]:
            say(f"逾期 {found['overdue']} 项。" if zh else f"{found['overdue']} overdue.")
    if found["overdue"]:
        raise typer.Exit(ExitCode.REFUSED)


def show(
    obligation: Annotated[str, typer.Argument(help="编号 / its id")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """一项限办事项的经过 / one obligation and its history."""
    found = ask(config, "GET", "deadlines", obligation)
    if as_json:
        print_json(found)
        return
    out = console()
    for key, value in found["obligation"].items():
        out.print(f"{key:16} {value}")
    for change in found["changes"]:
        out.print(
            f"  {change['at']}  {change['kind']}  {change['actor']}  {change['due_before']} → {change['due_after']}"
        )
        out.print(f"  {'':27}  {change['why']}")
    for entry in found["log"]:
        out.print(f"  {entry['seq']:>8}  {entry['logged_at']}  {entry['event']}")


@grouped
def extend(
    *,
    until: Annotated[str, typer.Option("--until", help="新的期限，含当日 / the new date, to 24:00")],
    why: WhyOption,
    ids: IdsArgument = None,
    owed: Owed,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """延长期限：到期之前，往后延；谁延的、为什么，都记入日志 / put dates off, before they run out; who and why are
    logged. Give ids, or filters for everything still owed."""
    _change("extend", ids, owed, {"until": until, "why": why}, config, as_json)


@grouped
def void(
    *,
    why: WhyOption,
    ids: IdsArgument = None,
    owed: Owed,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """作废：不再需要办理，须写明原因 / nothing is owed any more; say why."""
    _change("void", ids, owed, {"why": why}, config, as_json)


@grouped
def return_(
    *,
    why: WhyOption,
    ids: IdsArgument = None,
    records: Records,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """退回核查记录（非本辖区）：送达后3个工作日内；谁退的、为什么，都记入日志 / return records as not of the area,
    within 3 working days of their delivery: nobody owes them here any more."""
    _change("return", ids, records, {"why": why}, config, as_json)


@grouped
def transfer(
    *,
    to: Annotated[str, typer.Option("--to", help="接办单位 / the party that owes the answer from now on")],
    why: WhyOption,
    ids: IdsArgument = None,
    records: Records,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """转交核查记录：由另一单位反馈，期限从现在重新起算 / pass records on: another party owes the answer, by a clock
    that starts now."""
    _change("transfer", ids, records, {"to": to, "why": why}, config, as_json)


def recompute(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """放假安排录入后重新计算未到期的期限；已到期的不动 / compute open dates again under the calendar in force; what has
    run out stays. The daemon does it by itself at `gateway config reload`."""
    found = ask(config, "POST", "deadlines", "recompute")
    if as_json:
        print_json(found)
        return
    for change in found["changed"]:
        console().print(
            f"{change['id']}  {change['was']} → {change['due']}  {change['status_was']} → {change['status']}"
            f"  {change['edition_was']} → {change['edition']}"
        )
    say(f"变动 {len(found['changed'])} 项 / {len(found['changed'])} changed")


def outage(
    began: Annotated[str, typer.Argument(help="2026-11-01T18:00:00+08:00")],
    ended: Annotated[str, typer.Argument(help="2026-11-02T09:00:00+08:00")],
    why: WhyOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """录入停机：其间到期的顺延到下一工作日；启停造成的停机自动录入 / enter that parties could not reach the node; what
    ran out meanwhile moves to the next working day. Stops of the daemon are entered by themselves."""
    found = ask(config, "POST", "deadlines", "outage", began=began, ended=ended, why=why)
    if as_json:
        print_json(found)
        return
    for identity in found["changed"]:
        console().print(identity)
    say(f"顺延 {len(found['changed'])} 项 / {len(found['changed'])} moved")


def _change(
    what: str, ids: list[str] | None, chosen: Records, values: dict[str, str], config: Path | None, as_json: bool
) -> None:
    """Have the daemon change what the ids name, or everything chosen, and print what was changed."""
    filters = {key: value for key, value in asdict(chosen).items() if value is not None}
    found = ask(config, "POST", "deadlines", what, ids=ids or [], **filters, **values)
    if as_json:
        print_json(found)
        return
    for change in found["changed"]:
        console().print(f"{change['id']}  {change['was']} → {change['due'] or '–'}")
    say(f"变动 {len(found['changed'])} 项 / {len(found['changed'])} changed")


def _table(rows: list[dict[str, Any]], facts: Any, lang: Language) -> Table:
    table, zh = Table(header_style="bold"), lang is Language.ZH
    for number, head in enumerate(_HEADS[lang.value]):
        table.add_column(head, no_wrap=number < 6, overflow="fold")
    for row in rows:
        kind, label, style = _STATES[row["state"]]
        word = kind if zh else label
        if row["overdue"] and row["state"] == "open":
            word, style = ("已逾期", "bold red") if zh else ("overdue", "bold red")
        party, agreement = facts.parties.get(row["party"]), facts.agreements.get(row["agreement"])
        table.add_row(
            Text((party.short or party.name) if party else row["party"]),
            _KINDS[row["kind"]][0 if zh else 1],
            Text(agreement.label if agreement else row["agreement"]),
            Text(row["subject"]),
            _due(row, zh),
            Text(word, style),
            Text(row["id"]),
        )
    return table


def _due(row: dict[str, Any], zh: bool) -> str:
    marks = []
    if row["extended_until"]:
        marks.append("延期" if zh else "extended")
    if row["status"] == "provisional":
        marks.append("暂定" if zh else "provisional")
    if row["dated_by"]:
        marks.append(f"{row['dated_by']} 定" if zh else f"set by {row['dated_by']}")
    if not marks:
        return str(row["due"])
    return f"{row['due']}（{'、'.join(marks)}）" if zh else f"{row['due']} ({', '.join(marks)})"
