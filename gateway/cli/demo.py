"""`gateway demo`: the main job, live, on generated records; everything stays in DIR to look at."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway import durable
from gateway.cli.conventions import FAULT, REFUSED, USAGE, JsonOption, answer, say
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners, Verified, verify_all
from gateway.demo.play import Quarter, Stalled
from gateway.demo.regions import provinces
from gateway.demo.story import Expected, expected, plan
from gateway.demo.view import View, summary
from gateway.receipts import status as pages
from gateway.receipts.views import StatusView

PERIOD = "2026Q3"
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
    """演示主流程 / a quarter in, sorted and sealed packages out. People are generated and obviously artificial."""
    console = Console(stderr=as_json, highlight=False)
    _clear(directory)
    codes = [province.code for province in provinces()]
    began = time.monotonic()
    with Partners(codes) as partners:
        console.print(
            f"建立节点和 {len(codes)} 个示例交换方 … / making a node and {len(codes)} partners in {directory}/"
        )
        node = DemoNode.make(directory.absolute(), partners)
        (directory / MARKER).touch()
        console.print(f"SFTP: {node.endpoint.name}, 127.0.0.1:{node.endpoint.port} (440000 广东)")
        try:
            document = _play(node, partners, codes, scale, seed, console)
        except (Stalled, RuntimeError) as error:
            say(f"演示中断 / the demo stopped: {error}\n{node.daemon_log}")
            node.close()
            raise typer.Exit(FAULT) from None
        _tell(document, directory, console, time.monotonic() - began)
        if as_json:
            answer(document)
        try:
            if stay:
                console.print("节点仍在运行，Ctrl-C 结束。/ The node is running; Ctrl-C ends it.")
                console.print(f"gateway status --config {directory}")
                while node.alive():
                    time.sleep(1)
        except KeyboardInterrupt:
            pass
        finally:
            node.close()
    if not document["ok"]:
        raise typer.Exit(REFUSED)


def _clear(directory: Path) -> None:
    """An earlier demo makes room; anything else stays, and the demo ends with 2."""
    if (directory / MARKER).exists():
        shutil.rmtree(directory)
    elif directory.exists() and any(directory.iterdir()):
        say(f"{directory} 不是空文件夹。/ {directory} is not empty.")
        raise typer.Exit(USAGE)


def _play(
    node: DemoNode, partners: Partners, codes: list[str], scale: float, seed: int, console: Console
) -> dict[str, Any]:
    files = plan(PERIOD, seed, scale)
    batches = len(codes) * len(node.facts.agreements)
    with ThreadPoolExecutor(1) as aside, View(node.facts, len(files), console) as view:
        truth_later = aside.submit(expected, files)

        def tick(parcels: list[dict[str, Any]]) -> None:
            view.deliveries = node.get("status")["counts"]["deliveries"]
            view.tick(parcels)

        node.start()
        quarter = Quarter(node, partners, files, on_tick=tick)
        view.phase("各省报送，节点检查、分拣、封装 / submissions: checked, sorted, sealed")
        parcels = quarter.submit()
        view.phase("放行并投递 / released and delivered")
        quarter.await_deliveries("delivered", batches)
        view.phase("接收方用 gpg、zstd、tar 打开全部交换包并核对 / receivers open every package with stock tools")
        truth = truth_later.result()
        verified = verify_all(node.packages(), partners, truth)
        view.phase("接收方签收 / receivers sign")
        quarter.acknowledge(codes)
        quarter.await_deliveries("acknowledged", batches)
        view.phase("完成 / done")
    view_now = StatusView.from_json(node.get("view", period=PERIOD))
    durable.write_bytes(node.home / "状态.html", pages.status_page(view_now, "zh"), 0o640)
    summary(node.facts, parcels, verified.per_receiver, console)
    return _document(node, parcels, verified, truth)


def _document(node: DemoNode, parcels: list[dict[str, Any]], verified: Verified, truth: Expected) -> dict[str, Any]:
    accepted = [p for p in parcels if p["state"] == "accepted"]
    conservation = {
        "in": sum(p["records"] for p in accepted),
        "accepted": sum(p["accepted"] for p in accepted),
        "refused": sum(p["refused"] for p in accepted),
        "out": verified.rows,
    }
    adds_up = (
        conservation["in"] == conservation["accepted"] + conservation["refused"]
        and conservation["out"] == conservation["accepted"] == truth.accepted
        and conservation["refused"] == truth.refused
        and verified.packages == truth.packages
    )
    counts = node.get("status")["counts"]
    parties = {
        p.id: {
            **{k: sum(q[k] for q in accepted if q["sender"] == p.id) for k in ("records", "accepted", "refused")},
            "received": verified.per_receiver.get(p.province, 0),
        }
        for p in node.facts.parties.values()
        if p.id != node.facts.node.party
    }
    return {
        "ok": bool(verified.ok and adds_up),
        "parties": parties,
        "parcels": dict(Counter(p["state"] for p in parcels)),
        "conservation": conservation,
        "packages": [f.name for files in node.packages().values() for f in files],
        "obligations": counts["obligations"],
        "deliveries": counts["deliveries"],
        "problems": verified.problems,
        "log": node.facts.node.name,
    }


def _tell(document: dict[str, Any], directory: Path, console: Console, seconds: float) -> None:
    """The end of the story: does it add up, and where to look."""
    c = document["conservation"]
    sign = "✓" if document["ok"] else "✕ 不符 / does not add up"
    console.print(
        f"{sign} 进 in {c['in']:,} = 合格 accepted {c['accepted']:,} + 退回 refused {c['refused']:,}；"
        f"分发 out {c['out']:,}，交换包 packages {len(document['packages']):,}，{seconds:.0f} s"
    )
    for problem in document["problems"][:10]:
        console.print(f"  {problem}", style="red", markup=False)
    owed = "，".join(f"{state} {count}" for state, count in sorted(document["obligations"].items()))
    console.print(f"期限 deadlines: 2026-11-01（{owed}）")
    console.print(
        "看这里 / where to look:\n"
        f"  {directory}/状态.html                     操作员的一页 / the operator's page\n"
        f"  {directory}/exchange/410000/回执/         联络员看到的回执 / receipts as a liaison sees them\n"
        f"  {directory}/exchange/*/退回/              退回的记录和文件 / returned rows and files\n"
        f"  {directory}/exchange/330000/接收/         一个省收到的交换包和清单 / what one province received\n"
        f"  {directory}/exchange/110000/模板/         报送模板 / templates\n"
        f"  {directory}/daemon.log.jsonl              运行日志，不含个人信息 / the journal, without personal data",
        markup=False,
    )
