"""The facts' shapes: the node, its parties and its agreements, as they stand in `config/`.

A fact that is not here is not known to the code: unknown keys are faults. Loading is in `gateway.policy.loading`,
rules between facts (a route names a known party, a basis is in force, …) in `gateway.policy.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.policy.facts import routing
from gateway.policy.facts.base import (
    FOLDER,
    FORMS,
    LABEL,
    AreaCode,
    Clock,
    Fact,
    Fingerprint,
    Identifier,
    Language,
    Profile,
    SmFingerprint,
    Tier,
)
from gateway.policy.facts.node import (
    Backup,
    Folders,
    Intake,
    Limits,
    Mail,
    Monitoring,
    Notices,
    Rehearsal,
    Reminders,
    SftpWitness,
    Timestamps,
    Webhook,
    Witnessing,
)
from gateway.policy.facts.terms import Acceptance, Basis, Deadline, EventClock, Frequency, Reconcile, Retention, Targets

__all__ = [
    "FORMS", "Acceptance", "Agreement", "Basis", "Contact", "Deadline", "EventClock", "Fact", "Facts", "FolderChannel",
    "Folders", "Frequency", "Intake", "Language", "Limits", "Mail", "Monitoring", "NextKeys", "Node", "Notices",
    "Party", "Person", "Profile", "Reconcile", "Rehearsal", "Reminders", "Retention", "SftpChannel", "Signing",
    "Targets", "Tier", "Webhook",
]  # fmt: skip

Signing = Literal["automatic", "by_person"]


class Contact(Fact):
    name: str
    role: str = ""
    phone: str = ""
    email: str = ""
    level: Literal[0, 1] = Field(
        default=0,
        description="1: the next level of the party, told of nothing but reminders from `[reminders] escalates_at` on",
    )


class FolderChannel(Fact):
    """Packages are laid into the party's own folder on this node's exchange root."""

    kind: Literal["folder"] = "folder"


class SftpChannel(Fact):
    """Packages are pushed to the party's SFTP endpoint, and what it laid out for this node is fetched from there.
    `known_hosts` pins its host key; the key comes from a credential file by name, never from here."""

    kind: Literal["sftp"]
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    username: str
    remote_folder: str = Field(default=".", description="what `folder` and `collect` are relative to")
    folder: str = Field(
        default="{label}",
        description="where a batch is put; `{label}` is the agreement's label. Into another node's drop folder: "
        "`上报/{label}`, with `packages_only`",
    )
    packages_only: bool = Field(
        default=False,
        description="lists, forms, pages and signatures of a batch stay here: in a drop folder each of them would be "
        "taken for a submission",
    )
    known_hosts: str
    credential: str = "sftp-key"
    collect: Mapping[Identifier, str] = Field(
        default_factory=dict,
        description="agreement → the party's folder that is polled for packages under it; they land in the party's "
        "drop folder here",
    )
    receipts: str = Field(default="", description="another node's folder of signed receipts: `回执/机器读取`; polled")
    signatures: str = Field(default="", description="another node's folder of what it signed: `接收/签收`; polled")
    collect_seconds: float = Field(default=60.0, ge=1, description="seconds between two polls")


class NextKeys(Fact):
    """A party's next keys: signatures under them are accepted at once, beside those under the present keys; from
    `valid_from` on they are sealed for. The overlap ends with `gateway keys rotate --finish`. Files:
    `keys/<id>.next.asc`, `keys/<id>.next.sm2.pem`."""

    valid_from: date
    key: Fingerprint | None = None
    sm_key: SmFingerprint | None = None
    sm_valid_until: date | None = None


class Party(Fact):
    """交换方: an organisation with an area code, a public key, a channel and contacts. File: `parties/<id>.toml`."""

    id: Identifier
    name: str
    short: str = ""
    area_code: AreaCode
    tier: Tier
    folder: str = Field(default="", pattern=FOLDER, description="name under the exchange root; default: the id")
    language: Language = "zh"
    key: Fingerprint | None = None
    sm_key: SmFingerprint | None = Field(
        default=None, description="SM3 of the SubjectPublicKeyInfo in `keys/<id>.sm2.pem`, for profile `sm`"
    )
    sm_valid_until: date | None = Field(default=None, description="the last day of `sm_key`: it does not tell itself")
    next: NextKeys | None = None
    revoked: tuple[Fingerprint | SmFingerprint, ...] = Field(
        default=(), description="never again: neither sealed for nor believed nor pinned anew"
    )
    channel: FolderChannel | SftpChannel = Field(default_factory=FolderChannel, discriminator="kind")
    log_keys: tuple[str, ...] = Field(
        default=(), description="of its own exchange log, as its `gateway log key` prints them; proofs are held to them"
    )
    contacts: tuple[Contact, ...] = ()

    @property
    def province(self) -> str:
        """The two digits of the party's province (GB/T 2260; 66 for the Corps by the sector's convention)."""
        return self.area_code[:2]

    def at(self, level: int) -> tuple[Contact, ...]:
        """Whom of the party to tell: who is responsible (0), or who is over them (1)."""
        return tuple(contact for contact in self.contacts if contact.level == level)

    @property
    def gateway(self) -> bool:
        """Whether what is pushed to it lands in another node's drop folders."""
        return isinstance(self.channel, SftpChannel) and self.channel.packages_only

    @property
    def folder_name(self) -> str:
        return self.folder or self.id

    def pins(self, profile: Profile) -> tuple[str, ...]:
        """The fingerprints whose signatures are this party's, the present one first; both in an overlap."""
        following = self.next or NextKeys(valid_from=date.max)
        found = (self.sm_key, following.sm_key) if profile == "sm" else (self.key, following.key)
        return tuple(pin for pin in found if pin is not None and pin not in self.revoked)

    def sealing_key(self, profile: Profile, day: date) -> str | None:
        """The fingerprint to seal for on `day`: the next one from its date on, or where the present one is revoked."""
        pins = self.pins(profile)
        following = self.next and (self.next.sm_key if profile == "sm" else self.next.key)
        if self.next and following in pins and day >= self.next.valid_from:
            return following
        return pins[0] if pins else None

    def key_files(self) -> Mapping[str, str]:
        """Fingerprint → the key's file below `keys/`, as far as there are any."""
        following = self.next or NextKeys(valid_from=date.max)
        named = {
            self.key: f"{self.id}.asc",
            self.sm_key: f"{self.id}.sm2.pem",
            following.key: f"{self.id}.next.asc",
            following.sm_key: f"{self.id}.next.sm2.pem",
        }
        return {pin: file for pin, file in named.items() if pin is not None}


class Person(Fact):
    """Somebody who may release with four eyes. File: `people/<id>.toml`, key: `keys/people/<id>.asc`. `user`: the
    person's own Unix user, if there is one that nobody shares; whoever has none attests by signature alone."""

    id: Identifier
    key: Fingerprint
    user: str = ""
    roles: tuple[Literal["release"], ...] = ("release",)


class Agreement(Fact):
    """交换约定. File: `agreements/<id>.toml`."""

    id: Identifier
    label: str = Field(pattern=LABEL, description="Chinese, also the folder's name")
    title: str = ""
    issued_as: str = Field(
        default="", description="id under which packages arrive whose sender calls the agreement otherwise"
    )
    dataset: Identifier
    content: Literal["table", "document"] = "table"
    file_types: tuple[str, ...] = Field(
        default=(".pdf", ".ofd", ".doc", ".docx", ".wps", ".xls", ".xlsx", ".txt"),
        description="what a document may be, by the ending of its name; documents are passed on as they are",
    )
    schema_version: str = "1"
    columns: tuple[str, ...] = Field(default=(), description="field names that may travel; empty: all of the schema")
    ignorable: tuple[str, ...] = ("序号", "备注")
    senders: Tier | tuple[Identifier, ...]
    receivers: Literal["routed"] | tuple[Identifier, ...]
    route_by: str | None = None
    routes: Tier | Mapping[str, Identifier] = Field(
        default="province",
        description="whom `route_by` leads to: the parties of a tier by their area codes, or what the field begins "
        "with → a party",
    )
    versions: Mapping[str, str] = Field(
        default_factory=dict,
        description="period → the schema's version from that period on; before the first one `schema_version` holds",
    )
    rhythm: Literal["quarterly", "monthly", "half-yearly", "yearly", "event"]
    first_period: str = Field(default="", description="taken from this period on; empty: from the basis's first day on")
    deadline: Deadline | None = None
    frequency: Mapping[Identifier, Frequency] = Field(
        default_factory=dict, description="sender → its own frequency and dates, where they differ"
    )
    distribute_within: Clock | Literal[""] = Field(
        default="", description="`workdays:5`: by when this node distributes, from the last date of the period"
    )
    collect_within: Clock | Literal[""] = Field(
        default="", description="`workdays:5`: by when a receiver signs for a batch, from its delivery"
    )
    clock: EventClock | None = None
    profile: Profile = "openpgp"
    plain_basis: str = Field(
        default="", description="why files may be handed over unsealed, for profile `plain-folder`: document and number"
    )
    release: Literal["at_once", "at_close", "by_operator"] = "at_close"
    acceptance: Acceptance = Acceptance()
    retention: Retention = Retention()
    reconcile: Reconcile | None = None
    targets: Targets = Targets()
    basis: Basis
    acknowledge: Signing = Field(default="automatic", description="who signs for another gateway's batch")
    confirm_days: int = Field(
        default=10, ge=1, description="until a delivered batch without signature is `unconfirmed`"
    )
    sensitivity: Literal["normal", "high"] = "normal"
    four_eyes: bool = False


class Node(Fact):
    """This node. File: `gateway.toml`. Paths are relative to the node's folder (the one that holds `config/`)."""

    name: Identifier
    party: Identifier
    tier: Tier
    language: Language = "zh"
    exchange_root: Path = Path("exchange")
    state: Path = Path("state")
    log: Path = Path("log")
    private: Path = Path("private")
    database: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in `state/`")
    worker_socket: Path | None = Field(
        default=None, description="where a worker that the service manager runs listens; none: a child of the daemon"
    )
    worker_tray: Path = Field(
        default=Path("state/tray"), description="where files change hands with such a worker; its group passes through"
    )
    folders: Folders = Folders()
    intake: Intake = Intake()
    limits: Limits = Limits()
    notices: Notices = Notices()
    monitoring: Monitoring = Monitoring()
    reminders: Reminders = Reminders()
    backup: Backup = Backup()
    rehearsal: Rehearsal | None = None
    timestamps: Timestamps | None = None
    witnesses: Mapping[Identifier, SftpWitness] = Field(default_factory=dict)
    witnessing: Witnessing = Witnessing()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything in force at one moment; `digest` pins it (SHA-256 over every file's path and content).

    `home` is the node's folder, or the kept copy of a snapshot; `schemas` and `keys` lie in it beside `config`.
    `root` is set for a snapshot: the node's folder, which the paths of `gateway.toml` are relative to.
    """

    home: Path
    digest: str
    node: Node
    parties: Mapping[str, Party]
    agreements: Mapping[str, Agreement]
    root: Path | None = None
    people: Mapping[str, Person] = field(default_factory=dict)

    @property
    def schemas(self) -> Path:
        return self.home / "schemas"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def calendar(self) -> Path:
        return self.home / "config" / "calendar"

    def path(self, relative: Path) -> Path:
        """A path of `gateway.toml`, made absolute."""
        return relative if relative.is_absolute() else (self.root or self.home) / relative

    def senders(self, agreement: Agreement) -> tuple[Party, ...]:
        """Who owes under an agreement, in order of area code."""
        if isinstance(agreement.senders, str):
            chosen = [p for p in self.parties.values() if p.tier == agreement.senders and p.id != self.node.party]
        else:
            chosen = [self.parties[i] for i in agreement.senders]
        return tuple(sorted(chosen, key=lambda p: p.area_code))

    def receivers(self, agreement: Agreement) -> tuple[Party, ...]:
        """Who may receive under an agreement: the named ones, or everybody whom its routes lead to."""
        if agreement.receivers == "routed":
            chosen = list({party.id: party for party in self.routes(agreement).values()}.values())
        else:
            chosen = [self.parties[i] for i in agreement.receivers]
        return tuple(sorted(chosen, key=lambda p: p.area_code))

    def inquiries(self, reply: str) -> tuple[Agreement, ...]:
        """The agreements whose records are answered under this one."""
        return tuple(a for _, a in sorted(self.agreements.items()) if a.clock and a.clock.answered_by == reply)

    def routes(self, agreement: Agreement) -> Mapping[str, Party]:
        """What the routing field begins with → who receives the record."""
        return routing.leads(self.parties, agreement)

    def by_province(self, province: str) -> Party | None:
        """The provincial party of a two-digit code, if it takes part in the exchange."""
        return next((p for p in self.parties.values() if p.tier == "province" and p.province == province), None)
