"""`gateway backup` and `gateway restore`: the node into an archive, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.conventions import FAULT, USAGE, ConfigOption, JsonOption, answer, console, say
from gateway.cli.node import ask_for_hours, load_facts
from gateway.daemon.restoring import NotRestored
from gateway.daemon.restoring import restore as restored


def backup(
    out: Annotated[Path, typer.Argument(help="文件或文件夹 / a file, or a folder it is named in")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """备份运行中的节点，加密给离线密钥 / back up the running node, encrypted to the offline key."""
    found = ask_for_hours(load_facts(config), "backup", out=str(out.absolute()))
    if as_json:
        answer(found)
    else:
        typer.echo(f"{found['archive']}  {found['bytes']:,} B\nsha256 {found['sha256']}\n{found['keys']}")


def restore(
    archive: Annotated[Path | None, typer.Argument(help="备份文件 / the archive")] = None,
    directory: Annotated[Path | None, typer.Argument(help="新的节点文件夹 / the node's new folder")] = None,
    gnupg: Annotated[Path | None, typer.Option("--gnupg", help="离线密钥的 GNUPGHOME / of the offline key")] = None,
    signer: Annotated[Path | None, typer.Option("--signer", help="节点的公钥 / the node's public key")] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="备份旁的 .keys.gpg / the newest file of keys beside the archives")
    ] = None,
    reconcile: Annotated[bool, typer.Option("--reconcile", help="对账并继续运行 / catch up, then go on")] = False,
    log: Annotated[
        list[Path] | None, typer.Option("--log", help="已公布日志的副本 / copy of the published log")
    ] = None,
    decide: Annotated[list[str] | None, typer.Option("--decide", help="事项=决定 / ITEM=DECISION")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """从备份恢复节点，然后对账 / restore a node from an archive, then reconcile it; before that it does not work."""
    if reconcile:
        _reconcile(config, log or [], decide or [], as_json)
        return
    if archive is None or directory is None:
        say("需要备份文件和新文件夹，或 --reconcile。/ An archive and a new folder are needed, or --reconcile.")
        raise typer.Exit(USAGE)
    try:
        manifest = restored(archive, directory, gnupg, signer, keys)
    except NotRestored as error:
        say(f"没有恢复任何内容：{error} / Nothing was restored: {error}")
        raise typer.Exit(FAULT) from None
    if signer is None:
        say("未核对备份的签名（--signer）。/ Whose signature the archive bears was not checked (--signer).")
    if as_json:
        answer({"node": manifest.node, "made_at": manifest.made_at, "entries": manifest.entries})
    else:
        typer.echo(f"{manifest.node}  {manifest.made_at}\n  gateway restore --reconcile --config {directory}")


def _reconcile(config: Path | None, logs: list[Path], decide: list[str], as_json: bool) -> None:
    decisions = dict(one.rpartition("=")[::2] for one in decide)
    if not all(decisions) or not all(decisions.values()):
        say("写法是 事项=决定。/ A decision is ITEM=DECISION.")
        raise typer.Exit(USAGE)
    copies = [str(path.absolute()) for path in logs]
    found = ask_for_hours(load_facts(config), "reconcile", logs=copies, decisions=decisions)
    if as_json:
        answer(found)
        return
    out = console()
    out.print(f"日志 {found['entries']:,} 条、回执 {found['receipts']:,} 份已补上；已送达 {len(found['arrived'])} 批")
    for period in found["uncompared"]:
        out.print(f"  {period}  此前各件不再查重 / earlier files of this period are not compared with")
    for item in found["open"]:
        out.print(f"  {item['id']}  {item['party']}  --decide {item['id']}={' | '.join(item['decisions'])}")
    out.print("节点已恢复 / recovered" if found["recovered"] else "以上事项须决定 / these wait for a decision")
