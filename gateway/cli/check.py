"""`gateway check`: validate a file, offline. No value of a record is printed; the lists hold them, for their sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gateway import records
from gateway.cli.conventions import JsonOption, Language, LanguageOption, grouped, print_json, say, say_code
from gateway.cli.exits import ExitCode
from gateway.outcomes import catalogue
from gateway.policy.faults import FactsError
from gateway.receipts import readings
from gateway.records.violations import DIMENSIONS, meanings

WORDS = {
    "zh": {
        "head": "收到 {records} 条，合格 {accepted} 条，退回 {refused} 条，提示 {warned} 条（编码 {encoding}）。",
        "columns": ("代码", "数量", "处理", "问题"),
        "error": "退回",
        "warning": "提示",
        "cell": "某项",
        "where": "某一列",
        "quality": "质量：",
        "completeness": "完整性",
        "conformity": "规范性",
        "consistency": "逻辑性",
        "plausibility": "合理性",
        "out": "分拣到：",
        "reading": "正在检查",
        "no_file": "找不到文件。",
        "no_schema": "没有这个数据集：{schema}",
        "not_ours": "输出文件夹内有原文件或其他 CSV 文件，请另选一个空文件夹。",
        "disk": "无法读写文件：{reason}",
        "no_facts": "找不到配置和数据规范。",
        "sender": "--sender 应为交换方代码（110000、440106）、两位省码或省份名称。",
        "period": "--period 应为 2026Q3、2026-10、2026H1 或 2026。",
    },
    "en": {
        "head": "{records} records: {accepted} accepted, {refused} refused, {warned} with warnings ({encoding}).",
        "columns": ("Code", "Count", "", "What is wrong"),
        "error": "refused",
        "warning": "warning",
        "cell": "a cell",
        "where": "some column",
        "quality": "Quality:",
        "completeness": "completeness",
        "conformity": "conformity",
        "consistency": "consistency",
        "plausibility": "plausibility",
        "out": "Sorted into:",
        "reading": "Checking",
        "no_file": "There is no such file.",
        "no_schema": "There is no such dataset: {schema}",
        "not_ours": "The folder holds the file itself or other CSV files; choose an empty one.",
        "disk": "A file cannot be read or written: {reason}",
        "no_facts": "No configuration and no schemas were found.",
        "sender": "--sender is a party id (110000, 440106), two digits, or a province's name.",
        "period": "--period is 2026Q3, 2026-10, 2026H1 or 2026.",
    },
}

FileArgument = Annotated[Path, typer.Argument(help="CSV、Excel 或 DBF 文件 / the file", show_default=False)]
SchemaOption = Annotated[str, typer.Option("--schema", help="数据集，例如 migrants-inflow / dataset id")]


@dataclass(frozen=True, slots=True)
class Reported:
    """Who reports and for when; the rules that need either are not applied without it."""

    sender: Annotated[str | None, typer.Option("--sender", help="报送方：110000、11 或 北京 / the reporting party")] = (
        None
    )
    period: Annotated[str | None, typer.Option("--period", help="报告期，例如 2026Q3 / period")] = None


@dataclass(frozen=True, slots=True)
class Lists:
    """Files that are written on request."""

    report: Annotated[Path | None, typer.Option("--report", help="退回清单 .xlsx / list of refused rows")] = None
    violations: Annotated[Path | None, typer.Option("--violations", help="全部问题 .csv / all violations")] = None


@grouped
def check(
    *,
    file: FileArgument,
    schema: SchemaOption,
    reported: Reported,
    lists: Lists,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """检查一个文件（离线），有退回时退出码为 1 / validate a file, offline; exit 1 when anything was refused"""

    def run(advance: Callable[[int], None]) -> records.Check:
        """`advance` is called with the bytes read so far."""
        return records.check(
            file,
            schema,
            options=records.Options(reported.sender, reported.period, language=lang.value),
            report=lists.report,
            violations=lists.violations,
            progress=advance,
        )

    finish(perform(run, file, schema, lang), as_json, lang)


def perform(
    run: Callable[[Callable[[int], None]], records.Check], file: Path, schema: str, lang: Language
) -> records.Check:
    """Run a check or a sort under a progress bar; ends with exit code 2 when what was asked for makes no sense."""
    words = WORDS[lang]
    if not file.is_file():
        stop(str(words["no_file"]))
    try:
        with _progress(file, str(words["reading"])) as advance:
            return run(advance)
    except FactsError:
        stop(str(words["no_facts"]), ExitCode.FAULT)
    except records.NoSuchSchema:
        stop(str(words["no_schema"]).format(schema=schema))
    except records.NotOurFolder:
        stop(str(words["not_ours"]))
    except OSError as error:
        stop(str(words["disk"]).format(reason=error.strerror), ExitCode.FAULT)
    except records.NoSuchSender:
        stop(str(words["sender"]))
    except records.NoSuchPeriod:
        stop(str(words["period"]))


def stop(message: str, status: ExitCode = ExitCode.USAGE) -> NoReturn:
    """Print it on stderr and end."""
    say(message)
    raise typer.Exit(status)


@contextmanager
def _progress(file: Path, label: str) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where a person waits at a terminal, else nothing."""
    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=file.stat().st_size)
        yield lambda read: bar.update(task, completed=read)


def finish(found: records.Check, as_json: bool, lang: Language) -> None:
    """Print the result, and end with exit code 1 when anything was refused."""
    if found.refusal is not None:
        say_code(found.refusal, lang, found.detail)
    if as_json:
        print_json(found.to_json())
    elif found.refusal is None:
        _show(found, lang)
    raise typer.Exit(ExitCode.FINE if found.clean else ExitCode.REFUSED)


def _show(found: records.Check, lang: Language) -> None:
    """For people: counts, codes with their sentences, quality. No value of any record is in it."""
    words = WORDS[lang]
    console = Console(highlight=False)
    style = "green" if found.clean else "yellow"
    console.print(Text(str(words["head"]).format(**found.to_json()), style=style), soft_wrap=True)
    if found.codes:
        table = Table(*words["columns"], box=None)
        for code, count in found.codes.items():
            severity = meanings()[code].severity
            colour = "red" if severity == "error" else ""
            general = {"title": str(words["cell"]), "where": str(words["where"])}
            sentence = catalogue()[code].sentence(lang, general)
            table.add_row(code, str(count), str(words[severity]), sentence, style=colour)
        console.print(table)
    for sentence in readings.sentences(found.reading, lang.value):
        console.print(Text(sentence), soft_wrap=True)
    if found.quality:
        shares = "  ".join(f"{words[name]} {100 * found.quality[name]:.1f}%" for name in DIMENSIONS)
        console.print(Text(f"{words['quality']} {shares}"), soft_wrap=True)
    if isinstance(found, records.Sorting) and found.out:
        parts = "  ".join(f"{province}:{count}" for province, count in found.out.items())
        console.print(Text(f"{words['out']} {parts}"), soft_wrap=True)
