"""Matching: which record of which open inquiry a reply's numbers speak of.

Only the node has the keys of the fingerprints, so it looks for the numbers, and the worker gets a mark for each record:
to whom the answer goes, or why it is refused. What was found is kept in the parcel's folder, by the places of the
records and without their numbers.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway import deadlines, durable
from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import DatedRow, ObligationRow, RecordKey
from gateway.corridors.inquiries.fingerprints import fingerprint
from gateway.corridors.obligations import settling
from gateway.deadlines.changes import RETURN
from gateway.lifecycle import SETTLED
from gateway.node import Terms
from gateway.parcels import Arrival, ParcelId
from gateway.policy.facts import Facts
from gateway.policy.rules.clocks import NUMBER, RESULT
from gateway.ports import Storage
from gateway.records.schema import normal_title

UNKNOWN: Final = "473"
ANSWERED: Final = "474"
TOO_LATE: Final = "475"
UNCLEAR: Final = "476"
NOT_OURS: Final = "4"


Answers = tuple[tuple[RecordKey, str], ...]
"""Records that a reply answers, each with its result."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a reply answers, and the records that only refused rows name."""

    answers: Answers = ()
    refused: tuple[RecordKey, ...] = ()

    @classmethod
    def from_json(cls, data: bytes) -> Match:
        """What `to_json` wrote."""
        loaded = json.loads(data)
        return cls(answers_of(loaded["answers"]), tuple(_record(record) for record in loaded["refused"]))

    def to_json(self) -> bytes:
        """`{"answers": [[[parcel, receiver, ordinal], result], …], "refused": [[parcel, receiver, ordinal], …]}`."""
        return json.dumps({"answers": self.answers, "refused": self.refused}).encode()


def answers_of(loaded: Sequence[tuple[Sequence[Any], str]]) -> Answers:
    """Answers as they were written to JSON."""
    return tuple((_record(record), result) for record, result in loaded)


def _record(loaded: Sequence[Any]) -> RecordKey:
    parcel, receiver, ordinal = loaded
    return parcel, receiver, ordinal


def forget(spool: Storage, parcel: ParcelId) -> None:
    """What an earlier run of the step found does not hold any more."""
    if (path := _file(spool, parcel)).exists():
        durable.remove(path)


def keep(spool: Storage, parcel: ParcelId, match: Match) -> None:
    """Keep what was found for the transaction that follows."""
    durable.write_bytes(_file(spool, parcel), match.to_json(), 0o600)


def kept(spool: Storage, parcel: ParcelId) -> Match | None:
    """What was found; None where the examination ended before anything was looked for."""
    path = _file(spool, parcel)
    return Match.from_json(path.read_bytes()) if path.exists() else None


def _file(spool: Storage, parcel: ParcelId) -> Path:
    return spool.parcel(parcel) / "matched.json"


@dataclass(frozen=True, slots=True)
class _Open:
    """A record that this party was asked about, and what is owed for it. `asker`: the party that brought the inquiry
    here, the node above where it came through one."""

    record: DatedRow
    owed: ObligationRow
    asker: str

    @property
    def key(self) -> RecordKey:
        return self.record.parcel, self.record.receiver, self.record.ordinal


class Book:
    """Everything one party was asked about under one agreement of replies, by fingerprint."""

    def __init__(self, reading: Reading, arrival: Arrival, terms: Terms, name: str) -> None:
        """`name` is the file's: where it names inquiries by their numbers, the others are left out."""
        facts = terms.facts
        self._arrival, self._calendar = arrival, terms.calendar
        self._titles = _titles(facts, arrival.agreement)
        routes = facts.routes(facts.agreements[arrival.agreement])
        self._parts = {party.id: prefix for prefix, party in sorted(routes.items())}
        inquiries = reading.inquiries.where(opened=True, reply=arrival.agreement, receiver=arrival.sender)
        named = [i for i in inquiries if re.search(rf"(?<![0-9A-Za-z]){re.escape(i.name)}(?![0-9])", name)]
        self._asked: list[tuple[str, dict[str, _Open]]] = []
        for inquiry in named or inquiries:
            found = reading.dated.with_obligations(parcel=inquiry.parcel, receiver=inquiry.receiver)
            passed_on = reading.parcels.get(inquiry.parcel)
            asker = passed_on.sender if passed_on else inquiry.origin
            self._asked.append((inquiry.key, {d.fingerprint: _Open(d, o, asker) for d, o in found}))

    def mark(self, part: Path) -> tuple[list[str], list[tuple[RecordKey, str]]]:
        """A mark for every record that the rules accepted, and what they answer. A number stands once in the file."""
        marks: list[str] = []
        answers: list[tuple[RecordKey, str]] = []
        if not part.exists():
            return marks, answers
        with part.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                found = self._find(row[NUMBER], row[RESULT])
                if isinstance(found, str):
                    marks.append(found)
                else:
                    marks.append(self._parts[found.asker])
                    answers.append((found.key, row[RESULT]))
        return marks, answers

    def named(self, refused: Path) -> list[RecordKey]:
        """What the refused rows speak of, as far as their numbers are known and open."""
        records: list[RecordKey] = []
        with refused.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            header = [normal_title(title) for title in next(rows, [])]
            column = next((i for i, title in enumerate(header) if title in self._titles and i > 1), None)
            for row in rows if column is not None else ():
                found = self._find(row[column or 0].strip(), "")
                if isinstance(found, _Open):
                    records.append(found.key)
        return records

    def _find(self, number: str, result: str) -> _Open | str:
        hits = [hit for key, book in self._asked if (hit := book.get(fingerprint(key, number))) is not None]
        mine = ("", str(self._arrival.parcel))
        waiting = {hit.owed.id: hit for hit in hits if hit.owed.state not in SETTLED and hit.record.claimed in mine}
        if len(waiting) > 1:
            return UNCLEAR
        if not waiting:
            return ANSWERED if hits else UNKNOWN
        (found,) = waiting.values()
        if result == NOT_OURS:
            until = deadlines.due(settling.read(found.owed).opens_at, RETURN, self._calendar).settled[1]
            if self._arrival.received_at >= until:
                return TOO_LATE
        return found


def _titles(facts: Facts, agreement: str) -> frozenset[str]:
    """What the column of record numbers may be called."""
    schema = json.loads((facts.schemas / f"{facts.agreements[agreement].dataset}.json").read_bytes())
    field = next(field for field in schema["fields"] if field["name"] == NUMBER)
    return frozenset(map(normal_title, (NUMBER, field["title"], *field.get("gateway:aliases", ()))))
