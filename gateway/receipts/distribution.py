"""The distribution list (分发清单) of one batch for one receiver, the acknowledgement form (签收单) the receiver signs,
and the transmittal sheet (交接单). Canonical JSON (RFC 8785) of strings and integers; nothing about persons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import rfc8785

from gateway.parcels import AgreementId, DistributionId, Listed, PartyId, Released
from gateway.policy.model import Folders, Language
from gateway.receipts import naming
from gateway.receipts.pages import render
from gateway.receipts.receipt import FORMAT, LogEntry, instant
from gateway.receipts.words import Words, plain

PACKAGE_SUFFIX = ".tar.zst.gpg"
# Package ids become file names and stand in commands that people copy: nothing in them may mean something to a shell.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The 31 other provinces and one more: what leaves room for signatures and seals on one A4 page.
_SHEET_ROWS = 32


@dataclass(frozen=True, slots=True)
class DistributionList:
    """What one batch holds and what it does not: every origin is included, nil or missing.

    Construction raises `ValueError` for an included origin without its package (a later batch may name one whose
    package went out before), a package without digest, or an origin that is two things at once.
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

    @classmethod
    def of(
        cls, released: Released, *, label: str, issuer: PartyId, issued_at: datetime, log: LogEntry | None = None
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
            elif line.status != "included" or line.records < 0 or line.size < 1:
                raise ValueError(f"origin {line.origin} has a package that does not fit it")
            elif not re.fullmatch(r"[0-9a-f]{64}", line.sha256 or "") or not _ID.fullmatch(line.package):
                raise ValueError(f"origin {line.origin} has a package without digest or with an unfit id")
        packages = [line.package for line in self.packages]
        if len(set(packages)) != len(packages):
            raise ValueError("a package is listed twice")

    @property
    def packages(self) -> tuple[Listed, ...]:
        """The lines that carry a package of this batch."""
        return tuple(line for line in self.lines if line.package is not None)

    def origins(self, status: str) -> list[PartyId]:
        """Origins by what became of them: `included` (in this batch), `earlier`, `nil`, `missing`."""
        carried = {line.origin for line in self.packages}
        if status == "included":
            return sorted(carried)
        if status == "earlier":
            return sorted({line.origin for line in self.lines if line.status == "included"} - carried)
        return sorted({line.origin for line in self.lines if line.status == status})

    def totals(self) -> dict[str, int]:
        """Counts over the list: `packages`, `records`, `size` of this batch; origins `included` (in any batch), `nil`,
        `missing`."""
        return {
            "included": len(self.origins("included")) + len(self.origins("earlier")),
            "missing": len(self.origins("missing")),
            "nil": len(self.origins("nil")),
            "packages": len(self.packages),
            "records": sum(line.records for line in self.packages),
            "size": sum(line.size for line in self.packages),
        }

    def to_json(self) -> bytes:
        """Canonical JSON: the same list gives the same bytes. A line that replaces nothing has no `replaces`."""
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
            "replaces": [
                {"package": line.package, "replaces": line.replaces} for line in self.packages if line.replaces
            ],
            "totals": self.totals(),
        }
        if self.log:
            document["log"] = {"hash": self.log.hash, "origin": self.log.origin, "seq": self.log.seq}
        return rfc8785.dumps(document)


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


def acknowledgement_form(listing: DistributionList) -> bytes:
    """What the receiver signs to acknowledge a batch: canonical JSON of stage `acknowledged` with the packages, their
    digests and the digest of the list. Its bytes follow from the list alone, so that a signature can be checked against
    the form made anew."""
    document: dict[str, Any] = {
        "agreement": listing.agreement,
        "batch": listing.batch,
        "code": "100",
        "distribution": listing.distribution,
        "format": FORMAT,
        "issued_at": instant(listing.issued_at),
        "issuer": listing.issuer,
        "label": listing.label,
        "list_sha256": sha256(listing.to_json()).hexdigest(),
        "packages": [
            {"package": line.package, "records": line.records, "sha256": line.sha256, "size": line.size}
            for line in listing.packages
        ],
        "period": listing.period,
        "receiver": listing.receiver,
        "stage": "acknowledged",
        "statement": Words("zh")("form.statement"),
        "statement_en": Words("en")("form.statement"),
        "totals": {key: count for key, count in listing.totals().items() if key in {"packages", "records", "size"}},
    }
    return rfc8785.dumps(document)


def page(
    listing: DistributionList,
    *,
    receiver_name: str,
    node_name: str,
    language: Language,
    names: Mapping[str, str] | None = None,
    folders: Folders | None = None,
    receiver_key: str = "",
    fingerprint: str = "",
    file_receiver: str = "",
) -> bytes:
    """The list for people, with the commands to open and to acknowledge. `names` calls origins by name; `receiver_key`
    is the fingerprint the receiver signs with, `fingerprint` the node's; `file_receiver` is how the receiver is called
    in file names (default: its name)."""
    called, folders = names or {}, folders or Folders()
    receiver = file_receiver or receiver_name
    return render(
        "distribution.html",
        language,
        d=listing,
        totals=listing.totals(),
        origin_count=len({line.origin for line in listing.lines}),
        names=called,
        joined={
            status: _joined(listing.origins(status), called, language)
            for status in ("included", "earlier", "nil", "missing")
        },
        receiver_name=receiver_name,
        node_name=node_name,
        list_file=naming.list_name(listing, receiver, language),
        form_file=naming.form_name(listing, receiver, language),
        acknowledge_folder=f"{folders.drop}/{folders.acknowledge}",
        receiver_key=receiver_key,
        fingerprint=fingerprint,
        suffix=PACKAGE_SUFFIX,
    )


def _joined(origins: Sequence[PartyId], names: Mapping[str, str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(plain(names.get(origin, origin)) for origin in origins)


def transmittal_sheet(
    listing: DistributionList,
    *,
    number: str,
    receiver_name: str,
    node_name: str,
    language: Language,
    names: Mapping[str, str] | None = None,
) -> bytes:
    """One printable A4 page per batch and receiver, for signatures and seals. Packages beyond what one page holds are
    bound by the digest of the list, which always stands on it."""
    totals = listing.totals()
    return render(
        "transmittal.html",
        language,
        d=listing,
        number=number,
        totals=totals,
        origin_count=len({line.origin for line in listing.lines}),
        names=names or {},
        shown=listing.packages[:_SHEET_ROWS],
        rest=max(0, totals["packages"] - _SHEET_ROWS),
        list_sha256=sha256(listing.to_json()).hexdigest(),
        receiver_name=receiver_name,
        node_name=node_name,
    )
