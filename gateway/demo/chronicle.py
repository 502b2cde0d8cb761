"""The quarter with its dates: what happens around the main job in an office, planned, with what must become of it.

Provinces are early, on time, on the last day, late or silent; they report nil, send in parts, as a workbook, sealed;
they err and mend, forget and add, send twice, correct and withdraw what is already out. Every `Act` is a file that
somebody drops at a moment of the node's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from gateway.demo.faults import FileFault
from gateway.demo.files import Planned, truth_of
from gateway.demo.flows import size
from gateway.demo.people import INFLOW, OUTFLOW, dice
from gateway.demo.story import TWICE, file_name, plan
from gateway.instants import SHANGHAI

PERIOD = "2026Q3"
DUE = date(2026, 11, 1)
Standing: TypeAlias = Literal["met", "nil", "met_after_correction", "met_late", "missed"]

# Who does what. Everybody else sends one good file per dataset in October.
EARLY = ("12",)
SILENT = ("46",)
IN_PARTS = ("44", INFLOW)
WORKBOOK = ("45", OUTFLOW)
SEALED = ("31", INFLOW)
FORGED, FORGER = ("22", INFLOW), "23"
MENDED = ("33", INFLOW)
FORGOTTEN = ("51", INFLOW)
SHRUNK = ("61", INFLOW)
REFUSED_LATE = ("36", OUTFLOW)
CORRECTED = ("37", OUTFLOW)
WITHDRAWN = ("15", OUTFLOW)
LATE = ("62", OUTFLOW)


def moment(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the autumn of 2026, in Shanghai."""
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


BEGINS = moment(10, 1, 8)
LAST_DAYS = moment(10, 31, 10)
EXPIRES = moment(11, 2, 0)
"""1 November is included to its end."""
CORRECTABLE = moment(11, 5, 0)
"""Three working days after a refusal on the last Saturday of October: 2, 3 and 4 November."""
AFTER = moment(11, 2, 10)
ENDS = moment(11, 10, 17)


@dataclass(frozen=True, slots=True)
class Act:
    """A file dropped at a moment, or as soon after it as the file that it follows (`file.after`) is settled.
    `confirmed`: the node holds it until the operator has said yes."""

    at: datetime
    file: Planned
    confirmed: bool = False

    @property
    def where(self) -> tuple[str, str]:
        return self.file.party, self.file.agreement


def chronicle(seed: int = 1, scale: float = 1.0) -> list[Act]:
    """Every file of the quarter, in the order of their moments. At `scale` 1 more than 200,000 records."""
    acts: list[Act] = []
    for each in plan(PERIOD, seed, scale):
        where = (each.party, each.agreement)
        if each.party not in SILENT:
            acts += _of(where, replace(each, corrected=None), each.corrected, scale, _usual(seed, each))
    return sorted(acts, key=lambda act: act.at)


def _usual(seed: int, planned: Planned) -> datetime:
    """A working hour of a day in October; some wait until the last Saturday."""
    throw = dice(seed, planned.key, "moment")
    if planned.party in EARLY:
        return moment(10, 2, 9, throw.randrange(60))
    if throw.random() < 0.12:
        return LAST_DAYS + timedelta(minutes=throw.randrange(1, 10))
    return moment(10, throw.choice((8, 9, 10, 12, 13, 14, 15, 16, 19, 20)), throw.randrange(8, 18), throw.randrange(60))


def _of(where: tuple[str, str], base: Planned, corrected: Planned | None, scale: float, at: datetime) -> Iterable[Act]:
    """What one province does about one dataset. `base` is its file, `corrected` what it sends if that is refused."""
    day = timedelta(days=1)
    if base.copy_of is not None:
        return [Act(moment(10, 21, 9), base)]
    if corrected is not None:
        early = moment(10, 12, 9, 30)
        return [Act(early, base), Act(early + 2 * day, replace(corrected, after=base.key))]
    if where in (TWICE, MENDED, FORGOTTEN, SHRUNK, FORGED, SEALED):
        at = min(at, moment(10, 16, 15))
    match where:
        case place if place == IN_PARTS:
            return _parts(base)
        case place if place == WORKBOOK:
            return [Act(at, replace(base, form="workbook", manner="careful", name=_ending(base.name, "xlsx")))]
        case place if place == SEALED:
            name = f"{base.agreement}-{base.period}.tar.zst.gpg"
            return [Act(at, replace(base, form="package", encoding="utf-8", manner="careful", name=name))]
        case place if place == FORGED:
            name = f"{base.agreement}-{base.period}.tar.zst.gpg"
            forged = replace(base, key=f"{base.key}-forged", form="forged", manner="careful", name=name)
            return [Act(at, forged), Act(at + day, replace(base, after=forged.key))]
        case place if place == MENDED:
            count = len(base.row_faults)
            listed = _more(base, "mended", "supplement", "-补报", count)
            return [Act(at, base), Act(at + 2 * day, replace(listed, form="mended", mends=base))]
        case place if place == FORGOTTEN:
            count = max(5, size(base.agreement, base.party, scale) // 100)
            return [Act(at, base), Act(at + 3 * day, _more(base, "forgotten", "supplement", "-补报", count))]
        case place if place == SHRUNK:
            small = _more(base, "shrunk", "replace", "-更正", base.rows // 2)
            return [Act(at, base), Act(at + 2 * day, small, confirmed=True)]
        case place if place == REFUSED_LATE:
            wrong = replace(base, key=f"{base.key}-wrong", file_fault=FileFault.MISSING_COLUMN, seed=f"{base.seed}/1")
            return [Act(LAST_DAYS, wrong), Act(AFTER, replace(base, after=wrong.key))]
        case place if place == CORRECTED:
            better = _more(base, "corrected", "replace", "-更正", base.rows)
            return [Act(at, base), Act(AFTER + timedelta(minutes=1), better)]
        case place if place == WITHDRAWN:
            void = _more(base, "withdrawn", "void", "-撤回", 0)
            return [Act(at, base), Act(AFTER + timedelta(minutes=2), void)]
        case place if place == LATE:
            return [Act(AFTER + timedelta(minutes=3), base)]
    return [Act(at, base)]


def _more(base: Planned, word: str, kind: Literal["supplement", "replace", "void"], suffix: str, rows: int) -> Planned:
    """What follows a file under a kind of its own."""
    return replace(
        base,
        key=f"{base.key}-{word}",
        name=file_name(base.agreement, base.period, 0, suffix),
        kind=kind,
        rows=rows,
        seed=f"{base.seed}/{word}",
        row_faults=(),
        manner="careful",
        after=base.key,
    )


def _parts(base: Planned) -> list[Act]:
    """Three parts, the third first. Only when the last is here do they count."""
    parts, third = {}, base.rows // 3
    for number in (1, 2, 3):
        parts[number] = replace(
            base,
            key=f"{base.key}-part{number}",
            name=file_name(base.agreement, base.period, 0, f"-第{number}份共3份"),
            kind="part",
            rows=third if number < 3 else base.rows - 2 * third,
            seed=f"{base.seed}/part{number}",
            code="100" if number == 2 else "103",
        )
    return [
        Act(moment(10, 9, 11), parts[3]),
        Act(moment(10, 10, 10), replace(parts[1], after=parts[3].key)),
        Act(moment(10, 14, 16), replace(parts[2], after=parts[1].key)),
    ]


def _ending(name: str, suffix: str) -> str:
    return f"{name.rpartition('.')[0]}.{suffix}"


def standings(acts: Iterable[Act], parties: Iterable[str]) -> Mapping[tuple[str, str], Standing]:
    """By (province, dataset), what becomes of what it owes, reckoned from the plan alone: the first good delivery
    decides, of parts the last one; refused in time and mended within three working days is in time as well."""
    found: dict[tuple[str, str], Standing] = {(p, a): "missed" for p in parties for a in (INFLOW, OUTFLOW)}
    refused: set[tuple[str, str]] = set()
    for act in sorted(acts, key=lambda act: act.at):
        if act.where not in found:
            continue
        outcome = truth_of(replace(act.file, rows=min(act.file.rows, 5), row_faults=())).outcome
        if outcome == "refused" and act.at < EXPIRES:
            refused.add(act.where)
        if outcome in ("refused", "duplicate") or act.file.code == "103" or found[act.where] != "missed":
            continue
        if act.at < EXPIRES:
            found[act.where] = "nil" if outcome == "nil" else "met"
        else:
            mended = act.where in refused and act.at < CORRECTABLE
            found[act.where] = "met_after_correction" if mended else "met_late"
    return found
