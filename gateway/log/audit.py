"""The auditor's summary of a period, from the log alone: what was missing, late, refused; who sent how much to whom;
who extended, who released, what was erased."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.lifecycle import Event
from gateway.log import canonical, tiles
from gateway.log.merkle import WIDTH
from gateway.log.note import read_checkpoint


def entries(folder: Path) -> Iterator[dict[str, Any]]:
    """The entries of a published log, in order. They are not judged here: verify first."""
    _, checkpoint = read_checkpoint((folder / tiles.CHECKPOINT).read_bytes())
    for number in range((checkpoint.size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, checkpoint.size - number * WIDTH)
        for data in tiles.unbundle(tiles.read_tile(folder, tiles.ENTRIES, number, width)):
            yield canonical.loads(data)


def summarise(log: Iterable[Mapping[str, Any]], period: str) -> dict[str, Any]:
    """The summary of `period` (`2026Q3`).

    `flows[agreement][origin][receiver]` counts records accepted, receivers as the entry names them (two digits of a
    province, or a party); `batches` counts what was released and, of that, erased since; `refused[]`, `missing[]`,
    `late[]`, `extensions[]`, `releases[]` name party and agreement.
    """
    owed: dict[str, str] = {}
    late, missed, extended, refused = [], [], [], []
    releases: list[dict[str, Any]] = []
    flows: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    counts: Counter[str] = Counter()
    mine: dict[str, str] = {}
    settled: set[str] = set()
    erased = 0
    batches: Counter[str] = Counter(erased=0, packages_erased=0)
    for entry in log:
        event, parcel = entry["event"], entry["parcel"]
        obligation = _obligation(entry["id"])
        if obligation is not None and obligation[2] == period:
            agreement, party, _ = obligation
            key = f"{agreement}:{party}"
            if event == Event.OWED:
                owed[key] = "open"
            elif event == Event.MET:
                owed[key] = "met"
                if entry["counts"].get("late"):
                    late.append({"agreement": agreement, "party": party, "logged_at": entry["logged_at"]})
            elif event == Event.MISSED:
                owed[key] = "missed"
                missed.append({"agreement": agreement, "party": party, "logged_at": entry["logged_at"]})
            elif event == Event.EXTENDED:
                extended.append(
                    {"agreement": agreement, "party": party, "by": entry["actor"], "logged_at": entry["logged_at"]}
                )
            continue
        agreement, _, rest = entry["package"].partition("/")
        of = rest.partition("/")[0]
        if of == period and parcel and parcel not in mine:
            mine[parcel] = agreement
            counts["received"] += event == Event.RECEIVED
        if parcel in mine:
            if event == Event.ACCEPTED:
                settled.add(parcel)
                counts["accepted"] += 1
                for name in ("records", "refused"):
                    counts[f"records_{name}"] += entry["counts"].get(name, 0)
                for name, number in entry["counts"].items():
                    if name.startswith("out_"):
                        flows[mine[parcel]][entry["parties"][0]][name[4:]] += number
            elif event == Event.REFUSED:
                refused.append(
                    {
                        "agreement": mine[parcel],
                        "party": entry["parties"][0] if entry["parties"] else "",
                        "parcel": parcel,
                        "code": str(entry["counts"].get("code", "")),
                        "records": entry["counts"].get("records", 0),
                        "logged_at": entry["logged_at"],
                    }
                )
            elif event == Event.DUPLICATE:
                counts["duplicates"] += 1
            elif event == Event.ERASED:
                erased += 1
        elif event == Event.ERASED and any(release["batch"] == parcel for release in releases):
            batches["erased"] += 1
            batches["packages_erased"] += entry["counts"].get("packages", 0)
        elif event == Event.RELEASED and f"-{period}-" in parcel:
            releases.append(
                {
                    "batch": parcel,
                    "receiver": entry["parties"][0] if entry["parties"] else "",
                    "by": entry["actor"],
                    "packages": entry["counts"].get("packages", 0),
                    "records": entry["counts"].get("records", 0),
                    "logged_at": entry["logged_at"],
                }
            )
    missing = sorted(key for key, state in owed.items() if state in ("open", "missed"))
    return {
        "period": period,
        "obligations": dict(Counter(owed.values())),
        "missing": [dict(zip(("agreement", "party"), key.split(":"), strict=True)) for key in missing],
        "missed": missed,
        "late": late,
        "extensions": extended,
        "parcels": {**counts, "refused": len(refused), "erased": erased},
        "refused": refused,
        "flows": {a: {o: dict(r) for o, r in origins.items()} for a, origins in sorted(flows.items())},
        "releases": releases,
        "batches": {"released": len(releases), **batches},
        "releasers": dict(Counter(str(release["by"]) for release in releases)),
    }


def _obligation(identity: str) -> tuple[str, str, str] | None:
    """(agreement, party, period) of `submission:<agreement>:<party>:<period>/<event>`."""
    parts = identity.partition("/")[0].split(":")
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0] == "submission" else None
