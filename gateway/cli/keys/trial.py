"""`gateway keys rehearse`: a trial of the next keys with every partner."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from gateway.adapters.clock import SystemClock
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.sm import KeyFileError
from gateway.cli.conventions import ConfigOption, JsonOption, console, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.keys.given import fail
from gateway.cli.node import load_facts


def trial(
    config: ConfigOption = None,
    show: Annotated[bool, typer.Option("--show", help="只看谁已答复 / only show who has answered")] = False,
    as_json: JsonOption = False,
) -> None:
    """换钥演练：用新密钥给每一方发一个签名的测试包，列出谁已答复 / a signed test package to every partner under the
    next keys; --show lists who has answered, and exits 1 while somebody has not."""
    from gateway import key_trial  # it delivers, and so waits for everything that does

    facts = load_facts(config)
    try:
        if show:
            identity, lines = key_trial.answers(facts)
        else:
            identity, lines = key_trial.send(facts, SystemClock().now())
    except FileNotFoundError:
        say("还没有演练过 / there was no rehearsal yet")
        raise typer.Exit(ExitCode.USAGE) from None
    except (keyring.KeyringError, KeyFileError) as error:
        fail(error)
    failed = any(line.sent != "100" or (show and line.answer != "yes") for line in lines)
    if as_json:
        print_json({"ok": not failed, "rehearsal": identity, "lines": [asdict(line) for line in lines]})
        raise typer.Exit(ExitCode.REFUSED if failed else ExitCode.FINE)
    chinese = facts.node.language == "zh"
    titles = ("交换方", "方式", "签名密钥", "对方密钥", "送达", "答复")
    table = Table(*(titles if chinese else ("party", "profile", "signed by", "sealed for", "sent", "answer")))
    words = {"yes": "已答复" if chinese else "yes", "no": "–", "wrong": "签名不符" if chinese else "wrong signature"}
    for line in lines:
        went = "✓" if line.sent == "100" else f"[{line.sent}]"
        table.add_row(line.party, line.profile, line.signer[-16:], line.recipient[-16:], went, words[line.answer])
    console().print(table)
    raise typer.Exit(ExitCode.REFUSED if failed else ExitCode.FINE)
