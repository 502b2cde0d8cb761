"""Duplicates across a sender's files of a period: fingerprints under a key that the period has and loses.

`state/repeats/<agreement>/<period>/` holds the key and one folder per parcel. When the period closes (its last date has
passed, or ninety days after its end where nothing is owed) the key is overwritten, everything is removed, and an
`erased` entry says so. What comes later, and what has no period, is compared within itself only, under a key that is
never written down.
"""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger import Reading
from gateway.corridors import counting
from gateway.lifecycle import Event, ParcelState
from gateway.log import Entry
from gateway.node import ACTOR, Node
from gateway.parcels import Checked, Kind, ParcelId
from gateway.policy.periods import Period
from gateway.ports import ExamineJob
from gateway.records import repeats, schema

KEY, KEY_BYTES = "key", 32
UNOWED_DAYS = 90


def key(node: Node, agreement: str, period: str, now: datetime) -> str:
    """The key to fingerprint a parcel with, as hex."""
    folder = _folder(node, agreement, period)
    with node.ledger.reading() as reading:
        if not period or closed(reading, agreement, period, now):
            return secrets.token_hex(KEY_BYTES)
    if not (folder / KEY).exists():
        durable.make_folder(folder)
        mine = folder / f".{secrets.token_hex(8)}"
        durable.write_bytes(mine, secrets.token_bytes(KEY_BYTES), 0o600)
        try:
            os.link(mine, folder / KEY)  # two parcels of a period may ask at once: the first makes it
        except FileExistsError:
            pass
        finally:
            durable.remove(mine)
    return (folder / KEY).read_bytes().hex()


def find(node: Node, parcel: ParcelId, checked: Checked, job: ExamineJob) -> dict[str, int]:
    """Keep the parcel's fingerprints with its period, and how many records it repeats, by code. Redone as often as its
    step is."""
    made = job.out / repeats.FOLDER
    if not made.is_dir():
        return {}
    arrival = checked.opened.arrival
    folder = _folder(node, arrival.agreement, arrival.period)
    others: list[Path] = []
    if arrival.period and (folder / KEY).exists():
        shutil.rmtree(folder / parcel, ignore_errors=True)
        made.rename(folder / parcel)
        made = folder / parcel
        if arrival.kind is not Kind.REPLACE:
            with node.ledger.reading() as reading:
                earlier = counting.before(reading, reading.parcels.row(parcel))
                others = [folder / other.id for other in earlier if other.id != parcel]
    found = repeats.compare(made, [other for other in others if other.is_dir()])
    if found.rows:
        repeats.tell(job, found)
    counts = {repeats.INSIDE: found.inside, repeats.ELSEWHERE: found.elsewhere}
    return {code: count for code, count in counts.items() if count}


def closed(reading: Reading, agreement: str, period: str, now: datetime) -> bool:
    """Whether the period's last date has passed."""
    owed = reading.obligations.where(agreement=agreement, period=period)
    if owed:
        return max(o.expires_at for o in owed) < now
    return Period.parse(period).end + timedelta(days=UNOWED_DAYS) < now.date()


def uncompared(node: Node) -> list[str]:
    """`agreement/period` of open periods whose earlier files are not compared with, since their fingerprints went with
    a lost node."""
    now, facts = node.clock.now(), node.facts.current()
    found = set()
    with node.ledger.reading() as reading:
        for row in reading.parcels.where(state=ParcelState.ACCEPTED, limit=1_000_000):
            agreement, name = facts.agreements.get(row.agreement), f"{row.agreement}/{row.period}"
            if agreement is None or agreement.content == "document" or not row.period or name in found:
                continue
            if not schema.load(facts.schemas, agreement.dataset, agreement.schema_version).duplicate_key:
                continue
            if not closed(reading, row.agreement, row.period, now):
                found.add(name)
    return sorted(name for name in found if not (node.spool.state / repeats.FOLDER / name / KEY).exists())


def destroy(node: Node) -> None:
    """Destroy the keys of all periods that have closed, with their fingerprints; the folder goes when the log says
    so."""
    now = node.clock.now()
    for folder in sorted((node.spool.state / repeats.FOLDER).glob("*/*")):
        agreement, period = folder.parent.name, folder.name
        with node.ledger.reading() as reading:
            if not closed(reading, agreement, period, now):
                continue
        if (folder / KEY).exists():
            durable.write_bytes(folder / KEY, bytes(KEY_BYTES), 0o600)
        parcels = sum(1 for inner in folder.iterdir() if inner.is_dir())
        for inner in folder.iterdir():
            shutil.rmtree(inner) if inner.is_dir() else durable.remove(inner)
        identity = f"{agreement}/{period}/fingerprints/{Event.ERASED}"
        with node.ledger.transaction(now) as tx:
            if tx.entries.get(identity) is None:
                tx.log(
                    Entry(
                        id=identity,
                        event=Event.ERASED,
                        time=now,
                        actor=ACTOR,
                        facts=node.facts.current().digest,
                        package=f"{agreement}/{period}",
                        counts={"keys": 1, "parcels": parcels},
                    )
                )
        folder.rmdir()
        durable.sync_folder(folder.parent)


def _folder(node: Node, agreement: str, period: str) -> Path:
    return node.spool.state / repeats.FOLDER / agreement / period
