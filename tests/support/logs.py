"""A small log for tests, as a node would write it: ledger, publisher and key are the real ones; and the same published
from a list of entries, for histories that a node would refuse to write."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785

from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, Publisher, write_archive
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry, leaf_hash, tiles
from gateway.log.merkle import WIDTH, Edge, leaf
from gateway.log.note import Checkpoint, Signer, VerifierKey

ORIGIN = "national"
START = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
FACTS = "4" * 64


def entry(identity: str, event: Event, time: datetime, parcel: str = "", **more: Any) -> Entry:
    return Entry(id=identity, event=event, time=time, actor="gateway", facts=FACTS, parcel=parcel, **more)


def parcel_entries(number: int, time: datetime) -> list[Entry]:
    """One accepted parcel from arrival to erasure: seven entries that add up."""
    name, origin = f"p{number:06d}", f"{11 + number % 3}0000"
    package = f"migrants-inflow_{origin}_440000_2026Q3_r{number}_00000000"
    common = {"parties": (origin,), "package": f"migrants-inflow/2026Q3/new/r{number}"}
    records, refused = 10 + number % 7, number % 2
    accepted = records - refused
    content = {"content": f"{number:064x}"}
    return [
        entry(f"{name}/received", Event.RECEIVED, time, name, digests=content, counts={"bytes": 900}, **common),
        entry(
            f"{name}/checked",
            Event.CHECKED,
            time,
            name,
            counts={"records": records, "accepted": accepted, "refused": refused},
            **common,
        ),
        entry(f"{name}/sorted", Event.SORTED, time, name, counts={"440000": accepted}, **common),
        entry(
            f"{name}/sealed",
            Event.SEALED,
            time,
            name,
            counts={"packages": 1, "records": accepted},
            digests={package: f"{number + 7:064x}"},
            **common,
        ),
        entry(
            f"{name}/accepted",
            Event.ACCEPTED,
            time,
            name,
            counts={"records": records, "accepted": accepted, "refused": refused, "warned": 0, "out_44": accepted},
            digests=content,
            **common,
        ),
        entry(
            f"submission:migrants-inflow:{name}:2026Q3/met",
            Event.MET,
            time,
            counts={"late": 0},
            parties=(origin,),
        ),
        entry(f"{name}/erased", Event.ERASED, time, name, **common),
    ]


@dataclass
class Log:
    """A published log with everything behind it."""

    folder: Path
    home: Path
    signer: Signer
    ledger: Ledger
    publisher: Publisher

    @property
    def key(self) -> VerifierKey:
        return self.signer.verifier

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    def bodies(self) -> list[bytes]:
        with self.ledger.published() as tables:
            return list(tables.bodies(0, tables.head()[0]))

    def grow(self, first: int, count: int, at: datetime, *, publish: bool = True) -> None:
        for number in range(first, first + count):
            now = at + timedelta(seconds=number)
            self.ledger.append(parcel_entries(number, now), now)
        if publish:
            self.publisher.publish(at + timedelta(seconds=first + count))

    def reopen(self) -> Publisher:
        """A publisher as a new process has it."""
        self.publisher = Publisher(self.ledger, self.folder, ORIGIN, LogKeys(self.home / "private", ORIGIN).signers)
        return self.publisher


def make_log(home: Path, parcels: int = 100, url: str = "") -> Log:
    """A published log of seven entries per parcel: 100 parcels are two full bundles and one that is not."""
    private = home / "private"
    private.mkdir(parents=True)
    keys = LogKeys(private, ORIGIN)
    signer = keys.generate()
    ledger = Ledger(url or f"sqlite:///{home / 'ledger.db'}")
    ledger.migrate()
    made = Log(home / "log", home, signer, ledger, Publisher(ledger, home / "log", ORIGIN, keys.signers))
    made.grow(0, parcels, START)
    return made


def write_log(folder: Path, bodies: Sequence[bytes], signer: Signer, origin: str = ORIGIN) -> Checkpoint:
    """Publish these bytes as a log, whatever they say: what an operator with the key could do."""
    edge = Edge()
    full = edge.extend(leaf(body) for body in bodies)
    for level, number, data in [*full, *edge.partial()]:
        put(folder / tiles.path_of(level, number, len(data) // 32), data)
    for number in range((len(bodies) + WIDTH - 1) // WIDTH):
        part = bodies[number * WIDTH : (number + 1) * WIDTH]
        put(folder / tiles.path_of(tiles.ENTRIES, number, len(part)), tiles.bundle(part))
    checkpoint = Checkpoint(origin, len(bodies), edge.root())
    put(folder / "checkpoint", checkpoint.signed([signer]).to_bytes())
    return checkpoint


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def rewrite(bodies: Sequence[bytes], change: Callable[[list[dict[str, Any]]], object]) -> list[bytes]:
    """Let `change` edit the entries, then number and chain them anew: a history that is whole in itself. What `change`
    sets on purpose under `!` (`{"!": {"seq": 5}}`) is kept as it says."""
    entries = [json.loads(body) for body in bodies]
    change(entries)
    made: list[bytes] = []
    last: dict[str, str] = {}
    for seq, one in enumerate(entries):
        forced = one.pop("!", {})
        one |= {"seq": seq, "prev": last.get(one["parcel"], "") if one["parcel"] else ""} | forced
        made.append(rfc8785.dumps(one))
        if one["parcel"]:
            last[one["parcel"]] = leaf_hash(made[-1])
    return made


def archive(log: Log, size: int, lines: Sequence[str] = ()) -> Path:
    with log.ledger.published() as tables:
        row = tables.signed(size)
    assert row is not None
    return write_archive(log.folder, size, row.note, lines)


__all__ = ["FACTS", "ORIGIN", "START", "Log", "archive", "entry", "make_log", "put", "rewrite", "rfc3339", "write_log"]
