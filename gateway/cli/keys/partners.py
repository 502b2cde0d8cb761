"""`gateway keys import`: pinning a partner's key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.keyring import pinning
from gateway.cli.conventions import ConfigOption, JsonOption, complain, grouped, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.keys.given import FromOption, as_day, fail, parties_folder
from gateway.cli.node import load_facts
from gateway.outcomes import Ok, Outcome


@dataclass(frozen=True, slots=True)
class Pinned:
    """Whose key it is, and which."""

    party: Annotated[str, typer.Option("--party", help="交换方 / id of the party")]
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="另行核对的指纹 / confirmed another way")]


@grouped
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="对方的公钥文件 / the partner's public key")],
    pin: Pinned,
    config: ConfigOption = None,
    starts: FromOption = None,
    until: Annotated[str | None, typer.Option("--until", help="国密公钥的最后有效日 / an SM2 key's last day")] = None,
    as_json: JsonOption = False,
) -> None:
    """登记一方的公钥；给出 --from 时登记为新密钥，与现用密钥并行 / pin a partner's key by the fingerprint that its
    owner confirmed another way; with --from as its next one, beside the present one."""
    facts = load_facts(config)
    if not file.is_file():
        say("文件不存在 / no such file")
        raise typer.Exit(ExitCode.USAGE)
    outcome: Outcome[Any]
    try:
        if len(pinning.normal(pin.fingerprint)) == 64:
            outcome = keyring.import_sm(
                *(facts.keys, parties_folder(facts), file, pin.party, pin.fingerprint),
                keyring.Days(as_day(until), as_day(starts)),
            )
        else:
            outcome = keyring.import_partner(
                facts.keys, parties_folder(facts), file, pin.party, pin.fingerprint, valid_from=as_day(starts)
            )
    except keyring.KeyringError as error:
        fail(error)
    code = "100" if isinstance(outcome, Ok) else outcome.code
    pinned = pinning.normal(pin.fingerprint) if isinstance(outcome, Ok) else None
    if as_json:
        print_json({"ok": pinned is not None, "code": code, "party": pin.party, "fingerprint": pinned})
    elif pinned:
        typer.echo(f"{pin.party} {pinned}")
    if not isinstance(outcome, Ok):
        complain(code, facts.node.language, ExitCode.REFUSED, outcome.detail)
