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
    """The entries of a published log, in order. They are not judged here: verify first. `OSError` where a file is
    missing, `ValueError` where one cannot be read."""
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
    summary = _Summary(period)
    for entry in log:
        summary.see(entry)
    return summary.document()


class _Summary:
    """Entries of a log, gathered in order. A parcel is of the period when its first entry that names a package does;
    its later entries need not."""

    def __init__(self, period: str) -> None:
        self._period = period
        self._owed: dict[tuple[str, str], str] = {}
        self._late: list[dict[str, Any]] = []
        self._missed: list[dict[str, Any]] = []
        self._extended: list[dict[str, Any]] = []
        self._parcels: dict[str, str] = {}  # to the agreement
        self._counts: Counter[str] = Counter()
        self._refused: list[dict[str, Any]] = []
        self._erased = 0
        self._flows: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._releases: list[dict[str, Any]] = []
        self._batches: Counter[str] = Counter(erased=0, packages_erased=0)

    def see(self, entry: Mapping[str, Any]) -> None:
        """Count one entry: of an obligation, of a parcel, or of a batch. Those of other periods are passed over."""
        obligation = _obligation(entry["id"])
        if obligation is not None and obligation[2] == self._period:
            self._duty(entry, *obligation[:2])
            return
        event, parcel = entry["event"], entry["parcel"]
        agreement, _, rest = entry["package"].partition("/")
        if rest.partition("/")[0] == self._period and parcel and parcel not in self._parcels:
            self._parcels[parcel] = agreement
            self._counts["received"] += event == Event.RECEIVED
        if parcel in self._parcels:
            self._parcel(entry, self._parcels[parcel])
        elif event == Event.ERASED and any(release["batch"] == parcel for release in self._releases):
            self._batches["erased"] += 1
            self._batches["packages_erased"] += entry["counts"].get("packages", 0)
        elif event == Event.RELEASED and f"-{self._period}-" in parcel:
            self._release(entry)

    def _duty(self, entry: Mapping[str, Any], agreement: str, party: str) -> None:
        who, when = {"agreement": agreement, "party": party}, {"logged_at": entry["logged_at"]}
        match entry["event"]:
            case Event.OWED:
                self._owed[agreement, party] = "open"
            case Event.MET:
                self._owed[agreement, party] = "met"
                if entry["counts"].get("late"):
                    self._late.append(who | when)
            case Event.MISSED:
                self._owed[agreement, party] = "missed"
                self._missed.append(who | when)
            case Event.EXTENDED:
                self._extended.append(who | {"by": entry["actor"]} | when)

    def _parcel(self, entry: Mapping[str, Any], agreement: str) -> None:
        counts = entry["counts"]
        match entry["event"]:
            case Event.ACCEPTED:
                self._counts["accepted"] += 1
                for name in ("records", "refused"):
                    self._counts[f"records_{name}"] += counts.get(name, 0)
                for name, number in counts.items():
                    if name.startswith("out_"):
                        self._flows[agreement][entry["parties"][0]][name[4:]] += number
            case Event.REFUSED:
                self._refused.append(
                    {
                        "agreement": agreement,
                        "party": entry["parties"][0] if entry["parties"] else "",
                        "parcel": entry["parcel"],
                        "code": str(counts.get("code", "")),
                        "records": counts.get("records", 0),
                        "logged_at": entry["logged_at"],
                    }
                )
            case Event.DUPLICATE:
                self._counts["duplicates"] += 1
            case Event.ERASED:
                self._erased += 1

    def _release(self, entry: Mapping[str, Any]) -> None:
        self._releases.append(
            {
                "batch": entry["parcel"],
                "receiver": entry["parties"][0] if entry["parties"] else "",
                "by": entry["actor"],
                "packages": entry["counts"].get("packages", 0),
                "records": entry["counts"].get("records", 0),
                "logged_at": entry["logged_at"],
            }
        )

    def document(self) -> dict[str, Any]:
        """The summary as JSON values."""
        missing = sorted((key for key, state in self._owed.items() if state in ("open", "missed")), key=":".join)
        return {
            "period": self._period,
            "obligations": dict(Counter(self._owed.values())),
            "missing": [{"agreement": agreement, "party": party} for agreement, party in missing],
            "missed": self._missed,
            "late": self._late,
            "extensions": self._extended,
            "parcels": {**self._counts, "refused": len(self._refused), "erased": self._erased},
            "refused": self._refused,
            "flows": {a: {o: dict(r) for o, r in origins.items()} for a, origins in sorted(self._flows.items())},
            "releases": self._releases,
            "batches": {"released": len(self._releases), **self._batches},
            "releasers": dict(Counter(str(release["by"]) for release in self._releases)),
        }


def _obligation(identity: str) -> tuple[str, str, str] | None:
    """(agreement, party, period) of `submission:<agreement>:<party>:<period>/<event>`."""
    parts = identity.partition("/")[0].split(":")
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0] == "submission" else None
