"""The receipt (回执) as a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.policy.facts import Language
from gateway.receipts import codes, headline, naming, readings
from gateway.receipts.codes import CodeLine
from gateway.receipts.commands import Commands
from gateway.receipts.parties import Issuer
from gateway.receipts.receipt import Receipt
from gateway.receipts.rendering import render
from gateway.receipts.views import Tone
from gateway.receipts.words import Words, plain, thousands

# Tone and sign of each case that `headline.situation` tells apart.
_MARKS: Mapping[str, tuple[Tone, str]] = {
    "received": ("wait", "○"),
    "accepted": ("good", "✓"),
    "warned": ("good", "✓"),
    "nil": ("good", "✓"),
    "void": ("good", "✓"),
    "part": ("wait", "◐"),
    "part_refused": ("warn", "◐"),
    "part_complete": ("good", "✓"),
    "supplement": ("good", "✓"),
    "replace": ("good", "✓"),
    "duplicate": ("wait", "＝"),
    "duplicate_open": ("warn", "＝"),
    "partly_refused": ("warn", "◐"),
    "all_refused": ("bad", "✕"),
    "refused": ("bad", "✕"),
    "nothing_to_add": ("warn", "✕"),
    "held": ("warn", "？"),
    "held_small": ("warn", "？"),
    "small_refused": ("bad", "✕"),
    "released": ("wait", "○"),
    "asked": ("warn", "○"),
    "asked_again": ("warn", "○"),
    "delivered": ("warn", "○"),
    "acknowledged": ("good", "✓"),
    "unconfirmed": ("warn", "○"),
    "expired": ("wait", "–"),
    "withdrawn": ("warn", "✕"),
}
_OUT_COLUMNS = 4
# How many returned rows their list holds; all are counted.
_LISTED = 10_000
# What intake reads in a file's name; the same in both languages.
_SUPPLEMENT = "-补报"
_PART = "-第{part}份共{parts}份"
# The codes of files that probably lie in the wrong folder.
_MISPLACED = frozenset({"238", "308", "502"})
_MAY_WARN = {"part", "part_complete", "supplement", "replace"}


@dataclass(frozen=True, slots=True)
class SentFile:
    """The file that a receipt is about, and what was returned of it.

    `name` is its sender's own name for it and shown to the sender only: None for anybody else. `lines`: what is wrong,
    most frequent first; None takes the receipt's codes with the catalogue's sentences. `returned_list` is the name of
    the list of returned rows, a workbook that can be corrected and dropped back under its own name. `returned_days`:
    how long the original stays in 退回.
    """

    name: str | None = None
    lines: Sequence[CodeLine] | None = None
    returned_list: str = ""
    returned_days: int = 15


@dataclass(frozen=True, slots=True)
class Legend:
    """What explains a receipt's ids and figures. `names` calls the receivers of `counts.out` by name, `labels`
    agreements by theirs; `targets`: the shares per dimension (0 to 1) that quality figures are held against."""

    names: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, float | None] = field(default_factory=dict)


def receipt_page(
    receipt: Receipt,
    language: Language,
    *,
    party_name: str,
    issuer: Issuer,
    file: SentFile,
    legend: Legend | None = None,
) -> bytes:
    """The receipt for people, addressed to `party_name`: UTF-8 HTML without scripts or outside resources."""
    legend, folders = legend or Legend(), issuer.folders
    tone, sign = _MARKS[headline.situation(receipt)]
    own = codes.of_records(receipt, language) if file.lines is None else tuple(file.lines)
    lines = codes.of_file(receipt, language) + own
    document = replace(receipt, code="100") if headline.given_again(receipt) else receipt
    return render(
        "receipt.html",
        language,
        r=receipt,
        tone=tone,
        sign=sign,
        status=naming.status_word(receipt, language),
        first=plain(headline.first_line(receipt, language)),
        party_name=party_name,
        node_name=issuer.name,
        file_name=file.name,
        lines=lines,
        any_error=any(line.severity == "error" for line in lines),
        any_field=any(line.field for line in lines),
        any_count=any(line.count for line in lines),
        steps=[step for step in _steps(receipt, issuer, file, language) if step],
        reading=readings.sentences(receipt.reading, language),
        out=_out_table(receipt.counts.out, legend.names),
        json_name=naming.file_name(document, receipt.label, language, ".receipt.json"),
        machine_folder=f"{folders.receipts}/{folders.machine}",
        fingerprint=issuer.fingerprint,
        how=Commands(issuer.profile),
        contact=issuer.contact,
        targets=legend.targets,
        labels=legend.labels,
        names=legend.names,
    )


def _steps(receipt: Receipt, issuer: Issuer, file: SentFile, language: Language) -> list[str]:
    """What to do next, in order."""
    words, folders, case = Words(language), issuer.folders, headline.situation(receipt)
    drop, stem = f"{folders.drop}/{receipt.label}", naming.safe("-".join(filter(None, (receipt.label, receipt.period))))
    said = {"missing": "", "parts": "", "accepted": "", "replaced": "", **receipt.detail}
    steps = words.lines(
        _steps_key(receipt, case, file),
        limit=thousands(_LISTED),
        remedy=headline.remedy(receipt, language),
        list=file.returned_list,
        returned=folders.returned,
        drop=drop,
        days=file.returned_days,
        refused=receipt.counts.refused,
        number=receipt.number,
        example=f"{stem}{_SUPPLEMENT}.csv",
        accepted=said["accepted"],
        replaced=said["replaced"],
        missing=headline.numbers(said["missing"], language),
        next_part=f"{stem}{_PART.format(part=str(said['missing']).partition('、')[0], parts=said['parts'])}.xlsx",
    )
    if receipt.counts.warned and case in _MAY_WARN:
        steps += words.lines("steps.check_warnings", drop=drop)
    return steps


def _steps_key(receipt: Receipt, case: str, file: SentFile) -> str:
    """The words' key of the steps: that of the case, except where the list does not hold all returned rows, or there is
    none, and where the file lay in the wrong folder: it must not go back there."""
    if case in {"refused", "all_refused"} and receipt.code in _MISPLACED:
        return "steps.misplaced"
    if case == "all_refused" and not file.returned_list:
        return "steps.refused"
    many = case == "partly_refused" and receipt.counts.refused > _LISTED
    return "steps.partly_refused_many" if many else f"steps.{case}"


def _out_table(out: Mapping[str, int], names: Mapping[str, str]) -> list[list[tuple[str, int] | None]]:
    """Receivers in order of code, read downwards in up to four columns."""
    cells = [(f"{code} {names[code]}" if code in names else code, count) for code, count in sorted(out.items())]
    if not cells:
        return []
    columns = min(_OUT_COLUMNS, len(cells))
    height = -(-len(cells) // columns)
    return [
        [cells[at] if (at := row + column * height) < len(cells) else None for column in range(columns)]
        for row in range(height)
    ]
