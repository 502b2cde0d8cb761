"""The facts' shapes: this node, and the tables of its file `gateway.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.policy.facts.base import FOLDER, URL, Fact, Fingerprint, HourMinute, Identifier, Language, Tier


class Folders(Fact):
    """Names of the folders that people see; Chinese by default."""

    drop: str = "上报"
    templates: str = "模板"
    receipts: str = "回执"
    machine: str = "机器读取"
    inbox: str = "接收"
    returned: str = "退回"
    acknowledge: str = "签收"


class Intake(Fact):
    """Seconds, bytes. `quiet_seconds`: how long size, mtime and inode must stand still (30–60 on a network share)."""

    scan_seconds: float = Field(default=2.0, gt=0, le=60)
    quiet_seconds: float = Field(default=2.0, ge=0)
    network: bool = False
    unfinished_seconds: float = Field(
        default=120.0,
        ge=0,
        description="how long a file without its end waits for the rest before it is refused",
    )
    max_file_mb: int = Field(default=4096, ge=1)
    min_free_mb: int = Field(
        default=512, ge=0, description="with less left free nothing new is taken; what is in work goes on"
    )
    resume_free_mb: int = Field(
        default=0, ge=0, description="taken again from here on; 0: a quarter above `min_free_mb`"
    )

    per_party: int = Field(
        default=100,
        ge=1,
        description="so many files of one party are in work at once; what else it has laid waits in its folder, so "
        "that a flood of one delays nobody else",
    )

    @property
    def resume_at_mb(self) -> int:
        """Above the limit at which intake stopped, so that it does not stop and start with every file."""
        return max(self.resume_free_mb or self.min_free_mb * 5 // 4, self.min_free_mb)


class Limits(Fact):
    seal_parallel: int = Field(default=4, ge=1, le=16)
    submissions_parallel: int = Field(default=4, ge=1, le=64)
    worker_memory_mb: int = Field(default=1024, ge=256)
    worker_seconds: int = Field(default=1800, ge=10)


class Backup(Fact):
    """`key`: whom a backup is encrypted to, an OpenPGP key whose private half is kept offline. Its public half is
    `keys/backup.asc`."""

    key: Fingerprint | None = None


class Rehearsal(Fact):
    """演练: the node's clock starts at `starts_at` and runs `speed` times as fast. The log says so at every start."""

    starts_at: datetime
    speed: float = Field(default=1.0, gt=0)


class Timestamps(Fact):
    """A time-stamping authority (RFC 3161 over HTTP) that is asked for a token over the newest checkpoint."""

    url: str = Field(pattern=URL)
    certificate: str = Field(description="PEM file below `keys/`: the authority's certificate and those above it")
    minutes: int = Field(default=60, ge=1, description="between two tokens; none is asked for while nothing is new")


class SftpWitness(Fact):
    """A witness of `keys/witnesses.policy`, by the name it has there, that is asked over its party's SFTP endpoint: the
    request is left in `folder`, the cosigned checkpoint fetched from there."""

    kind: Literal["sftp"] = "sftp"
    party: Identifier = Field(description="a party with an SFTP channel")
    folder: str = Field(default="见证", description="below the channel's `remote_folder`; made when it is missing")
    seconds: float = Field(default=60.0, ge=1, description="between two looks; none while nothing is new")


class Witnessing(Fact):
    """Whose logs this node witnesses, of `keys/witnessed.policy`, by requests that are left in a folder here."""

    parties: tuple[Identifier, ...] = Field(default=(), description="whose folders the daemon looks into")
    folder: str = Field(
        default="见证", pattern=FOLDER, min_length=1, description="the folder's name in the party's own"
    )


class Mail(Fact):
    """The server that mail is handed to. `security`: `tls` from the first byte, `starttls`, or `none`, which is for a
    server on this very machine. The server's certificate is checked against the system's, or against `ca` alone."""

    host: str
    port: int = Field(default=465, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    ca: str = Field(default="", description="a PEM file below `keys/`; empty: the authorities the system trusts")
    sender: str = Field(description="the address mail comes from")
    username: str = Field(default="", description="empty: the server asks for no login")
    credential: str = Field(default="smtp-password", description="the credential that holds the password")


class Reminders(Fact):
    """When the node reminds by itself. Steps are working days from the date, before it when negative; from
    `escalates_at` on the next level is told too. Nothing goes out on rest days and from `quiet_from` to `quiet_until`.
    """

    automatic: bool = True
    steps: tuple[int, ...] = (-10, -5, -2, 0, 1, 5, 10)
    escalates_at: int = 5
    at: HourMinute = Field(default="09:00", description="the hour of a step, Shanghai's clock")
    quiet_from: HourMinute = "18:00"
    quiet_until: HourMinute = "08:30"


class Webhook(Fact):
    """Where the operator's notices are posted as JSON, with `X-Gateway-Signature: sha256=<HMAC of the body>`."""

    url: str = Field(pattern=URL, description="https, or http on this very machine")
    credential: str = Field(default="webhook-key", description="the credential that holds the HMAC's key")


class Notices(Fact):
    """Who is told what, beside what lies in the parties' folders. Mail goes to the contacts with an `email`: a party's
    about the party, this node's own about the node."""

    digest_minutes: float = Field(
        default=30, ge=0, description="what happens to one contact within so many minutes is one message"
    )
    mail: Mail | None = None
    webhook: Webhook | None = None


class Monitoring(Fact):
    """`/healthz`, `/readyz` and `/metrics` are on the control socket; a port on the loopback as well, if named."""

    port: int | None = Field(default=None, ge=1, le=65535)


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
    writers_socket: Path | None = Field(
        default=None,
        description="where the unit listens that tells who still writes a file; none: files of other users wait 30 s",
    )
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
