"""`gateway log`: for those who check the exchange log (verify, check, prove) and those who keep it (key, cosign, …)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway import durable
from gateway.cli.conventions import (
    FAULT,
    REFUSED,
    USAGE,
    ConfigOption,
    JsonOption,
    Language,
    LanguageOption,
    answer,
    say,
)
from gateway.log.note import BadNote, VerifierKey, read_checkpoint
from gateway.log.proof import check_receipt, prove
from gateway.log.quorum import BadPolicy, Policy
from gateway.log.tiles import CHECKPOINT, TileTree
from gateway.log.timestamps import Authorities
from gateway.log.verification import Auditor
from gateway.log.verification.page import page
from gateway.log.verification.parcels import PLAIN_DAYS, QUARANTINE_DAYS

app = typer.Typer(no_args_is_help=True, help="交换日志 / the exchange log")

LogArgument = Annotated[Path, typer.Argument(metavar="DIR", help="日志文件夹（副本即可）/ the log's folder, or a copy")]
KeyOption = Annotated[
    list[str],
    typer.Option("--key", help="日志公钥（名称+编号+密钥），或存放它的文件 / verifier key, or a file that holds it"),
]


@app.command("verify")
def verify_(
    folder: LogArgument,
    key: KeyOption,
    since: Annotated[list[Path] | None, typer.Option("--since", help="先前保存的检查点 / saved checkpoints")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="见证规则 / witnesses (C2SP tlog-policy)")] = None,
    tsa: Annotated[Path | None, typer.Option("--tsa", help="时间戳机构证书 / authority's certificates (PEM)")] = None,
    receipts: Annotated[Path | None, typer.Option("--receipts", help="回执文件夹 / a folder of receipts")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="写成网页 / write the report as a page")] = None,
    quarantine_days: Annotated[int, typer.Option("--quarantine-days", help="退回件保存天数")] = QUARANTINE_DAYS,
    plain_days: Annotated[int, typer.Option("--plain-days", help="受理件明文保存天数")] = PLAIN_DAYS,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """离线核验日志 / verify a copy of the log, offline, read-only. Exit 1 when anything was found."""
    try:
        report = Auditor(plain_days=plain_days, quarantine_days=quarantine_days).verify(
            folder,
            [read_key(text) for text in key],
            since=[path.read_bytes() for path in since or ()],
            policy=Policy.parse(policy.read_text("utf-8")) if policy else None,
            authorities=Authorities.load(tsa.read_bytes()) if tsa else None,
            receipts=receipts,
        )
    except (BadNote, BadPolicy, OSError, ValueError) as error:
        say(f"无法核验：{_why(error)} / cannot be verified: {_why(error)}")
        if as_json:
            answer({"ok": False, "size": 0, "root": "", "problems": [_unreadable(error)]})
        raise typer.Exit(REFUSED) from None
    if html is not None:
        durable.write_bytes(html.absolute(), page(report, lang.value), 0o640)
    if as_json:
        answer(report.to_json())
    else:
        zh = lang is Language.ZH
        typer.echo(f"{report.origin}  {report.size:,}  {report.root.hex()}")
        for problem in report.problems:
            typer.echo(f"✗ [{problem.check}] {problem.at}: {problem.zh if zh else problem.en}")
        for chinese, english in report.notes:
            typer.echo(f"· {chinese if zh else english}")
        good, bad = ("通过，没有发现问题", "未通过") if zh else ("passed", "failed")
        typer.echo(f"✓ {good}" if report.ok else f"✗ {bad}: {sum(report.counted.values()):,}")
    if not report.ok:
        raise typer.Exit(REFUSED)


@app.command("check")
def check(
    receipt: Annotated[Path, typer.Argument(help="回执 / a receipt (….receipt.json)")],
    key: KeyOption,
    proof: Annotated[Path | None, typer.Option("--proof", help="收录证明 / default: the .tlog-proof beside it")] = None,
    as_json: JsonOption = False,
) -> None:
    """仅凭回执与收录证明核对 / judge a receipt by its proof of inclusion alone. Exit 1 when it does not hold."""
    beside = proof or receipt.with_name(receipt.name.removesuffix(".receipt.json") + ".tlog-proof")
    why = ""
    for text in key:
        try:
            found = check_receipt(receipt.read_bytes(), beside.read_bytes(), read_key(text))
        except (BadNote, OSError) as error:
            why = _why(error)
            continue
        if as_json:
            answer({"ok": True, **found})
        else:
            typer.echo(f"✓ {found['event']} {found['parcel']} seq {found['seq']}/{found['size']} {found['logged_at']}")
        return
    say(f"✗ 证明不成立：{why} / the proof does not hold: {why}")
    if as_json:
        answer({"ok": False, "why": why})
    raise typer.Exit(REFUSED)


@app.command("prove")
def prove_(
    folder: LogArgument,
    receipt: Annotated[Path | None, typer.Option("--receipt", help="回执 / a receipt")] = None,
    seq: Annotated[int | None, typer.Option("--seq", min=0, help="条目序号 / an entry's number")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="写入文件 / write to a file")] = None,
) -> None:
    """出具收录证明 / a proof that an entry is in the published tree (C2SP tlog-proof)."""
    import json

    if (receipt is None) == (seq is None):
        say("--receipt 与 --seq 二选一 / give --receipt or --seq")
        raise typer.Exit(USAGE)
    try:
        index = seq if seq is not None else int(json.loads(receipt.read_bytes())["log"]["seq"])  # type: ignore[union-attr]
        note, checkpoint = read_checkpoint((folder / CHECKPOINT).read_bytes())
        made = prove(TileTree(folder, checkpoint.size), index, note).to_bytes()
    except (BadNote, OSError, ValueError, KeyError, TypeError) as error:
        say(f"无法出具证明：{_why(error)} / no proof: {_why(error)}")
        raise typer.Exit(REFUSED) from None
    if out is None:
        typer.echo(made.decode(), nl=False)
    else:
        durable.write_bytes(out.absolute(), made, 0o640)


@app.command("checkpoint")
def checkpoint_(
    config: ConfigOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="写入文件 / write to a file")] = None,
    as_json: JsonOption = False,
) -> None:
    """显示已发布的检查点 / the checkpoint that is published. Save it: later ones must continue it."""
    from gateway.cli.node import load_facts

    facts = load_facts(config)
    path = facts.path(facts.node.log) / CHECKPOINT
    try:
        data = path.read_bytes()
        _, found = read_checkpoint(data)
    except (OSError, BadNote):
        say("还没有发布过检查点 / no checkpoint was published yet")
        raise typer.Exit(REFUSED) from None
    if out is not None:
        durable.write_bytes(out.absolute(), data, 0o640)
    if as_json:
        answer({"origin": found.origin, "size": found.size, "root": found.root.hex(), "note": data.decode()})
    elif out is None:
        typer.echo(data.decode(), nl=False)


@app.command("cosign")
def cosign(
    folder: LogArgument,
    key: Annotated[str, typer.Option("--key", help="对方日志公钥 / the other log's verifier key")],
    out: Annotated[Path, typer.Option("--out", help="见证后的检查点 / the cosigned checkpoint")],
    config: ConfigOption = None,
) -> None:
    """为对方日志作见证 / cosign another node's checkpoint, if it continues the one cosigned before. Exit 1 when not."""
    from gateway.adapters.publishing import Behind, LogKeys, TwoHistories, Witness
    from gateway.cli.node import load_facts

    facts = load_facts(config)
    signer = LogKeys(facts.path(facts.node.private), facts.node.name).witness()
    try:
        note = Witness(facts.path(facts.node.state), signer).cosign(folder, read_key(key), int(time.time()))
    except Behind:
        say("检查点比见证过的旧，不签 / older than what was cosigned before: nothing is signed")
        raise typer.Exit(REFUSED) from None
    except TwoHistories as error:
        say(f"发现两份互相矛盾的历史，证据在 / two histories; the evidence is kept in {error.evidence}")
        raise typer.Exit(REFUSED) from None
    except (BadNote, OSError, ValueError) as error:
        say(f"不能见证：{_why(error)} / not cosigned: {_why(error)}")
        raise typer.Exit(REFUSED) from None
    durable.write_bytes(out.absolute(), note.to_bytes(), 0o640)


@app.command("witness")
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
    from gateway.cli.node import load_facts

    facts = load_facts(config)
    try:
        logs = Policy.parse((facts.keys / "witnessed.policy").read_text("utf-8")).logs
    except (OSError, BadPolicy) as error:
        say(f"keys/witnessed.policy: {_why(error)}")
        raise typer.Exit(FAULT) from None
    signer = LogKeys(facts.path(facts.node.private), facts.node.name).witness()
    witness = Witness(facts.path(facts.node.state), signer)
    if folder:
        try:
            given = [
                over_sftp.answer_folder(witness, {key.name: key for key in logs}, f, int(time.time())) for f in folder
            ]
        except OSError as error:
            say(f"文件夹不可用：{_why(error)} / the folder cannot be used: {_why(error)}")
            raise typer.Exit(FAULT) from None
        for where, status in zip(folder, given, strict=True):
            typer.echo(f"{where}: {status or '-'}")
        raise typer.Exit(REFUSED if any(status not in (None, 200, 409) for status in given) else 0)
    with over_http.server(witness, {key.name: key for key in logs}, host, port) as listening:
        say(f"{signer.cosigner} http://{host}:{listening.server_address[1]}/")
        listening.serve_forever()


@app.command("key")
def key_(
    config: ConfigOption = None,
    generate: Annotated[bool, typer.Option("--generate", help="生成密钥 / make the key")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="启用新密钥，旧密钥继续同签 / new key, both sign")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="停用并销毁旧密钥 / end the overlap")] = False,
    witness: Annotated[bool, typer.Option("--witness", help="见证密钥 / the key we cosign others' logs with")] = False,
    der: Annotated[Path | None, typer.Option("--der", help="另存为 DER（供 openssl）/ write DER for OpenSSL")] = None,
) -> None:
    """日志公钥 / the verifier key (`<origin>+<hash>+<base64>`), one line per key that signs."""
    from gateway.adapters.publishing import LogKeys, NoKey
    from gateway.cli.keeping import log_rotation
    from gateway.cli.node import load_facts

    facts = load_facts(config)
    keys = LogKeys(facts.path(facts.node.private), facts.node.name)
    try:
        if generate:
            keys.generate()
        elif rotate:
            log_rotation(facts, "rotated", *keys.rotate())
        elif retire:
            log_rotation(facts, "retired", keys.retire(), keys.signers()[0])
        found = [keys.witness().cosigner] if witness else [signer.verifier for signer in keys.signers()]
    except FileExistsError:
        say("已有密钥；更换请用 --rotate（旧密钥停用后才能再次更换）/ there is a key: use --rotate, after --retire")
        raise typer.Exit(REFUSED) from None
    except PermissionError:
        say("密钥由服务管理器提供（systemd 凭据），请在那里更换 / change it where the service manager keeps it")
        raise typer.Exit(FAULT) from None
    except NoKey:
        say("没有日志密钥；首次启动时生成，或用 --generate / no key yet: made at the first start, or by --generate")
        raise typer.Exit(FAULT) from None
    for one in found:
        typer.echo(str(one))
    if der is not None:
        durable.write_bytes(der.absolute(), found[0].der(), 0o644)


@app.command("timestamp")
def timestamp(
    url: Annotated[str, typer.Option("--url", help="时间戳机构地址 / the authority's URL (RFC 3161 over HTTP)")],
    tsa: Annotated[Path, typer.Option("--tsa", help="机构证书 / its certificates (PEM)")],
    config: ConfigOption = None,
) -> None:
    """为最新检查点取得时间戳 / get a token for the newest checkpoint and keep it in the archive. For a timer."""
    from gateway.cli.keeping import stamp
    from gateway.cli.node import load_facts

    size, moment = stamp(load_facts(config), url, Authorities.load(tsa.read_bytes()))
    typer.echo(f"{size} {moment.isoformat()}")


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="写入的新文件夹 / a new folder")],
    config: ConfigOption = None,
) -> None:
    """为审计人员打包 / a folder for the auditor: the log, its keys, and how to check it with stock tools."""
    from gateway.cli.keeping import bundle
    from gateway.cli.node import load_facts

    if out.exists() and any(out.iterdir()):
        say("目标文件夹不是空的 / the folder is not empty")
        raise typer.Exit(USAGE)
    bundle(load_facts(config), out)


def read_key(text: str) -> VerifierKey:
    """A verifier key, or the first line of the file that holds one. `BadNote` for anything else."""
    if "+" not in text or "/" in text.partition("+")[0]:
        path = Path(text)
        if path.is_file():
            text = path.read_text("utf-8").strip().partition("\n")[0]
    return VerifierKey.parse(text)


def _why(error: Exception) -> str:
    return type(error).__name__ if isinstance(error, OSError) else str(error)


def _unreadable(error: Exception) -> dict[str, str]:
    return {"check": "signature", "at": CHECKPOINT, "zh": "没有可读的检查点", "en": _why(error)}
