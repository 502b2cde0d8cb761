"""The facts' shapes: a party, its channel, its keys and its contacts; and a person who may release."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from gateway.policy.facts.base import (
    FOLDER,
    AreaCode,
    Fact,
    Fingerprint,
    Identifier,
    Language,
    Profile,
    SmFingerprint,
    Tier,
)


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
        default=(), description="never again: neither sealed for, nor believed, nor pinned once more"
    )
    channel: FolderChannel | SftpChannel = Field(default_factory=FolderChannel, discriminator="kind")
    log_keys: tuple[str, ...] = Field(
        default=(), description="of its own exchange log, as its `gateway log key` prints them; proofs are held to them"
    )
    contacts: tuple[Contact, ...] = ()

    @property
    def file(self) -> str:
        """The party's own file, relative to the node's folder."""
        return f"config/parties/{self.id}.toml"

    @property
    def province(self) -> str:
        """The two digits of the party's province (GB/T 2260; 66 for the Corps by the sector's convention)."""
        return self.area_code[:2]

    def at(self, level: int) -> tuple[Contact, ...]:
        """Whom of the party to tell: who is responsible (0), or who is over them (1)."""
        return tuple(contact for contact in self.contacts if contact.level == level)

    @property
    def contact_line(self) -> str:
        """Name and telephone of the responsible contact, for people who have to call; empty where there is none."""
        return f"{self.contacts[0].name} {self.contacts[0].phone}".strip() if self.contacts else ""

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
    person's own Unix user, if there is one that nobody shares; a person without one attests by signature alone."""

    id: Identifier
    key: Fingerprint
    user: str = ""
    roles: tuple[Literal["release"], ...] = ("release",)

    @property
    def file(self) -> str:
        """The person's own file, relative to the node's folder."""
        return f"config/people/{self.id}.toml"
