"""The distribution list (分发清单) of one batch for one receiver, as data: what the batch holds, what it lacks, and
what of earlier batches is withdrawn. Canonical JSON (RFC 8785) of strings and integers; nothing about persons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import rfc8785

from gateway.parcels import AgreementId, DistributionId, Listed, PackageId, PartyId, Released
from gateway.receipts import collection
from gateway.receipts.collection import Collection
from gateway.receipts.receipt import FORMAT, LogEntry, instant

Reason = Literal["void", "replaced"]
CARRIED = ("included", "partly")
"""What an origin may be of which a package is here."""
# Package ids become file names and stand in commands that people copy: nothing in them may mean something to a shell.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A package of an earlier batch that has to be deleted (撤回通知): its origin withdrew what it had sent (`void`),
    or replaced it by a submission that holds nothing for this receiver (`replaced`)."""

    origin: PartyId
    package: PackageId
    reason: Reason

    def to_json(self) -> dict[str, str]:
        return {"origin": self.origin, "package": self.package, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class DistributionList:
    """What one batch holds and what it lacks: every origin is included, partly in, nil, missing or owes nothing; and
    what of earlier batches has to be deleted. A line's `replaces` may name several packages, separated by one blank.
    `collection`: for the level above, what became of everybody that the issuer collects from.

    Construction raises `ValueError` for an included origin without its package (a later batch may name one whose
    package went out before), a package without digest, an origin that is two things at once, or a package that is
    withdrawn twice, or withdrawn or replaced by the batch that carries it.
    """

    distribution: DistributionId
    agreement: AgreementId
    label: str
    period: str
    batch: int
    issuer: PartyId
    receiver: PartyId
    issued_at: datetime
    facts: str
    lines: tuple[Listed, ...]
    log: LogEntry | None = None
    withdrawn: tuple[Withdrawn, ...] = ()
    collection: Collection | None = None

    @classmethod
    def of(
        cls,
        released: Released,
        *,
        label: str,
        issuer: PartyId,
        issued_at: datetime,
        log: LogEntry | None = None,
        withdrawn: tuple[Withdrawn, ...] = (),
    ) -> DistributionList:
        """The list of a released batch. `label` is the agreement's."""
        return cls(
            released.distribution,
            released.agreement,
            label,
            released.period,
            released.batch,
            issuer,
            released.receiver,
            issued_at,
            released.facts,
            released.lines,
            log,
            withdrawn,
        )

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError("batches count from 1")
        if not _ID.fullmatch(self.distribution):
            raise ValueError("a distribution's id is not fit for a file name")
        states: dict[PartyId, str] = {}
        for line in self.lines:
            if states.setdefault(line.origin, line.status) != line.status:
                raise ValueError(f"origin {line.origin} is two things at once")
            if line.package is None:
                if line.records or line.size or line.sha256 or line.replaces:
                    raise ValueError(f"origin {line.origin} has counts and no package")
                if line.status == "included" and self.batch == 1:
                    raise ValueError(f"origin {line.origin} is included without a package")
            elif line.status not in CARRIED or line.records < 0 or line.size < 1:
                raise ValueError(f"origin {line.origin} has a package that does not fit it")
            elif not re.fullmatch(r"[0-9a-f]{64}", line.sha256 or "") or not _ID.fullmatch(line.package):
                raise ValueError(f"origin {line.origin} has a package without digest or with an unfit id")
        self._check_old()

    def _check_old(self) -> None:
        """Every package is listed, replaced or withdrawn at most once, and none of this batch is an old one."""
        packages = [line.package for line in self.packages]
        gone: list[str] = [entry.package for entry in self.withdrawn]
        if len(set(packages)) != len(packages):
            raise ValueError("a package is listed twice")
        if len(set(gone)) != len(gone):
            raise ValueError("a package is withdrawn twice")
        if gone and self.batch == 1:
            raise ValueError("a first batch has nothing to withdraw")
        for line in self.packages:
            old = line.replaces.split(" ") if line.replaces else []
            if len(set(old)) != len(old) or not all(_ID.fullmatch(package) for package in old):
                raise ValueError(f"origin {line.origin} replaces a package twice or one with an unfit id")
            gone += old
        if any(entry.reason not in get_args(Reason) or not _ID.fullmatch(entry.package) for entry in self.withdrawn):
            raise ValueError("a package is withdrawn for no known reason, or has an unfit id")
        if set(gone) & set(packages):
            raise ValueError("a package of this batch is replaced or withdrawn by it")

    @property
    def packages(self) -> tuple[Listed, ...]:
        """The lines that carry a package of this batch."""
        return tuple(line for line in self.lines if line.package is not None)

    @property
    def named(self) -> set[PartyId]:
        """Everybody it tells something of, for a receiver that asks whether the issuer may."""
        return {line.origin for line in self.lines} | {entry.origin for entry in self.withdrawn}

    @property
    def collected(self) -> tuple[str, ...]:
        """Everybody whom its issuer says that it collects from."""
        return tuple(one.party for one in self.collection.parties) if self.collection else ()

    def replacements(self) -> list[tuple[Listed, str]]:
        """Each line that replaces something with each package that it replaces."""
        return [(line, old) for line in self.packages if line.replaces for old in line.replaces.split(" ")]

    def origins(self, status: str) -> list[PartyId]:
        """Origins by what became of them: `included` (in this batch), `earlier`, `partly`, `nil`, `missing`,
        `not_due`."""
        carried = {line.origin for line in self.packages if line.status == "included"}
        if status == "included":
            return sorted(carried)
        if status == "earlier":
            return sorted({line.origin for line in self.lines if line.status == "included"} - carried)
        return sorted({line.origin for line in self.lines if line.status == status})

    def totals(self) -> dict[str, int]:
        """Counts over the list: `packages`, `records`, `size` of this batch; origins `included` (in any batch), `nil`,
        `missing`; origins `partly` in and `not_due`, and packages `withdrawn`, where there are any."""
        seldom = {"not_due": len(self.origins("not_due")), "partly": len(self.origins("partly"))}
        return {
            **{name: count for name, count in {**seldom, "withdrawn": len(self.withdrawn)}.items() if count},
            "included": len(self.origins("included")) + len(self.origins("earlier")),
            "missing": len(self.origins("missing")),
            "nil": len(self.origins("nil")),
            "packages": len(self.packages),
            "records": sum(line.records for line in self.packages),
            "size": sum(line.size for line in self.packages),
        }

    def to_json(self) -> bytes:
        """Canonical JSON: the same list gives the same bytes. A line that replaces nothing has no `replaces`, a list
        that withdraws nothing no `withdrawn`. The list's own `replaces` has one row per pair of new and old package."""
        states = {line.origin: line.status for line in self.lines}
        document: dict[str, Any] = {
            "agreement": self.agreement,
            "batch": self.batch,
            "distribution": self.distribution,
            "facts": self.facts,
            "format": FORMAT,
            "issued_at": instant(self.issued_at),
            "issuer": self.issuer,
            "label": self.label,
            "origins": [{"origin": origin, "status": states[origin]} for origin in sorted(states)],
            "packages": [_package(line) for line in self.packages],
            "period": self.period,
            "receiver": self.receiver,
            "replaces": [{"package": line.package, "replaces": old} for line, old in self.replacements()],
            "totals": self.totals(),
        }
        if self.log:
            document["log"] = {"hash": self.log.hash, "origin": self.log.origin, "seq": self.log.seq}
        if self.withdrawn:
            document["withdrawn"] = [entry.to_json() for entry in self.withdrawn]
        if self.collection:
            document["collection"] = self.collection.to_json()
        return rfc8785.dumps(document)


def parse(data: bytes) -> DistributionList:
    """The list of canonical JSON. `ValueError` for anything else: what is accepted gives the same bytes again, so the
    acknowledgement form made from it is the form that its issuer made."""
    try:
        listing = _read(json.loads(data))
        same = listing.to_json() == data
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a distribution list: {type(error).__name__}") from None
    if not same:
        raise ValueError("not a distribution list in canonical form")
    return listing


def _read(document: Mapping[str, Any]) -> DistributionList:
    replaced: dict[str, list[str]] = {}
    for row in document["replaces"]:
        replaced.setdefault(row["package"], []).append(row["replaces"])
    states = {row["origin"]: row["status"] for row in document["origins"]}
    packages = [
        Listed(
            PartyId(row["origin"]),
            states[row["origin"]],
            PackageId(row["package"]),
            row["records"],
            row["sha256"],
            row["size"],
            " ".join(replaced.get(row["package"], [])) or None,
        )
        for row in document["packages"]
    ]
    carried = {line.origin for line in packages}
    others = [Listed(PartyId(o["origin"]), o["status"]) for o in document["origins"] if o["origin"] not in carried]
    return DistributionList(
        DistributionId(document["distribution"]),
        AgreementId(document["agreement"]),
        document["label"],
        document["period"],
        document["batch"],
        PartyId(document["issuer"]),
        PartyId(document["receiver"]),
        datetime.fromisoformat(document["issued_at"]),
        document["facts"],
        (*packages, *others),
        LogEntry(**document["log"]) if "log" in document else None,
        tuple(Withdrawn(**row) for row in document.get("withdrawn", [])),
        collection.parse(document["collection"]) if "collection" in document else None,
    )


def _package(line: Listed) -> dict[str, Any]:
    package: dict[str, Any] = {
        "origin": line.origin,
        "package": line.package,
        "records": line.records,
        "sha256": line.sha256,
        "size": line.size,
    }
    if line.replaces:
        package["replaces"] = line.replaces
    return package
