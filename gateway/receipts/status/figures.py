"""Figures of the quarter and how they are shown: totals, change on the period before, quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.receipts.views import SIGNS, State, StatusView, Submission, Tone, beyond
from gateway.receipts.words import Words, change

NOTHING = Submission("none")


@dataclass(frozen=True, slots=True)
class Totals:
    """Over all parties of one dataset: parties by state, and records; `comparable` ones and those of the period before,
    over the parties of which both are known."""

    states: dict[State, int]
    records: int
    refused: int
    comparable: int = 0
    previous: int | None = None

    @classmethod
    def of(cls, submissions: Sequence[Submission]) -> Totals:
        """The totals over one dataset's submissions, one per party."""
        states: dict[State, int] = {}
        for state in SIGNS:
            if count := sum(submission.state == state for submission in submissions):
                states[state] = count
        both = [s for s in submissions if s.comparable]
        return cls(
            states,
            sum(s.records for s in submissions),
            sum(s.refused for s in submissions),
            sum(s.records for s in both),
            sum(s.previous or 0 for s in both) if both else None,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """How the records of a period compare with those of the period before, as it is shown: what is flagged has a sign
    and a word of its own besides the colour."""

    text: str
    tone: Tone = "plain"

    @classmethod
    def of(cls, submission: Submission, words: Words) -> Change:
        if not submission.comparable:
            return cls("")
        return cls._of(submission.records, submission.previous or 0, words)

    @classmethod
    def over(cls, totals: Totals, words: Words) -> Change:
        """The change of a whole dataset."""
        if totals.previous is None:
            return cls("")
        return cls._of(totals.comparable, totals.previous, words)

    @classmethod
    def _of(cls, records: int, previous: int, words: Words) -> Change:
        if not beyond(records, previous):
            return cls(change(records, previous))
        if not previous:
            return cls(words("page.change_new"), "warn")
        key = "page.change_up" if records > previous else "page.change_down"
        return cls(words(key, change=change(records, previous)[1:]), "warn")


def totals_of(view: StatusView) -> list[Totals]:
    """The totals of each dataset, in the view's order."""
    return [
        Totals.of([row.submissions.get(dataset.agreement, NOTHING) for row in view.parties])
        for dataset in view.datasets
    ]


def quality_of(submission: Submission, words: Words) -> str:
    """Completeness and consistency in per cent, other figures that lie below their target, and cells that differ."""
    shown = [name for name in submission.quality if name in ("completeness", "consistency") or name in submission.below]
    said = [words(f"quality_short.{name}", share=f"{100 * submission.quality[name]:.1f}") for name in shown]
    if submission.differing is not None:
        said.append(words("page.differing" if submission.differing else "page.agrees", count=submission.differing))
    return " ".join(said)


def marks(submission: Submission) -> list[str]:
    """The marks of a date (keys of the words' `page` section): put off, provisional while it is still to come, met
    after correction."""
    found = ["extended"] if submission.extended else []
    found += ["provisional"] if submission.provisional and submission.state == "owed" else []
    return found + (["in_time"] if submission.corrected_in_time else [])
