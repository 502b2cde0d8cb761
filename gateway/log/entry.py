"""One entry of the exchange log.

Canonical bytes are RFC 8785 JSON of strings and integers only, at most 65,535 bytes. No personal data: parties, ids,
digests and counts. `seq` is dense, `logged_at` never goes back, `time` <= `logged_at`, `prev` is the leaf hash of the
same parcel's last entry. The ledger's sequencer keeps this, in the transaction of the state change that the entry
records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway import digests
from gateway.instants import parse, rfc3339
from gateway.lifecycle.events import Event
from gateway.log import canonical

VERSION = 2
KNOWN = (1, 2)
"""What a reader takes. In version 1 digests of records and of plain files were plain hashes."""
IN_CLEAR, KEYED = "content", "content_keyed"
"""What an entry calls the digest of what was received: SHA-256, of bytes that nobody can guess; or that keyed with the
salt in the sender's receipt."""
LIMIT = 65_535


@dataclass(frozen=True, slots=True)
class Entry:
    """What a state change asks to be logged; `seq`, `logged_at` and `prev` are the sequencer's.

    `id` is derived from what happened (for example `<parcel>/sealed`), never random: the ledger's UNIQUE constraint on
    it is what makes a replayed step log once.
    """

    id: str
    event: Event
    time: datetime
    actor: str
    facts: str
    parties: tuple[str, ...] = ()
    parcel: str = ""
    package: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""

    @classmethod
    def read(cls, loaded: Mapping[str, Any]) -> Entry:
        """An entry as the log holds it, without its place there. Raises `ValueError` for an event nobody knows."""
        return cls(
            id=loaded["id"],
            event=Event(loaded["event"]),
            time=parse(loaded["time"]),
            actor=loaded["actor"],
            facts=loaded["facts"],
            parties=tuple(loaded["parties"]),
            parcel=loaded["parcel"],
            package=loaded["package"],
            counts=loaded["counts"],
            digests=loaded["digests"],
            commit=loaded["commit"],
        )

    @classmethod
    def parse(cls, body: bytes) -> Entry:
        """The same from the canonical bytes."""
        return cls.read(canonical.loads(body))

    def canonical(self, seq: int, logged_at: datetime, prev: str) -> bytes:
        """The bytes of the entry at its place in the log. Raises `ValueError` above 65,535 bytes, for an instant after
        `logged_at`, and for a count beyond ±(2⁵³ − 1), which not every reader of JSON can hold."""
        if self.time > logged_at:
            raise ValueError("an entry cannot be logged before it happened")
        body: dict[str, object] = {
            "v": VERSION,
            "seq": seq,
            "id": self.id,
            "time": rfc3339(self.time),
            "logged_at": rfc3339(logged_at),
            "event": str(self.event),
            "actor": self.actor,
            "parties": list(self.parties),
            "parcel": self.parcel,
            "package": self.package,
            "counts": dict(self.counts),
            "digests": dict(self.digests),
            "commit": self.commit,
            "facts": self.facts,
            "prev": prev,
        }
        if any(type(n) is not int or not -canonical.SAFE <= n <= canonical.SAFE for n in self.counts.values()):
            raise ValueError("a count is not a whole number that every reader of JSON can hold")
        data = canonical.dumps(body)
        if len(data) > LIMIT:
            raise ValueError(f"entry of {len(data)} bytes; the format allows {LIMIT}")
        return data


def is_content(shown: Mapping[str, str], sha256: str, salt: str) -> bool:
    """Whether the digests of an entry, `shown`, are those of a file with this SHA-256, `salt` being that of its
    receipt. An entry that shows none is of any file."""
    if IN_CLEAR in shown:
        return shown[IN_CLEAR] == sha256
    try:
        return KEYED not in shown or shown[KEYED] == digests.keyed(salt, sha256)
    except ValueError:
        return False


def leaf_hash(data: bytes) -> str:
    """RFC 6962 leaf hash, hex."""
    return hashlib.sha256(b"\x00" + data).hexdigest()
