"""`gateway init`: a node that runs, or nothing at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.sealing import keyring
from gateway.cli import config as config_command
from gateway.cli.conventions import JsonOption, Language, LanguageOption, print_json, say
from gateway.cli.exits import ExitCode
from gateway.founding import EXAMPLE, Made, TierChoice, UsageFault, make


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="新节点的文件夹，须不存在或为空 / a new or empty folder")
    ],
    tier: Annotated[TierChoice, typer.Option("--tier", help="层级 / tier")],
    party: Annotated[str | None, typer.Option("--party", help="六位区划代码 / area code of the node")] = None,
    name: Annotated[str | None, typer.Option("--name", help="节点单位名称 / name of the node's party")] = None,
    language: LanguageOption = Language.ZH,
    as_json: JsonOption = False,
) -> None:
    """建立一个可运行的节点 / make a node that runs: facts, folders, a key. Exit 2 when DIR is not empty."""
    try:
        made = make(directory, tier, party or EXAMPLE[tier], name, language.value)
    except UsageFault as fault:
        say(fault.chinese if language == "zh" else str(fault))
        raise typer.Exit(ExitCode.USAGE) from None
    except (OSError, keyring.KeyringError) as error:
        zh = f"未能建立节点，没有留下任何文件：{error}"
        say(zh if language == "zh" else f"no node was made, and nothing is left behind: {error}")
        raise typer.Exit(ExitCode.FAULT) from None
    if as_json:
        print_json(_document(directory, tier, made, language))
    else:
        _tell(directory, made, language)
    if made.findings.faults:
        raise typer.Exit(ExitCode.REFUSED)


def _document(directory: Path, tier: TierChoice, made: Made, language: Language) -> dict[str, object]:
    return {
        "ok": not made.findings.faults,
        "home": os.fspath(directory.absolute()),
        "tier": tier.value,
        "party": made.facts.node.party,
        "digest": made.facts.digest,
        "fingerprint": made.fingerprint,
        "parties": len(made.facts.parties),
        "agreements": sorted(made.facts.agreements),
        **config_command.document(made.findings, language),
    }


def _tell(directory: Path, made: Made, language: Language) -> None:
    config_command.show(made.findings, language)
    if made.findings.faults:
        return
    parties, agreements, key = len(made.facts.parties), len(made.facts.agreements), made.fingerprint
    unfilled = len(made.findings.unfilled)
    if language == "zh":
        lines = [
            f"节点已建立：{directory}",
            f"  交换方 {parties} 个，交换约定 {agreements} 项",
            f"  本节点公钥指纹：{key}",
            "下一步：",
            f"  1. 按上面所列填写各约定的依据（{unfilled} 处），核对联系人和期限；演练可先不填；",
            "  2. 与各交换方核对公钥指纹后导入：gateway keys import；",
            f"  3. 检查并启动：gateway config check --config {directory} && gateway run --config {directory}",
        ]
    else:
        lines = [
            f"The node is made: {directory}",
            f"  {parties} parties, {agreements} agreements",
            f"  fingerprint of its public key: {key}",
            "Next:",
            f"  1. fill in each basis as listed above ({unfilled} places; a rehearsal runs without),",
            "     and check contacts and dates;",
            "  2. confirm the partners' fingerprints and import their keys: gateway keys import;",
            f"  3. gateway config check --config {directory} && gateway run --config {directory}",
        ]
    typer.echo("\n".join(lines))
