"""What the keeper of the log does: record a change of its key, and pack a folder for the auditor."""

from __future__ import annotations

import shutil
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.log.note import Signer
from gateway.log.tiles import ARCHIVE
from gateway.policy.facts import Facts


def rotation(ledger: Ledger, facts: Facts, change: tuple[str, Signer, Signer], actor: str, now: datetime) -> None:
    """A change of the log's own key is an entry of the log. `change`: `rotated` or `retired`, the old and the new
    signer."""
    what, old, new = change
    entry = Entry(
        id=f"log/{Event.LOG_KEY}/{what}/{old.verifier.id.hex()}",
        event=Event.LOG_KEY,
        time=now,
        actor=actor,
        facts=facts.digest,
        digests={"old": old.verifier.public.hex(), "new": new.verifier.public.hex()},
    )
    ledger.append([entry], now)


def bundle(facts: Facts, out: Path) -> None:
    """Copy the published log and lay the public keys, the witnesses' policy and the how-to beside it. The checkpoint is
    copied first: tiles that come later do no harm, tiles that are missing would."""
    durable.make_folder(out)
    log = facts.path(facts.node.log)
    durable.make_folder(out / "log")
    shutil.copyfile(log / "checkpoint", out / "log" / "checkpoint")
    for name in (ARCHIVE, "tile"):
        if (log / name).is_dir():
            shutil.copytree(log / name, out / "log" / name, ignore=shutil.ignore_patterns(".*"))
    signers = LogKeys(facts.path(facts.node.private), facts.node.name).signers()
    durable.write_bytes(out / "log.vkey", "".join(f"{s.verifier}\n" for s in signers).encode(), 0o644)
    durable.write_bytes(out / "log.der", signers[0].verifier.der(), 0o644)
    policy = facts.keys / "witnesses.policy"
    if policy.exists():
        durable.write_bytes(out / policy.name, policy.read_bytes(), 0o644)
    for name, target in (("bundle.md", "README.md"), ("check_root.py", "check_root.py")):
        data = files("gateway.log").joinpath(name).read_bytes().replace(b"ORIGIN", facts.node.name.encode())
        durable.write_bytes(out / target, data, 0o644)
