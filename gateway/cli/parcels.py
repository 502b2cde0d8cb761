"""`gateway parcels`: what is in work, what stopped and why; trying again, confirming, releasing. Asks the daemon."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway import durable
from gateway.cli.conventions import (
    ConfigOption,
    JsonOption,
    Language,
    LanguageOption,
    console,
    group,
    grouped,
    print_json,
)
from gateway.cli.node import ask, load_facts
from gateway.outcomes import catalogue

app = group("parcels")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parcels are listed, and how many at most."""

    state: Annotated[str | None, typer.Option("--state", help="accepted | refused | faulted | …")] = None
    sender: Annotated[str | None, typer.Option("--sender", help="交换方 / party")] = None
    agreement: Annotated[str | None, typer.Option("--agreement")] = None
    period: Annotated[str | None, typer.Option("--period")] = None
    limit: Annotated[int, typer.Option("--limit")] = 200


@app.command("list")
@grouped
def list_(
    *,
    config: ConfigOption = None,
    wanted: Wanted,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """列出交换件，最新在前 / list parcels, newest first."""
    found = ask(config, "GET", "parcels", **{**asdict(wanted), "limit": str(wanted.limit)})
    if as_json:
        print_json(found)
        return
    facts, zh = load_facts(config), lang is Language.ZH
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
    found = ask(config, "GET", "parcels", parcel)
    if as_json:
        print_json(found)
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
    found = ask(config, "POST", "retry", parcel)
    if as_json:
        print_json(found)
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
    found = ask(config, "POST", "release", **values)
    if "request" in found:
        target = request or Path(f"放行申请_{agreement}_{period}_{found['batch']}.json")
        durable.write_bytes(target, found["request"].encode())
        found = {**found, "request": str(target)}
    if as_json:
        print_json(found)
    elif not found["released"]:
        file = found["request"]
        typer.echo(f"{file}\n  gpg --detach-sign {file}\n  gateway parcels release … --sign {file}.sig")
    else:
        typer.echo(f"第 {found['batch']} 批，{found['packages']} 个交换包 / batch {found['batch']}")


@app.command()
def close(
    agreement: Annotated[str, typer.Option("--agreement")],
    period: Annotated[str, typer.Option("--period")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """截止汇总：不再等候未报单位，一期的汇总清单照现状上报 / close a collection by decision: what has come goes to the
    level above without those that are missing."""
    found = ask(config, "POST", "close", agreement=agreement, period=period)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"已截止，未报 / closed, missing: {'、'.join(found['missing'])}")


@app.command()
def confirm(parcel: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """确认暂存的更正件，继续处理 / vouch for a held replacement: it goes on."""
    found = ask(config, "POST", "confirm", parcel)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"已确认 / confirmed: {found['confirmed']}")


@app.command()
def acknowledge(batch: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """由人确认：为等待签收的上级批次签收 / have the node sign for another gateway's batch that waits for a person."""
    found = ask(config, "POST", "acknowledge", batch)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"已签收 / acknowledged: {found['acknowledged']}")


@app.command()
def reject(parcel: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """退回暂存的更正件 / send a held replacement back."""
    found = ask(config, "POST", "reject", parcel)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"已退回 / rejected: {found['rejected']}")
