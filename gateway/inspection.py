"""Inspecting the facts: everything there is to say about them at once, whichever room knows it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gateway.deadlines.editions import read_folder
from gateway.log.note import BadNote, VerifierKey
from gateway.policy import loading
from gateway.policy.faults import FactFault, FactsError, Findings
from gateway.policy.rules import crosscheck

BACKUP_KEY = "keys/backup.asc"


def findings(where: Path, today: date) -> Findings:
    """Everything there is to say about the facts under `where` on `today`, the calendar's files included."""
    found = crosscheck.inspect(where, today)
    try:
        home = loading.home_of(where)
    except FactsError:
        return found
    calendar = [
        FactFault(
            f"config/calendar/{fault.file}",
            fault.line or 1,
            _sentence(fault.sentence("en")),
            _sentence(fault.sentence("zh")),
        )
        for fault in read_folder(home / "config" / "calendar")[2]
    ]
    return Findings(tuple(sorted({*found.faults, *calendar, *_backup(where), *_log_keys(where)})), found.warnings)


def _backup(where: Path) -> list[FactFault]:
    """A key that backups are encrypted to has a file, and is nobody's who takes part in the exchange."""
    try:
        draft = loading.read(where)
    except FactsError:
        return []
    pin = draft.node.backup.key if draft.node else None
    if pin is None:
        return []
    said = []
    if BACKUP_KEY not in draft.contents:
        said.append((f"{BACKUP_KEY} is not there", f"没有公钥文件 {BACKUP_KEY}"))
    if any(pin in party.key_files() for party in draft.parties.values()):
        said.append(
            ("a party's key: backups need one that is used for nothing else", "这是交换方的密钥，备份须用专用密钥")
        )
    file = "config/gateway.toml"
    return [FactFault.at(file, draft.line(file, "backup", "key"), ("backup", "key"), en, zh) for en, zh in said]


def _log_keys(where: Path) -> list[FactFault]:
    """A partner's log key is one, with the id that belongs to it."""
    try:
        draft = loading.read(where)
    except FactsError:
        return []
    found = []
    for party in draft.parties.values():
        for line in party.log_keys:
            try:
                VerifierKey.parse(line)
            except BadNote:
                file, path = f"config/parties/{party.id}.toml", ("log_keys",)
                en, zh = "not a log key as gateway log key prints it", "不是 gateway log key 给出的日志公钥"
                found.append(FactFault.at(file, draft.line(file, *path), path, en, zh))
    return found


def _sentence(located: str) -> str:
    """A calendar fault says its file itself; here the file stands in front of every line anyhow."""
    return located.partition(": ")[2]
