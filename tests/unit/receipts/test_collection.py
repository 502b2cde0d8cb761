"""The collection in a list for the level above: what it counts, its state, and what cannot be one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gateway.instants import SHANGHAI
from gateway.receipts.collection import MOST, Collected, Collection, parse

AT = datetime(2026, 11, 3, 10, tzinfo=SHANGHAI)
FOUR = (
    Collected("440106", "included", 40),
    Collected("440305", "nil"),
    Collected("440307", "missing"),
    Collected("440402", "not_due"),
)


def test_what_it_counts_and_says() -> None:
    open_ = Collection(FOUR)
    assert (open_.state, open_.whole, open_.nil) == ("open", False, False)
    assert (open_.counts["owing"], open_.counts["reported"]) == (3, 2)
    closed = Collection(FOUR, "uid:0 test", AT)
    assert (closed.state, closed.whole) == ("closed", True)
    complete = Collection((*FOUR[:2], FOUR[3]), "uid:0 test", AT)
    assert complete.state == "complete"
    assert Collection(FOUR[1:2]).nil
    assert not Collection(FOUR[3:]).nil, "nobody owes anything"
    closed_on_nothing = Collection(FOUR[1:3], "uid:0 test", AT)
    assert (closed_on_nothing.whole, closed_on_nothing.nil) == (True, False)
    partly = Collection((Collected("440106", "partly", 3),))
    assert (partly.state, partly.nil, partly.counts["owing"], partly.counts["reported"]) == ("open", False, 1, 0)


@pytest.mark.parametrize("made", [Collection(FOUR), Collection(FOUR, "uid:0 test", AT)])
def test_it_is_read_as_it_was_written(made: Collection) -> None:
    assert parse(made.to_json()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"parties": (FOUR[1], FOUR[0])},
        {"parties": (FOUR[0], FOUR[0])},
        {"parties": (Collected("4" * 49, "nil"),)},
        {"parties": (Collected("440106", "late"),)},  # type: ignore[arg-type]
        {"parties": (Collected("440106", "nil", 3),)},
        {"parties": (Collected("440106", "included", -1),)},
        {"closed_by": "uid:0 test"},
        {"closed_at": AT},
    ],
)
def test_what_cannot_be_one(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Collection(**{"parties": FOUR, **wrong})


@pytest.mark.parametrize("many", [MOST + 1, 100_000])
def test_more_than_there_are_is_no_collection(many: int) -> None:
    rows = [{"party": f"44{number:07}", "status": "missing"} for number in range(many)]
    assert len(parse({"parties": rows[:MOST]}).parties) == MOST
    with pytest.raises(ValueError, match="more parties than there are"):
        parse({"parties": rows})
