"""`gateway parcels`: what is in work, what stopped and why; trying again, letting go."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway import durable
from gateway.cli.conventions import ConfigOption, JsonOption, Language, LanguageOption, answer, console
from gateway.cli.node import ask, load_facts
from gateway.outcomes import catalogue

app = typer.Typer(help="交换件 / parcels", no_args_is_help=True)


@app.command("list")
def list_(
    config: ConfigOption = None,
    state: Annotated[str | None, typer.Option("--state", help="accepted | refused | faulted | …")] = None,
    sender: Annotated[str | None, typer.Option("--sender", help="交换方 / party")] = None,
    agreement: Annotated[str | None, typer.Option("--agreement")] = None,
    period: Annotated[str | None, typer.Option("--period")] = None,
    limit: Annotated[int, typer.Option("--limit")] = 200,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """列出交换件，最新在前 / list parcels, newest first."""
    facts = load_facts(config)
    query = {"state": state, "sender": sender, "agreement": agreement, "period": period, "limit": str(limit)}
    found = ask(facts, "GET", "parcels", **query)
    if as_json:
        answer(found)
        return
    zh = lang is Language.ZH
    heads = (
        ("编号", "交换方", "约定 期", "状态", "收到", "合格", "退回")
        if zh
        else ("id", "party", "agreement period", "state", "in", "accepted", "refused")
    )
    table = Table(header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number > 3 else "left", no_wrap=number < 2)
    for row in found:
        code = catalogue().get(row["code"])
        state = f"{row['state']} [{row['code']}] {code.sentence(lang.value, _detail(row))}" if code else row["state"]
        about = facts.agreements[row["agreement"]].label if row["agreement"] in facts.agreements else row["agreement"]
        numbers = (f"{row['records']:,}", f"{row['accepted']:,}", f"{row['refused']:,}")
        table.add_row(row["id"], facts.parties[row["sender"]].short, f"{about} {row['period']}", state, *numbers)
    console().print(table)


def _detail(row: Mapping[str, Any]) -> Mapping[str, str | int]:
    loaded: dict[str, Any] = json.loads(row["detail"])
    return {k: v for k, v in loaded.items() if isinstance(v, str | int)}


@app.command()
def show(parcel: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """一个交换件的经过 / one parcel and its history."""
    found = ask(load_facts(config), "GET", "parcels", parcel)
    if as_json:
        answer(found)
        return
    out = console()
    for key, value in found["parcel"].items():
        out.print(f"{key:16} {value}")
    for entry in found["log"]:
        out.print(f"  {entry['seq']:>8}  {entry['logged_at']}  {entry['event']}")
    for package in found["packages"]:
        out.print(f"  → {package['receiver']}  {package['records']:>8,}  {package['state']:12}  {package['id']}")
    for stated in found["statements"]:
        proof = {"yes": "tlog-proof"}.get(stated.get("proof", ""), "")
        about = f"{stated['number']} {stated['stage']} {stated['code']} {proof}".strip()
        out.print(f"  ✍ {stated['issuer']}  {stated['kind']:16} {stated['state']:10} {about}")


@app.command()
def retry(parcel: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """重试停下的交换件或批次 / try a stopped parcel or batch again."""
    found = ask(load_facts(config), "POST", "retry", parcel)
    if as_json:
        answer(found)
    else:
        typer.echo(f"已重试 / retried: {found['retried']} #{found['attempt']}")


@app.command()
def release(
    agreement: Annotated[str, typer.Option("--agreement")],
    period: Annotated[str, typer.Option("--period")],
    config: ConfigOption = None,
    sign: Annotated[list[Path] | None, typer.Option("--sign", help="放行申请的签名 / signature of the request")] = None,
    request: Annotated[Path | None, typer.Option("--request", help="放行申请的文件 / file for the request")] = None,
    as_json: JsonOption = False,
) -> None:
    """放行一期待分发的交换包；须双人放行时先得到放行申请，由第二人签名后用 --sign 放行 / let the held packages of an
    agreement and period go; under four eyes the first call gives a request to sign, and --sign releases."""
    signatures = [base64.b64encode(file.read_bytes()).decode() for file in sign or []]
    values = {"agreement": agreement, "period": period, **({"signatures": signatures} if signatures else {})}
    found = ask(load_facts(config), "POST", "release", **values)
    if "request" in found:
        target = request or Path(f"放行申请_{agreement}_{period}_{found['batch']}.json")
        durable.write_bytes(target, found["request"].encode())
        found = {**found, "request": str(target)}
    if as_json:
        answer(found)
    elif not found["released"]:
        file = found["request"]
        typer.echo(f"{file}\n  gpg --detach-sign {file}\n  gateway parcels release … --sign {file}.sig")
    else:
        typer.echo(f"第 {found['batch']} 批，{found['packages']} 个交换包 / batch {found['batch']}")


@app.command()
def confirm(parcel: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """确认暂存的更正件，继续处理 / vouch for a held replacement: it goes on."""
    found = ask(load_facts(config), "POST", "confirm", parcel)
    if as_json:
        answer(found)
    else:
        typer.echo(f"已确认 / confirmed: {found['confirmed']}")


@app.command()
def acknowledge(batch: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """由人确认：为等待签收的上级批次签收 / have the node sign for another gateway's batch that waits for a person."""
    found = ask(load_facts(config), "POST", "acknowledge", batch)
    if as_json:
        answer(found)
    else:
        typer.echo(f"已签收 / acknowledged: {found['acknowledged']}")


@app.command()
def reject(parcel: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """退回暂存的更正件 / send a held replacement back."""
    found = ask(load_facts(config), "POST", "reject", parcel)
    if as_json:
        answer(found)
    else:
        typer.echo(f"已退回 / rejected: {found['rejected']}")
