"""Sealing: one package per (origin, receiver, period, revision), named by its content, for a pinned key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway import digests
from gateway.outcomes import Deferred, Ok, Outcome
from gateway.packages import Descriptor, Resource
from gateway.parcels import Arrival, PackageId, PartyId, SealedPackage, Sorted
from gateway.policy.facts import Agreement, Facts, Party
from gateway.records import schema as schemas


@dataclass(frozen=True, slots=True)
class Plan:
    """One package to make. `member` is its data member's path, `province` the part that fills it."""

    package: PackageId
    receiver: PartyId
    province: str
    fingerprint: str
    member: str
    descriptor: bytes
    records: int
    content_digest: str


def plan(
    sorted_: Sorted,
    files: Mapping[PartyId, tuple[str, int]],
    replaces: Mapping[PartyId, str],
    facts: Facts,
    created: datetime,
    key: str,
) -> Outcome[tuple[Plan, ...]]:
    """What to seal for whom. `files` are the members' SHA-256 and bytes, `replaces` what a correction replaces there,
    `key` is the parcel's: a package has the key of its part, and of no other.

    Deferred 707 while a receiver has no key: nobody else may read its records, so they wait. Under profile
    `plain-folder` they wait for their release sealed for this node itself."""
    arrival = sorted_.checked.opened.arrival
    agreement = facts.agreements[arrival.agreement]
    document = sorted_.checked.opened.content == "document"
    plain = agreement.profile == "plain-folder"
    suffix = arrival.suffix if document else ".xlsx" if plain else ".csv"
    schema = None if document or plain else _schema(facts, agreement, arrival.period)
    plans = []
    for receiver, part in sorted(sorted_.parts.items()):
        reader = facts.parties[facts.node.party if plain else receiver]
        fingerprint = reader.sealing_key(agreement.profile, created.date())
        if fingerprint is None:
            return Deferred("707", {"receiver": receiver}, retry_after=3600)
        member = f"data/{agreement.dataset}{suffix}"
        sha256, size = files[receiver]
        origin, reported_for = _author(arrival, facts, facts.parties[receiver])
        descriptor = Descriptor(
            agreement=agreement.id,
            sender=facts.node.party,
            origin=origin,
            reported_for=reported_for or None,
            receiver=receiver,
            period=arrival.period,
            kind=arrival.kind,
            revision=arrival.revision,
            records=part.records,
            created=created,
            replaces=replaces.get(receiver),
            derived_from=arrival.derived_from or None,
            resources=(_resource(agreement.dataset, member, size, sha256, schema),),
            log_origin=facts.node.name,
            title=agreement.label,
            digest_key=digests.part_key(key, part.province),
        )
        plans.append(
            Plan(
                package=descriptor.package_id,
                receiver=receiver,
                province=part.province,
                fingerprint=fingerprint,
                member=member,
                descriptor=descriptor.to_json(),
                records=part.records,
                content_digest=descriptor.content_digest,
            )
        )
    return Ok(tuple(plans))


def _author(arrival: Arrival, facts: Facts, receiver: Party) -> tuple[str, str]:
    """Who reports it to this receiver, and on whose behalf. What goes to a level above is this node's own submission,
    a part of it for each of those that reported here; to anybody else it is theirs who reported it."""
    own = facts.node.party
    if not facts.above(receiver):
        return arrival.origin, arrival.reported_for
    return own, arrival.reported_for if arrival.origin == own else arrival.origin


def _schema(facts: Facts, agreement: Agreement, period: str) -> Mapping[str, object]:
    """What a receiver checks the table against: the period's version, of the columns that travel."""
    return schemas.document(facts.schemas, agreement.dataset, agreement.version_for(period), agreement.columns)


def _resource(name: str, path: str, size: int, sha256: str, schema: Mapping[str, object] | None) -> Resource:
    if schema is not None:
        return Resource(name, path, size, sha256, schema)
    return Resource(name, path, size, sha256, None, mediatype="application/octet-stream", encoding="binary")


def sealed(plan_: Plan, sha256: str, size: int) -> SealedPackage:
    """The package as it lies on disk; from here on its bytes never change."""
    return SealedPackage(plan_.package, plan_.receiver, plan_.records, plan_.content_digest, sha256, size)
