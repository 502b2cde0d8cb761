"""The connection breaks while a step is committed: whether it was is looked up before anything is written again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from support.nodes import Node, planned

from gateway import step
from gateway.adapters.ledger import Ledger, LedgerAway


@pytest.mark.parametrize("unread", [0, 1], ids=["read at once", "read later"])
@pytest.mark.parametrize("number", range(1, 6))  # what comes after is the posting, which may be done again as it is
def test_what_was_committed_is_not_written_again(
    node: Node, monkeypatch: pytest.MonkeyPatch, number: int, unread: int
) -> None:
    node.drop(planned(6))
    (claim,) = node.scan()
    transaction, reading = Ledger.transaction, Ledger.reading
    made, left = Counter[str](), {"reads": 0}

    @contextmanager
    def breaks(self: Ledger, now: datetime) -> Iterator[Any]:
        with transaction(self, now) as tx:
            yield tx
        made["commits"] += 1
        if made["commits"] == number:
            left["reads"] = unread
            raise LedgerAway

    @contextmanager
    def unreadable(self: Ledger) -> Iterator[Any]:
        if left["reads"]:
            left["reads"] -= 1
            raise LedgerAway
        with reading(self) as found:
            yield found

    monkeypatch.setattr(step, "_PATIENCE", (0.0, 0.0, 0.0))
    monkeypatch.setattr(Ledger, "transaction", breaks)
    monkeypatch.setattr(Ledger, "reading", unreadable)
    assert node.work(claim.parcel)["outcome"] == "ok"
    assert made["commits"] >= number
    row, events = node.row(claim.parcel), node.events(claim.parcel)
    assert (row.state, row.code, row.accepted) == ("accepted", "100", 6)
    assert [event for event, count in Counter(events).items() if count > 1 and event != "sealed"] == []
    assert "faulted" not in events
