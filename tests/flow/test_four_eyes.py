"""Four eyes: nothing goes that two different people did not vouch for, and the log names both."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, planned

from gateway.adapters.worker import Worker
from gateway.corridors.distribution import Releasing, four_eyes
from gateway.corridors.distribution.four_eyes import NotConfirmed
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW

ROOT, WANG = "uid:0 root", "uid:1001 wang"


@pytest.fixture
def node(home: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    """A node whose inflow asks for four eyes; wang, li and zhao may release, wang has an account of their own."""
    file = home / "config/agreements" / f"{INFLOW}.toml"
    text = re.sub(r"^four_eyes = false", "four_eyes = true", file.read_text("utf-8"), flags=re.MULTILINE)
    file.write_text(text, "utf-8")
    (home / "config/people").mkdir()
    (home / "keys/people").mkdir()
    for person, code in (("wang", "11"), ("li", "12"), ("zhao", "13")):
        more = 'user = "wang"\n' if person == "wang" else ""
        (home / f"config/people/{person}.toml").write_text(
            f'id = "{person}"\nkey = "{partners[code].fingerprint}"\n{more}'
        )
        (home / f"keys/people/{person}.asc").write_bytes(partners[code].public_key())
    made = Node(home, partners, worker)
    yield made
    made.close()


def sign(node: Node, code: str, body: bytes) -> bytes:
    return subprocess.run(
        ["gpg", "--batch", "--quiet", "-u", node.partners[code].fingerprint, "--detach-sign"],
        input=body,
        env={**os.environ, "GNUPGHOME": str(node.partners.home)},
        capture_output=True,
        check=True,
    ).stdout


def test_two_people_release_exactly_what_they_saw(node: Node) -> None:
    assert node.send(planned()).state == "accepted"
    asked = four_eyes.request(node.running, INFLOW, PERIOD, 1, ROOT)
    document = json.loads(asked)
    assert document["packages"] == {p.id: p.sha256 for p in node.packages(state="held")}
    assert document["requested_by"] == ROOT
    assert four_eyes.request(node.running, INFLOW, PERIOD, 1, WANG) == asked, (
        "the same packages: the same bytes to sign"
    )

    def confirm(*signatures: bytes) -> str:
        return four_eyes.confirm(node.running, INFLOW, PERIOD, 1, signatures)

    wang, li = sign(node, "11", asked), sign(node, "12", asked)
    for few in ([wang], [wang, wang], [sign(node, "14", asked), wang], [li, sign(node, "11", asked + b" ")]):
        with pytest.raises(NotConfirmed):
            confirm(*few)
    with pytest.raises(NotConfirmed):
        Releasing(node.running).release(INFLOW, PERIOD, 1, ROOT)
    assert node.packages(state="released") == []

    actor = confirm(wang, li)
    assert actor == "person:li + person:wang"
    before = {p.id for p in node.packages(state="held")}
    Releasing(node.running).release(INFLOW, PERIOD, 1, actor)
    assert {p.id for p in node.packages(state="released")} == before
    with node.running.ledger.reading() as reading:
        (entry,) = [e for e in reading.entries.after() if e.event == "operator_action"]
        released = [e for e in reading.entries.after() if e.event == "released"]
    assert json.loads(entry.body)["digests"].keys() == {"request", "signature_wang", "signature_li"}
    assert {json.loads(e.body)["actor"] for e in released} == {"person:li + person:wang"}


def test_an_account_of_ones_own_vouches_for_the_first_person(node: Node) -> None:
    node.send(planned())
    asked = four_eyes.request(node.running, INFLOW, PERIOD, 1, WANG)
    with pytest.raises(NotConfirmed, match="643"):
        four_eyes.confirm(node.running, INFLOW, PERIOD, 1, [sign(node, "11", asked)])
    assert four_eyes.confirm(node.running, INFLOW, PERIOD, 1, [sign(node, "12", asked)]) == "person:li + person:wang"


def test_what_came_later_needs_its_own_request(node: Node) -> None:
    node.send(planned())
    asked = four_eyes.request(node.running, INFLOW, PERIOD, 1, ROOT)
    signatures = [sign(node, "11", asked), sign(node, "12", asked)]
    node.send(planned(party="44", seed="2"))
    with pytest.raises(NotConfirmed, match="642"):
        four_eyes.confirm(node.running, INFLOW, PERIOD, 1, signatures)
    again = four_eyes.request(node.running, INFLOW, PERIOD, 1, ROOT)
    assert again != asked
    actor = four_eyes.confirm(node.running, INFLOW, PERIOD, 1, [sign(node, "11", again), sign(node, "13", again)])
    node.send(planned(party="51", seed="3"))
    Releasing(node.running).release(INFLOW, PERIOD, 1, actor)
    assert {p.origin for p in node.packages(state="held")} == {"510000"}, "what nobody vouched for stays"
    assert set(json.loads(again)["packages"]) == {p.id for p in node.packages(state="released")}
