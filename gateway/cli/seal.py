"""`gateway seal` and `gateway open`: one package by hand, with the same code and the same refusals as the daemon."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gateway import digests, durable, wiring
from gateway.adapters.clock import SystemClock
from gateway.adapters.container import Caps, Member
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.profiles import Profiles, is_sm
from gateway.adapters.sealing.unpacking import OpenedPackage
from gateway.adapters.storage.spool import SUFFIXES
from gateway.cli.conventions import ConfigOption, JsonOption, complain, grouped, print_json, say
from gateway.cli.exits import ExitCode
from gateway.cli.node import load_facts
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.packages import DESCRIPTOR, Descriptor, Resource
from gateway.parcels import Kind
from gateway.policy.facts import Facts
from gateway.policy.periods import Period
from gateway.records.schema import document

_KEYS = ("package", "agreement", "sender", "origin", "receiver", "period", "kind", "revision")

OutOption = Annotated[Path, typer.Option("--out", help="结果放入的文件夹 / the folder for the result")]


@dataclass(frozen=True, slots=True)
class Destination:
    """Under which agreement and for which period a package goes to whom."""

    agreement: Annotated[str, typer.Option("--agreement", help="交换约定 / id of the agreement")]
    to: Annotated[str, typer.Option("--to", help="接收方 / id of the receiving party")]
    period: Annotated[str, typer.Option("--period", help="报告期，如 2026Q3；无期别填 none / e.g. 2026Q3, or none")]


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the deliveries of a period it is."""

    kind: Annotated[Kind, typer.Option("--kind", help="报送类型 / kind of delivery")] = Kind.NEW
    revision: Annotated[int, typer.Option("--revision", min=1, help="修订号 / revision")] = 1


@grouped
def seal(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="要封装的文件 / the file to seal")],
    destination: Destination,
    out: OutOption,
    config: ConfigOption = None,
    place: Place,
    as_json: JsonOption = False,
) -> None:
    """封装一个文件，签名并只加密给一个接收方 / sign a file and encrypt it to one receiver."""
    facts = load_facts(config)
    if not file.is_file():
        say("文件不存在 / no such file")
        raise typer.Exit(ExitCode.USAGE)
    now = SystemClock().now()
    descriptor: Descriptor | None = None
    outcome: Outcome[Path] = _allowed(facts, destination, now)
    if isinstance(outcome, Ok):
        descriptor = _describe(facts, destination, place, file, now)
        ending = SUFFIXES[facts.agreements[destination.agreement].profile]
        outcome = _seal(facts, descriptor, file, out / f"{descriptor.package_id}{ending}")
    files = [str(outcome.value)] if isinstance(outcome, Ok) else []
    finish(facts, outcome, descriptor, files, as_json)


def open_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="收到的交换包 / the package that was received")],
    out: OutOption,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """验签、解密并展开一个交换包 / verify, decrypt and unpack one package; nothing is written where it is refused."""
    facts = load_facts(config)
    if not file.is_file() or file.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        say("文件不存在，或结果文件夹不为空 / no such file, or the result's folder is not empty")
        raise typer.Exit(ExitCode.USAGE)
    limit = facts.node.intake.max_file_mb << 20
    caps = Caps(plain=limit, expanded=4 * limit)
    with _profiles(facts) as profiles:

        def accept(signer: str) -> Callable[[Descriptor], Refused | None]:
            """How a descriptor is judged, by the fingerprint of the key that signed it."""
            party = _party_of(facts, signer)

            def judge(descriptor: Descriptor) -> Refused | None:
                if descriptor.sender != party:
                    return Refused("211", {"reason": "the descriptor names another sender"})
                return None if descriptor.receiver == facts.node.party else Refused("212")

            return judge

        outcome: Outcome[OpenedPackage]
        if is_sm(file):
            found = profiles.sm.signer(file, caps)
            if not isinstance(found, Ok):
                finish(facts, found, None, [], as_json)
            outcome = profiles.sm.open(file, out.absolute(), found.value, caps, accept(found.value))
        else:
            outcome = profiles.openpgp.open_any(file, out.absolute(), _pinned(facts), caps, accept)
    if isinstance(outcome, Ok):
        package = outcome.value
        finish(facts, outcome, package.descriptor, [str(out / name) for name in package.members], as_json)
    finish(facts, outcome, None, [], as_json)


@contextlib.contextmanager
def _profiles(facts: Facts) -> Iterator[Profiles]:
    """The node's engines; gpg's agent is ended afterwards unless the daemon uses it."""
    profiles = wiring.sealing(facts)
    agent_is_shared = keyring.agent_runs(facts.path(facts.node.private))
    try:
        yield profiles
    finally:
        if not agent_is_shared:
            profiles.close()


def _party_of(facts: Facts, fingerprint: str) -> str | None:
    """Whose key this is: pinned, or our own by what the private folder says, former ones too."""
    for party in facts.parties.values():
        if fingerprint in (*party.pins("openpgp"), *party.pins("sm")):
            return party.id
    return facts.node.party if fingerprint in _own(facts) else None


def _own(facts: Facts) -> tuple[str, ...]:
    private = facts.path(facts.node.private)
    return keyring.own_fingerprints(private) if (private / "fingerprint").exists() else ()


def _pinned(facts: Facts) -> list[str]:
    """Every OpenPGP key whose signature may be believed: the partners', and our own."""
    pins = [pin for party in facts.parties.values() for pin in party.pins("openpgp")]
    return [*dict.fromkeys([*pins, *_own(facts)])]


def finish(
    facts: Facts, outcome: Outcome[Any], descriptor: Descriptor | None, files: list[str], as_json: bool
) -> NoReturn:
    """Print the result in the shape that stays, or its sentence and remedy, and end with the exit code."""
    code = "100" if isinstance(outcome, Ok) else outcome.code
    told: Mapping[str, object] = dict.fromkeys(_KEYS)
    if descriptor is not None and isinstance(outcome, Ok):
        told = {
            "package": descriptor.package_id,
            "agreement": descriptor.agreement,
            "sender": descriptor.sender,
            "origin": descriptor.origin,
            "receiver": descriptor.receiver,
            "period": descriptor.period,
            "kind": descriptor.kind.value,
            "revision": descriptor.revision,
        }
    if as_json:
        document = {"ok": isinstance(outcome, Ok), "code": code, **told, "files": files}
        print_json(document)
    elif isinstance(outcome, Ok):
        typer.echo("\n".join([str(told["package"]), *files]))
    if isinstance(outcome, Refused | Deferred | Fault):
        if reason := outcome.detail.get("reason"):
            say(f"({reason})")
        status = ExitCode.FAULT if isinstance(outcome, Fault) else ExitCode.REFUSED
        complain(code, facts.node.language, status, outcome.detail)
    raise typer.Exit(ExitCode.FINE)


def _allowed(facts: Facts, destination: Destination, now: datetime) -> Outcome[Path]:
    """Whether this may travel at all: an agreement, its basis in force, a receiver and a period of it."""
    agreement, period = facts.agreements.get(destination.agreement), destination.period
    if agreement is None or agreement.profile not in SUFFIXES:
        return Refused("222", {"reason": "no such agreement, or nothing is sealed under it"})
    basis = agreement.basis
    if now.date() < basis.valid_from or (basis.valid_until and now.date() > basis.valid_until):
        return Refused("222", {"reason": "the basis is not in force"})
    if destination.to not in {party.id for party in facts.receivers(agreement)}:
        return Refused("222", {"reason": "not a receiver of this agreement"})
    try:
        fits = period == "none" if agreement.rhythm == "event" else Period.parse(period).rhythm == agreement.rhythm
    except ValueError:
        fits = False
    return Ok(Path()) if fits else Refused("223")


def _describe(facts: Facts, destination: Destination, place: Place, file: Path, now: datetime) -> Descriptor:
    agreement, period = facts.agreements[destination.agreement], destination.period
    sha256, size = durable.sha256_file(file)
    plain_csv = file.suffix.lower() == ".csv"
    # The member is named after the dataset: the file's own name may hold a person's.
    version = agreement.version_for("" if period == "none" else period)
    known = plain_csv and (facts.schemas / f"{agreement.dataset}.json").is_file()
    resource = Resource(
        name=agreement.dataset,
        path=f"data/{agreement.dataset}{file.suffix.lower() if file.suffix.isascii() else ''}",
        bytes=size,
        sha256=sha256,
        schema=document(facts.schemas, agreement.dataset, version, agreement.columns) if known else None,
        mediatype="text/csv" if plain_csv else "application/octet-stream",
    )
    return Descriptor(
        agreement=agreement.id,
        sender=facts.node.party,
        origin=facts.node.party,
        receiver=destination.to,
        period=period,
        kind=place.kind,
        revision=place.revision,
        records=_records(file) if plain_csv else 0,
        created=now,
        resources=(resource,),
        digest_key=digests.new_key(),
    )


def _records(file: Path) -> int:
    """Records under the header. Latin-1 maps every byte, and in UTF-8 and GB 18030 alike no byte of a longer character
    is a quote, a comma or a line end."""
    with file.open(encoding="latin-1", newline="") as stream:
        return max(sum(1 for row in csv.reader(stream) if row) - 1, 0)


def _seal(facts: Facts, descriptor: Descriptor, file: Path, target: Path) -> Outcome[Path]:
    profile = facts.agreements[descriptor.agreement].profile
    recipient = facts.parties[descriptor.receiver].sealing_key(profile, descriptor.created.date())
    if recipient is None:
        return Deferred("707", {"reason": "missing"})
    durable.make_folder(target.parent)
    members: list[Member] = [(DESCRIPTOR, descriptor.to_json()), (descriptor.resources[0].path, file)]
    with _profiles(facts) as profiles:
        outcome = profiles.seal(members, recipient, target.absolute())
    return Ok(target) if isinstance(outcome, Ok) else outcome
