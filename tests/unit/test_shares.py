"""Slots in which files are read: no party holds the last one alone."""

from contextlib import ExitStack

from gateway.node import Shares


def test_a_party_holds_all_slots_but_one_and_another_takes_the_last() -> None:
    shares = Shares(slots=4, patience=0.0)
    with ExitStack() as held:
        assert [held.enter_context(shares.held("11")) for _ in range(4)] == [True, True, True, False]
        assert held.enter_context(shares.held("12"))
    with shares.held("11") as free:
        assert free, "what was held is given back"


def test_of_one_slot_there_is_nothing_to_keep_for_others() -> None:
    shares = Shares(slots=1, patience=0.0)
    with shares.held("11") as free:
        assert free
        with shares.held("11") as second:
            assert not second


def test_who_was_turned_away_gives_nothing_back() -> None:
    shares = Shares(slots=2, patience=0.0)
    with shares.held("11"):
        for _ in range(3):
            with shares.held("11") as free:
                assert not free
