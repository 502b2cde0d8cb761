"""What the keeper's commands of `gateway log` do: record a change of key, get a time stamp, pack a bundle."""

from __future__ import annotations

import os
import shutil
import urllib.request
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from gateway import durable, wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, write_archive
from gateway.log import Entry, Event, rfc3339
from gateway.log import timestamps as rfc3161
from gateway.log.note import Note, Signer
from gateway.log.tiles import ARCHIVE
from gateway.policy.model import Facts

SECONDS, LARGEST = 20, 1 << 20


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


def stamp(facts: Facts, url: str, authorities: rfc3161.Authorities) -> tuple[int, datetime]:
    """Ask an authority for a token over the newest signed checkpoint; keep it. Answers size and time. Raises `OSError`
    when the authority is away, `BadToken` when what it says is not a token over it, `LookupError` without a
    checkpoint."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("an authority is asked over HTTP")
    ledger = Ledger(wiring.database_url(facts))
    try:
        with ledger.published() as tables:
            signed, last = tables.signed(), tables.last_timestamp()
        if signed is None:
            raise LookupError("no checkpoint was signed yet")
        if last is not None and last[0] == signed.size:
            return last[0], datetime.fromisoformat(last[1])
        text = Note.parse(signed.note).text.encode()
        headers = {"Content-Type": "application/timestamp-query"}
        asked = urllib.request.Request(url, rfc3161.request(text), headers)  # noqa: S310 - the scheme was checked
        with urllib.request.urlopen(asked, timeout=SECONDS) as reply:  # noqa: S310
            token = reply.read(LARGEST)
        moment = rfc3161.judge(token, text, authorities)
        with ledger.publishing() as tables:
            tables.add_timestamp(signed.size, rfc3339(moment), token)
            lines = tables.cosignatures(signed.size)
        archived = write_archive(facts.path(facts.node.log), signed.size, signed.note, lines)
        durable.write_bytes(archived.with_name(f"{archived.name}.tsr"), token, 0o640)
    finally:
        ledger.close()
    return signed.size, moment


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
