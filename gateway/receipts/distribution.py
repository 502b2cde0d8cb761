"""What goes with a batch: the page of its distribution list (分发清单), the acknowledgement form (签收单) the receiver
signs, and the transmittal sheet (交接单). The list itself is `gateway.receipts.listing`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import rfc8785

from gateway.parcels import PartyId
from gateway.policy.facts import Language, Profile
from gateway.receipts import naming
from gateway.receipts.commands import Commands
from gateway.receipts.listing import DistributionList, Withdrawn
from gateway.receipts.parties import Issuer, Receiver
from gateway.receipts.receipt import FORMAT, instant
from gateway.receipts.rendering import render
from gateway.receipts.words import Words, plain

__all__ = ["DistributionList", "Withdrawn", "acknowledgement_form", "page", "transmittal_sheet"]

# The 31 other provinces and one more: what leaves room for signatures and seals on one A4 page.
_SHEET_ROWS = 32
_SHEET_WITHDRAWN = 12
# What a page says beside the commands of each profile.
_SAID: Mapping[Profile, Mapping[str, str]] = {
    "openpgp": {
        "check": "list.check_note",
        "open": "list.open_how",
        "note": "list.open_note",
        "all": "list.open_all",
        "delete": "withdrawal.delete_1",
        "digest": "list.digest",
    },
    "sm": {
        "check": "list.check_note_sm",
        "open": "list.open_how_sm",
        "note": "list.open_note_sm",
        "all": "list.open_all_sm",
        "delete": "withdrawal.delete_1_sm",
        "digest": "list.digest",
    },
    "plain-folder": {
        "check": "list.check_note",
        "open": "list.open_how_plain",
        "note": "list.open_note_plain",
        "all": "list.open_all_plain",
        "delete": "withdrawal.delete_1_plain",
        "digest": "list.digest_plain",
    },
}


def acknowledgement_form(listing: DistributionList) -> bytes:
    """What the receiver signs to acknowledge a batch: canonical JSON of stage `acknowledged` with the packages, their
    digests, what is withdrawn, and the digest of the list. Where something is withdrawn the statement that is signed
    says that it was deleted. The form's bytes follow from the list alone, so that a signature can be checked against a
    form that is made again."""
    said = "form.statement"
    if listing.withdrawn:
        said = "form.statement_withdrawn" if listing.packages else "form.statement_withdrawn_only"
    counted = {"packages", "records", "size", "withdrawn"}
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
        "statement": Words("zh")(said),
        "statement_en": Words("en")(said),
        "totals": {key: count for key, count in listing.totals().items() if key in counted},
    }
    if listing.withdrawn:
        document["withdrawn"] = [entry.to_json() for entry in listing.withdrawn]
    return rfc8785.dumps(document)


def page(
    listing: DistributionList,
    issuer: Issuer,
    receiver: Receiver,
    language: Language,
    names: Mapping[str, str] | None = None,
) -> bytes:
    """The list for people, with the commands to open and to acknowledge, those of the issuer's profile. `names` calls
    origins by name. UTF-8 HTML without scripts."""
    called, folders = names or {}, issuer.folders
    return render(
        "distribution.html",
        language,
        d=listing,
        totals=listing.totals(),
        origin_count=len({line.origin for line in listing.lines}),
        names=called,
        gone=[(entry, _why(entry, listing)) for entry in listing.withdrawn],
        withdrawing=sorted({entry.origin for entry in listing.withdrawn}),
        withdrawing_names=_joined(sorted({entry.origin for entry in listing.withdrawn}), called, language),
        joined={
            status: _joined(listing.origins(status), called, language)
            for status in ("included", "earlier", "partly", "nil", "missing", "not_due")
        },
        receiver_name=receiver.name,
        node_name=issuer.name,
        list_file=naming.list_name(listing, receiver.in_files, language),
        form_file=naming.form_name(listing, receiver.in_files, language, issuer.profile),
        acknowledge_folder=f"{folders.drop}/{folders.acknowledge}",
        receiver_key=receiver.key,
        fingerprint=issuer.fingerprint,
        how=Commands(issuer.profile, receiver.key),
        say=_SAID[issuer.profile],
    )


def _why(entry: Withdrawn, listing: DistributionList) -> str:
    """The key of the words that say why a package is to be deleted, and what stands in its place."""
    if entry.reason == "void":
        return "withdrawal.void"
    again = any(line.origin == entry.origin for line in listing.packages)
    return "withdrawal.replaced_new" if again else "withdrawal.replaced"


def _joined(origins: Sequence[PartyId], names: Mapping[str, str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(plain(names.get(origin, origin)) for origin in origins)


def transmittal_sheet(
    listing: DistributionList,
    issuer: Issuer,
    receiver: Receiver,
    language: Language,
    names: Mapping[str, str] | None = None,
    *,
    number: str,
) -> bytes:
    """One printable A4 page per batch and receiver, for signatures and seals. `number` is the sheet's own. Packages
    beyond what one page holds are covered by the digest of the list, which is always on it."""
    totals = listing.totals()
    gone = listing.withdrawn[:_SHEET_WITHDRAWN]
    room = _SHEET_ROWS - len(gone)
    return render(
        "transmittal.html",
        language,
        d=listing,
        number=number,
        totals=totals,
        origin_count=len({line.origin for line in listing.lines}),
        names=names or {},
        shown=listing.packages[:room],
        rest=max(0, totals["packages"] - room),
        gone=gone,
        gone_rest=len(listing.withdrawn) - len(gone),
        list_sha256=sha256(listing.to_json()).hexdigest(),
        receiver_name=receiver.name,
        node_name=issuer.name,
    )
