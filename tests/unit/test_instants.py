"""One zone, one spelling, one way to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.instants import SHANGHAI, backoff, parse, rfc3339


def test_equal_instants_are_equal_text() -> None:
    here = datetime(2026, 10, 1, 8, 0, tzinfo=SHANGHAI)
    assert rfc3339(here) == rfc3339(here.astimezone(UTC)) == "2026-10-01T00:00:00.000000Z"


def test_text_is_the_instant_again() -> None:
    moment = datetime(2026, 10, 1, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-3)))
    assert parse(rfc3339(moment)) == moment


@pytest.mark.parametrize("text", ["2026-10-01T00:00:00", "2026-10-01"])
def test_what_has_no_offset_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="naive"):
        parse(text)


def test_a_naive_moment_is_no_instant() -> None:
    with pytest.raises(ValueError, match="naive"):
        rfc3339(datetime(2026, 10, 1))


def test_waiting_doubles_up_to_an_hour() -> None:
    waits = [backoff(attempt) for attempt in range(1, 40)]
    assert waits[:4] == [15, 30, 60, 120]
    assert waits == sorted(waits)
    assert waits[-1] == 3600
