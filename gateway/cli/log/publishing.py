"""`gateway log checkpoint|key|timestamp|export`: for those who keep a node's log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway import durable
from gateway.cli.conventions import ConfigOption, JsonOption, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.log.note import BadNote, read_checkpoint
from gateway.log.tiles import CHECKPOINT
from gateway.log.timestamps import Authorities

if TYPE_CHECKING:
    from gateway.adapters.ledger import Ledger
    from gateway.log.note import Signer
    from gateway.policy.facts import Facts


def checkpoint_(
    config: ConfigOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="写入文件 / write to a file")] = None,
    as_json: JsonOption = False,
) -> None:
    """显示已发布的检查点 / the checkpoint that is published. Save it: later ones must continue it."""
    facts = load_facts(config)
    path = facts.path(facts.node.log) / CHECKPOINT
    try:
        data = path.read_bytes()
        _, found = read_checkpoint(data)
    except (OSError, BadNote):
        say("还没有发布过检查点 / no checkpoint was published yet")
        raise typer.Exit(ExitCode.REFUSED) from None
    if out is not None:
        durable.write_bytes(out.absolute(), data, 0o640)
    if as_json:
        print_json({"origin": found.origin, "size": found.size, "root": found.root.hex(), "note": data.decode()})
    elif out is None:
        typer.echo(data.decode(), nl=False)


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

    facts = load_facts(config)
    keys = LogKeys(facts.path(facts.node.private), facts.node.name)
    try:
        if generate:
            keys.generate()
        elif rotate:
            _entered(facts, "rotated", *keys.rotate())
        elif retire:
            _entered(facts, "retired", keys.retire(), keys.signers()[0])
        found = [keys.witness().cosigner] if witness else [signer.verifier for signer in keys.signers()]
    except FileExistsError:
        say("已有密钥；更换请用 --rotate（旧密钥停用后才能再次更换）/ there is a key: use --rotate, after --retire")
        raise typer.Exit(ExitCode.REFUSED) from None
    except PermissionError:
        say("密钥由服务管理器提供（systemd 凭据），请在那里更换 / change it where the service manager keeps it")
        raise typer.Exit(ExitCode.FAULT) from None
    except NoKey:
        say("没有日志密钥；首次启动时生成，或用 --generate / no key yet: made at the first start, or by --generate")
        raise typer.Exit(ExitCode.FAULT) from None
    for one in found:
        typer.echo(str(one))
    if der is not None:
        durable.write_bytes(der.absolute(), found[0].der(), 0o644)


def timestamp(
    url: Annotated[str, typer.Option("--url", help="时间戳机构地址 / the authority's URL (RFC 3161 over HTTP)")],
    tsa: Annotated[Path, typer.Option("--tsa", help="机构证书 / its certificates (PEM)")],
    config: ConfigOption = None,
) -> None:
    """为最新检查点取得时间戳 / get a token for the newest checkpoint and keep it in the archive. For a timer."""
    from gateway.adapters.publishing import stamping

    facts, authorities = load_facts(config), Authorities.load(tsa.read_bytes())
    with _ledger(facts) as ledger:
        size, moment = stamping.stamp(ledger, facts.path(facts.node.log), url, authorities)
    typer.echo(f"{size} {moment.isoformat()}")


def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="写入的新文件夹 / a new folder")],
    config: ConfigOption = None,
) -> None:
    """为审计人员打包 / a folder for the auditor: the log, its keys, and how to check it with stock tools."""
    from gateway.corridors.operating.keeping import bundle

    if out.exists() and any(out.iterdir()):
        say("目标文件夹不是空的 / the folder is not empty")
        raise typer.Exit(ExitCode.USAGE)
    bundle(load_facts(config), out)


@contextmanager
def _ledger(facts: Facts) -> Iterator[Ledger]:
    """The node's ledger, beside the daemon or without it."""
    from gateway import wiring
    from gateway.adapters.ledger import Ledger

    ledger = Ledger(wiring.database_url(facts))
    try:
        yield ledger
    finally:
        ledger.close()


def _entered(facts: Facts, what: str, old: Signer, new: Signer) -> None:
    """The log tells of a change of its own key."""
    from gateway import wiring
    from gateway.corridors.operating.keeping import rotation

    with _ledger(facts) as ledger:
        ledger.migrate()
        rotation(ledger, facts, (what, old, new), f"uid:{os.getuid()}", wiring.make_clock(facts).now())
