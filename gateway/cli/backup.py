"""`gateway backup` and `gateway restore`: the node into an archive, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.conventions import ConfigOption, JsonOption, console, grouped, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import ask_for_hours
from gateway.daemon.restoring import NotRestored
from gateway.daemon.restoring import restore as restored


def backup(
    out: Annotated[Path, typer.Argument(help="文件或文件夹 / a file, or a folder it is named in")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """备份运行中的节点，加密给离线密钥 / back up the running node, encrypted to the offline key."""
    found = ask_for_hours(config, "backup", out=str(out.absolute()))
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found['archive']}  {found['bytes']:,} B\nsha256 {found['sha256']}\n{found['keys']}")


@dataclass(frozen=True, slots=True)
class OfflineKeys:
    """What opens an archive and tells whose it is."""

    gnupg: Annotated[Path | None, typer.Option("--gnupg", help="离线密钥的 GNUPGHOME / of the offline key")] = None
    signer: Annotated[Path | None, typer.Option("--signer", help="节点的公钥 / the node's public key")] = None
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="不核对备份的签名 / do not check whose signature the archive bears")
    ] = False
    keys: Annotated[
        Path | None, typer.Option("--keys", help="备份旁的 .keys.gpg / the newest file of keys beside the archives")
    ] = None


@dataclass(frozen=True, slots=True)
class Reconciling:
    """The second step: what the restored node is told of the time after its archive was made."""

    reconcile: Annotated[bool, typer.Option("--reconcile", help="对账并继续运行 / catch up, then go on")] = False
    log: Annotated[list[Path] | None, typer.Option("--log", help="已公布日志的副本 / copy of the published log")] = None
    decide: Annotated[list[str] | None, typer.Option("--decide", help="事项=决定 / ITEM=DECISION")] = None

    def decisions(self) -> dict[str, str]:
        """By item. Ends with 2 when one is not written ITEM=DECISION."""
        found = dict(one.rpartition("=")[::2] for one in self.decide or [])
        if not all(found) or not all(found.values()):
            say("写法是 事项=决定。/ A decision is ITEM=DECISION.")
            raise typer.Exit(ExitCode.USAGE)
        return found


@grouped
def restore(
    *,
    archive: Annotated[Path | None, typer.Argument(help="备份文件 / the archive")] = None,
    directory: Annotated[Path | None, typer.Argument(help="新的节点文件夹 / the node's new folder")] = None,
    offline: OfflineKeys,
    reconciling: Reconciling,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """从备份恢复节点，然后对账 / restore a node from an archive, then reconcile it; before that it does not work."""
    if reconciling.reconcile:
        _reconcile(reconciling, config, as_json)
        return
    if archive is None or directory is None:
        say("需要备份文件和新文件夹，或 --reconcile。/ An archive and a new folder are needed, or --reconcile.")
        raise typer.Exit(ExitCode.USAGE)
    if offline.signer is None and not offline.unsigned:
        say(
            "未说明备份由谁签名，伪造的备份也会被恢复：请用 --signer 给出节点的公钥（gateway keys export 的输出，"
            "或合作方留存的那份）；确实没有公钥时才用 --unsigned。 / "
            "Whose signature the archive bears was not asked for: a forged one would be restored too. --signer takes "
            "the node's public key (what gateway keys export printed, or a partner's copy); --unsigned only where "
            "there is none."
        )
        raise typer.Exit(ExitCode.USAGE)
    try:
        manifest = restored(archive, directory, offline.gnupg, offline.signer, offline.keys)
    except NotRestored as error:
        say(f"没有恢复任何内容：{error} / Nothing was restored: {error}")
        raise typer.Exit(ExitCode.FAULT) from None
    if offline.signer is None:
        say("未核对备份的签名（--signer）。/ Whose signature the archive bears was not checked (--signer).")
    if as_json:
        print_json({"node": manifest.node, "made_at": manifest.made_at, "entries": manifest.entries})
    else:
        typer.echo(f"{manifest.node}  {manifest.made_at}\n  gateway restore --reconcile --config {directory}")


def _reconcile(reconciling: Reconciling, config: Path | None, as_json: bool) -> None:
    copies = [str(path.absolute()) for path in reconciling.log or []]
    found = ask_for_hours(config, "reconcile", logs=copies, decisions=reconciling.decisions())
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"日志 {found['entries']:,} 条、回执 {found['receipts']:,} 份已补上；已送达 {len(found['arrived'])} 批")
    for period in found["uncompared"]:
        out.print(f"  {period}  此前各件不再查重 / earlier files of this period are not compared with")
    for item in found["open"]:
        out.print(f"  {item['id']}  {item['party']}  --decide {item['id']}={' | '.join(item['decisions'])}")
    out.print("节点已恢复 / recovered" if found["recovered"] else "以上事项须决定 / these wait for a decision")
