"""What is signed by a clock that runs ahead is refused, whatever it is, and taken once it is signed by a right one."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, planned
from test_packages_in import descriptor, drop, sealed, trust

from gateway.adapters.worker import Worker
from gateway.corridors.between import statements
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing, four_eyes
from gateway.corridors.distribution.four_eyes import NotConfirmed
from gateway.corridors.telling.posting import Posting
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.outcomes import Ok, Refused, catalogue
from gateway.parcels import AgreementId, DistributionId, PartyId
from gateway.receipts.listing import DistributionList, Listed


def signed(node: Node, code: str, body: bytes, hours: float = 0) -> bytes:
    """By a partner whose clock is so many hours ahead."""
    return subprocess.run(
        ["gpg", "--batch", "--quiet", *ahead(hours), "-u", node.partners[code].fingerprint, "--detach-sign"],
        input=body,
        env={**os.environ, "GNUPGHOME": str(node.partners.home)},
        capture_output=True,
        check=True,
    ).stdout


def ahead(hours: float) -> list[str]:
    moment = time.gmtime(time.time() + hours * 3600)
    return [time.strftime("--faked-system-time=%Y%m%dT%H%M%S", moment)] if hours else []


def test_a_package_whose_own_time_is_old(node: Node, tmp_path: Path) -> None:
    trust(node)
    made = descriptor(planned(10))
    (tmp_path / "a").mkdir()
    package = sealed(node, tmp_path / "a", made, options=ahead(5))
    row = node.row(drop(node, package))
    node.is_refused(row, "268", package.read_bytes())
    assert catalogue()["268"].sentence("zh").split("…")[0] in node.page(row)
    node.nothing_forwarded()
    (tmp_path / "b").mkdir()
    again = node.row(drop(node, sealed(node, tmp_path / "b", made)))
    assert (again.state, again.accepted) == ("accepted", 10)


def test_an_acknowledgement(node: Node) -> None:
    node.send(planned(30))
    batch = next(b for b, to in Releasing(node.running).release(INFLOW, PERIOD, 1, "test") if to == "440000")
    assert Delivery(node.running).run(batch) == {"outcome": "ok", "code": ""}
    (form,) = node.party_folder("44", "接收", "跨省流入人口个案").glob("签收单_*.receipt.json")
    folder = node.party_folder("44", "上报", "签收")
    (folder / "a.sig").write_bytes(signed(node, "44", form.read_bytes(), 5))
    (claim,) = node.scan()
    assert Acknowledging(node.running).run(claim.parcel) == {"outcome": "refused", "code": "268"}
    Posting(node.running).post(claim.parcel)
    assert "acknowledged" not in node.events(batch)
    (folder / "b.sig").write_bytes(signed(node, "44", form.read_bytes()))
    (claim,) = node.scan()
    assert Acknowledging(node.running).run(claim.parcel) == {"outcome": "ok", "code": ""}
    assert "acknowledged" in node.events(batch)


def test_a_statement_by_its_signature(node: Node) -> None:
    """Receipts, lists and what they withdraw are statements; nothing of it is read before its signature is judged."""
    issuer, body = node.facts.parties["330000"], b"{}"
    refused = statements.take(node.running, issuer, body, signed(node, "33", body, 5))
    assert isinstance(refused, Refused)
    assert refused.code == "268"
    honest = statements.take(node.running, issuer, body, signed(node, "33", body))
    assert isinstance(honest, Refused)
    assert honest.code == "247", "it is read, and says nothing"
    with node.running.ledger.reading() as reading:
        assert sorted(row.code for row in reading.statements.where(state="refused")) == ["247", "268"]


@pytest.fixture
def by_day(home: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    """A node whose clock is the host's."""
    config = home / "config" / "gateway.toml"
    config.write_text(re.sub(r"\n\[rehearsal\]\n.*?(?=\n\[|\Z)", "\n", config.read_text("utf-8"), flags=re.DOTALL))
    made = Node(home, partners, worker)
    assert made.facts.node.rehearsal is None
    yield made
    made.close()


def listed(node: Node, ahead: timedelta) -> bytes:
    """A list of one origin that owes nothing, issued by province 33."""
    now = node.running.clock.now()
    return DistributionList(
        DistributionId(f"d-{INFLOW}-{PERIOD}-1-000000"),
        AgreementId(INFLOW),
        "跨省流入人口个案",
        PERIOD,
        1,
        PartyId("330000"),
        PartyId("000000"),
        now + ahead,
        node.facts.digest,
        (Listed(PartyId("330000"), "missing"),),
    ).to_json()


def test_a_list_by_its_own_time(by_day: Node) -> None:
    issuer = by_day.facts.parties["330000"]
    codes = {}
    for name, hours in (("ahead", 2.0), ("a little", 0.5), ("now", 0.0)):
        body = listed(by_day, timedelta(hours=hours))
        judged = statements.judge(by_day.running, issuer, body, signed(by_day, "33", body))
        codes[name] = "" if isinstance(judged, Ok) else judged.code
    assert codes["ahead"] == "257"
    assert codes["a little"] == codes["now"] != "257"


def test_a_persons_release(home: Path, partners: Partners, worker: Worker) -> None:
    file = home / "config/agreements" / f"{INFLOW}.toml"
    file.write_text(file.read_text("utf-8").replace("\nfour_eyes = false", "\nfour_eyes = true"), "utf-8")
    for folder in ("config/people", "keys/people"):
        (home / folder).mkdir()
    for person, code in (("wang", "11"), ("li", "12")):
        (home / f"config/people/{person}.toml").write_text(f'id = "{person}"\nkey = "{partners[code].fingerprint}"\n')
        (home / f"keys/people/{person}.asc").write_bytes(partners[code].public_key())
    node = Node(home, partners, worker)
    try:
        node.send(planned())
        asked = four_eyes.request(node.running, INFLOW, PERIOD, 1, "uid:0 root")
        late, li = signed(node, "11", asked, 5), signed(node, "12", asked)
        with pytest.raises(NotConfirmed, match="268"):
            four_eyes.confirm(node.running, INFLOW, PERIOD, 1, [late, li])
        assert four_eyes.confirm(node.running, INFLOW, PERIOD, 1, [signed(node, "11", asked), li])
    finally:
        node.close()
