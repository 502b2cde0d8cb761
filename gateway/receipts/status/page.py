"""The operator's page."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.outcomes import catalogue
from gateway.policy.facts import Language
from gateway.receipts.rendering import render
from gateway.receipts.status.figures import NOTHING, Change, quality_of, totals_of
from gateway.receipts.status.needs import needs
from gateway.receipts.views import BLAMES, FLAG, SIGNS, STAGES, TONES, StatusView, StoppedParcel
from gateway.receipts.words import Words


@dataclass(frozen=True, slots=True)
class _Stop:
    parcel: StoppedParcel
    sentence: str
    remedy: str


def status_page(view: StatusView, language: Language) -> bytes:
    """The operator's page: read-only, self-contained UTF-8 HTML without scripts."""
    words = Words(language)
    wanted = needs(view, language)
    totals = totals_of(view)
    urgency = list(BLAMES)
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
        empty=NOTHING,
        limit=FLAG,
        any_flag=any(s.flagged for row in view.parties for s in row.submissions.values()),
        calls=any(row.unsettled and row.contact for row in view.parties),
        signs=SIGNS,
        tones=TONES,
        used=[s for s in SIGNS if s != "none" and any(s in total.states for total in totals)],
        stops=[_stop(p, language) for p in sorted(view.stopped, key=lambda p: (urgency.index(p.blame), p.since))],
        size=lambda count: words.size(count).split("（")[0].split(" (")[0],
        blames=BLAMES,
        sums={stage: sum(getattr(row, stage) for row in view.receivers) for stage in STAGES},
        ages=[(key, key.days_left(view.at)) for key in sorted(view.keys, key=lambda key: key.expires_at)],
    )


def _stop(parcel: StoppedParcel, language: Language) -> _Stop:
    """A stopped parcel with its code's sentence. The catalogue's remedies are for the sender: they are shown where the
    node only waits; otherwise the operator's own step is."""
    words, code = Words(language), catalogue().get(parcel.code)
    sentence = code.sentence(language, parcel.detail) if code else words("first.code", code=parcel.code)
    if parcel.blame != "deferred":
        return _Stop(parcel, sentence, words(f"page.do_{parcel.blame}", parcel=parcel.parcel))
    return _Stop(parcel, sentence, code.remedy(language, parcel.detail) if code else "")
