"""`gateway demo`: a whole quarter, live, on generated records; everything stays in DIR to look at."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from gateway import durable
from gateway.adapters.storage import nodelock
from gateway.cli.conventions import JsonOption, print_json, say
from gateway.cli.exits import ExitCode
from gateway.control.client import NotRunning, Refusal
from gateway.demo import chronicle, reckoning, regions
from gateway.demo.node import DemoNode
from gateway.demo.partners import PartnerFault, Partners
from gateway.demo.play import Stalled
from gateway.demo.played_quarter import PlayedQuarter, latest
from gateway.demo.story import expected
from gateway.demo.view import OBLIGATIONS, View, summary
from gateway.outcomes import catalogue
from gateway.receipts import status as pages
from gateway.receipts.views import StatusView

VIEW_SECONDS = 2.0
MARKER = ".gateway-demo"


def demo(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="演示节点的文件夹 / folder of the demo node")
    ] = Path("demo"),
    scale: Annotated[float, typer.Option("--scale", help="1.0 = 20 多万条记录 / over 200,000 records", min=0.01)] = 1.0,
    seed: Annotated[int, typer.Option("--seed")] = 1,
    stay: Annotated[bool, typer.Option("--stay", help="结束后节点继续运行 / keep the node running")] = False,
    as_json: JsonOption = False,
) -> None:
    """演示一个季度 / a whole quarter, from the first file to the last signature. The people in it are artificial."""
    console = Console(stderr=as_json, highlight=False)
    _clear(directory)
    signal.signal(signal.SIGTERM, _terminated)
    codes = [province.code for province in regions.provinces()]
    began = time.monotonic()
    with Partners(codes) as partners:
        console.print(
            f"建立节点和 {len(codes)} 个示例交换方 … / making a node and {len(codes)} partners in {directory}/"
        )
        made = DemoNode.make(directory.absolute(), partners, begins=chronicle.BEGINS.isoformat(), speed=600.0)
        (directory / MARKER).touch()
        # The node's daemon is in a session of its own: what ends the demo does not reach it.
        with closing(made) as node:
            console.print(f"SFTP: {node.endpoint.name}, 127.0.0.1:{node.endpoint.port} (440000 广东)")
            try:
                document = _play(node, partners, scale, seed, console)
            except (Stalled, NotRunning, Refusal, PartnerFault, RuntimeError) as error:
                say(f"演示中断 / the demo stopped: {error}\n{node.daemon_log}")
                raise typer.Exit(ExitCode.FAULT) from None
            _tell(document, directory, console, time.monotonic() - began)
            if as_json:
                print_json(document)
            if stay:
                _stay(node, console)
    if not document["ok"]:
        raise typer.Exit(ExitCode.REFUSED)


def _terminated(*_: object) -> NoReturn:
    """SIGTERM is an exit like any other: what was started is closed on the way out."""
    raise SystemExit(128 + signal.SIGTERM)


def _stay(node: DemoNode, console: Console) -> None:
    console.print("节点仍在运行，Ctrl-C 结束。/ The node is running; Ctrl-C ends it.")
    console.print(f"gateway status --config {node.home}")
    with suppress(KeyboardInterrupt):
        while node.alive():
            time.sleep(1)


def _clear(directory: Path) -> None:
    """An earlier demo makes room; one that still runs and anything else stay, and the demo ends with 2."""
    if (directory / MARKER).exists():
        if running := nodelock.holder(directory / "state"):
            say(
                f"{directory} 里的演示节点仍在运行，先结束它再重试：kill {running}\n"
                f"The demo node in {directory} still runs. End it, then try again: kill {running}"
            )
            raise typer.Exit(ExitCode.USAGE)
        shutil.rmtree(directory)
    elif directory.exists() and any(directory.iterdir()):
        say(f"{directory} 不是空文件夹。/ {directory} is not empty.")
        raise typer.Exit(ExitCode.USAGE)


def _play(node: DemoNode, partners: Partners, scale: float, seed: int, console: Console) -> dict[str, Any]:
    acts = chronicle.chronicle(seed, scale)
    with ThreadPoolExecutor(1) as aside, View(node.facts, len(acts), console) as view:
        asked = 0.0

        def look(parcels: list[dict[str, Any]], counts: Mapping[str, Any], moment: datetime) -> None:
            nonlocal asked
            if console.is_terminal and time.monotonic() - asked > VIEW_SECONDS:
                asked, view.standings = time.monotonic(), _standings(node)
            view.tick(parcels, counts, moment)

        node.start()
        played = PlayedQuarter(node, partners, acts, scale, on_look=look, on_scene=view.phase)
        truth_later = aside.submit(expected, [act.file for act in acts])
        parcels = played.play()
        truth = truth_later.result()
    view_now = StatusView.from_json(node.get("view", period=chronicle.PERIOD))
    durable.write_bytes(node.home / "状态.html", pages.status_page(view_now, "zh"), 0o640)
    summary(node.facts, parcels, latest(parcels), played.holdings.per_receiver, node.obligations(), console)
    return reckoning.document(played, parcels, truth)


def _standings(node: DemoNode) -> dict[tuple[str, str], str]:
    """By (party, dataset), what the operator's page says of a submission."""
    rows = StatusView.from_json(node.get("view", period=chronicle.PERIOD)).parties
    return {(row.party, agreement): s.state for row in rows for agreement, s in row.submissions.items()}


def _tell(document: dict[str, Any], directory: Path, console: Console, seconds: float) -> None:
    """The end of the story: does it add up, and where to look."""
    c, r = document["conservation"], document["receivers"]
    sign = "✓" if document["ok"] else "✕ 不符 / not as the story says"
    batches = "，".join(f"{state} {count}" for state, count in sorted(document["deliveries"].items()))
    owed = "，".join(f"{OBLIGATIONS.get(state, state)} {count}" for state, count in document["obligations"].items())
    codes = [f"  {code} ×{count}  {catalogue()[code].sentence('zh')}" for code, count in document["refusals"].items()]
    said = (
        f"{sign} 进 in {c['in']:,} = 合格 accepted {c['accepted']:,} + 退回 refused {c['refused']:,}；"
        f"各省持有 held {c['out']:,}（{len(document['packages']):,} 个交换包 packages），{seconds:.0f} s",
        f"期限 deadline {chronicle.DUE}：{owed}；催报 reminded {document['reminded']}",
        f"分发批次 batches：{batches}；签收 signed {r['signed']}，"
        f"开包 opened {r['opened']:,}，按清单删除 deleted {r['deleted']:,}",
        "整份退回 files refused:",
        *codes,
    )
    for line in said:
        console.print(line, markup=False, soft_wrap=True)
    for problem in document["problems"][:10]:
        console.print(f"  {problem}", style="red", markup=False)
    console.print(
        "看这里 / where to look:\n"
        f"  {directory}/状态.html                     操作员的一页 / the operator's page\n"
        f"  {directory}/exchange/330000/回执/         联络员看到的回执 / receipts as a liaison sees them\n"
        f"  {directory}/exchange/*/退回/              退回的记录和文件 / returned rows and files\n"
        f"  {directory}/exchange/460000/回执/         催报函 / the reminders of one who never sent\n"
        f"  {directory}/exchange/330000/接收/         一个省收到的交换包和清单 / what one province received\n"
        f"  {directory}/exchange/110000/模板/         报送模板 / templates\n"
        f"  {directory}/log/                          签名的交换日志 / the signed exchange log\n"
        f"  {directory}/daemon.log.jsonl              运行日志，不含个人信息 / the journal, without personal data",
        markup=False,
        soft_wrap=True,
    )
