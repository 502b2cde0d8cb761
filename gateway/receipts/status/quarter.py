"""The quarter at a glance, as a table for a terminal or a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.policy.facts import Language
from gateway.receipts.status.figures import NOTHING, Change, marks, quality_of, totals_of
from gateway.receipts.views import SIGNS, TONES, Dataset, StatusView, Submission, Tone
from gateway.receipts.words import Words, area, plain, share, short_moment, thousands


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the quarter table."""

    title: str
    justify: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the quarter table; `tone` is for colour, the text alone says all."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class QuarterTable:
    """Rows for a terminal or a file: one per party, and the totals. Every row has one cell per column."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...]


def quarter_table(view: StatusView, language: Language) -> QuarterTable:
    """The quarter at a glance: per party and dataset the state, records, share returned, change on the period before,
    receipt, due date and last reminder; last the contact, where the party has to be called."""
    words = Words(language)
    columns = [Column(words("page.party"))]
    totals = [Cell(words("page.total"))]
    for dataset, total in zip(view.datasets, totals_of(view), strict=True):
        columns += [
            Column(f"{dataset.title}\n{words('page.column_state')}"),
            Column(words("page.column_records"), "right"),
            Column(words("page.column_share"), "right"),
            Column(words("page.column_change"), "right"),
            Column(words("page.column_received")),
            Column(words("page.column_due")),
            Column(words("page.column_quality")),
        ]
        states = " ".join(f"{SIGNS[state]}{count}" for state, count in total.states.items() if state != "none")
        returned = share(total.refused, total.records)
        compared = Change.over(total, words)
        totals += [Cell(states), Cell(thousands(total.records)), Cell(returned), Cell(compared.text, compared.tone)]
        totals += [Cell(""), Cell(""), Cell("")]
    columns.append(Column(words("page.contact")))
    totals.append(Cell(""))
    rows = []
    for row in view.parties:
        cells = [Cell(f"{area(row.code)} {plain(row.name)}")]
        for dataset in view.datasets:
            cells += _cells(row.submissions.get(dataset.agreement, NOTHING), dataset, words)
        rows.append((*cells, Cell(plain(row.contact) if row.unsettled else "")))
    return QuarterTable(
        words("page.quarter", period=words.period(view.period)), tuple(columns), tuple(rows), tuple(totals)
    )


def _cells(submission: Submission, dataset: Dataset, words: Words) -> list[Cell]:
    state = submission.state
    due = submission.due or dataset.due
    some = submission.collected or submission.parts or (0, 0)
    key = "page.collected" if submission.collected else "page.parts"
    parts = " " + words(key, received=some[0], parts=some[1])
    compared = Change.of(submission, words)
    dates = [due.isoformat()[5:] if due and state not in ("none", "void") else ""]
    dates += [words(f"page.{mark}") for mark in marks(submission)]
    if submission.unsettled and submission.reminded_at:
        dates.append(words("page.reminded", date=short_moment(submission.reminded_at)[:5]))
    return [
        Cell(f"{SIGNS[state]} {words(f'state.{state}')}{parts if submission.incomplete else ''}", TONES[state]),
        Cell(thousands(submission.records) if submission.received_at else ""),
        Cell(share(submission.refused, submission.records) if submission.records else ""),
        Cell(compared.text, compared.tone),
        Cell(short_moment(submission.received_at) if submission.received_at else ""),
        Cell(" ".join(filter(None, dates))),
        Cell(quality_of(submission, words), "warn" if submission.below or submission.differing else "plain"),
    ]
