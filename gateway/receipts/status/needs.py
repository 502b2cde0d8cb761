"""What asks for the operator now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.policy.facts import Language
from gateway.receipts.views import FLAG, State, StatusView, Submission, Tone
from gateway.receipts.words import Words, moment, plain, thousands

_NAMED = 6
_SCAN_PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that asks for the operator, most urgent first."""

    tone: Tone
    text: str


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
