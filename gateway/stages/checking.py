"""Checking: what the worker is asked, and whether the file is accepted by what it found."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from gateway import digests
from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import Arrival, Checked, Kind, Opened, Part, Tally, without_records
from gateway.policy.areas import significant
from gateway.policy.facts import Agreement, Facts, dates
from gateway.policy.periods import Period
from gateway.ports import ExamineJob
from gateway.records import Examination
from gateway.records.parts import UNROUTED
from gateway.records.reports import is_refused_list

EMPTY = "226"
_NOT_DIGITS = re.compile("[^0-9].*", re.DOTALL)
_NATION = "00"
"""What six zeros, the national node's area code by this project's convention, come down to."""


def job(opened: Opened, facts: Facts, source: Path, out: Path) -> ExamineJob:
    """The examination a worker is asked for: the agreement's schema, own side = the author's own area at its own depth,
    as-of = the period's as-of day (none where the agreement is event-driven: then the rules about dates are not
    applied)."""
    arrival = opened.arrival
    agreement, sender = facts.agreements[arrival.agreement], facts.parties[arrival.sender]
    area, routes = own_area(arrival, facts), facts.routes(agreement) if agreement.receivers == "routed" else {}
    return ExamineJob(
        source=source,
        out=out,
        schemas=facts.schemas,
        dataset=agreement.dataset,
        version=agreement.version_for(arrival.period),
        route_by=agreement.route_by,
        sender=area[:2] or None,
        as_of=_as_of(opened, agreement),
        nil=opened.content == "nil",
        ignorable=agreement.ignorable,
        columns=agreement.columns,
        language=sender.language,
        area=area,
        sums=(agreement.reconcile.by, agreement.reconcile.province, agreement.reconcile.count)
        if agreement.reconcile
        else (),
        routes=() if agreement.by_province else tuple(routes),
        back=tuple(part for part, party in routes.items() if party.id in (arrival.sender, arrival.origin)),
        whole_above=_bears(agreement),
        author=sender.id,
    )


def own_area(arrival: Arrival, facts: Facts) -> str:
    """The digits that the codes of the author's own area begin with: two of a province, six of a county, nine of a
    township. Empty for the nation and for a node above this one: what it sends is about areas within its own."""
    author = facts.parties.get(arrival.origin)
    code = (
        author.area_code if author else _NOT_DIGITS.sub("", arrival.origin) or facts.parties[arrival.sender].area_code
    )
    area, ours = significant(code), significant(facts.parties[facts.node.party].area_code)
    above = ours.startswith(area) and len(area) < len(ours)
    return "" if above or area == _NATION else area


def _bears(agreement: Agreement) -> float:
    """The share of refused records that leaves the rest of the file acceptable."""
    return agreement.acceptance.max_refused_share if agreement.acceptance.mode == "file" else 1.0


def _as_of(opened: Opened, agreement: Agreement) -> str | None:
    """The period's as-of day, the sender's own where it has one. Where a clock starts at a date of the record there is
    no period, but nothing is entered after the day it is received."""
    arrival = opened.arrival
    if arrival.period:
        party = arrival.origin if arrival.origin in agreement.frequency else arrival.sender
        return dates.as_of(agreement, party, Period.parse(arrival.period)).isoformat()
    own = agreement.clock is not None and not agreement.clock.answered_by
    return arrival.received_at.date().isoformat() if own else None


def as_meant(refused: Refused, arrival: Arrival) -> Refused:
    """The same; a file without records is refused by the code of what it was to be."""
    if refused.code != EMPTY:
        return refused
    return Refused(without_records(arrival.kind), {"part": arrival.part} if arrival.part else {})


def unread(opened: Opened, sha256: str) -> Checked:
    """What is not read record by record: a withdrawal holds nothing, a document is one part for every receiver."""
    parts = (Part(UNROUTED, 0, sha256, f"{0:064x}"),) if opened.content == "document" else ()
    return Checked(opened, "", Tally(), {}, parts, f"{0:064x}")


def nil_document(opened: Opened, agreement: Agreement) -> Refused | None:
    """Refused 249: where documents are sent there is no table that could be without records."""
    return Refused("249") if opened.content == "nil" and agreement.content == "document" else None


def judge(opened: Opened, found: Examination, agreement: Agreement) -> Outcome[Checked]:
    """Refused 239 for a list of returned rows sent as a whole, 229 when no record is acceptable, 230 above the agreed
    share; a nil has nothing to refuse."""
    arrival = opened.arrival
    if arrival.period and arrival.kind in {Kind.NEW, Kind.REPLACE} and is_refused_list(found.dropped):
        return Refused("239", {"records": found.records})
    tally = Tally(found.records, found.accepted, found.refused, found.warned)
    if tally.refused and not tally.accepted:
        return Refused("229", _tally_detail(tally))
    share = tally.refused / tally.records if tally.records else 0.0
    if share > _bears(agreement):
        percent = {"share": f"{100 * share:.1f}", "limit": f"{100 * _bears(agreement):.1f}"}
        return Refused("230", {**percent, **_tally_detail(tally)})
    parts = tuple(Part(part.province, part.records, part.sha256, part.digest) for part in found.parts)
    return Ok(
        Checked(
            opened,
            found.encoding,
            tally,
            dict(found.codes),
            parts,
            found.digest,
            found.measures,
            found.fields,
            found.sums,
            found.reading,
        )
    )


def cover(checked: Checked, key: str) -> Checked:
    """The same, its digests of records covered under the parcel's key. The whole's comes from what was judged, the
    parts' from what lies on disk, so that sorting still compares the two."""
    keys = {part.province: digests.part_key(key, part.province) for part in checked.parts}
    parts = tuple(replace(part, digest=digests.covered(keys[part.province], part.digest)) for part in checked.parts)
    covers = [digests.keyed(one, digests.RECORDS) for one in keys.values()]
    return replace(checked, parts=parts, digest=digests.added((checked.digest, *covers)))


def _tally_detail(tally: Tally) -> dict[str, str | int]:
    """For the receipt of a file refused as a whole: everything in it counts as refused."""
    return {"records": tally.records, "judged_refused": tally.refused}
