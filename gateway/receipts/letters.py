"""Reminder letters (催报函) for parties that owe a submission, and the list of them for the operator.

A letter is a printable A4 page in the form of an office's letter, with a place for the seal. It names an organisation,
an agreement, a period and a date; the only person in it is the contact of the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.parcels import AgreementId, PartyId
from gateway.policy.facts import Folders, Language
from gateway.receipts.headline import numbers
from gateway.receipts.naming import joined, safe
from gateway.receipts.rendering import render
from gateway.receipts.words import Words

Lacking = Literal["nothing", "refused", "parts", "records"]


@dataclass(frozen=True, slots=True)
class Letter:
    """What one letter says. `number` is its office number, `day` the day it is written, `party_name` whom it is to.
    Construction raises `ValueError` where its dates or what is lacking contradict each other.

    `period`: that of a submission, or the number of the inquiry that is to be answered (`110000-7`).
    `working_days` counts from `day` to `due`: negative while it is still to come, positive after it has passed.
    `names` is the last working day before a date that is a rest day, where a reminder names one. `lacking`: nothing
    came, what came was refused as a whole, parts are missing (`missing_parts`, such as `2、3`), or records have had no
    reply (`missing_parts`: how many). `basis` is the document that the agreement rests on; `earlier` are the days of
    letters sent before for the same submission; `copy_to` the office that gets a copy. `contact` is the party's, for
    the operator's list; the letter leaves it out.
    """

    number: str
    day: date
    party: PartyId
    party_name: str
    agreement: AgreementId
    label: str
    period: str
    due: date
    working_days: int
    basis: str
    lacking: Lacking = "nothing"
    missing_parts: str = ""
    names: date | None = None
    provisional: bool = False
    earlier: tuple[date, ...] = ()
    copy_to: str = ""
    contact: str = ""

    def __post_init__(self) -> None:
        if self.working_days > 0 >= (self.day - self.due).days or self.working_days < 0 <= (self.day - self.due).days:
            raise ValueError("the working days contradict the date")
        if (self.lacking in ("parts", "records")) != bool(self.missing_parts):
            raise ValueError("parts that are missing are named, and only these")
        if any(day > self.day for day in self.earlier):
            raise ValueError("an earlier letter is of a later day")

    @property
    def overdue(self) -> bool:
        return self.day > self.due

    def timing(self, words: Words) -> str:
        """How many working days the letter is before or after the date, in a sentence."""
        count = abs(self.working_days)
        if self.day == self.due:
            return words("letter.today")
        if not self.working_days:
            return words("letter.passed") if self.overdue else words("letter.last")
        return words("letter.late", days=count) if self.overdue else words("letter.ahead", days=count)

    def situation(self, words: Words) -> str:
        """What is lacking, in a sentence."""
        if self.lacking == "nothing":
            return words("letter.nothing")
        if self.lacking == "refused":
            return words("letter.refused")
        if self.lacking == "records":
            return words("letter.records", count=self.missing_parts)
        return words("letter.parts", missing=numbers(self.missing_parts, words.language))


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A delivered batch that is not signed for. The office number is made of `seq`, its delivery's place in the log;
    `delivered` is the day it was delivered, `day` that of the letter."""

    seq: int
    day: date
    party_name: str
    label: str
    period: str
    batch: int
    delivered: date
    packages: int
    records: int
    withdrawn: int = 0

    @property
    def days(self) -> int:
        return (self.day - self.delivered).days


def unsigned_name(letter: Unsigned, party: str, language: Language = "zh") -> str:
    """`催签函_<period>_<label>_第<n>批_<party>.html`: one per batch."""
    words = Words(language)
    period = safe(letter.period, 16) if letter.period else ""
    batch = words("file.batch", batch=letter.batch)
    return joined(words("file.unsigned"), period, safe(letter.label), batch, safe(party, 60)) + ".html"


def unsigned_letter(
    letter: Unsigned, *, node_name: str, contact: str, language: Language, folders: Folders | None = None
) -> bytes:
    """The letter that a batch is not acknowledged yet, one A4 page like a reminder. `contact` is the node's."""
    words, folders = Words(language), folders or Folders()
    return render(
        "unsigned.html",
        language,
        l=letter,
        number=words("unsigned.number", year=letter.day.year, seq=letter.seq),
        sent=words(
            "unsigned.sent",
            day=words.day(letter.delivered),
            period=words.period(letter.period),
            label=letter.label,
            batch=letter.batch,
            packages=letter.packages,
            records=f"{letter.records:,}",
            withdrawn=letter.withdrawn,
            days=letter.days,
        ),
        drop=f"{folders.drop}/{folders.acknowledge}",
        node_name=node_name,
        contact=contact,
        today=words.day(letter.day),
    )


def letter_number(day: date, seq: int, language: Language = "zh") -> str:
    """`催报〔2026〕123号`, after the log entry's `seq`: unique within the node."""
    return Words(language)("letter.number", year=day.year, seq=seq)


def letter_name(letter: Letter, party: str, language: Language = "zh") -> str:
    """`催报函_<period>_<label>_<party>_<date>.html`, one per party, day, and period or inquiry. `party` is how it is
    called in file names."""
    period = safe(letter.period, 60) if letter.period else ""
    return (
        joined(Words(language)("file.letter"), period, safe(letter.label), safe(party, 60), f"{letter.day}") + ".html"
    )


def cover_name(period: str, day: date, language: Language = "zh") -> str:
    """`催报清单_<period>_<date>.html`."""
    return joined(Words(language)("file.letters"), safe(period, 16) if period else "", f"{day}") + ".html"


def reminder_letter(
    letter: Letter, *, node_name: str, contact: str, language: Language, folders: Folders | None = None
) -> bytes:
    """The letter, one A4 page of UTF-8 HTML. `contact`: name and telephone of the node's contact; `folders` are the
    names of the party's folders."""
    words, folders = Words(language), folders or Folders()
    key = "letter.earlier_one" if len(letter.earlier) == 1 else "letter.earlier_many"
    before = {"count": len(letter.earlier) + 1, "last": words.day(max(letter.earlier))} if letter.earlier else None
    return render(
        "letter.html",
        language,
        l=letter,
        due=words.day(letter.due),
        situation=letter.situation(words),
        timing=letter.timing(words),
        names=words.day(letter.names) if letter.names and letter.names != letter.due and not letter.overdue else "",
        before=words(key, **before) if before else "",
        basis=letter.basis if "《" in letter.basis or language == "en" else f"《{letter.basis}》",
        drop=f"{folders.drop}/{letter.label}",
        node_name=node_name,
        contact=contact,
        today=words.day(letter.day),
    )


def cover_list(
    letters: Sequence[Letter], *, node_name: str, period: str, day: date, language: Language, files: Sequence[str] = ()
) -> bytes:
    """The operator's list of one batch of letters: who is reminded of what, and whom to call. `files` are the letters'
    names, in the same order. `ValueError` when there are not as many."""
    if files and len(files) != len(letters):
        raise ValueError("as many files as letters")
    words = Words(language)
    rows = [(letter, letter.situation(words), letter.timing(words)) for letter in letters]
    return render(
        "letters.html",
        language,
        rows=list(zip(rows, files or [""] * len(rows), strict=True)),
        parties=len({letter.party for letter in letters}),
        late=sum(letter.overdue for letter in letters),
        node_name=node_name,
        period=period,
        today=words.day(day),
    )
