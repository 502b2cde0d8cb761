"""The operator's page and the quarter table: who has sent, who is late, what stopped, what has to be done now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from gateway.outcomes import catalogue
from gateway.policy.facts import Language
from gateway.receipts.pages import render
from gateway.receipts.views import (
    FLAG,
    SIGNS,
    TONES,
    Dataset,
    State,
    StatusView,
    StoppedParcel,
    Submission,
    Tone,
    beyond,
)
from gateway.receipts.words import Words, area, change, moment, plain, share, short_moment, thousands

_NAMED = 6
_SCAN_PATIENCE = timedelta(minutes=2)
_EMPTY = Submission("none")


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that asks for the operator, most urgent first."""

    tone: Tone
    text: str


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


def needs(view: StatusView, language: Language) -> tuple[Need, ...]:
    """What asks for the operator now, worst first; empty when nothing does."""
    words = Words(language)
    found: list[Need] = []

    def need(tone: Tone, key: str, count: int, **values: object) -> None:
        if count:
            found.append(Need(tone, words(f"page.{key}", count=thousands(count), **values)))

    blames = [parcel.blame for parcel in view.stopped]
    states = [s.state for row in view.parties for s in row.submissions.values()]
    stale = max(_SCAN_PATIENCE, timedelta(seconds=10 * view.scan_seconds))
    need("bad", "need_down", int(not view.running))
    need("bad", "need_stopped", blames.count("fault"))
    if view.last_scan is None and view.started_at is not None and view.at - view.started_at <= stale:
        need("warn", "need_starting", int(view.running), moment=moment(view.started_at))
    elif view.running and (view.last_scan is None or view.at - view.last_scan > stale):
        last = moment(view.last_scan) if view.last_scan else words("page.never")
        need("bad", "need_scan", 1, moment=last)
    need("bad", "need_disk", int(view.disk.free < view.disk.minimum))
    every = [s for row in view.parties for s in row.submissions.values()]
    need("bad", "need_missing", states.count("missing"), names=_names(view, _in("missing"), words))
    need("bad", "need_distribution", len(view.undistributed), names=_joined(view.undistributed, words))
    need("warn", "need_refused", states.count("refused"), names=_names(view, _in("refused"), words))
    held = [parcel.party for parcel in view.stopped if parcel.blame == "held"]
    need("warn", "need_held", len(held), names=_joined(held, words))
    incomplete = sum(s.incomplete for s in every)
    need("warn", "need_parts", incomplete, names=_names(view, lambda s: s.incomplete, words))
    flagged = sum(s.flagged for s in every)
    need("warn", "need_flagged", flagged, limit=FLAG, names=_names(view, lambda s: s.flagged, words))
    low = sum(bool(s.below) for s in every)
    need("warn", "need_quality", low, names=_names(view, lambda s: bool(s.below), words))
    differing = sum(bool(s.differing) for s in every)
    need("warn", "need_differing", differing, names=_names(view, lambda s: bool(s.differing), words))
    need("warn", "need_release", sum(row.release_owed for row in view.receivers))
    old = view.at - timedelta(days=view.chase_days)
    late = sum(row.open_since is not None and row.open_since < old for row in view.receivers)
    need("warn", "need_unacknowledged", late, days=view.chase_days)
    unconfirmed = [row.name for row in view.receivers for _ in range(row.unconfirmed)]
    need("warn", "need_unconfirmed", len(unconfirmed), names=_joined(unconfirmed, words))
    need("warn", "need_unanswered", view.unanswered)
    need("warn", "need_disbelieved", view.disbelieved)
    need("warn", "need_keys", len(view.keys))
    need("warn", "need_waiting", blames.count("deferred"))
    return tuple(found)


def _in(state: State) -> Callable[[Submission], bool]:
    return lambda submission: submission.state == state


def _names(view: StatusView, which: Callable[[Submission], bool], words: Words) -> str:
    """The parties with such a submission, the first few by name."""
    return _joined([row.name for row in view.parties if any(which(s) for s in row.submissions.values())], words)


def _joined(names: Sequence[str], words: Words) -> str:
    """Each name once, the first few of them."""
    found = list(dict.fromkeys(plain(name) for name in names))
    joined = ("、" if words.language == "zh" else ", ").join(found[:_NAMED])
    return words("page.and_more", names=joined) if len(found) > _NAMED else joined


def quarter_table(view: StatusView, language: Language) -> QuarterTable:
    """The quarter at a glance: per party and dataset the state, records, share returned, change on the period before,
    receipt, due date and last reminder; last the contact of whoever has to be called."""
    words = Words(language)
    columns = [Column(words("page.party"))]
    totals = [Cell(words("page.total"))]
    for dataset in view.datasets:
        columns += [
            Column(f"{dataset.title}\n{words('page.column_state')}"),
            Column(words("page.column_records"), "right"),
            Column(words("page.column_share"), "right"),
            Column(words("page.column_change"), "right"),
            Column(words("page.column_received")),
            Column(words("page.column_due")),
            Column(words("page.column_quality")),
        ]
        total = Totals.of([row.submissions.get(dataset.agreement, _EMPTY) for row in view.parties])
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
            cells += _cells(row.submissions.get(dataset.agreement, _EMPTY), dataset, words)
        rows.append((*cells, Cell(plain(row.contact) if row.unsettled else "")))
    return QuarterTable(
        words("page.quarter", period=words.period(view.period)), tuple(columns), tuple(rows), tuple(totals)
    )


def _cells(submission: Submission, dataset: Dataset, words: Words) -> list[Cell]:
    state = submission.state
    due = submission.due or dataset.due
    parts = (
        " " + words("page.parts", received=submission.parts[0], parts=submission.parts[1]) if submission.parts else ""
    )
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


def quality_of(submission: Submission, words: Words) -> str:
    """Completeness and consistency in per cent, whatever else lies below its target, and cells that differ."""
    shown = [name for name in submission.quality if name in ("completeness", "consistency") or name in submission.below]
    said = [words(f"quality_short.{name}", share=f"{100 * submission.quality[name]:.1f}") for name in shown]
    if submission.differing is not None:
        said.append(words("page.differing" if submission.differing else "page.agrees", count=submission.differing))
    return " ".join(said)


def marks(submission: Submission) -> list[str]:
    """What has to be said of a date beside it: put off, provisional while it is still to come, met after correction."""
    found = ["extended"] if submission.extended else []
    found += ["provisional"] if submission.provisional and submission.state == "owed" else []
    return found + (["in_time"] if submission.corrected_in_time else [])


@dataclass(frozen=True, slots=True)
class _Stop:
    parcel: StoppedParcel
    sentence: str
    remedy: str


def status_page(view: StatusView, language: Language) -> bytes:
    """The operator's page: read-only, self-contained UTF-8 HTML without scripts."""
    words = Words(language)
    wanted = needs(view, language)
    totals = [
        Totals.of([row.submissions.get(dataset.agreement, _EMPTY) for row in view.parties]) for dataset in view.datasets
    ]
    rank = {"fault": 0, "held": 1, "deferred": 2}
    return render(
        "status.html",
        language,
        v=view,
        needs=wanted,
        tone=wanted[0].tone if wanted else "good",
        totals=totals,
        changes=[Change.over(total, words) for total in totals],
        change=lambda submission: Change.of(submission, words),
        quality=lambda submission: quality_of(submission, words),
        empty=_EMPTY,
        limit=FLAG,
        any_flag=any(s.flagged for row in view.parties for s in row.submissions.values()),
        calls=any(row.unsettled and row.contact for row in view.parties),
        signs=SIGNS,
        tones=TONES,
        used=[s for s in SIGNS if s != "none" and any(s in total.states for total in totals)],
        stops=[_stop(p, language) for p in sorted(view.stopped, key=lambda p: (rank[p.blame], p.since))],
        size=lambda count: words.size(count).split("（")[0].split(" (")[0],
        sums={
            stage: sum(getattr(row, stage) for row in view.receivers)
            for stage in ("sealed", "released", "delivered", "acknowledged")
        },
        ages=[(key, (key.expires_at - view.at).days) for key in sorted(view.keys, key=lambda key: key.expires_at)],
        shares={row.party: row.acknowledged * 100 // row.sealed if row.sealed else 0 for row in view.receivers},
    )


def _stop(parcel: StoppedParcel, language: Language) -> _Stop:
    """The catalogue speaks to the sender; what the operator can do is another thing, unless we only wait."""
    words, code = Words(language), catalogue().get(parcel.code)
    sentence = code.sentence(language, parcel.detail) if code else words("first.code", code=parcel.code)
    if parcel.blame != "deferred":
        return _Stop(parcel, sentence, words(f"page.do_{parcel.blame}", parcel=parcel.parcel))
    return _Stop(parcel, sentence, code.remedy(language, parcel.detail) if code else "")
