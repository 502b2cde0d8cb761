"""Builds the real adapters from the facts, once; a reload builds new ones and leaves work in hand alone."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import date
from pathlib import Path

import structlog
from sqlalchemy import make_url

from gateway import durable
from gateway.adapters.channels.folders import (
    ROOT_RECORD,
    Address,
    DropFolders,
    ExchangeRoot,
    FolderCourier,
    Folders,
    Quiet,
)
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.sftp import Collector, Endpoint, Errand, Memory, Plan, SftpCourier
from gateway.adapters.channels.writers import Writers
from gateway.adapters.clock import RehearsalClock, SystemClock
from gateway.adapters.credentials import credential
from gateway.adapters.ledger import Ledger
from gateway.adapters.notices import Mailer, Poster
from gateway.adapters.publishing import Mailbox
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp import OpenPGP
from gateway.adapters.sealing.profiles import SM_PIN, Profiles
from gateway.adapters.sealing.sm import SM, Kept, Pin
from gateway.adapters.storage.spool import Spool
from gateway.adapters.worker import Aside, Unpacker, Worker, WorkerUnit
from gateway.control import place
from gateway.deadlines import Calendar
from gateway.node import ACKNOWLEDGE, Node, Shares
from gateway.parcels import AgreementId, PartyId
from gateway.policy import loading
from gateway.policy.facts import Facts, Party, SftpChannel, places
from gateway.policy.loading import snapshots
from gateway.ports import AnyWorker, Clock, Courier, Notices, PartyFolders


class Keeper:
    """`FactsKeeper` over a folder of snapshots."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._kept = facts.path(facts.node.state) / "facts"
        self._calendar = Calendar.load(facts.calendar)
        self._known = {facts.digest: facts}
        self._lock = threading.Lock()
        snapshots.keep(facts, self._kept)

    def current(self) -> Facts:
        return self._facts

    def at(self, digest: str) -> Facts:
        with self._lock:
            if digest not in self._known:
                self._known[digest] = snapshots.load(self._kept, digest, self._facts.home)
            return self._known[digest]

    def calendar(self) -> Calendar:
        return self._calendar


def database_url(facts: Facts) -> str:
    """The ledger's SQLAlchemy URL: as configured, else SQLite in `state/`."""
    return facts.node.database or f"sqlite:///{facts.path(facts.node.state) / 'ledger.db'}"


def held_folders(facts: Facts) -> list[Path]:
    """Folders that one daemon works in: its state, and where a ledger of SQLite lies."""
    url = make_url(database_url(facts))
    ledger = [Path(url.database).parent] if url.get_backend_name() == "sqlite" and url.database else []
    return list(dict.fromkeys(folder.resolve() for folder in (facts.path(facts.node.state), *ledger)))


def control_socket(facts: Facts) -> Path:
    return facts.path(facts.node.state) / place.NAME


def make_clock(facts: Facts) -> Clock:
    if facts.node.rehearsal is None:
        return SystemClock()
    return RehearsalClock(facts.node.rehearsal, facts.path(facts.node.state) / "rehearsal.json")


def addresses(facts: Facts) -> list[Address]:
    """Every drop folder: one per sender and agreement, and one per other party for what it signs."""
    drop, signed = facts.node.folders.drop, facts.node.folders.acknowledge
    found: list[Address] = [
        (PartyId(party.id), AgreementId(agreement.id), f"{party.folder_name}/{drop}/{agreement.label}")
        for agreement in facts.agreements.values()
        for party in facts.senders(agreement)
    ]
    signing = {
        party.id: party
        for agreement in facts.agreements.values()
        for party in (*facts.receivers(agreement), *facts.senders(agreement))
    }
    others = [party for party in signing.values() if party.id != facts.node.party]
    return found + [(PartyId(p.id), ACKNOWLEDGE, f"{p.folder_name}/{drop}/{signed}") for p in others]


def partner_keys(facts: Facts) -> dict[str, Path]:
    """Fingerprint -> key file of every key that is pinned and not revoked: of both profiles, in an overlap both keys;
    the node's own too, since it may be the last receiver itself. And the keys of people who release."""
    people = {p.key: facts.keys / "people" / f"{p.id}.asc" for p in facts.people.values()}
    return people | {
        pin: facts.keys / file
        for party in facts.parties.values()
        for pin, file in party.key_files().items()
        if pin not in party.revoked
    }


def sealing(facts: Facts, *, following: bool = False, unpacker: Unpacker | None = None) -> Profiles:
    """Both profiles with the node's keys and every pinned partner. `following`: sign with the next keys already.
    `unpacker`: the running worker; without one there is a process for every package that is opened."""
    node = facts.node
    pinned, until = partner_keys(facts), sm_days(facts)
    openpgp = {pin: file for pin, file in pinned.items() if len(pin) != SM_PIN}
    sm = {pin: Pin(file, until.get(pin)) for pin, file in pinned.items() if len(pin) == SM_PIN}
    own = facts.parties[node.party].next
    private, parallel = facts.path(node.private), node.limits.seal_parallel
    starting = date.min if following else own.valid_from if own else None
    next_key = keyring.next_key(private) if following else None
    unpacker = unpacker or Aside(node.limits)
    signing = next_key[0] if next_key else None
    return Profiles(
        OpenPGP(private, openpgp, parallel=parallel, signing=signing, unpacker=unpacker),
        SM(Kept(private, starting), sm, parallel=parallel, unpacker=unpacker),
        unpacker,
    )


def backup_sealer(facts: Facts) -> OpenPGP:
    """Seals for the offline key of backups alone."""
    key = facts.node.backup.key
    return OpenPGP(facts.path(facts.node.private), {key: facts.keys / "backup.asc"} if key else {})


def sm_days(facts: Facts) -> dict[str, date | None]:
    """SM2 pin -> its last day, as its party says."""
    found: dict[str, date | None] = {}
    for party in facts.parties.values():
        found |= {party.sm_key: party.sm_valid_until} if party.sm_key else {}
        found |= {party.next.sm_key: party.next.sm_valid_until} if party.next and party.next.sm_key else {}
    return found


def exchange_root(facts: Facts) -> ExchangeRoot:
    """The root under which every party has its folder. The first one that is made puts a sentinel there."""
    return ExchangeRoot(facts.path(facts.node.exchange_root), facts.path(facts.node.state) / "spool" / ROOT_RECORD)


def room(facts: Facts) -> Room:
    """For what comes in by folders and by SFTP alike."""
    return Room(facts.node.intake.max_file_mb << 20, facts.node.intake.min_free_mb << 20)


def party_folders(root: ExchangeRoot) -> PartyFolders:
    """What the parties have below the root."""
    return Folders(root)


def prepare(facts: Facts) -> None:
    """Make the node's folders where they are missing. Parties' folders are the partner's to read, so 0770. Where
    something is in the way, the others are made: what belongs into that one waits."""
    for relative in (facts.node.state, facts.node.log, facts.node.private):
        durable.make_folder(facts.path(relative))
    if not (facts.path(facts.node.state) / "spool" / ROOT_RECORD).exists():  # later it would hide an unmounted share
        durable.make_folder(facts.path(facts.node.exchange_root), 0o770)
    folders = party_folders(exchange_root(facts))
    for party in facts.parties.values() if folders.is_up() else ():
        if party.id != facts.node.party:
            for folder in places.folders_of(facts, party):
                with suppress(OSError):
                    folders.make(folder)


def build(facts: Facts, worker: AnyWorker | None = None, ledger: Ledger | None = None) -> Node:
    """Everything the corridors need. A reload hands over the worker and the ledger that run already."""
    node = facts.node
    state = facts.path(node.state)
    prepare(facts)
    if ledger is None:
        ledger = Ledger(database_url(facts))
        ledger.migrate()
    spool = Spool(state)
    inbox = DropFolders(
        facts.path(node.exchange_root),
        addresses(facts),
        spool.arrivals,
        quiet=Quiet(
            node.intake.quiet_seconds,
            node.intake.network,
            unfinished=node.intake.unfinished_seconds,
            writers=Writers(facts.path(node.writers_socket) if node.writers_socket else None),
        ),
        room=room(facts),
        returned=node.folders.returned,
    )
    worker = worker or make_worker(facts)
    seals = sealing(facts, unpacker=worker if isinstance(worker, Worker | WorkerUnit) else None)

    def close() -> None:
        seals.close()
        ledger.close()

    return Node(
        facts=Keeper(facts),
        clock=make_clock(facts),
        ledger=ledger,
        spool=spool,
        inbox=inbox,
        folders=party_folders(inbox.root),
        worker=worker,
        sealer=seals,
        opener=seals,
        verifier=seals,
        courier=lambda party: courier(facts, party, inbox.root),
        log=structlog.get_logger("gateway"),
        close=close,
        notices=notices(facts),
        shares=Shares(node.limits.submissions_parallel),
    )


def make_worker(facts: Facts) -> AnyWorker:
    """A child of the daemon, or, where its socket is named, the worker that the service manager runs."""
    node = facts.node
    state, largest = facts.path(node.state), node.intake.max_file_mb
    if node.worker_socket is None:
        return Worker(state / "worker.sock", node.limits, largest)
    return WorkerUnit(facts.path(node.worker_socket), facts.path(node.worker_tray), node.limits, largest)


def notices(facts: Facts) -> dict[str, Notices]:
    """The ways of telling people that are configured."""
    node, chosen = facts.node, facts.node.notices
    private = facts.path(node.private)
    ways: dict[str, Notices] = {}
    if chosen.mail is not None:
        authorities = facts.keys / chosen.mail.ca if chosen.mail.ca else None
        ways["mail"] = Mailer(chosen.mail, credential(private, chosen.mail.credential), authorities, node.name)
    if chosen.webhook is not None:
        ways["webhook"] = Poster(chosen.webhook, credential(private, chosen.webhook.credential), node.name)
    return ways


def courier(facts: Facts, party: Party, root: ExchangeRoot) -> Courier:
    """The way to one party."""
    channel = party.channel
    if not isinstance(channel, SftpChannel):
        folders = {PartyId(p.id): p.folder_name for p in facts.parties.values()}
        return FolderCourier(root, folders, inbox=facts.node.folders.inbox, file_mode=0o660, folder_mode=0o770)
    return SftpCourier({PartyId(party.id): endpoint(facts, channel)})


def endpoint(facts: Facts, channel: SftpChannel) -> Endpoint:
    """A party's SFTP endpoint: the key is the node's credential by name, the host key is pinned below `keys/`."""
    return Endpoint(
        host=channel.host,
        port=channel.port,
        username=channel.username,
        key=credential(facts.path(facts.node.private), channel.credential),
        known_hosts=facts.keys / channel.known_hosts,
        remote_folder=channel.remote_folder,
        folder=channel.folder,
        packages_only=channel.packages_only,
        acknowledge=facts.node.folders.acknowledge,
    )


def mailboxes(facts: Facts) -> dict[str, Mailbox]:
    """Where witnesses are asked over SFTP, by the name they have in `keys/witnesses.policy`."""
    found = {}
    for name, witness in facts.node.witnesses.items():
        channel = facts.parties[witness.party].channel
        if isinstance(channel, SftpChannel):
            found[name] = Mailbox(endpoint(facts, channel), witness.folder, witness.seconds)
    return found


def collectors(facts: Facts, node: Node) -> list[Collector]:
    """One for every party that this node collects from. What they fetched is remembered in `state/collected/`."""
    home = facts.path(facts.node.state) / "collected"
    memory: Memory | None = None
    found = []
    for party in facts.parties.values():
        channel = party.channel
        if not isinstance(channel, SftpChannel) or not (channel.collect or channel.receipts or channel.signatures):
            continue
        memory = memory or Memory(home)
        errands = [
            Errand(
                AgreementId(agreement.id),
                remote,
                str(places.drop_folder(facts, party, agreement)),
                str(places.inbox_folder(facts, party, agreement)),
            )
            for agreement, remote in ((facts.agreements[name], remote) for name, remote in channel.collect.items())
        ]
        # Beside the agreements' folders: no agreement's id begins with a dash.
        for name, remote, here in (
            ("-receipts", channel.receipts, places.fetched_receipts(facts, party)),
            ("-signatures", channel.signatures, places.signed_folder(facts, party)),
        ):
            if remote:
                errands.append(Errand(AgreementId(name), remote, str(here), str(here), optional=True))
        seconds = channel.collect_seconds
        plan = Plan(
            PartyId(party.id),
            endpoint(facts, channel),
            errands,
            seconds,
            min(seconds / 2, 2.0),
            listed=node.worker.listed,
        )
        found.append(Collector(plan, exchange_root(facts), memory, now=node.clock.now, room=room(facts)))
    return found


def load(where: Path | None) -> Facts:
    """The facts a node runs on. Raises `FactsError` with every fault."""
    return loading.load(loading.find(where))
