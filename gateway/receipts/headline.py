"""The first line of a receipt: what was received, what became of it and what to do, for a person who reads no
further."""

from __future__ import annotations

from typing import Final, get_args

from gateway.instants import SHANGHAI
from gateway.outcomes import catalogue
from gateway.parcels import Kind
from gateway.policy.facts import Language
from gateway.receipts.receipt import DueDate, Receipt, Timeliness
from gateway.receipts.words import Words

# The code of a replacement that holds far fewer records than what it replaces: a person decides.
SMALL = "224"
# The code of a supplement without a record: nobody waits for anything.
NOTHING_TO_ADD = "265"
# The date that a submission had, of those that a receipt names.
SUBMISSION: Final = "submission"
_SMALL = {"held": "held_small", "refused": "small_refused"}
_SAID_BY_KIND = {
    Kind.NIL: "nil",
    Kind.VOID: "void",
    Kind.PART: "part_complete",
    Kind.SUPPLEMENT: "supplement",
    Kind.REPLACE: "replace",
}


def situation(receipt: Receipt) -> str:
    """Which of the cases of the words' `first` and `steps` sections this receipt is."""
    counts = receipt.counts
    if receipt.code == "220":
        return "duplicate_open" if receipt.stage == "partly_refused" else "duplicate"
    if receipt.stage in {"accepted", "partly_refused"} and receipt.detail.get("missing"):
        return "part" if receipt.stage == "accepted" else "part_refused"
    if receipt.stage == "accepted":
        if receipt.kind is not None and receipt.kind in _SAID_BY_KIND:
            return _SAID_BY_KIND[receipt.kind]
        return "warned" if counts.warned else "accepted"
    if receipt.code == SMALL and receipt.stage in _SMALL and {"accepted", "replaced"} <= set(receipt.detail):
        return _SMALL[receipt.stage]
    if receipt.stage == "delivered" and "inquiry" in receipt.detail:
        return "asked_again" if "again" in receipt.detail else "asked"
    if receipt.stage == "refused" and receipt.code == NOTHING_TO_ADD:
        return "nothing_to_add"
    if receipt.stage == "refused" and counts.records:
        return "all_refused"
    return receipt.stage


def first_line(receipt: Receipt, language: Language) -> str:
    """For example: 收到1000条，合格985条待分发，退回15条；请于2026-10-31前补报。"""
    words, counts = Words(language), receipt.counts
    case = situation(receipt)
    said = {"part": "", "parts": "", "missing": "", "accepted": 0, "replaced": 0, "inquiry": "", **receipt.detail}
    due = next_due(receipt)
    line = words(
        f"first.{case}",
        body=_body(receipt, words),
        tail=words("first.tail_warned", warned=counts.warned) if counts.warned else words("first.tail_nothing"),
        revision=receipt.revision,
        part=said["part"],
        parts=said["parts"],
        missing=numbers(said["missing"], language),
        lacking=said["accepted"],
        replaced=said["replaced"],
        inquiry=said["inquiry"],
        due=due.date.isoformat() if due else "",
        records=counts.records,
        accepted=counts.accepted,
        refused=counts.refused,
        warned=counts.warned,
        period=words.period(receipt.period),
        reason=reason(receipt, language),
    )
    if receipt.code == "220" and (original := _original(receipt)):
        line += words("first.original", original=original)
    if case == "partly_refused" and receipt.kind in {Kind.SUPPLEMENT, Kind.REPLACE}:
        line = words(f"first.prefix_{receipt.kind}", revision=receipt.revision) + line
    if case in {"partly_refused", "all_refused", "refused"}:
        line += _deadline(receipt, words, "supplement" if case == "partly_refused" else "resubmit")
    return line + _timeliness(receipt, words)


def numbers(listed: str | int, language: Language) -> str:
    """Numbers of parts, `2、3`, as a sentence of the language has them: `2、3`, or `2 and 3`."""
    given = str(listed).split("、")
    if language == "zh" or len(given) == 1:
        return "、".join(given)
    return ", ".join(given[:-1]) + " and " + given[-1]


def _body(receipt: Receipt, words: Words) -> str:
    """What became of the records of one part of several."""
    counts = receipt.counts
    key = "first.part_some" if counts.refused else "first.part_all"
    return words(key, records=counts.records, accepted=counts.accepted, refused=counts.refused)


def reason(receipt: Receipt, language: Language) -> str:
    """The sentence of the receipt's code; for a code outside the catalogue its number. A replacement that was held and
    then not confirmed has a sentence of its own, since that of its code says that it waits."""
    if situation(receipt) == "small_refused":
        return Words(language)("first.small_reason")
    code = catalogue().get(receipt.code)
    return code.sentence(language, receipt.detail) if code else Words(language)("first.code", code=receipt.code)


def remedy(receipt: Receipt, language: Language) -> str:
    """What the sender can do about the receipt's code; empty for a code outside the catalogue."""
    if situation(receipt) == "small_refused":
        return Words(language)("first.small_remedy")
    code = catalogue().get(receipt.code)
    return code.remedy(language, receipt.detail) if code else ""


def next_due(receipt: Receipt) -> DueDate | None:
    """The earliest date this receipt sets, of those that could be computed. The one that the submission itself had is
    none of them."""
    known = [due for due in receipt.due if due.status != "refused" and due.what != SUBMISSION]
    return min(known, key=lambda due: due.expires_at, default=None)


def given_again(receipt: Receipt) -> bool:
    """Whether this is the original receipt, shown once more for a duplicate: then its document is the original's."""
    return receipt.code == "220" and receipt.stage != "refused"


def _original(receipt: Receipt) -> str:
    return receipt.number if given_again(receipt) else str(receipt.detail.get("original", ""))


def _timeliness(receipt: Receipt, words: Words) -> str:
    """That what was accepted came after its date, and which that was; empty where it came in time."""
    passed = next((due for due in receipt.due if due.what == SUBMISSION), None)
    how = receipt.detail.get("timeliness")
    return words(f"first.{how}", date=passed.date.isoformat()) if passed and how in get_args(Timeliness) else ""


def _deadline(receipt: Receipt, words: Words, what: str) -> str:
    due = next_due(receipt)
    if due is None:
        return words(f"first.{what}_soon")
    if receipt.issued_at.astimezone(SHANGHAI) >= due.expires_at:
        return words(f"first.{what}_late", date=due.date.isoformat())
    return words(f"first.{what}_by", date=due.date.isoformat())
