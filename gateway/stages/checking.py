"""Checking: what the worker is asked, and whether the file is accepted by what it found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway import digests
from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import Checked, Kind, Opened, Part, Tally
from gateway.policy.facts import Agreement, Facts
from gateway.policy.facts.routing import significant
from gateway.policy.periods import Period
from gateway.ports import ExamineJob
from gateway.records import Examination
from gateway.records.parts import UNROUTED
from gateway.records.reports import is_refused_list


def job(opened: Opened, facts: Facts, source: Path, out: Path) -> ExamineJob:
    """The examination a worker is asked for: the agreement's schema, own side = the origin's province, as-of = the
    period's last day (none where the agreement is event-driven: then the rules about dates are not applied)."""
    arrival = opened.arrival
    agreement, sender = facts.agreements[arrival.agreement], facts.parties[arrival.sender]
    origin = facts.parties.get(arrival.origin)
    return ExamineJob(
        source=source,
        out=out,
        schemas=facts.schemas,
        dataset=agreement.dataset,
        version=agreement.version_for(arrival.period),
        route_by=agreement.route_by,
        sender=origin.province if origin else arrival.origin[:2],
        as_of=_as_of(opened, agreement),
        nil=opened.content == "nil",
        ignorable=agreement.ignorable,
        columns=agreement.columns,
        language=sender.language,
        area=significant(origin.area_code if origin else arrival.origin),
        sums=(agreement.reconcile.by, agreement.reconcile.province, agreement.reconcile.count)
        if agreement.reconcile
        else (),
        routes=() if agreement.routes == "province" else tuple(facts.routes(agreement)),
        whole_above=_bears(agreement),
    )


def _bears(agreement: Agreement) -> float:
    """The share of refused records that leaves the rest of the file acceptable."""
    return agreement.acceptance.max_refused_share if agreement.acceptance.mode == "file" else 1.0


def _as_of(opened: Opened, agreement: Agreement) -> str | None:
    """The period's last day. Where a clock starts at a date of the record there is no period, but nothing is entered
    after the day it is received."""
    if opened.arrival.period:
        return Period.parse(opened.arrival.period).end.isoformat()
    own = agreement.clock is not None and not agreement.clock.answered_by
    return opened.arrival.received_at.date().isoformat() if own else None


def unread(opened: Opened, sha256: str) -> Checked:
    """What is not read record by record: a withdrawal holds nothing, a document is one part for every receiver."""
    parts = (Part(UNROUTED, 0, sha256, f"{0:064x}"),) if opened.content == "document" else ()
    return Checked(opened, "", Tally(), {}, parts, f"{0:064x}")


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
