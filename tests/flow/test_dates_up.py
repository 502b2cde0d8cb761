"""Three tiers over real OpenSSH: a province asks at the nation, the nation's inquiry goes down to a province's node and
on to a county's, whose department is the place that answers. The county's node signs by when; the others copy it.

Working days by hand (October 2026 has its holiday from 1 to 7): delivered into the department's folder on Thursday
22 October; 23 (1), 26 to 30 (6), 2 to 6 November (11), 9 to 12 (15): due on 12 November. The nation delivered on the
20th, and its own date would be the 10th.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.asking import ANSWER, ASK, PERSON, MovedClock, at, with_agreements
from support.nodes import Node
from test_between import collect, sign_as
from test_tiers import COUNTY, DEPARTMENT, NATION, PROVINCE, Tiers, folder, joined, work_on_what_came

from gateway import inspection
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.corridors.between import dates_up
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.inquiries import showing
from gateway.corridors.obligations import dating
from gateway.corridors.views import inquiries
from gateway.demo import folders as places
from gateway.demo.partners import Partners
from gateway.outcomes import Ok, Refused

ASKED, BACK, LABEL = "inquiry-15wd", "reply-15wd", "核查甲类"
ASKER = "330000"


@pytest.fixture
def tiers(template: Path, tmp_path: Path, partners: Partners, worker: Worker) -> Iterator[Tiers]:
    for made in joined(template, tmp_path, partners, worker):
        _agree(made, partners)
        yield made


def _agree(tiers: Tiers, partners: Partners) -> None:
    """The same inquiry at three nodes: by province at the nation, by county at the province, to one department."""
    for node in tiers.nodes():
        with_agreements(node.home, ASKED, BACK)
    _edit(tiers.province, ASKED, senders=f'["{NATION}"]', receivers='"routed"\nroutes = "county"')
    _edit(tiers.province, BACK, senders='"county"', receivers=f'"routed"\nroutes = {{ "33" = "{NATION}" }}')
    _edit(tiers.county, ASKED, senders=f'["{PROVINCE}"]', receivers=f'"routed"\nroutes = {{ 440106 = "{DEPARTMENT}" }}')
    _edit(tiers.county, BACK, senders=f'["{DEPARTMENT}"]', receivers=f'"routed"\nroutes = {{ "33" = "{PROVINCE}" }}')
    party = tiers.province.home / "config" / "parties" / f"{NATION}.toml"
    text = party.read_text("utf-8").replace("[channel.collect]\n", f'[channel.collect]\n{ASKED} = "接收/{LABEL}"\n')
    party.write_text(text, "utf-8")
    party = tiers.county.home / "config" / "parties" / f"{PROVINCE}.toml"
    more = f'\n[channel.collect]\n{ASKED} = "接收/{LABEL}"\n'
    party.write_text(party.read_text("utf-8") + more, "utf-8")
    file = tiers.county.home / "private" / "department.asc"
    file.write_bytes(partners["35"].public_key())
    home = tiers.county.home
    done = keyring.import_partner(
        home / "keys", home / "config" / "parties", file, DEPARTMENT, partners["35"].fingerprint
    )
    assert isinstance(done, Ok)
    for node in tiers.nodes():
        node.reopen()
        assert inspection.findings(node.home, date(2026, 10, 20)).faults == ()


def _edit(node: Node, agreement: str, **values: str) -> None:
    file = node.home / "config" / "agreements" / f"{agreement}.toml"
    lines = file.read_text("utf-8").split("\n")
    for key, value in values.items():
        (place,) = [n for n, line in enumerate(lines) if line.startswith(f"{key} = ")]
        lines[place] = f"{key} = {value}"
    file.write_text("\n".join(lines), "utf-8")


def clock(tiers: Tiers, moment: str) -> None:
    for node in tiers.nodes():
        node.running = replace(node.running, clock=MovedClock(at(moment)))


def deliver(node: Node) -> None:
    for agreement, period, batch in Releasing(node.running).ripe(node.running.clock.now()):
        for identity, _ in Releasing(node.running).release(agreement, period, batch, "gateway"):
            assert Delivery(node.running).run(identity) == {"outcome": "ok", "code": ""}
    Delivery(node.running).post_waiting()


def ask(tiers: Tiers) -> None:
    """Two records about the county, delivered in two days."""
    clock(tiers, "2026-10-20 10:00")
    rows = "".join(f"{n},{PERSON},440106000000,1\n" for n in ("A-1", "A-2"))
    (folder(tiers.nation, ASKER, ASKED) / "名单.csv").write_text(ASK + rows, "utf-8")
    assert work_on_what_came(tiers.nation) == ["accepted 100"]
    deliver(tiers.nation)
    clock(tiers, "2026-10-21 10:00")
    pass_on(tiers.province)
    clock(tiers, "2026-10-22 10:00")
    pass_on(tiers.county)


def pass_on(node: Node) -> None:
    collect(node)
    assert work_on_what_came(node) == ["accepted 100"]
    deliver(node)


def tell_up(tiers: Tiers) -> None:
    """What is stated below is pushed up, judged there, copied, and stated again."""
    for lower, upper in ((tiers.county, tiers.province), (tiers.province, tiers.nation)):
        dates_up.tell(lower.running)
        work_on_what_came(upper)
        Delivery(upper.running).post_waiting()
        assert dates_up.tell(lower.running) == 0


def owed(node: Node) -> list[Any]:
    with node.running.ledger.reading() as reading:
        return reading.obligations.where(kind="reply")


def dates(node: Node) -> set[tuple[str, str]]:
    return {(str(one.due), one.dated_by) for one in owed(node)}


def events(node: Node, event: str) -> list[dict[str, Any]]:
    with node.running.ledger.reading() as reading:
        return [json.loads(entry.body) for entry in reading.entries.after(limit=10_000) if entry.event == event]


def test_the_date_is_the_lowest_nodes_and_every_node_above_shows_whose_it_is(tiers: Tiers) -> None:
    ask(tiers)
    assert [dates(node) for node in tiers.nodes()] == [{("2026-11-10", "")}, {("2026-11-11", "")}, {("2026-11-12", "")}]
    tell_up(tiers)
    copied = {("2026-11-12", COUNTY)}
    assert [dates(node) for node in tiers.nodes()] == [copied, copied, {("2026-11-12", "")}]
    for node in tiers.nodes()[:2]:
        assert {o.expires_at for o in owed(node)} == {o.expires_at for o in owed(tiers.county)}
        assert {o.edition for o in owed(node)} == {o.edition for o in owed(tiers.county)}
    (entry,) = events(tiers.province, "date_copied")
    assert (entry["parties"], entry["counts"]) == ([COUNTY], {"obligations": 2})
    # The province's own date is the older statement: whichever of its two is read first, this one stands.
    assert events(tiers.nation, "date_copied")[-1]["parties"] == [PROVINCE, COUNTY]
    # Both sides of the nation, and its operator, see the date and whose it is.
    (line,) = inquiries.listed(tiers.nation.running)
    assert (line["due"], line["dated_by"], line["open"]) == ("2026-11-12", COUNTY, 2)
    pages = [p.read_text("utf-8") for p in receipts(tiers.nation, ASKER).glob("*.html") if "未结" not in p.name]
    assert sum("2026-11-12" in page and f"（{COUNTY}定）" in page for page in pages) == 1
    showing.refresh(tiers.nation.running, [ASKER])
    (page,) = receipts(tiers.nation, ASKER).glob("*未结清单.html")
    assert f"2026-11-12 （{COUNTY}定）" in page.read_text("utf-8")
    # The answer goes back the same way; at the nation it is held against the date that the county signed.
    clock(tiers, "2026-11-12 23:59")
    (folder(tiers.county, DEPARTMENT, BACK) / "反馈.csv").write_text(
        ANSWER + "A-1,1,20261112\nA-2,2,20261112\n", "utf-8"
    )
    for node in reversed(tiers.nodes()):
        assert work_on_what_came(node) in (["accepted 100"], ["accepted 100", "noted 100"])  # and the batch's list
        assert {one.state for one in owed(node)} == {"met"}
        deliver(node)


def receipts(node: Node, party: str) -> Path:
    return places.party_folder(node.facts, node.facts.parties[party]) / "回执"


def test_only_what_the_lower_node_signed_is_taken_and_its_corrections_go_up(tiers: Tiers) -> None:
    ask(tiers)
    with tiers.county.running.ledger.reading() as reading:
        (genuine,) = reading.receipts.where(stage="delivered")
    later = genuine.body.replace(b"2026-11-12", b"2026-12-12").replace(b"2026-11-13T00", b"2026-12-13T00")
    assert later != genuine.body
    lay(tiers.province, COUNTY, "changed", later, sign_as(tiers.county, genuine.body))
    lay(tiers.province, COUNTY, "foreign", genuine.body, sign_as(tiers.nation, genuine.body))
    assert {state.split()[0] for state in work_on_what_came(tiers.province)} == {"refused"}
    assert dates(tiers.province) == {("2026-11-11", "")}
    assert events(tiers.province, "date_copied") == []
    tell_up(tiers)
    ids = [one.id for one in owed(tiers.nation)]
    clock(tiers, "2026-11-02 10:00")
    assert dating.extend(tiers.nation.running, ids, date(2026, 12, 1), "来函", "uid:0 test") == Refused(
        "624", {"obligation": ids[0], "party": COUNTY}
    )
    assert dating.recompute(tiers.nation.running) == []
    moved = dating.enter_outage(tiers.nation.running, at("2026-11-01 10:00"), at("2026-11-02 09:00"), "", "uid:0 test")
    assert moved == Ok([])
    before = [path.name for path in receipts(tiers.county, DEPARTMENT).glob("*.html")]
    below = [one.id for one in owed(tiers.county)]
    done = dating.extend(tiers.county.running, below, date(2026, 11, 20), "来函", "uid:0 test")
    assert isinstance(done, Ok)
    Delivery(tiers.county.running).post_waiting()
    assert len(list(receipts(tiers.county, DEPARTMENT).glob("*.html"))) == len(before) + 1
    tell_up(tiers)
    copied = {("2026-11-20", COUNTY)}
    assert [dates(node) for node in tiers.nodes()] == [copied, copied, {("2026-11-20", "")}]
    # The county's first statement once more, as from a folder that was restored: older than what is known.
    with tiers.county.running.ledger.reading() as reading:
        first, second = reading.receipts.where(stage="delivered")
    lay(tiers.province, COUNTY, "again", first.body, sign_as(tiers.county, first.body))
    assert work_on_what_came(tiers.province) == ["noted 100"]
    assert dates(tiers.province) == copied
    assert json.loads(second.body)["due"][0] | {"edition": ""} == {
        "areas": ["440106"],
        "date": "2026-11-20",
        "edition": "",
        "expires_at": "2026-11-21T00:00:00+08:00",
        "status": "final",
        "what": "reply",
    }


def lay(node: Node, party: str, name: str, body: bytes, signature: bytes) -> None:
    """Into the party's folder for acknowledgements here, as its courier does."""
    target = places.party_folder(node.facts, node.facts.parties[party]) / "上报" / "签收"
    (target / f"{name}.sig.json").write_bytes(body)
    (target / f"{name}.sig").write_bytes(signature)
