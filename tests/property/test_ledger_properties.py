"""The sequencer under any order of events, clocks and failures."""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.ledger import Ledger
from gateway.lifecycle import Event
from gateway.log import Entry

NOW = datetime(2026, 10, 20, tzinfo=UTC)
STEP = st.tuples(
    st.sampled_from(["", "p1", "p2", "d-1"]),
    st.integers(-3600, 3600),  # how the wall clock jumps, in seconds
    st.integers(0, 86_400),  # how long before now it happened
    st.booleans(),  # whether the transaction fails
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_seq_is_dense_time_goes_forward_and_prev_is_right(steps: list[tuple[str, int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        ledger.migrate()
        now, expected = NOW, []
        try:
            for number, (parcel, jump, ago, fails) in enumerate(steps):
                now += timedelta(seconds=jump)
                entry = Entry(f"e{number}", Event.RECEIVED, now - timedelta(seconds=ago), "a", "f", parcel=parcel)
                try:
                    with ledger.transaction(now) as tx:
                        tx.log(entry)
                        if fails:
                            raise InterruptedError
                except InterruptedError:
                    continue
                expected.append(entry.id)
            with ledger.reading() as reading:
                found = reading.entries.after(limit=1000)
        finally:
            ledger.close()
    assert [e.id for e in found] == expected
    assert [e.seq for e in found] == list(range(len(expected)))
    last: dict[str, str] = {}
    stamp = ""
    for entry in found:
        body = json.loads(entry.body)
        assert body["time"] <= body["logged_at"]
        assert stamp <= body["logged_at"]
        stamp = body["logged_at"]
        assert body["prev"] == (last.get(entry.parcel, "") if entry.parcel else "")
        assert hashlib.sha256(b"\x00" + entry.body).hexdigest() == entry.leaf
        last[entry.parcel] = entry.leaf
