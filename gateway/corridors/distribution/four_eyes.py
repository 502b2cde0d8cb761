"""Four eyes: what a release under such an agreement waits for, and what is released then.

The first person asks over the control socket, and gets a request that lists every package by its digest.
A person of `config/people` signs those bytes (`gpg --detach-sign`). The release goes on when two different people vouch
for it: each by a signature, or, for the one who asked, by being the only user of their Unix account. Exactly the listed
packages go, and the `released` entry names both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import rfc8785

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import PackageRow
from gateway.instants import rfc3339
from gateway.lifecycle import Event, PackageState
from gateway.log import Entry
from gateway.node import Node
from gateway.outcomes import Ok
from gateway.policy.facts import Facts

FORMAT = 1
_REQUEST, _CONFIRMED = "request", "confirmed"


class NotConfirmed(Exception):
    """The release waits; the code says for what, to the person who asked."""

    def __init__(self, code: str, **detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def identity(agreement: str, period: str, batch: int) -> str:
    return f"release-{agreement}-{period}-{batch}"


def request(node: Node, agreement: str, period: str, batch: int, actor: str) -> bytes:
    """The document to sign. Asked again for the same packages it is the same bytes, so a signature stays good."""
    name, now = identity(agreement, period, batch), node.clock.now()
    with node.ledger.transaction(now) as tx:
        held = _held(tx, agreement, period)
        earlier = tx.progress.get(name, _REQUEST)
        if earlier is not None and json.loads(earlier)["packages"] == _listed(held):
            return earlier.encode()
        document: dict[str, Any] = {
            "gateway:release_request": FORMAT,
            "node": node.facts.current().node.name,
            "agreement": agreement,
            "period": period,
            "batch": batch,
            "packages": _listed(held),
            "records": sum(p.records for p in held),
            "requested_by": actor,
            "requested_at": rfc3339(now),
        }
        body = rfc8785.dumps(document)
        tx.progress.drop(name)
        tx.progress.set(name, _REQUEST, body.decode())
    return body


def confirm(node: Node, agreement: str, period: str, batch: int, signatures: Sequence[bytes]) -> str:
    """Who releases: both people, as the log will name them. Raises `NotConfirmed`, and then nothing has changed."""
    name, facts, now = identity(agreement, period, batch), node.facts.current(), node.clock.now()
    with node.ledger.transaction(now) as tx:
        body = tx.progress.get(name, _REQUEST)
        if body is None:
            raise NotConfirmed("641")
        document = json.loads(body)
        if document["packages"] != _listed(_held(tx, agreement, period)):
            raise NotConfirmed("642")
        signed = {_signer(node, facts, body.encode(), signature): signature for signature in signatures}
        people = sorted({*signed, *_by_account(facts, document["requested_by"])})
        if len(people) < 2:
            raise NotConfirmed("643", who=people[0] if people else "–")
        actor = " + ".join(f"person:{person}" for person in people)
        if tx.progress.get(name, _CONFIRMED) is None:
            tx.progress.set(name, _CONFIRMED, actor)
            digests = {f"signature_{person}": hashlib.sha256(made).hexdigest() for person, made in signed.items()}
            tx.log(
                Entry(
                    id=f"{name}/{_CONFIRMED}/{hashlib.sha256(body.encode()).hexdigest()[:16]}",
                    event=Event.OPERATED,
                    time=now,
                    actor=actor,
                    facts=facts.digest,
                    counts={"packages": len(document["packages"]), "records": document["records"], "batch": batch},
                    digests={"request": hashlib.sha256(body.encode()).hexdigest(), **digests},
                )
            )
    return actor


def confirmed(
    reading: Reading, agreement: str, period: str, batch: int, held: Sequence[PackageRow]
) -> list[PackageRow]:
    """What of the held packages two people vouched for. Raises `NotConfirmed` where nobody did: whichever way a release
    was asked for, this is asked in its transaction."""
    name = identity(agreement, period, batch)
    body = reading.progress.get(name, _REQUEST)
    if body is None or reading.progress.get(name, _CONFIRMED) is None:
        raise NotConfirmed("643", who="–")
    listed = json.loads(body)["packages"]
    return [package for package in held if listed.get(package.id) == package.sha256]


def _held(reading: Reading, agreement: str, period: str) -> list[PackageRow]:
    return reading.packages.where(agreement=agreement, period=period, state=PackageState.HELD)


def _signer(node: Node, facts: Facts, body: bytes, signature: bytes) -> str:
    for person in facts.people.values():
        if "release" not in person.roles:
            continue
        judged = node.verifier.verify(body, signature, person.key)
        if isinstance(judged, Ok):
            return person.id
        if judged.code == "268":
            raise NotConfirmed("268", signed_at=str(judged.detail["signed_at"]))
    raise NotConfirmed("644")


def _by_account(facts: Facts, requested_by: str) -> list[str]:
    """The person whose own account asked; root and shared accounts are nobody's."""
    _, _, user = requested_by.partition(" ")
    return [p.id for p in facts.people.values() if "release" in p.roles and p.user and p.user == user != "root"]


def _listed(packages: Sequence[PackageRow]) -> dict[str, str]:
    return {package.id: package.sha256 for package in packages}
