"""Checkpoints: the published one, those archived with cosignatures and tokens, those an auditor saved. Each must be
signed, and its tree must be the beginning of the one tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from gateway.instants import rfc3339
from gateway.log import timestamps
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, read_checkpoint
from gateway.log.quorum import Policy
from gateway.log.tiles import ARCHIVE
from gateway.log.verification.findings import Attested, Cosigned, Findings

TOLERANCE = 300  # seconds


class Cover(NamedTuple):
    """A time that somebody else gives for the first `size` entries. `latest` is the last instant of its second: what
    it covers is not later; `earliest` its first."""

    size: int
    earliest: str
    latest: str
    who: str

    @classmethod
    def at(cls, size: int, moment: datetime, who: str) -> Cover:
        second = moment.astimezone(UTC).replace(microsecond=0)
        return cls(size, rfc3339(second), rfc3339(second.replace(microsecond=999_999)), who)


@dataclass(slots=True)
class Shown:
    """A checkpoint from somewhere: `place` for the report, its note, its content."""

    place: str
    note: Note
    checkpoint: Checkpoint
    token: bytes | None = None


@dataclass(slots=True)
class Witnessed:
    """What the archive shows: covering times, the sizes with a quorum, the newest size with a valid token, and by name
    the newest that each witness cosigned."""

    covers: list[Cover] = field(default_factory=list)
    quorums: list[int] = field(default_factory=list)
    stamped: int = 0
    newest: dict[str, tuple[int, str]] = field(default_factory=dict)

    def attested(self, keys: Sequence[VerifierKey], policy: Policy) -> Attested:
        """The same for the report. `keys` signed the checkpoint."""
        return Attested(
            tuple(f"{key.name}+{key.id.hex()}" for key in keys),
            tuple(
                Cosigned(name, key.id.hex(), *self.newest.get(name, (0, ""))) for name, key in policy.witnesses.items()
            ),
            max(self.quorums, default=0),
            self.stamped,
        )


def signers(shown: Note, checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Those of `keys` that are of the checkpoint's own origin and signed it."""
    return [key for key in keys if checkpoint.origin == key.name and shown.signed_by(key)]


def archive(folder: Path, findings: Findings) -> list[Shown]:
    """Every archived checkpoint, by size, with its token."""
    found = []
    base = folder / ARCHIVE
    for path in sorted(base.iterdir(), key=lambda p: (len(p.name), p.name)) if base.is_dir() else ():
        if not path.name.isdigit():
            continue
        place = f"{ARCHIVE}/{path.name}"
        try:
            note, checkpoint = read_checkpoint(path.read_bytes())
        except BadNote as error:
            findings.add("signature", place, "存档的检查点读不懂", f"an archived checkpoint that is none: {error}")
            continue
        token = path.with_name(f"{path.name}.tsr")
        found.append(Shown(place, note, checkpoint, token.read_bytes() if token.exists() else None))
    return found


def earlier(
    shown: Sequence[Shown],
    keys: Sequence[VerifierKey],
    size: int,
    root: Callable[[int], bytes],
    findings: Findings,
) -> list[Shown]:
    """Those that are signed and the beginning of this tree; the others are reported."""
    good = []
    for one in shown:
        if not signers(one.note, one.checkpoint, keys):
            findings.add("signature", one.place, "检查点签名无效或不是本日志的", "not signed by this log's key")
        elif one.checkpoint.size > size:
            findings.add(
                "rollback",
                one.place,
                f"曾有 {one.checkpoint.size} 条，现在只有 {size} 条：日志被回退",
                f"the log had {one.checkpoint.size} entries and has {size} now: it was rolled back",
            )
        elif root(one.checkpoint.size) != one.checkpoint.root:
            findings.add(
                "consistency",
                one.place,
                f"前 {one.checkpoint.size} 条与当时签名的不同：历史被改写",
                f"the first {one.checkpoint.size} entries are not those that were signed: history was rewritten",
            )
        else:
            good.append(one)
    return good


def witnessed(
    shown: Sequence[Shown],
    policy: Policy,
    authorities: timestamps.Authorities | None,
    now: datetime,
    findings: Findings,
) -> Witnessed:
    """Judge the cosignatures of the policy's witnesses, and the tokens, over checkpoints of this tree. What is not
    valid, or is more than five minutes ahead of `now`, is reported and covers nothing."""
    found = Witnessed()
    for one in shown:
        size, names = one.checkpoint.size, set()
        for name, key in policy.witnesses.items():
            time = one.note.cosigned_at(key)
            if time is None:
                if one.note.claims(key):
                    findings.add(
                        "cosignature", one.place, f"{name} 的见证签名无效", f"{name}'s cosignature is not valid"
                    )
                continue
            if time > now.timestamp() + TOLERANCE:
                findings.add("cosignature", one.place, f"{name} 的见证签名时间在将来", f"{name} cosigned in the future")
                continue
            names.add(name)
            cover = Cover.at(size, datetime.fromtimestamp(time, UTC), f"{one.place} {name}")
            found.covers.append(cover)
            found.newest[name] = max(found.newest.get(name, (0, "")), (size, cover.earliest))
        if names and policy.met(names):
            found.quorums.append(size)
        if one.token is not None:
            _token(one, authorities, now, findings, found)
    return found


def _token(
    one: Shown, authorities: timestamps.Authorities | None, now: datetime, findings: Findings, found: Witnessed
) -> None:
    try:
        moment = timestamps.judge(one.token or b"", one.note.text.encode(), authorities)
    except timestamps.BadToken as error:
        findings.add("timestamp", f"{one.place}.tsr", "时间戳无效", f"the token is not valid: {error}")
        return
    if moment.timestamp() > now.timestamp() + TOLERANCE:
        findings.add("timestamp", f"{one.place}.tsr", "时间戳在将来", "the token is from the future")
        return
    found.stamped = max(found.stamped, one.checkpoint.size)
    found.covers.append(Cover.at(one.checkpoint.size, moment, f"{one.place}.tsr"))
