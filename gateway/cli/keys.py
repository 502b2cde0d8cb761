"""`gateway keys`: the node's own keys, the partners' keys, what is about to run out, and what follows it."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table

from gateway import key_trial
from gateway.adapters.clock import SystemClock
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.key_health import KeyState, survey
from gateway.adapters.sealing.keyring import pinning
from gateway.adapters.sealing.sm import KeyFileError
from gateway.adapters.sealing.sm import keys as sm_keys
from gateway.cli.conventions import ConfigOption, JsonOption, complain, console, group, grouped, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.outcomes import Ok, Outcome
from gateway.policy.facts.facts import Facts

app = group("keys")
_TWO_YEARS = timedelta(days=730)
_STATES = {
    "ok": ("有效", "valid"),
    "expiring": ("即将到期", "expires soon"),
    "expired": ("已过期", "expired"),
    "revoked": ("已吊销", "revoked"),
    "missing": ("缺公钥文件", "key file missing"),
    "mismatch": ("与登记指纹不符", "not the pinned key"),
    "private": ("含私钥", "holds a private key"),
    "unpinned": ("未登记", "no key pinned"),
    "unusable": ("私钥不可用", "private key unusable"),
}


class AlgorithmChoice(StrEnum):
    ED25519 = "ed25519"
    RSA3072 = "rsa3072"


class ProfileChoice(StrEnum):
    OPENPGP = "openpgp"
    SM = "sm"


ProfileOption = Annotated[ProfileChoice, typer.Option("--profile", help="封装方式：openpgp 或国密 / profile")]
FromOption = Annotated[str | None, typer.Option("--from", help="启用日期 YYYY-MM-DD / the day it comes into use")]
AlgorithmOption = Annotated[AlgorithmChoice, typer.Option("--algorithm")]


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """列出本节点和各方的密钥 / every key with its algorithm, expiry and state."""
    facts = load_facts(config)
    rows = list(survey(facts, SystemClock().now()))
    if as_json:
        print_json({"keys": [_document(row) for row in rows]})
        return
    chinese = facts.node.language == "zh"
    zh, en = ("交换方", "状态", "到期日", "算法", "指纹"), ("party", "state", "expires", "type", "fingerprint")
    table = Table(*(zh if chinese else en))
    for row in rows:
        expires = row.expires.date().isoformat() if row.expires else "–"
        state = _STATES[row.state][0 if chinese else 1]
        if row.slot == "next":
            state = f"{'新密钥，' if chinese else 'next, '}{state}"
        name = f"{row.party} *" if row.own else row.party
        table.add_row(name, state, expires, row.algorithm or "–", row.fingerprint or "–", style=_style(row))
    console().print(table)


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """检查密钥：60、30、7 天内到期，过期，吊销，不符 / exit 1 where a key runs out within 60 days or cannot be used."""
    facts = load_facts(config)
    problems = [row for row in survey(facts, SystemClock().now()) if row.state not in ("ok", "unpinned")]
    if as_json:
        print_json({"ok": not problems, "problems": [_document(row) for row in problems]})
    for row in problems:
        days = "" if row.days is None else f" ({row.days} d)"
        say(f"{row.party}: {_STATES[row.state][0 if facts.node.language == 'zh' else 1]}{days}")
    raise typer.Exit(ExitCode.REFUSED if problems else ExitCode.FINE)


@app.command()
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
        _fail(error)


@dataclass(frozen=True, slots=True)
class Pinned:
    """Whose key it is, and which."""

    party: Annotated[str, typer.Option("--party", help="交换方 / id of the party")]
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="另行核对的指纹 / confirmed another way")]


@app.command("import")
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
                *(facts.keys, _parties(facts), file, pin.party, pin.fingerprint),
                valid_until=_day(until),
                valid_from=_day(starts),
            )
        else:
            outcome = keyring.import_partner(
                facts.keys, _parties(facts), file, pin.party, pin.fingerprint, valid_from=_day(starts)
            )
    except keyring.KeyringError as error:
        _fail(error)
    code = "100" if isinstance(outcome, Ok) else outcome.code
    pinned = pinning.normal(pin.fingerprint) if isinstance(outcome, Ok) else None
    if as_json:
        print_json({"ok": pinned is not None, "code": code, "party": pin.party, "fingerprint": pinned})
    elif pinned:
        typer.echo(f"{pin.party} {pinned}")
    if not isinstance(outcome, Ok):
        complain(code, facts.node.language, ExitCode.REFUSED, outcome.detail)


@app.command()
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
        _fail(error)


@app.command()
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
    day = _day(starts)
    if finish == (day is not None) or (party not in (None, own) and not finish):
        say("请给出 --from 日期，或 --finish [--party 交换方] / give --from DATE, or --finish [--party PARTY]")
        raise typer.Exit(ExitCode.USAGE)
    private = facts.path(facts.node.private)
    try:
        if finish:
            if party in (None, own):
                _finish_own(facts, private)
            for fingerprint in keyring.end_overlap(facts.keys, _parties(facts), party or own):
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
        _fail(error)


@app.command()
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
        keyring.give_up(_parties(facts), party or facts.node.party, wanted)
        if party in (None, facts.node.party) and len(wanted) == 40:
            typer.echo(keyring.revoke(facts.path(facts.node.private), wanted).decode("ascii"), nl=False)
        else:
            typer.echo(wanted)
    except keyring.KeyringError as error:
        _fail(error)


@app.command()
def rehearse(
    config: ConfigOption = None,
    show: Annotated[bool, typer.Option("--show", help="只看谁已答复 / only show who has answered")] = False,
    as_json: JsonOption = False,
) -> None:
    """换钥演练：用新密钥给每一方发一个签名的测试包，列出谁已答复 / a signed test package to every partner under the
    next keys; --show lists who has answered, and exits 1 while somebody has not."""
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
        _fail(error)
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
                facts.keys, _parties(facts), file, own, fingerprint, valid_until=until, valid_from=starts
            )
        else:
            outcome = keyring.import_partner(facts.keys, _parties(facts), file, own, fingerprint, valid_from=starts)
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


def _parties(facts: Facts) -> Path:
    return facts.home / "config" / "parties"


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        say("日期应为 YYYY-MM-DD / a date is YYYY-MM-DD")
        raise typer.Exit(ExitCode.USAGE) from None


def _fail(error: Exception) -> NoReturn:
    say(str(error))
    raise typer.Exit(ExitCode.FAULT) from error


def _document(row: KeyState) -> dict[str, Any]:
    return {
        "party": row.party,
        "own": row.own,
        "state": row.state,
        "fingerprint": row.fingerprint,
        "profile": row.profile,
        "slot": row.slot,
        "algorithm": row.algorithm,
        "created": row.created.isoformat() if row.created else None,
        "expires": row.expires.isoformat() if row.expires else None,
        "days_left": row.days,
        "revoked": row.state == "revoked" if row.algorithm else None,
    }


def _style(row: KeyState) -> str:
    if row.state in ("ok", "unpinned"):
        return ""
    return "yellow" if row.state == "expiring" and (row.step or 0) > 7 else "bold red"
