"""`gateway log cosign|witness`: witnessing the logs of other nodes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway import durable
from gateway.cli.conventions import ConfigOption, say
from gateway.cli.exits import ExitCode
from gateway.cli.log.reading import LogArgument, read_key, why
from gateway.cli.node import load_facts
from gateway.log.note import BadNote
from gateway.log.quorum import BadPolicy, Policy


def cosign(
    folder: LogArgument,
    key: Annotated[str, typer.Option("--key", help="对方日志公钥 / the other log's verifier key")],
    out: Annotated[Path, typer.Option("--out", help="见证后的检查点 / the cosigned checkpoint")],
    config: ConfigOption = None,
) -> None:
    """为对方日志作见证 / cosign another node's checkpoint, if it continues the one cosigned before. Exit 1 when not."""
    from gateway.adapters.publishing import Behind, LogKeys, TwoHistories, Witness

    facts = load_facts(config)
    signer = LogKeys(facts.path(facts.node.private), facts.node.name).witness()
    try:
        note = Witness(facts.path(facts.node.state), signer).cosign(folder, read_key(key), int(time.time()))
    except Behind:
        say("检查点比见证过的旧，不签 / older than what was cosigned before: nothing is signed")
        raise typer.Exit(ExitCode.REFUSED) from None
    except TwoHistories as error:
        say(f"发现两份互相矛盾的历史，证据在 / two histories; the evidence is kept in {error.evidence}")
        raise typer.Exit(ExitCode.REFUSED) from None
    except (BadNote, OSError, ValueError) as error:
        say(f"不能见证：{why(error)} / not cosigned: {why(error)}")
        raise typer.Exit(ExitCode.REFUSED) from None
    durable.write_bytes(out.absolute(), note.to_bytes(), 0o640)


def witness_(
    config: ConfigOption = None,
    host: Annotated[str, typer.Option("--host", help="监听地址 / address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="端口 / port")] = 8472,
    folder: Annotated[
        list[Path] | None,
        typer.Option("--folder", help="答复此文件夹中的请求后退出 / answer the request there, and end"),
    ] = None,
) -> None:
    """为 keys/witnessed.policy 中的日志作见证（HTTP；或文件夹）/ witness the logs named there, over HTTP (C2SP
    tlog-witness), or once what lies in folders that others reach over SFTP. Exit 1 when a request was refused."""
    from gateway.adapters.publishing import LogKeys, Witness, over_http, over_sftp

    facts = load_facts(config)
    try:
        logs = Policy.parse((facts.keys / "witnessed.policy").read_text("utf-8")).logs
    except (OSError, BadPolicy) as error:
        say(f"keys/witnessed.policy: {why(error)}")
        raise typer.Exit(ExitCode.FAULT) from None
    signer = LogKeys(facts.path(facts.node.private), facts.node.name).witness()
    witness = Witness(facts.path(facts.node.state), signer)
    if folder:
        try:
            given = [
                over_sftp.answer_path(witness, {key.name: key for key in logs}, f, int(time.time())) for f in folder
            ]
        except OSError as error:
            say(f"文件夹不可用：{why(error)} / the folder cannot be used: {why(error)}")
            raise typer.Exit(ExitCode.FAULT) from None
        for where, status in zip(folder, given, strict=True):
            typer.echo(f"{where}: {status or '-'}")
        raise typer.Exit(ExitCode.REFUSED if any(status not in (None, 200, 409) for status in given) else ExitCode.FINE)
    with over_http.server(witness, {key.name: key for key in logs}, host, port) as listening:
        say(f"{signer.cosigner} http://{host}:{listening.server_address[1]}/")
        listening.serve_forever()
