"""What goes out: deliveries to parties, notices to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.outcomes import Outcome
from gateway.parcels import PartyId


class Courier(Protocol):
    """A channel to one party. To deliver what is there already, whole, is no second delivery."""

    def deliver(self, receiver: PartyId, folder: str, files: Mapping[str, tuple[Path, str]]) -> Outcome[None]:
        """Put files (final name -> local path, SHA-256) into the receiver's `folder` under a temporary name, check size
        and digest, rename. Deferred 701 (the endpoint is down), 702 (it is full), 705 (its host key is not the pinned
        one); Fault 900 (our own copy, key or settings), 903 (something else has the final name)."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A notice as it is sent. `id` is the same whenever it holds the same matters; `at` is an RFC 3339 instant;
    `events` is what programs read. No personal data but the addresses in `to`, which are the contact's own."""

    id: str
    at: str
    to: Sequence[str]
    language: str
    subject: str
    text: str
    events: Sequence[Mapping[str, object]]


class Notices(Protocol):
    """One way of telling somebody something outside the folders."""

    def send(self, message: Message) -> Outcome[None]:
        """Deferred 701 when it did not get through."""
        ...
