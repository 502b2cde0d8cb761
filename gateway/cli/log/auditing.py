"""`gateway log verify|check|prove`: for those who check a log, on a copy of it; no node is needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gateway import durable
from gateway.cli.conventions import JsonOption, Language, LanguageOption, grouped, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.log.reading import KeyOption, LogArgument, read_key, why
from gateway.log.note import BadNote, read_checkpoint
from gateway.log.proof import check_receipt, prove
from gateway.log.quorum import BadPolicy, Policy
from gateway.log.tiles import CHECKPOINT, TileTree
from gateway.log.timestamps import Authorities
from gateway.log.verification import FRESH_MINUTES, Auditor, Report
from gateway.log.verification.findings import local
from gateway.log.verification.page import page, witness_line
from gateway.log.verification.parcels import PLAIN_DAYS, QUARANTINE_DAYS


@dataclass(frozen=True, slots=True)
class Limits:
    """Days after which the log must say that files were erased, and how late a witness may be."""

    quarantine_days: Annotated[int, typer.Option("--quarantine-days", help="退回件保存天数")] = QUARANTINE_DAYS
    plain_days: Annotated[int, typer.Option("--plain-days", help="受理件明文保存天数")] = PLAIN_DAYS
    fresh_minutes: Annotated[
        int, typer.Option("--fresh-minutes", min=0, help="见证最多可迟的分钟数 / how late a witness may be, in minutes")
    ] = FRESH_MINUTES


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a log is judged by: its keys, and what the auditor has from elsewhere."""

    key: KeyOption
    since: Annotated[list[Path] | None, typer.Option("--since", help="先前保存的检查点 / saved checkpoints")] = None
    policy: Annotated[Path | None, typer.Option("--policy", help="见证规则 / witnesses (C2SP tlog-policy)")] = None
    tsa: Annotated[Path | None, typer.Option("--tsa", help="时间戳机构证书 / authority's certificates (PEM)")] = None
    receipts: Annotated[Path | None, typer.Option("--receipts", help="回执文件夹 / a folder of receipts")] = None

    def judge(self, folder: Path, limits: Limits) -> Report:
        """The verifier's report. Raises `BadNote`, `BadPolicy`, `OSError` or `ValueError` for what cannot be read."""
        auditor = Auditor(
            plain_days=limits.plain_days,
            quarantine_days=limits.quarantine_days,
            fresh_minutes=limits.fresh_minutes,
        )
        return auditor.verify(
            folder,
            [read_key(text) for text in self.key],
            since=[path.read_bytes() for path in self.since or ()],
            policy=Policy.parse(self.policy.read_text("utf-8")) if self.policy else None,
            authorities=Authorities.load(self.tsa.read_bytes()) if self.tsa else None,
            receipts=self.receipts,
        )


@grouped
def verify_(
    *,
    folder: LogArgument,
    evidence: Evidence,
    html: Annotated[Path | None, typer.Option("--html", help="写成网页 / write the report as a page")] = None,
    limits: Limits,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """离线核验日志 / verify a copy of the log, offline, read-only. Exit 1 when anything was found."""
    try:
        report = evidence.judge(folder, limits)
    except (BadNote, BadPolicy, OSError, ValueError) as error:
        say(f"无法核验：{why(error)} / cannot be verified: {why(error)}")
        if as_json:
            print_json({"ok": False, "size": 0, "root": "", "problems": [_unreadable(error)]})
        raise typer.Exit(ExitCode.REFUSED) from None
    if html is not None:
        durable.write_bytes(html.absolute(), page(report, lang.value), 0o640)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report, lang is Language.ZH)
    if not report.ok:
        raise typer.Exit(ExitCode.REFUSED)


def _print(report: Report, zh: bool) -> None:
    typer.echo(f"{report.origin}  {report.size:,}  {report.root.hex()}")
    signed, logged = ("签名公钥", "登记时间（北京时间）") if zh else ("signed by", "logged (Asia/Shanghai)")
    typer.echo(f"· {signed}: {', '.join(report.attested.keys) or '–'}")
    typer.echo(f"· {logged}: {local(report.first) or '–'} … {local(report.last) or '–'}")
    for witness in report.attested.witnesses:
        typer.echo(f"· {'见证方' if zh else 'witness'} {witness_line(witness, zh)}")
    for problem in report.problems:
        typer.echo(f"✗ [{problem.check}] {problem.at}: {problem.zh if zh else problem.en}")
    for chinese, english in report.notes:
        typer.echo(f"· {chinese if zh else english}")
    good, bad = ("通过，没有发现问题", "未通过") if zh else ("passed", "failed")
    typer.echo(f"✓ {good}" if report.ok else f"✗ {bad}: {sum(report.counted.values()):,}")


def check(
    receipt: Annotated[Path, typer.Argument(help="回执 / a receipt (….receipt.json)")],
    key: KeyOption,
    proof: Annotated[Path | None, typer.Option("--proof", help="收录证明 / default: the .tlog-proof beside it")] = None,
    as_json: JsonOption = False,
) -> None:
    """仅凭回执与收录证明核对 / judge a receipt by its proof of inclusion alone. Exit 1 when it does not hold."""
    beside = proof or receipt.with_name(receipt.name.removesuffix(".receipt.json") + ".tlog-proof")
    reason = ""
    for text in key:
        try:
            found = check_receipt(receipt.read_bytes(), beside.read_bytes(), read_key(text))
        except (BadNote, OSError) as error:
            reason = why(error)
            continue
        if as_json:
            print_json({"ok": True, **found})
        else:
            typer.echo(f"✓ {found['event']} {found['parcel']} seq {found['seq']}/{found['size']} {found['logged_at']}")
        return
    say(f"✗ 证明不成立：{reason} / the proof does not hold: {reason}")
    if as_json:
        print_json({"ok": False, "why": reason})
    raise typer.Exit(ExitCode.REFUSED)


def prove_(
    folder: LogArgument,
    receipt: Annotated[Path | None, typer.Option("--receipt", help="回执 / a receipt")] = None,
    seq: Annotated[int | None, typer.Option("--seq", min=0, help="条目序号 / an entry's number")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="写入文件 / write to a file")] = None,
) -> None:
    """出具收录证明 / a proof that an entry is in the published tree (C2SP tlog-proof)."""
    if (receipt is None) == (seq is None):
        say("--receipt 与 --seq 二选一 / give --receipt or --seq")
        raise typer.Exit(ExitCode.USAGE)
    try:
        index = seq if seq is not None else int(json.loads(receipt.read_bytes())["log"]["seq"])  # type: ignore[union-attr]
        note, checkpoint = read_checkpoint((folder / CHECKPOINT).read_bytes())
        made = prove(TileTree(folder, checkpoint.size), index, note).to_bytes()
    except (BadNote, OSError, ValueError, KeyError, TypeError) as error:
        say(f"无法出具证明：{why(error)} / no proof: {why(error)}")
        raise typer.Exit(ExitCode.REFUSED) from None
    if out is None:
        typer.echo(made.decode(), nl=False)
    else:
        durable.write_bytes(out.absolute(), made, 0o640)


def _unreadable(error: Exception) -> dict[str, str]:
    return {"check": "signature", "at": CHECKPOINT, "zh": "没有可读的检查点", "en": why(error)}
