"""`gateway keys generate|export|rotate|revoke`: the node's own keys, and the end of any key."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.adapters.clock import SystemClock
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.keyring import pinning
from gateway.adapters.sealing.sm import KeyFileError
from gateway.adapters.sealing.sm import keys as sm_keys
from gateway.cli.conventions import ConfigOption, complain, say
from gateway.cli.exits import ExitCode
from gateway.cli.keys.given import FromOption, as_day, fail, parties_folder
from gateway.cli.node import load_facts
from gateway.outcomes import Ok, Outcome
from gateway.policy.facts import Facts

_TWO_YEARS = timedelta(days=730)


class AlgorithmChoice(StrEnum):
    ED25519 = "ed25519"
    RSA3072 = "rsa3072"


class ProfileChoice(StrEnum):
    OPENPGP = "openpgp"
    SM = "sm"


ProfileOption = Annotated[ProfileChoice, typer.Option("--profile", help="封装方式：openpgp 或国密 / profile")]
AlgorithmOption = Annotated[AlgorithmChoice, typer.Option("--algorithm")]


def generate(
    config: ConfigOption = None,
    algorithm: AlgorithmOption = AlgorithmChoice.ED25519,
    profile: ProfileOption = ProfileChoice.OPENPGP,
) -> None:
    """生成本节点的密钥 / make the node's key, and pin its public part as the node's own."""
    facts = load_facts(config)
    private = facts.path(facts.node.private)
    try:
        if profile is ProfileChoice.SM:
            _pin_own(facts, profile, sm_keys.generate(private).fingerprint, None)
        else:
            _pin_own(facts, profile, keyring.generate(private, facts.node.name, algorithm=algorithm.value), None)
    except (keyring.KeyringError, KeyFileError) as error:
        fail(error)


def export(
    config: ConfigOption = None,
    profile: ProfileOption = ProfileChoice.OPENPGP,
    following: Annotated[bool, typer.Option("--next", help="新密钥 / the next key")] = False,
) -> None:
    """输出本节点的公钥 / print the node's public key, armored."""
    facts = load_facts(config)
    try:
        typer.echo(_public(facts.path(facts.node.private), profile, following).decode("ascii"), nl=False)
    except (keyring.KeyringError, KeyFileError) as error:
        fail(error)


def rotate(
    config: ConfigOption = None,
    starts: FromOption = None,
    finish: Annotated[bool, typer.Option("--finish", help="结束并行期，只认新密钥 / end the overlap")] = False,
    party: Annotated[
        str | None, typer.Option("--party", help="与 --finish 同用：对方 / with --finish: a partner's")
    ] = None,
    algorithm: AlgorithmOption = AlgorithmChoice.ED25519,
    profile: ProfileOption = ProfileChoice.OPENPGP,
) -> None:
    """更换密钥：--from 日期生成新密钥，并行期内两把都有效；--finish 结束并行期。对方换钥用 keys import --from 登记。/
    Change a key: --from DATE makes the next one, and both hold in the overlap; --finish ends it. A partner's next key
    is entered with `keys import --from`."""
    facts = load_facts(config)
    own = facts.node.party
    day = as_day(starts)
    if finish == (day is not None) or (party not in (None, own) and not finish):
        say("请给出 --from 日期，或 --finish [--party 交换方] / give --from DATE, or --finish [--party PARTY]")
        raise typer.Exit(ExitCode.USAGE)
    private = facts.path(facts.node.private)
    try:
        if finish:
            if party in (None, own):
                _finish_own(facts, private)
            for fingerprint in keyring.end_overlap(facts.keys, parties_folder(facts), party or own):
                typer.echo(fingerprint)
        elif profile is ProfileChoice.SM:
            if sm_keys.load(private) is None:
                raise KeyFileError("this node has no SM2 key yet")
            _pin_own(facts, profile, sm_keys.generate(private, sm_keys.NEXT).fingerprint, day)
        else:
            assert day is not None
            made = keyring.generate_next(private, facts.node.name, day, algorithm=algorithm.value)
            _pin_own(facts, profile, made, day)
    except (keyring.KeyringError, KeyFileError) as error:
        fail(error)


def revoke(
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="要吊销的指纹 / of the key to give up")],
    config: ConfigOption = None,
    party: Annotated[str | None, typer.Option("--party", help="对方；不写则为本节点 / a partner's; else ours")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="确认：无法撤销 / confirm: there is no way back")] = False,
) -> None:
    """吊销密钥：不再用它封装，也不再认它的签名 / give a key up: neither sealed for nor believed any more. For our
    own, the revoked public key is printed: send it to the partners."""
    facts = load_facts(config)
    wanted = pinning.normal(fingerprint)
    if not yes:
        say("吊销无法撤销；确认请加 --yes / it cannot be undone; add --yes to confirm")
        raise typer.Exit(ExitCode.USAGE)
    try:
        keyring.give_up(parties_folder(facts), party or facts.node.party, wanted)
        if party in (None, facts.node.party) and len(wanted) == 40:
            typer.echo(keyring.revoke(facts.path(facts.node.private), wanted).decode("ascii"), nl=False)
        else:
            typer.echo(wanted)
    except keyring.KeyringError as error:
        fail(error)


def _pin_own(facts: Facts, profile: ProfileChoice, fingerprint: str, starts: date | None) -> None:
    """Enter our own key among the facts, as partners do, and print its fingerprint."""
    private, own = facts.path(facts.node.private), facts.node.party
    outcome: Outcome[Any]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "own")
        file.write_bytes(_public(private, profile, starts is not None))
        if profile is ProfileChoice.SM:
            until = (starts or SystemClock().now().date()) + _TWO_YEARS
            outcome = keyring.import_sm(
                facts.keys, parties_folder(facts), file, own, fingerprint, keyring.Days(until, starts)
            )
        else:
            outcome = keyring.import_partner(
                facts.keys, parties_folder(facts), file, own, fingerprint, valid_from=starts
            )
    if not isinstance(outcome, Ok):
        complain(outcome.code, facts.node.language, ExitCode.FAULT, outcome.detail)
    typer.echo(fingerprint)


def _public(private: Path, profile: ProfileChoice, following: bool) -> bytes:
    if profile is ProfileChoice.SM:
        key = sm_keys.load(private, sm_keys.NEXT if following else sm_keys.CURRENT)
        if key is None:
            raise KeyFileError("this node has no such SM2 key")
        return key.public.pem
    if not following:
        return keyring.public_key(private)
    found = keyring.next_key(private)
    if found is None:
        raise keyring.KeyringError("there is no next key")
    return keyring.public_key(private, found[0])


def _finish_own(facts: Facts, private: Path) -> None:
    following = facts.parties[facts.node.party].next
    if following and following.key:
        keyring.finish(private)
    if following and following.sm_key:
        sm_keys.finish(private)
