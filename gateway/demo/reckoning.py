"""What a played quarter came to, held against the story: the document that `gateway demo --json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.demo import chronicle, regions
from gateway.demo.holdings import SUFFIX
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.played_quarter import Parcel, PlayedQuarter, latest, outcomes, refusals
from gateway.demo.story import Expected

Became = Mapping[tuple[str, str], str]
"""By (province, dataset), what became of what was owed."""


def document(played: PlayedQuarter, parcels: list[Parcel], truth: Expected) -> dict[str, Any]:
    """Everything in numbers, by party and in all; `problems` says where it is not as the story has it, `ok` that it is
    nowhere so. The node must still run: it is asked for its counts."""
    node, holdings = played.node, played.holdings
    counting, became = latest(parcels), node.obligations()
    conservation = {
        "in": sum(p["records"] for p in counting),
        "accepted": sum(p["accepted"] for p in counting),
        "refused": sum(p["refused"] for p in counting),
        "out": sum(holdings.per_receiver.values()),
    }
    problems = [
        *holdings.problems(truth),
        *outcomes(played.acts, played.found(parcels), truth.outcomes),
        *_not_as_due(played, became),
    ]
    if not _adds_up(conservation, truth):
        problems.append("in, accepted, refused and out do not add up")
    counts = node.get("status")["counts"]
    return {
        "ok": not problems,
        "parties": {f"{province}0000": _party(province, played, counting, became) for province in _provinces()},
        "parcels": dict(Counter(p["state"] for p in parcels)),
        "conservation": conservation,
        "packages": [f"{name}{SUFFIX}" for name in holdings.packages],
        "obligations": counts["obligations"],
        "deliveries": counts["deliveries"],
        "refusals": refusals(parcels),
        "receivers": {of: holdings.total(of) for of in ("signed", "opened", "deleted")},
        "reminded": len(played.reminded),
        "date": node.now().isoformat(timespec="seconds"),
        "problems": problems,
        "log": node.facts.node.name,
    }


def _provinces() -> list[str]:
    return [province.code for province in regions.provinces()]


def _not_as_due(played: PlayedQuarter, became: Became) -> Iterator[str]:
    for (province, dataset), state in chronicle.standings(played.acts, _provinces()).items():
        found = became.get((province, dataset))
        if found != state:
            yield f"{province} {dataset}: {found}, not {state}"


def _adds_up(conservation: Mapping[str, int], truth: Expected) -> bool:
    return (
        conservation["in"] == conservation["accepted"] + conservation["refused"]
        and conservation["out"] == conservation["accepted"] == truth.accepted
        and conservation["refused"] == truth.refused
    )


def _party(province: str, played: PlayedQuarter, counting: list[Parcel], became: Became) -> dict[str, Any]:
    own = [parcel for parcel in counting if parcel["sender"][:2] == province]
    return {
        **{key: sum(parcel[key] for parcel in own) for key in ("records", "accepted", "refused")},
        "received": played.holdings.per_receiver[province],
        **{dataset: became.get((province, dataset), "") for dataset in (INFLOW, OUTFLOW)},
    }
