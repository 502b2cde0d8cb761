"""The page of states and its pictures say everything that the tables of the lifecycle hold, and nothing else."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ElementTree
from enum import StrEnum
from typing import Any

import pytest

from gateway.lifecycle import MACHINES, STATEMENT, Event, Machine, PackageState, ParcelState
from gateway.lifecycle.machine import Transition
from gateway.reference import states, transitions
from gateway.reference.drawing import draw, graph

SVG = "{http://www.w3.org/2000/svg}"


class _Grown(StrEnum):
    """The states of statements, and one that nobody explained."""

    VERIFIED = "verified"
    REFUSED = "refused"
    SENT = "sent"
    FORGOTTEN = "forgotten"


GROWN = Machine("statement", _Grown, [Transition(Event.STATED, frozenset({None}), _Grown.FORGOTTEN)])


def named(machine: Machine[Any]) -> str:
    return machine.name


def test_every_state_event_and_kind_has_its_sentence_and_every_sentence_its_state() -> None:
    assert states.unexplained() == [], "explain it in gateway/reference/states.toml"
    assert states.unreal() == [], "gateway/reference/states.toml speaks of what there is not"


def test_a_state_without_a_sentence_is_named() -> None:
    machines = [GROWN if machine is STATEMENT else machine for machine in MACHINES]
    assert states.unexplained(machines=machines) == ["statement.forgotten"]
    with pytest.raises(KeyError, match="forgotten"):
        states.page(machines=machines)


@pytest.mark.parametrize("lost", ["zh", "holds"])
def test_half_a_sentence_is_none(lost: str) -> None:
    said: Any = copy.deepcopy(states.explained())
    said["parcel"]["states"]["awaiting"][lost] = ""
    del said["events"]["held"][lost]
    assert states.unexplained(said) == ["events.held", "parcel.awaiting"]


def test_a_sentence_about_nothing_is_named() -> None:
    said: Any = copy.deepcopy(states.explained())
    said["parcel"]["states"]["opened"] = {"zh": "已打开", "holds": "it is known to be a table"}
    said["parcels"] = {"states": {"received": {"zh": "已收到", "holds": "whole in the spool"}}}
    assert states.unreal(said) == ["parcel.opened", "parcels.received"]


def test_what_follows_is_read_from_the_table() -> None:
    packages = next(machine for machine in MACHINES if machine.states is PackageState)
    assert transitions.following(packages, PackageState.HELD)[0] is PackageState.RELEASED
    assert transitions.following(packages, PackageState.WITHDRAWN) == []
    parcels = next(machine for machine in MACHINES if machine.states is ParcelState)
    (held,) = [row for row in transitions.rows(parcels) if row.event == "held"]
    assert (held.before, held.after) == ("`received`", "`awaiting`")
    assert "`code` from `counts.code`" in held.carries


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_every_row_of_a_table_is_a_line_of_the_page(machine: Machine[Any]) -> None:
    text = states.page()
    found = list(transitions.rows(machine))
    assert len(found) == len(machine.rows)
    for row in found:
        line = " | ".join((f"`{row.event}`", row.role, row.before, row.after, row.condition, row.carries))
        assert f"| {line} |" in text


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_a_picture_has_every_state_and_every_event_of_its_table(machine: Machine[Any]) -> None:
    picture = ElementTree.fromstring(states.pictures()[f"states/{machine.name}.svg"])
    texts = {"".join(text.itertext()) for text in picture.iter(f"{SVG}text")}
    spans = {span.text for span in picture.iter(f"{SVG}tspan")}
    assert {str(state) for state in machine.states} <= texts
    assert {str(row.event) for row in machine.rows} <= texts | spans


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_every_transition_is_an_arrow_or_a_loop(machine: Machine[Any]) -> None:
    drawn = graph.of(machine)
    arrows = {
        (source, event, target)
        for arrow in drawn.arrows
        for source in arrow.sources
        for event in arrow.events
        for target in arrow.targets
    }
    loops = {(state, event) for state, events in drawn.loops.items() for event in events}
    for row in machine.rows:
        for state in row.before:
            shown = (state, row.event) in loops if row.after is None else (state, row.event, row.after) in arrows
            assert shown, f"{row.event} in {state}"
    assert len(arrows) == len({(s, row.event, row.after) for row in machine.rows if row.after for s in row.before})


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_a_picture_fits_on_a_page_and_nothing_stands_on_anything(machine: Machine[Any]) -> None:
    picture = ElementTree.fromstring(states.pictures()[f"states/{machine.name}.svg"])
    assert int(picture.attrib["width"]) <= 1210
    boxes = [
        tuple(int(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in picture.iter(f"{SVG}rect")
        if rect.attrib.get("rx") in ("10", "6")  # states, and labels on rails
    ]
    left, _, width, height = map(int, picture.attrib["viewBox"].split())
    for number, (x, y, w, h) in enumerate(boxes):
        assert left <= x < x + w <= left + width
        assert 0 <= y < y + h <= height
        for a, b, c, d in boxes[:number]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y, f"{(x, y, w, h)} and {(a, b, c, d)}"


def test_the_same_table_gives_the_same_bytes() -> None:
    words = {"state:verified": "甲", "state:refused": "乙", "state:sent": "丙", "state:forgotten": "丁"}
    words |= {str(event): "事" for event in Event}
    assert draw(GROWN, words, "表") == draw(GROWN, words, "表")
    assert "forgotten" in draw(GROWN, words, "表")
