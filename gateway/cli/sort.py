"""`gateway sort`: check a file and split it by province, offline."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway import records
from gateway.cli.check import FileArgument, PeriodOption, SchemaOption, SenderOption, finish, perform
from gateway.cli.conventions import JsonOption, Language, LanguageOption


class By(StrEnum):
    HOUSEHOLD = "household"
    RESIDENCE = "residence"


def sort(
    file: FileArgument,
    schema: SchemaOption,
    by: Annotated[By, typer.Option("--by", help="按户籍地或现居住地 / by registration or by residence")],
    out: Annotated[Path, typer.Option("--out", help="输出文件夹 / folder for the parts", file_okay=False)],
    sender: SenderOption = None,
    period: PeriodOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """检查并按省份分拣（离线）/ check and split by province, offline; exit 1 when anything was refused"""

    def run(advance: Callable[[int], None]) -> records.Check:
        return records.sort(
            file,
            schema,
            out,
            by=by.value,
            options=records.Options(sender, period, language=lang.value),
            progress=advance,
        )

    finish(perform(run, file, schema, lang), as_json, lang)
