"""What the keeper's commands of `gateway log` do: record a change of key, get a time stamp, pack a bundle."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from gateway import durable, wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, stamping
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.log.note import Signer
from gateway.log.tiles import ARCHIVE
from gateway.log.timestamps import Authorities
from gateway.policy.facts import Facts


def log_rotation(facts: Facts, what: str, old: Signer, new: Signer) -> None:
    """A change of the log's own key is an entry of the log."""
    now = wiring.make_clock(facts).now()
    ledger = Ledger(wiring.database_url(facts))
    try:
        ledger.migrate()
        entry = Entry(
            id=f"log/{Event.LOG_KEY}/{what}/{old.verifier.id.hex()}",
            event=Event.LOG_KEY,
            time=now,
            actor=f"uid:{os.getuid()}",
            facts=facts.digest,
            digests={"old": old.verifier.public.hex(), "new": new.verifier.public.hex()},
        )
        ledger.append([entry], now)
    finally:
        ledger.close()


def stamp(facts: Facts, url: str, authorities: Authorities) -> tuple[int, datetime]:
    """`stamping.stamp` beside the daemon, or without it."""
    ledger = Ledger(wiring.database_url(facts))
    try:
        return stamping.stamp(ledger, facts.path(facts.node.log), url, authorities)
    finally:
        ledger.close()


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
