"""`gateway sort`: check a file and split it by province, offline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway import records
from gateway.cli.check import FileArgument, Reported, SchemaOption, finish, perform
from gateway.cli.conventions import JsonOption, Language, LanguageOption, grouped


class By(StrEnum):
    HOUSEHOLD = "household"
    RESIDENCE = "residence"


@dataclass(frozen=True, slots=True)
class Split:
    """By which province the records are split, and where the parts go."""

    by: Annotated[By, typer.Option("--by", help="按户籍地或现居住地 / by registration or by residence")]
    out: Annotated[Path, typer.Option("--out", help="输出文件夹 / folder for the parts", file_okay=False)]


@grouped
def sort(
    *,
    file: FileArgument,
    schema: SchemaOption,
    split: Split,
    reported: Reported,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """检查并按省份分拣（离线）/ check and split by province, offline; exit 1 when anything was refused"""

    def run(advance: Callable[[int], None]) -> records.Check:
        """`advance` is called with the bytes read so far."""
        return records.sort(
            file,
            schema,
            split.out,
            by=split.by.value,
            options=records.Options(reported.sender, reported.period, language=lang.value),
            progress=advance,
        )

    finish(perform(run, file, schema, lang), as_json, lang)
