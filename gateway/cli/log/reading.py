"""What the commands of `gateway log` share: the log's folder and keys as they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.log.note import VerifierKey

LogArgument = Annotated[Path, typer.Argument(metavar="DIR", help="日志文件夹（副本即可）/ the log's folder, or a copy")]
KeyOption = Annotated[
    list[str],
    typer.Option("--key", help="日志公钥（名称+编号+密钥），或存放它的文件 / verifier key, or a file that holds it"),
]


def read_key(text: str) -> VerifierKey:
    """A verifier key, or the first line of the file that holds one. `BadNote` for anything else."""
    if "+" not in text or "/" in text.partition("+")[0]:
        path = Path(text)
        if path.is_file():
            text = path.read_text("utf-8").strip().partition("\n")[0]
    return VerifierKey.parse(text)


def why(error: Exception) -> str:
    """An error for people; of a file that cannot be read its kind alone."""
    return type(error).__name__ if isinstance(error, OSError) else str(error)
