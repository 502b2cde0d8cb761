"""The played node of `tests/fixtures/played_node`: unpacked, set on its own clock, read as `expected.json` has it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import zstandard

from gateway.adapters.ledger import make_engine, tables
from gateway.adapters.storage.claims import Claims, key_of
from gateway.demo.partners import Partner
from gateway.instants import rfc3339
from gateway.policy import loading
from support.databases import tool
from support.nodes import edit

FIXTURE = Path(__file__).parents[1] / "fixtures" / "played_node"
ARCHIVES = {"sqlite": "node.tar.zst", "postgresql": "node-postgresql.tar.zst"}
DUMP = "postgresql.sql.zst"
TAKEN = ".taken-"
PARTNERS = "partners"
"""In the archives, beside `node`: the GnuPG home of the 32 provinces."""
NO_DATABASE = "postgresql+psycopg://gateway@127.0.0.1:1/none"
"""What `gateway.toml` of the node on PostgreSQL names instead of the database that it was played on."""

LISTED = (
    "parcels",
    "places",
    "packages",
    "distributions",
    "obligations",
    "obligation_changes",
    "outages",
    "inquiries",
    "dated_records",
    "incoming",
    "incoming_packages",
    "statements",
    "receipts",
)
LEFT_OUT = ("detail", "body", "signature", "proof", "facts", "fingerprint", "content_digest", "why")
"""Columns that are not compared: bytes and texts, and what could tell a record."""

Expected = dict[str, Any]


# -- unpacking ---------------------------------------------------------------------------------------------------------


def unpack(into: Path, backend: str, *, url: str = "", after: timedelta = timedelta(minutes=10)) -> Path:
    """The node's folder, made below `into`, `after` the moment when its daemon was killed. On PostgreSQL `url` is an
    empty database, into which the dump is restored."""
    data = zstandard.ZstdDecompressor().decompressobj().decompress((FIXTURE / ARCHIVES[backend]).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(into, filter="tar")
    home = into / "node"
    keep_claims(home)
    if backend == "postgresql":
        restore(url)
        edit(home, database=json.dumps(url))
    set_clock(home, datetime.fromisoformat(expected(backend)["killed_at"]) + after)
    return home


def keep_claims(home: Path) -> None:
    """Unpacked files have other inodes than those that were claimed; to the node they would be other files, that took
    their places after the claim. The claims are told the inodes of now."""
    claims = Claims(home / "state" / "spool")
    taken = {path.name.removeprefix(TAKEN): path for path in (home / "exchange").rglob(f"{TAKEN}*")}
    claims.write([r.with_key(key_of(taken[r.parcel].stat())) for r in list(claims.all()) if r.parcel in taken])


def restore(url: str) -> None:
    """Read the dump into an empty database, as `psql` does."""
    text = zstandard.ZstdDecompressor().decompressobj().decompress((FIXTURE / DUMP).read_bytes())
    plain = url.replace("+psycopg", "")
    command = [tool("psql"), "--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-d", plain]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def set_clock(home: Path, moment: datetime) -> None:
    """The rehearsal's clock shows `moment` now, whatever day it is. The facts are not touched: only its anchor is."""
    rehearsal = loading.load(home).node.rehearsal
    assert rehearsal is not None, "the played node rehearses"
    passed = (moment - rehearsal.starts_at).total_seconds() / rehearsal.speed
    (home / "state" / "rehearsal.json").write_text(json.dumps({"started": time.time() - passed}))


@contextmanager
def partner(home: Path, province: str) -> Iterator[Partner]:
    """A province of the unpacked node with its private key, in a folder short enough for its agent."""
    kept = home.parent / PARTNERS
    fingerprint = json.loads((kept / "fingerprints.json").read_bytes())[province]
    with tempfile.TemporaryDirectory(prefix="gw-", ignore_cleanup_errors=True) as folder:
        place = Path(folder) / "g"
        shutil.copytree(kept, place)
        place.chmod(0o700)
        try:
            yield Partner(province, fingerprint, place)
        finally:
            subprocess.run(["gpgconf", "--homedir", place, "--kill", "all"], check=False, capture_output=True)


# -- what the ledger holds ---------------------------------------------------------------------------------------------


def expected(backend: str) -> Expected:
    """What the code that made the fixture read in its ledger."""
    found: Expected = json.loads((FIXTURE / "expected.json").read_bytes())[backend]
    return found


RENAMED = {"held": "awaiting", "opened": "received"}
"""States of parcels that are called otherwise since 0011."""


def brought_up(held: Expected) -> Expected:
    """What that code read, as the newest ledger holds it: parcels' states by the names of today, nobody on whose behalf
    they are, a batch with its delivery (an erased one stays so), an inquiry with the state that its instants tell.
    There are no keys of parcels yet, and salts of erased parcels are gone (`salts`). Nothing else differs."""
    rows = {name: [dict(zip(names, row, strict=True)) for row in rest] for name, (names, *rest) in held["rows"].items()}
    for parcel in rows["parcels"]:
        parcel["state"] = RENAMED.get(parcel["state"], parcel["state"])
        parcel.update(reported_for="", stated=0)
    deliveries = {row.pop("distribution"): row for row in rows.pop("deliveries")}
    for batch in rows["distributions"]:
        delivery = deliveries.pop(batch["id"])
        batch.update(delivery, state=batch["state"] if batch["state"] == "erased" else delivery["state"])
    assert deliveries == {}, "each was that of a batch"
    for inquiry in rows["inquiries"]:
        inquiry["state"] = "closed" if inquiry["closed_at"] else "open" if inquiry["delivered_at"] else "waiting"
    gone = ("deliveries", "log_salts")
    counts = {name: count for name, count in held["counts"].items() if name not in gone}
    return {
        **held,
        "counts": dict(sorted({**counts, "parcel_keys": 0}.items())),
        "states": states(rows),
        "rows": {name: listed(name, found) for name, found in rows.items()},
    }


def read(url: str) -> Expected:
    """Counts of every table, states of those that have some, rows of `LISTED`: as `expected.json` holds them."""
    engine = make_engine(url, immediate=False)
    with engine.connect() as connection:
        counts = {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }
        rows = {
            name: [dict(row) for row in connection.execute(sa.select(*columns(name))).mappings()] for name in LISTED
        }
        workflows = connection.execute(sa.text(_WORKFLOWS[engine.dialect.name])).all()
    engine.dispose()
    return {
        "counts": dict(sorted(counts.items())),
        "states": states(rows),
        "workflows": {f"{name} {status}": number for name, status, number in sorted(workflows)},
        "rows": {name: listed(name, found) for name, found in rows.items()},
    }


def salts(url: str) -> tuple[int, int]:
    """How many salts there are of parcels that were erased, and of others."""
    query = (
        "SELECT count(*) FILTER (WHERE parcel IN (SELECT parcel FROM log_entries WHERE event = 'erased' AND parcel != "
        "'')), count(*) FROM log_salts"
    )
    engine = make_engine(url, immediate=False)
    with engine.connect() as connection:
        erased, all_ = connection.execute(sa.text(query)).one()
    engine.dispose()
    return erased, all_ - erased


def kept_digests(url: str) -> int:
    """How many steps of erased parcels returned a digest of the file or of a part that is there still."""
    erased = "SELECT parcel FROM log_entries WHERE event = 'erased' AND parcel != ''"
    query = f"SELECT body FROM progress WHERE parcel IN ({erased})"
    engine = make_engine(url, immediate=False)
    with engine.connect() as connection:
        bodies = connection.execute(sa.text(query)).scalars().all()
    engine.dispose()
    return sum(bool(re.search(r'"sha256": ?"[0-9a-f]', body)) for body in bodies)


def columns(table: str) -> list[sa.Column[Any]]:
    """Those that are compared."""
    return [column for column in tables.metadata.tables[table].columns if column.name not in LEFT_OUT]


def listed(table: str, rows: Iterable[Mapping[str, Any]]) -> list[list[str | int]]:
    """The names of a table's columns, then its rows, in an order that their values alone decide."""
    names = [column.name for column in columns(table)]
    return [list(names), *sorted(([plain(row[name]) for name in names] for row in rows), key=json.dumps)]


def states(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, int]]:
    """By table, how many rows stand in each state."""
    found = {name: counted(some) for name, some in rows.items()}
    return {name: some for name, some in found.items() if some}


_WORKFLOWS = {
    dialect: f"SELECT name, status, count(*) FROM {schema}workflow_status GROUP BY name, status"
    for dialect, schema in (("sqlite", ""), ("postgresql", "dbos."))
}


def plain(value: object) -> str | int:
    """A value as JSON holds it: an instant in the ledger's notation, names with blanks between them, nothing as an
    empty text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        return " ".join(value)
    return int(value) if isinstance(value, int) else str(value)


def counted(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many stand in each state, with the corridor or kind and the code where there are such."""
    found = Counter(
        " ".join(str(plain(row[key])) for key in ("corridor", "kind", "state", "code") if row.get(key)).strip()
        for row in rows
        if "state" in row
    )
    return dict(sorted(found.items()))


def write(found: Mapping[str, Expected], file: Path) -> None:
    """One row a line, so that a difference is read easily."""

    def lines(one: Expected) -> str:
        head = {key: value for key, value in one.items() if key != "rows"}
        text = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
        body = ",\n".join(
            f"  {json.dumps(name)}: [\n"
            + ",\n".join(f"   {json.dumps(row, ensure_ascii=False)}" for row in rows)
            + "\n  ]"
            for name, rows in one["rows"].items()
        )
        return f'{text},\n "rows": {{\n{body}\n }}\n}}'

    file.write_text("{\n" + ",\n".join(f'"{name}": {lines(one)}' for name, one in found.items()) + "\n}\n", "utf-8")
