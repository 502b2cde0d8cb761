"""`gateway status`: the node at a glance, on the terminal and as a page. Imports little: it is called often."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import durable
from gateway.cli.conventions import ConfigOption, JsonOption, Language, LanguageOption, console, print_json
from gateway.cli.exits import ExitCode
from gateway.cli.node import ask

_REASONS = {
    "link": ("该位置是链接", "a link is in its place"),
    "file": ("该位置是文件", "a file is in its place"),
    "folder": ("该位置是文件夹", "a folder is in the place of a file"),
    "missing": ("不存在", "not there"),
    "denied": ("无权限", "no right to it"),
    "error": ("读取出错", "it cannot be read"),
    "root": ("共享未挂载", "the share is away"),
}
_NAMES = {
    "parcels": "交换件",
    "packages": "交换包",
    "deliveries": "投递",
    "obligations": "限办事项",
    "replies": "核查反馈",
    "incoming": "收到的批次",
    "statements": "回执与清单",
}

_LEFT = {
    "writing": "仍在写入 / still being written",
    "unfinished": "末尾缺失，等待其余部分 / without its end, waits for the rest",
    "unseen": "无法得知是否仍在写入，再等 30 秒 / who writes cannot be told, waits 30 s",
    "held": "无法移动 / cannot be moved",
    "no_room": "磁盘空间不足，暂不接收 / no room to take it",
}


def status(
    config: ConfigOption = None,
    html: Annotated[Path | None, typer.Option("--html", help="写成网页 / write the operator's page")] = None,
    period: Annotated[str | None, typer.Option("--period", help="2026Q3")] = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """节点状态 / the node's health. Exit 1 when something is down or stopped, 4 when the daemon is not running."""
    found = ask(config, "GET", "status")
    if html is not None:
        _write_page(html.absolute(), ask(config, "GET", "view", period=period), lang)
    if as_json:
        print_json(found)
    else:
        _print(found)
    stopped = found["counts"]["parcels"].get("faulted", 0) + found["counts"]["deliveries"].get("faulted", 0)
    if not found["ok"] or stopped:
        raise typer.Exit(ExitCode.REFUSED)


def _write_page(target: Path, view: dict[str, Any], lang: Language) -> None:
    from gateway.cli.quarter import operators_page

    durable.write_bytes(target, operators_page(view, lang.value), 0o640)


def _print(found: dict[str, Any]) -> None:
    from rich.text import Text

    out = console()
    out.print(
        f"{found['node']}  {found['now']}", Text("演练 / rehearsal", "bold magenta") if found["rehearsal"] else ""
    )
    if found.get("recovering"):
        out.print(Text("■ 正在恢复，等待核对 / recovering: gateway restore --reconcile", "bold red"))
    for kind, states in found["counts"].items():
        line = "  ".join(f"{state} {count:,}" for state, count in sorted(states.items()))
        out.print(f"{_NAMES.get(kind, kind)} {kind}: {line or '–'}")
    for folder in found["sources"]["down"]:
        reason = found["sources"].get("reasons", {}).get(folder, "")
        said = f"（{_REASONS[reason][0]} / {_REASONS[reason][1]}）" if reason in _REASONS else ""
        out.print(Text(f"■ 文件夹不可用 / source down: {folder}{said}", "bold red"))
    if limit := found.get("unheard"):
        said = "已满：只靠定时扫描，稍慢；请用 sysctl 调高 / used up: folders are scanned by time alone, raise it"
        out.print(Text(f"▲ 系统限额 {limit} {said}", "yellow"))
    for folder, reasons in found.get("left", {}).items():
        said = "；".join(f"{_LEFT.get(reason, reason)} ×{count}" for reason, count in sorted(reasons.items()))
        out.print(Text(f"▲ {folder}: {said}", "yellow"))
    for party, count in found.get("queued", {}).items():
        out.print(Text(f"▲ 排队等候，仍在原文件夹 / waits its turn in its folder: {party} ×{count:,}", "yellow"))
    for code, count in found["waiting"].items():
        out.print(Text(f"▲ 等待或停下 / waits or stopped: [{code}] ×{count}", "yellow"))
    for key in found["keys"]:
        gone = key["days"] < 0
        said = "已过期 / has run out" if gone else f"还有 {key['days']} 天到期 / {key['days']} days left"
        line = f"{'■' if gone else '▲'} 密钥 / key {key['party']} …{key['key']}: {said}"
        out.print(Text(line, "bold red" if gone else "yellow"))
