"""A look at the XML of a workbook, piece by piece: how far each sheet is filled, which cells hold errors or formulas
without a value, and which rows are hidden.

Every byte is looked at a fixed number of times. `expat` says whether it is well formed, without being asked for its
elements, which would take longer than reading the sheet; the cells are then found by expressions that never go back
(possessive, and none of them passes a `<`), and since a well-formed tag holds no `<`, no tag can hide a cell from them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

LONGEST_TEXT = 1 << 20
"""Bytes between two tags. A cell holds 32,767 characters at most; as many pieces may be one string."""
_LONGEST_TAG = 64 << 10
_LONGEST_CELL = 128 << 10
"""Bytes of a cell with its formula, which holds 8,192 characters at most, and the result."""
_UTF_8 = (None, "utf-8", "us-ascii", "ascii")

_PREFIX = rb"(?:[\w.-]++:)?+"
_REST = rb"(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+"
# The usual cell with something in it, as all programs write it; one with a format and nothing else, of which programs
# write millions (nothing of it is kept); or any other, with its attributes.
_FORMS = (
    rb"(?: r=\"([A-Z]{1,3})([0-9]{1,7})\"(?: s=\"[0-9]++\")?+(?: t=\"[a-df-z]\w*+\")?+>"
    rb"|(?: [rs]=\"[A-Z0-9]*+\")*+/>"
    rb"|(?=[\s/>])(" + _REST + rb">))"
)
_CELL = re.compile(rb"<c" + _FORMS)
_PREFIXED = re.compile(rb"<" + _PREFIX + rb"c" + _FORMS)  # takes half as long again
_ROW = re.compile(rb"<" + _PREFIX + rb"row(?=[\s/>])(" + _REST + rb")>")
_OPENING = re.compile(rb"<" + _PREFIX + rb"c(?=[\s/>])")
_FORMULA = re.compile(rb"<" + _PREFIX + rb"f(?=[\s/>])")
_UNWORKED = re.compile(
    _OPENING.pattern + rb"(" + _REST + rb")>\s*+"
    + _FORMULA.pattern + _REST + rb">(?:[^<]*+</" + _PREFIX + rb"f\s*+>)?+\s*+"
    + rb"(<" + _PREFIX + rb"v" + _REST + rb">(?:\s*+</" + _PREFIX + rb"v\s*+>)?+\s*+)?+</" + _PREFIX + rb"c\s*+>"
)  # fmt: skip
"""A cell with a formula and nothing in its value, or without one."""
_ATTRIBUTE = re.compile(rb"(?<![\w:.-])([\w:.-]++)\s*+=\s*+(?:\"([^\"<]*+)\"|'([^'<]*+)')")
_REFERENCE = re.compile(rb"([A-Za-z]{1,3})([0-9]{1,7})")
_HIDING = re.compile(rb"\s(?:hidden|ht)\s*+=\s*+[\"'](?:1|true|0(?:\.0++)?+)[\"']")
_HIDING_SIGNS = (b"hidden", b'ht="0', b"ht='0")
_NO_HEIGHT = (b"0", b"0.0", b"0.00")
_YES = (b"1", b"true")
_LAST_ROW = 1 << 20
Cell = tuple[int, int]
Element = Callable[[str, dict[str, str]], None]


class Malformed(Exception):
    """It is not XML as programs write it: not well formed, with a document type, not in UTF-8, tags without end."""


class Look:
    """A look at one member. `element` is told every element and its attributes; without it none is asked for.

    `errors`: cells (row and column from 0) that hold an error; `unworked`: those with a formula that has no value;
    `hidden`: for every row, from 1, whether it is not shown, as far as any is; `filled`: cells with anything in
    them; `longest_text`: the most bytes between two tags. Raises `Malformed`.
    """

    def __init__(self, element: Element | None = None) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.XmlDeclHandler = _declared
        if element is not None:
            self._parser.StartElementHandler = element
        self._rest = b""
        self._run = 0
        self._begun = False
        self._rows = 0
        self._unplaced = _Unplaced()
        self._columns: set[bytes] = set()
        self._bottom = self._right = 0
        self._cell = b""
        self.errors: set[Cell] = set()
        self.unworked: set[Cell] = set()
        self.hidden = bytearray()
        self.filled = 0
        self.longest_text = 0

    @property
    def cells(self) -> int:
        """Rows × columns, as far as anything is written."""
        return max(self._bottom, self._unplaced.bottom) * max(self._right, self._unplaced.right)

    def at(self, piece: bytes) -> None:
        """Look at the next piece."""
        if not self._begun and piece.startswith((b"\xfe\xff", b"\xff\xfe")):
            raise Malformed
        self._begun = self._begun or bool(piece)
        try:
            self._parser.Parse(piece, False)
        except (expat.ExpatError, ValueError) as error:
            raise Malformed from error
        first, last = piece.find(b"<"), piece.rfind(b"<")
        self._run += first if last >= 0 else len(piece)
        self.longest_text = max(self.longest_text, self._run)
        if last >= 0:
            self._tags(self._rest + piece[:last])
            self._rest, self._run = piece[last:], len(piece) - last
        elif self._rest and b">" not in self._rest:
            self._rest += piece
            if len(self._rest) > _LONGEST_TAG and b">" not in self._rest:
                raise Malformed  # a tag that no program writes, and that would be looked at again and again

    def end(self) -> None:
        """There is no more."""
        try:
            self._parser.Parse(b"", True)
        except (expat.ExpatError, ValueError) as error:
            raise Malformed from error
        self._tags(self._rest)

    def _tags(self, data: bytes) -> None:
        self._formulas(self._cell + data)
        self._hides(data)
        found = _cells(data)
        self._rows += data.count(b"<row") + data.count(b":row")
        rows = {row for _, row, _ in found}
        usual = len(found)
        if b"" in rows:
            rows.discard(b"")
            others = [other for _, row, other in found if not row]
            usual -= len(others)
            self._others([other for other in others if other], data)
        elif self._unplaced.begun:
            self._unplaced.at(data)
        self.filled += usual
        if rows:
            self._bottom = max(self._bottom, max(map(int, rows)))
            columns = {column for column, _, _ in found} - self._columns - {b""}
            self._columns |= columns
            self._right = max([self._right, *(_number(column) + 1 for column in columns)])

    def _others(self, cells: list[bytes], data: bytes) -> None:
        """Cells that are not written in the usual way, each by its attributes."""
        without = 0
        for tag in cells:
            attributes = {name: one or other for name, one, other in _ATTRIBUTE.findall(tag)}
            place = _REFERENCE.fullmatch(attributes.get(b"r", b""))
            # A cell that closes itself holds a format and nothing else; spreadsheets write those down to the last row.
            hollow = tag.endswith(b"/>")
            if place is None:
                without += not hollow
                continue
            row, column = int(place[2]), _number(place[1])
            if attributes.get(b"t") == b"e":
                self.errors.add((row - 1, column))
            if not hollow:
                self.filled += 1
                self._bottom, self._right = max(self._bottom, row), max(self._right, column + 1)
        if without and not self._unplaced.begun:
            self._unplaced.begin(max(self._bottom, self._rows))
        if self._unplaced.begun:
            self.filled += without
            self._unplaced.at(data)

    def _formulas(self, data: bytes) -> None:
        """Formulas without a value. A cell whose end has not come yet is looked at again with what comes next."""
        if b"<f" in data or b":f" in data:
            for cell, value in _UNWORKED.findall(data):
                attributes = {name: one or other for name, one, other in _ATTRIBUTE.findall(cell)}
                place = _REFERENCE.fullmatch(attributes.get(b"r", b""))
                # The value of a text may be a text of no length; a value that is not there is none.
                if place is not None and not (value and attributes.get(b"t") == b"str"):
                    self.unworked.add((int(place[2]) - 1, _number(place[1])))
        end = data[-_LONGEST_CELL:]
        opened = max(end.rfind(b"<c"), end.rfind(b":c"))
        begun = end.rfind(b"<", 0, opened + 1)
        closed = max(end.rfind(b"</c"), end.rfind(b":c>"))
        self._cell = end[begun:] if begun >= 0 and closed <= opened else b""

    def _hides(self, data: bytes) -> None:
        if not any(sign in data for sign in _HIDING_SIGNS):
            return
        for tag in filter(_HIDING.search, _ROW.findall(data)):
            attributes = {name: one or other for name, one, other in _ATTRIBUTE.findall(tag)}
            if attributes.get(b"hidden") not in _YES and attributes.get(b"ht") not in _NO_HEIGHT:
                continue
            stated = attributes.get(b"r", b"")
            row = int(stated) if stated.isdigit() and len(stated) < 8 else 0
            if 0 < row <= _LAST_ROW:
                self.hidden.extend(bytes(max(0, row + 1 - len(self.hidden))))
                self.hidden[row] = 1


class _Unplaced:
    """Cells that do not say where they stand: behind the one before them, in the row after the one before it."""

    def __init__(self) -> None:
        self.begun = False
        self.bottom = self.right = self._in_row = 0

    def begin(self, bottom: int) -> None:
        """The first such cell stands no lower than this."""
        self.begun, self.bottom = True, bottom

    def at(self, data: bytes) -> None:
        """More of the sheet."""
        at = 0
        for row in _ROW.finditer(data):
            self._count(data[at : row.start()])
            at, self._in_row = row.end(), 0
            attributes = {name: one or other for name, one, other in _ATTRIBUTE.findall(row[1])}
            stated = attributes.get(b"r", b"")
            self.bottom = max(self.bottom + 1, int(stated) if stated.isdigit() and len(stated) < 8 else 0)
        self._count(data[at:])

    def _count(self, data: bytes) -> None:
        self._in_row += len(_cells(data))
        self.right = max(self.right, self._in_row)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the sheets of a workbook reach, all together."""

    cells: int = 0
    filled: int = 0

    def with_(self, look: Look) -> Extent:
        return Extent(self.cells + look.cells, self.filled + look.filled)

    def beyond(self, most: int, floor: int, factor: int) -> bool:
        """Whether there are more cells than may be, altogether or for what is in them."""
        return self.cells > min(most, floor + factor * self.filled)


@dataclass
class Book:
    """What the workbook says of its sheets, and of how it counts days."""

    epoch_1904: bool = False
    _sheets: list[str] = field(default_factory=list)
    _targets: dict[str, str] = field(default_factory=dict)

    def workbook(self, name: str, attributes: dict[str, str]) -> None:
        """An element of `xl/workbook.xml`."""
        match name.rpartition(":")[2]:
            case "sheet":
                self._sheets += [value for key, value in attributes.items() if key.rpartition(":")[2] == "id"][:1]
            case "workbookPr":
                self.epoch_1904 = attributes.get("date1904") in ("1", "true")

    def relation(self, name: str, attributes: dict[str, str]) -> None:
        """An element of `xl/_rels/workbook.xml.rels`."""
        if name.rpartition(":")[2] == "Relationship" and "Id" in attributes:
            self._targets[attributes["Id"]] = attributes.get("Target", "")

    def order(self) -> list[str]:
        """The members of the sheets, in the workbook's order."""
        names = (self._targets.get(sheet, "") for sheet in self._sheets)
        return [posixpath.normpath(posixpath.join("/xl", name)).lstrip("/") for name in names]


def _cells(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Column and row of the usual cells, or else the attributes of a cell; of one with a format alone, nothing."""
    found: list[tuple[bytes, bytes, bytes]] = (_PREFIXED if b":c" in data else _CELL).findall(data)
    return found


def _refuse(*_: object) -> None:
    raise ValueError("a document type")


def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
    if (encoding.lower() if encoding else None) not in _UTF_8:
        raise ValueError("not in UTF-8")


def _number(letters: bytes) -> int:
    """A column's number from its letters: A is 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1
