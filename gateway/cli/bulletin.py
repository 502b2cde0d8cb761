"""`gateway bulletin`: the bulletin of a month, a quarter or a half-year. The daemon makes it, and logs that it did."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.conventions import ConfigOption, JsonOption, Language, LanguageOption, print_json, say
from gateway.cli.node import ask


def bulletin(
    period: Annotated[
        str,
        typer.Argument(help="2026-10 核查反馈，2026Q3 报送与质量，2026H1 互评数据 / replies, submissions, evaluation"),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """通报 / the bulletin of a period as page, workbook and CSV. Exit 4 when the daemon is not running."""
    made = ask(config, "POST", "bulletin", period=period)
    if as_json:
        print_json(made)
        return
    chinese = lang is Language.ZH
    say(f"通报已生成，共 {len(made['files'])} 个文件：" if chinese else f"{len(made['files'])} files were made:")
    for name in made["files"]:
        typer.echo(f"{made['folder']}/{name}")
