"""The log of a played quarter, replayed into an empty ledger, is the ledger of the node that wrote it, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from support.quarters import Played

from gateway import wiring
from gateway.adapters.ledger import Ledger, Reading
from gateway.corridors.recovery.replay import Replay
from gateway.log import Entry
from gateway.policy import loading

UNTOLD = {
    # Words for the receipt, and how far the node's own work on it had come: nothing that happened to the parcel.
    # The digest of a plain file stands keyed in the log: who holds its receipt can tell it again.
    "parcels": {"detail", "updated_at", "attempt", "next_attempt_at", "posted_at", "sha256"},
    # The log names a package by the first eight digits of this digest.
    "packages": {"content_digest"},
    "batches": {"attempt", "next_attempt_at"},
    # When the next letter may be due is reckoned anew.
    "obligations": {"remind_at", "parcel"},
}


def rows(reading: Reading, store: str) -> dict[str, dict[str, Any]]:
    """The rows of one store by id, without what the log does not tell."""
    found = reading.obligations.where(kind=None) if store == "obligations" else _all(reading, store)
    return {row.id: {f.name: getattr(row, f.name) for f in fields(row) if f.name not in UNTOLD[store]} for row in found}


def _all(reading: Reading, store: str) -> list[Any]:
    return reading.parcels.where(limit=1_000_000) if store == "parcels" else getattr(reading, store).where()


@pytest.fixture(scope="module")
def replayed(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger that holds nothing but what the log of the played quarter says."""
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('replayed') / 'ledger.db'}")
    ledger.migrate()
    node = wiring.build(loading.load(played.home), ledger=ledger)
    try:
        with played.ledger.published() as tables:
            bodies = list(tables.bodies(0, tables.head()[0]))
        with ledger.restoring(node.clock.now()) as (tx, tables):
            tables.adopt(bodies)
            replay = Replay(node)
            replay.follow(tx, [Entry.parse(body) for body in bodies])
        assert replay.differing == set()
        assert replay.interrupted == set()
        yield ledger
    finally:
        node.close()
        ledger.close()


@pytest.mark.parametrize("store", UNTOLD)
def test_row_by_row(played: Played, replayed: Ledger, store: str) -> None:
    with played.ledger.reading() as written, replayed.reading() as read:
        before, after = rows(written, store), rows(read, store)
    assert len(before) > 50
    assert after.keys() == before.keys()
    for identity, row in before.items():
        assert after[identity] == row


def test_places(played: Played, replayed: Ledger) -> None:
    with played.ledger.reading() as written, replayed.reading() as read:
        assert read.places.counts() == written.places.counts() != {}
