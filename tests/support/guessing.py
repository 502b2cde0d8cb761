"""Somebody who holds a copy of the log, knows a person and most of a record, and tries the rest. No line of it comes
from `gateway`; what a digest is made of, it is told by the pages on formats."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from support.judge import ORDER, table

UNKNOWN = ("education", "marital_status", "migration_date")
_HEADER = ",".join(ORDER)
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_NAMED = re.compile(rb"_r[0-9]+_([0-9a-f]{8})(?![0-9a-f])")
Record = tuple[str, ...]


def guesses(record: Record) -> Iterator[Record]:
    """Every record that this one may be for who does not know `UNKNOWN`, but for the year of the date."""
    places = [ORDER.index(name) for name in UNKNOWN]
    first = date(int(record[places[2]][:4]), 1, 1)
    days = [(first + timedelta(n)).strftime("%Y%m%d") for n in range(365)]
    codes = [[row["code"] for row in table(name)] for name in ("education.csv", "marital.csv")]
    for found in itertools.product(*codes, days):
        values = list(record)
        for place, value in zip(places, found, strict=True):
            values[place] = value
        yield tuple(values)


def plain_digests(record: Record, dropped: str, dataset: str) -> dict[str, str]:
    """What plain digests would say of a record that is alone in its part and in its file. `dropped` is the file as it
    came, with `{}` for the record."""
    line = ",".join(record)
    part = hashlib.sha256(f"{_HEADER}\n{line}\n".encode()).hexdigest()
    return {
        "line": hashlib.sha256(line.encode()).hexdigest(),
        "part": part,
        "package": hashlib.sha256(f"data/{dataset}.csv {part}\n".encode()).hexdigest(),
        "file": hashlib.sha256(dropped.replace("{}", line).encode()).hexdigest(),
    }


def search(log: Iterable[bytes], record: Record, dropped: str, dataset: str) -> set[Record]:
    """The guesses that some digest of the log, or the digits in a package's name, agree with."""
    whole = b"\n".join(log)
    digests = {match.decode() for match in _DIGEST.findall(whole)}
    names = {match.decode() for match in _NAMED.findall(whole)}
    found = set()
    for guess in guesses(record):
        made = plain_digests(guess, dropped, dataset)
        if not digests.isdisjoint(made.values()) or made["package"][:8] in names:
            found.add(guess)
    return found


def as_before(log: Iterable[bytes], shown: Mapping[str, str]) -> list[bytes]:
    """The same log, with other digests (or names) in the place of those that stand there."""
    bodies = []
    for body in log:
        for one, other in shown.items():
            body = body.replace(one.encode(), other.encode())
        bodies.append(body)
    return bodies
