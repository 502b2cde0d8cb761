"""The State Council's holiday arrangements as files: one edition a file under `config/calendar/`.

A file holds `edition`, `document`, `off` (rest days, inclusive ranges), `work` (make-up workdays), and for an edition
that was amended later `superseded_until`; it then carries the full lists of that edition. `issued`, the notice's date,
may be given; an edition named `2020@2019-11-21` says it in its name. `published.toml` says through which day the
arrangements are settled. Every fault of a folder is reported at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from gateway.outcomes import Detail, catalogue

PUBLISHED = "published.toml"
FIRST_YEAR = 2007
_ID = re.compile(r"(\d{4})(?:@([0-9a-z-]{1,40}))?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_REST = 15
_ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CalendarFault:
    """One fault of the calendar's files: code of the catalogue, file's name, line (0: the whole file), particulars."""

    code: str
    file: str
    line: int = 0
    detail: Detail = field(default_factory=dict)

    def sentence(self, language: str) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: [{self.code}] {catalogue()[self.code].sentence(language, self.detail)}"


class CalendarError(ValueError):
    """The calendar's files cannot be used; `faults` holds every one of them."""

    def __init__(self, faults: Sequence[CalendarFault]) -> None:
        super().__init__("; ".join(fault.sentence("en") for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of one year's arrangement. `superseded_until`: the day on which its amendment came into force."""

    id: str
    document: str
    off: tuple[tuple[date, date], ...]
    work: tuple[date, ...]
    superseded_until: date | None = None
    issued: date | None = None

    @property
    def year(self) -> int:
        return int(self.id[:4])

    def rest_days(self) -> Iterable[date]:
        """Every announced rest day, in the order of the notice."""
        for first, last in self.off:
            for offset in range((last - first).days + 1):
                yield first + timedelta(days=offset)

    def as_toml(self) -> str:
        """The edition as the text of its file; reading that gives an equal edition."""
        off = ", ".join(f'"{first}/{last}"' for first, last in self.off)
        work = ", ".join(f'"{day}"' for day in self.work)
        lines = [
            f'edition = "{self.id}"',
            f'document = "{_escaped(self.document)}"',
            f"off = [{off}]",
            f"work = [{work}]",
        ]
        if self.issued:
            lines.append(f'issued = "{self.issued}"')
        if self.superseded_until:
            lines.append(f'superseded_until = "{self.superseded_until}"')
        return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def read_edition(path: Path) -> tuple[Edition | None, list[CalendarFault]]:
    """One file. The edition is None when the file cannot be read as one; faults inside an edition are listed too."""
    table, text, faults = _read(path)
    if table is None:
        return None, faults
    report = _Reporter(path.name, text, faults)
    known = {"edition", "document", "off", "work", "superseded_until", "issued"}
    for key in table.keys() - known:
        report("611", key)
    for key in ("edition", "off", "work"):
        if key not in table:
            report("619", "", key=key)
    identity = table.get("edition", "")
    if not (isinstance(identity, str) and _ID.fullmatch(identity) and int(identity[:4]) >= FIRST_YEAR):
        report("614", "edition", edition=str(identity))
        return None, faults
    document = table.get("document", "")
    if not isinstance(document, str):
        report("612", "document", value=str(document))
        document = ""
    edition = Edition(
        id=identity,
        document=document,
        off=tuple(span for text_ in report.strings(table, "off") if (span := report.span(text_)) is not None),
        work=tuple(day for text_ in report.strings(table, "work") if (day := report.day(text_, text_)) is not None),
        superseded_until=report.optional_day(table, "superseded_until"),
        issued=report.optional_day(table, "issued") or _issued_by_name(identity),
    )
    _judge_days(edition, report)
    return edition, faults


def _issued_by_name(identity: str) -> date | None:
    match = _ID.fullmatch(identity)
    suffix = match[2] if match else None
    return date.fromisoformat(suffix) if suffix and _DAY.fullmatch(suffix) else None


def _judge_days(edition: Edition, report: _Reporter) -> None:
    """A make-up workday falls on a weekend and is no rest day; a notice reaches just into the neighbouring years."""
    rest: set[date] = set()
    for day in edition.rest_days():
        if day in rest:
            report("613", str(day), day=str(day))
        rest.add(day)
    for day in edition.work:
        if day in rest or day.isoweekday() < 6 or edition.work.count(day) > 1:
            report("613", str(day), day=str(day))
    for day in (*rest, *edition.work):
        if not date(edition.year - 1, 12, 20) <= day <= date(edition.year + 1, 1, 10):
            report("618", str(day), day=str(day), edition=edition.id)


def read_folder(folder: Path) -> tuple[list[Edition], date | None, list[CalendarFault]]:
    """Every edition in `folder` by year, the last settled day, and every fault of the files and between them."""
    editions: list[Edition] = []
    faults: list[CalendarFault] = []
    files = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == PUBLISHED:
            continue
        edition, found = read_edition(path)
        faults += found
        if edition is not None:
            if edition.id != path.stem:
                faults.append(CalendarFault("614", path.name, 0, {"edition": edition.id}))
            files[edition.id] = path.name
            editions.append(edition)
    published, found = _read_published(folder)
    faults += found
    editions.sort(key=lambda e: (e.year, e.superseded_until or date.max))
    faults += judge_editions(editions, published, files)
    return editions, published, faults


def judge_editions(
    editions: Sequence[Edition], published: date | None, files: Mapping[str, str] | None = None
) -> list[CalendarFault]:
    """Faults between editions: years that are missing, two in force at once, days on which two of them disagree, a last
    settled day that no edition covers. `files` maps an edition's id to its file's name."""
    named = files or {}
    current = {e.year: e for e in editions if e.superseded_until is None}
    faults = []
    for edition in editions:
        file = named.get(edition.id, edition.id)
        rival = current.get(edition.year)
        if rival is None or (edition.superseded_until is None and rival is not edition):
            faults.append(CalendarFault("614", file, 0, {"edition": edition.id}))
    last = max(current, default=FIRST_YEAR)
    missing = [year for year in range(FIRST_YEAR, last + 1) if year not in current]
    faults += [CalendarFault("615", PUBLISHED, 0, {"year": year}) for year in missing]
    if published is not None and published > date(last, 12, 31):
        faults.append(CalendarFault("616", PUBLISHED, 0, {"day": str(published), "year": last}))
    for year, edition in current.items():
        neighbour = current.get(year + 1)
        if neighbour is None:
            continue
        both = (set(edition.rest_days()) & set(neighbour.work)) | (set(neighbour.rest_days()) & set(edition.work))
        for day in sorted(both):
            detail: Detail = {"day": str(day), "edition": edition.id, "other": neighbour.id}
            faults.append(CalendarFault("617", named.get(neighbour.id, neighbour.id), 0, detail))
    return faults


def _read_published(folder: Path) -> tuple[date | None, list[CalendarFault]]:
    path = folder / PUBLISHED
    if not path.exists():
        return None, [CalendarFault("619", PUBLISHED, 0, {"key": "published_through"})]
    table, text, faults = _read(path)
    if table is None:
        return None, faults
    report = _Reporter(path.name, text, faults)
    for key in table.keys() - {"published_through"}:
        report("611", key)
    if "published_through" not in table:
        report("619", "", key="published_through")
    return report.optional_day(table, "published_through"), faults


def published_text(folder: Path, day: date) -> str:
    """The text of `published.toml` with `day` in place of its own; what an administrator wrote around it stays."""
    old = (folder / PUBLISHED).read_text("utf-8")
    return re.sub(r"^published_through\s*=.*$", f"published_through = {day}", old, count=1, flags=re.MULTILINE)


def _read(path: Path) -> tuple[dict[str, object] | None, str, list[CalendarFault]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None, "", [CalendarFault("610", path.name)]
    try:
        return tomllib.loads(text), text, []
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"at line (\d+)", str(error))
        return None, "", [CalendarFault("610", path.name, int(match[1]) if match else len(text.splitlines()))]


@dataclass(slots=True)
class _Reporter:
    """Collects the faults of one file and finds the line on which a word first stands."""

    file: str
    text: str
    faults: list[CalendarFault]

    def __call__(self, code: str, word: str, **detail: str | int) -> None:
        lines = self.text.splitlines()
        said = (n for n, content in enumerate(lines, 1) if word in content and not content.startswith("#"))
        line = next(said, 0) if word else 0
        self.faults.append(CalendarFault(code, self.file, line, detail or {"key": word}))

    def strings(self, table: Mapping[str, object], key: str) -> list[str]:
        """The list of texts under `key`; empty, and a fault, when it is anything else."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self("612", key, value=key)
            return []
        return value

    def day(self, text: str, word: str) -> date | None:
        """The day `YYYY-MM-DD`; None, and a fault on the line of `word`, for another text."""
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self("612", word, value=text)
        return None

    def span(self, text: str) -> tuple[date, date] | None:
        """First and last day of `YYYY-MM-DD/YYYY-MM-DD`, or of a single day; None, and a fault, for another text or
        more than fifteen days."""
        first_text, _, last_text = text.partition("/")
        first, last = self.day(first_text, text), self.day(last_text or first_text, text)
        if first is None or last is None:
            return None
        if not timedelta(0) <= last - first < _LONGEST_REST * _ONE:
            self("612", text, value=text)
            return None
        return first, last

    def optional_day(self, table: Mapping[str, object], key: str) -> date | None:
        value = table.get(key)
        if value is None or type(value) is date:
            return value
        return self.day(value if isinstance(value, str) else str(value), key)
