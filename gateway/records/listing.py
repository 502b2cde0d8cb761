"""The lists of one examination: refused rows, whole and as they came, and violations with their sentences.

`refused.csv` holds every refused row: `row` (data rows from 1), `line` (the row number a
spreadsheet shows) and the original cells under the original titles. `violations.csv` is
`row,field,code,severity,message`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from gateway import durable
from gateway.records.modes import folder_mode
from gateway.records.parts import MODULUS, Buffer, create, line_digest
from gateway.records.readers.lines import SPACES, join, split
from gateway.records.schema import Schema
from gateway.records.violations import WHOLE_ROW, Problem, Sentences, errors

REFUSED, VIOLATIONS = "refused.csv", "violations.csv"
VIOLATION_COLUMNS = ("row", "field", "code", "severity", "message")


class Listing:
    """Writes both lists into `folder`. Of refused rows, and of rows that travel with warnings, the first `limit` each
    have their violations listed; all are counted elsewhere. A row that never was cells is shown as it can be split."""

    def __init__(
        self, folder: Path, titles: Sequence[str], separator: str, schema: Schema, sentences: Sentences, limit: int
    ) -> None:
        self._schema = schema
        self._sentences = sentences
        self._separator = separator
        self._width = len(titles)
        self._room = {"refused": limit, "warned": limit}
        self._digest = 0
        self.last = 0
        """The last row that was refused; 0: none was."""
        self._errors = errors()
        folder.mkdir(mode=folder_mode(), parents=True, exist_ok=True)
        self._paths = (folder / REFUSED, folder / VIOLATIONS)
        self._refused = create(self._paths[0])
        self._violations = create(self._paths[1])
        self._refused.write(join(("row", "line", *titles)).encode() + b"\n")
        self._violations.write(join(VIOLATION_COLUMNS).encode() + b"\n")

    @property
    def digest(self) -> int:
        """Sum over the lines of `refused.csv`, as they were handed to it."""
        return self._digest % MODULUS

    def refuse(self, row: int, number: int, line: str, problems: Sequence[Problem], columns: str = "") -> None:
        """List a refused row: its cells as they stand in the line, none lost, none beyond the header's width.

        `columns`: those that a fault of the whole line is about."""
        cells = split(line, self._separator)
        cells = line.split(self._separator) if cells is None else cells
        while len(cells) > self._width and not cells[-1].strip(SPACES):
            cells.pop()
        if len(cells) > self._width:
            cells[self._width - 1 :] = [self._separator.join(cells[self._width - 1 :])]
        cells += [""] * (self._width - len(cells))
        text = join((str(row), str(number), *cells)).encode()
        self._digest += line_digest(text)
        self._refused.write(text + b"\n")
        self.last = row
        self._say("refused", row, problems, columns)

    def warn(self, row: int, line: str, problems: Sequence[Problem]) -> None:  # noqa: ARG002
        """List what there is to say about a row that travels."""
        self._say("warned", row, problems)

    def _say(self, kind: str, row: int, problems: Sequence[Problem], columns: str = "") -> None:
        if self._room[kind] <= 0:
            return
        self._room[kind] -= 1
        for place, code in problems:
            field = "" if place == WHOLE_ROW else self._schema.fields[place].name
            message, _ = self._sentences.of(place, code, columns if place == WHOLE_ROW else "")
            severity = "error" if code in self._errors else "warning"
            self._violations.write(join((str(row), field, code, severity, message)).encode() + b"\n")

    @property
    def room(self) -> tuple[int, int]:
        """How many refused and how many warned rows may still be listed."""
        return self._room["refused"], self._room["warned"]

    def take(self, refused: Buffer, violations: Buffer, digest: int, room: tuple[int, int]) -> None:
        """Whole lines of both lists that were made elsewhere, the sum of the first one's digests, and the room left."""
        self._refused.write(refused)
        if len(refused):
            text = bytes(refused)
            self.last = int(text[text.rfind(b"\n", 0, -1) + 1 :].partition(b",")[0])
        self._violations.write(violations)
        self._digest += digest
        self._room = {"refused": room[0], "warned": room[1]}

    def ending(self, place: int, code: str) -> bytes:
        """How the line of a violation of a field goes on behind the row's number."""
        message, _ = self._sentences.of(place, code)
        severity = "error" if code in self._errors else "warning"
        return b"," + join((self._schema.fields[place].name, code, severity, message)).encode() + b"\n"

    def close(self) -> None:
        self._refused.close()
        self._violations.close()

    def finish(self) -> None:
        """Close both files and make them durable."""
        self.close()
        for path in self._paths:
            durable.sync_file(path)
        durable.sync_folder(self._paths[0].parent)

    def remove(self) -> None:
        self.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
