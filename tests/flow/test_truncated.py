"""Half a file is never accepted, and what the receipt advises ends well."""

from __future__ import annotations

from html import unescape

import pytest
from support.nodes import Node, planned

from gateway.demo.files import render
from gateway.lifecycle import ParcelState

WHOLE = render(planned(12))
CUT = WHOLE[: len(WHOLE) * 2 // 3]


@pytest.mark.parametrize("cut", [CUT, WHOLE.rstrip(b"\n"), WHOLE[:-9]], ids=["mid-table", "line break", "last cell"])
def test_a_table_cut_in_mid_row_is_refused_as_a_whole(node: Node, cut: bytes) -> None:
    row = node.send(planned(), cut)
    node.is_refused(row, "260", cut)
    assert "文件不完整" in unescape(node.page(row))


def test_the_whole_file_is_taken_after_it(node: Node) -> None:
    """The first half of the remedy. Nothing of the half counts, so it is no correction."""
    node.send(planned(), CUT)
    row = node.send(planned(), WHOLE)
    assert (row.state, row.code, row.accepted) == (ParcelState.ACCEPTED, "100", 12)


def test_the_same_bytes_once_more_are_taken_at_their_word(node: Node) -> None:
    """The second half: some programs write no end behind the last line."""
    without = WHOLE.removesuffix(b"\n")
    node.is_refused(node.send(planned(), without), "260", without)
    row = node.send(planned(), without)
    assert (row.state, row.code, row.accepted) == (ParcelState.ACCEPTED, "100", 12)


@pytest.mark.parametrize("cut", [CUT, WHOLE[:-9]], ids=["mid-table", "last cell"])
def test_half_a_record_at_the_end_is_nobodys_word(node: Node, cut: bytes) -> None:
    """A client that tries again over a full disk sends the same half twice; a marker is as good as what it marks."""
    assert [node.send(planned(), cut).code for _ in range(2)] == ["260", "260"]
    (node.folder() / f"{planned().name}.ok").touch()
    assert node.send(planned(), cut).code == "260"
    assert node.send(planned(), WHOLE).code == "100"


def test_other_bytes_are_not(node: Node) -> None:
    node.send(planned(), CUT)
    assert node.send(planned(), CUT[:-1]).code == "260"


def test_another_party_cannot_vouch(node: Node) -> None:
    node.send(planned(party="31"), CUT)
    assert node.send(planned(party="33"), CUT).code == "260"


def test_a_done_marker_is_the_senders_word(node: Node) -> None:
    (node.folder() / f"{planned().name}.ok").touch()
    row = node.send(planned(), WHOLE.removesuffix(b"\n"))
    assert (row.state, row.code, row.accepted) == (ParcelState.ACCEPTED, "100", 12)
