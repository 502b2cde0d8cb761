"""Pages for people: Jinja templates of this package, rendered to self-contained bytes. No file is written here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Literal

import jinja2
from markupsafe import Markup, escape

from gateway.instants import SHANGHAI
from gateway.outcomes import catalogue
from gateway.policy.facts import Folders, Language, Profile
from gateway.receipts import headline, naming
from gateway.receipts.commands import Commands
from gateway.receipts.receipt import Receipt
from gateway.receipts.views import Tone
from gateway.receipts.words import Words, area, groups, moment, plain, share, short_moment, thousands

_TONES: Mapping[str, tuple[Tone, str]] = {
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
_COMMAND = re.compile(r"gateway parcels \w+ [\w.-]+")
_OUT_COLUMNS = 4
# How many returned rows their list holds; all are counted.
_LISTED = 10_000
# What intake reads in a file's name; the same in both languages.
_SUPPLEMENT = "-补报"
_PART = "-第{part}份共{parts}份"
_MAY_WARN = {"part", "part_complete", "supplement", "replace"}
_WHOLE = re.compile(r"\d{4}-\d\d-\d\d|第[\d、]+份")
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line of what is wrong: records with one code in one field. `error`: the record went back; `warning`: it
    travels. Titles of fields, never values."""

    code: str
    field: str
    count: int
    sentence: str
    remedy: str
    severity: Severity = "error"


def receipt_page(
    receipt: Receipt,
    *,
    party_name: str,
    node_name: str,
    file_name: str | None,
    language: Language,
    rows: Sequence[CodeLine] | None = None,
    error_list_name: str = "",
    names: Mapping[str, str] | None = None,
    folders: Folders | None = None,
    fingerprint: str = "",
    profile: Profile = "openpgp",
    returned_days: int = 15,
    workbooks: bool = True,
    contact: str = "",
    targets: Mapping[str, float | None] | None = None,
    labels: Mapping[str, str] | None = None,
) -> bytes:
    """The receipt for people: UTF-8 HTML without scripts or outside resources.

    `file_name` is shown to its sender only: give None for anybody else. `rows`: what is wrong, most frequent first;
    None takes the receipt's codes with the catalogue's sentences. `names` calls the receivers of `counts.out` by name.
    `fingerprint` is the node's, as the partner pinned it, in the `profile` of the signature;
    `returned_days` how long the original stays in 退回.
    `workbooks`: the returned list, mended and saved as the workbook it is, may be dropped back under its own name;
    else it has to become a CSV. `contact`: name and telephone of the node's operator, for whoever has to call.
    `targets`: the shares per dimension that quality figures are held against; `labels` calls agreements by name.
    """
    words, folders = Words(language), folders or Folders()
    case = headline.situation(receipt)
    tone, sign = _TONES[case]
    lines = _file_line(receipt, language) + (_code_lines(receipt, language) if rows is None else tuple(rows))
    document = replace(receipt, code="100") if headline.given_again(receipt) else receipt
    drop, stem = f"{folders.drop}/{receipt.label}", naming.safe("-".join(filter(None, (receipt.label, receipt.period))))
    said = {"missing": "", "parts": "", "accepted": "", "replaced": "", **receipt.detail}
    steps = words.lines(
        _steps(receipt, case, workbooks),
        limit=thousands(_LISTED),
        remedy=headline.remedy(receipt, language),
        list=error_list_name,
        returned=folders.returned,
        drop=drop,
        days=returned_days,
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
    return render(
        "receipt.html",
        language,
        r=receipt,
        tone=tone,
        sign=sign,
        status=naming.status_word(receipt, language),
        first=plain(headline.first_line(receipt, language)),
        party_name=party_name,
        node_name=node_name,
        file_name=file_name,
        lines=lines,
        any_error=any(line.severity == "error" for line in lines),
        any_field=any(line.field for line in lines),
        any_count=any(line.count for line in lines),
        steps=[step for step in steps if step],
        out=_out_table(receipt.counts.out, names or {}),
        json_name=naming.file_name(document, receipt.label, language, ".receipt.json"),
        machine_folder=f"{folders.receipts}/{folders.machine}",
        fingerprint=fingerprint,
        how=Commands(profile),
        contact=contact,
        targets=targets or {},
        labels=labels or {},
        names=names or {},
    )


def _steps(receipt: Receipt, case: str, workbooks: bool) -> str:
    """Which steps a receipt tells: those of its case, but for returned rows that are too many, or need another form."""
    if case == "partly_refused" and receipt.counts.refused > _LISTED:
        return "steps.partly_refused_many"
    if case == "partly_refused" and not workbooks:
        return "steps.partly_refused_csv"
    return f"steps.{case}"


def code_lines(
    violations: Iterable[Sequence[str]], titles: Mapping[str, str], language: Language
) -> tuple[CodeLine, ...]:
    """What is wrong, from the rows of a list of violations (`row,field,code,severity,message`, no header): one line per
    field and code, what went back first, most frequent first. `titles` maps a field's name to what people call it; a
    message never holds a value of the record, so the first one of its kind stands for all."""
    counted: dict[tuple[str, str, str], tuple[int, str]] = {}
    for _, field, code, severity, message in violations:
        count, first = counted.get((field, code, severity), (0, message))
        counted[field, code, severity] = count + 1, first
    known, words = catalogue(), Words(language)
    lines = []
    for (field, code, severity), (count, message) in counted.items():
        title = titles.get(field, field)
        general = {"title": title, "other": words("receipt.other_field")}
        remedy = known[code].remedy(language, general) if code in known else "–"
        lines.append(CodeLine(code, title, count, message, remedy, "warning" if severity == "warning" else "error"))
    return tuple(sorted(lines, key=_worst_first))


def _worst_first(line: CodeLine) -> tuple[str, int, str, str]:
    return line.severity, -line.count, line.code, line.field


def _file_line(receipt: Receipt, language: Language) -> tuple[CodeLine, ...]:
    """Why the file as a whole went back or waits: one line without a count. A duplicate has nothing wrong with it."""
    if receipt.stage not in {"refused", "held"} or receipt.code == "220":
        return ()
    severity: Severity = "error" if receipt.stage == "refused" else "warning"
    reason, remedy = headline.reason(receipt, language), headline.remedy(receipt, language)
    return (CodeLine(receipt.code, "", 0, reason, remedy, severity),)


def _code_lines(receipt: Receipt, language: Language) -> tuple[CodeLine, ...]:
    """The codes of the receipt's records: what went back before what travels, most frequent first. A receipt knows no
    fields, so that a sentence about one speaks of it in general."""
    words, known, warnings = Words(language), catalogue(), _warnings()
    general = {"title": words("receipt.some_field"), "other": words("receipt.other_field"), **receipt.detail}
    lines = [
        CodeLine(
            code,
            "",
            count,
            known[code].sentence(language, general) if code in known else "–",
            known[code].remedy(language, general) if code in known else "–",
            "warning" if code in warnings else "error",
        )
        for code, count in receipt.codes.items()
    ]
    return tuple(sorted(lines, key=_worst_first))


@cache
def _warnings() -> frozenset[str]:
    """The codes with which a record travels, by the catalogue's own table."""
    table = tomllib.loads(files("gateway").joinpath("codes.toml").read_text("utf-8"))
    return frozenset(code for code, row in table.items() if row.get("severity") == "warning")


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


def render(template: str, language: Language, **context: object) -> bytes:
    """A template of `pages/`, its texts in `language`. Everything is escaped; an unknown name raises."""
    return _environment().get_template(template).render(t=Words(language), **context).encode("utf-8")


def _second(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _dated(text: str) -> Markup:
    """Text whose dates and numbers of parts do not break at the end of a line."""
    return Markup(_WHOLE.sub(r'<span class="nowrap">\g<0></span>', str(escape(plain(text)))))  # noqa: S704 - escaped


def _commands(text: str) -> Markup:
    """Text whose commands of this program stand out and do not break."""
    return Markup(_COMMAND.sub(r"<code>\g<0></code>", str(escape(plain(text)))))  # noqa: S704 - escaped


def _grouped(digest: str) -> str:
    return " ".join(groups(digest))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gateway.receipts", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        n=thousands,
        groups=_grouped,
        plain=plain,
        moment=moment,
        short=short_moment,
        second=_second,
        share=share,
        dated=_dated,
        commands=_commands,
        area=area,
    )
    return environment
