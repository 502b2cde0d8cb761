"""Characters: GB 18030 as the standard has it, private use, lengths in bytes.

Python's `gb18030` codec differs from ICU and glibc on 26 two-byte codes, which it decodes to private use (FE59 is 龴,
U+9FB4). The table `schemas/codes/gb18030_python_pua_fix.csv` puts that right; a private-use character without a
mapping stays, and the rules judge it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gateway.records import codelists

PRIVATE_USE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"


@dataclass(frozen=True, slots=True)
class Repertoire:
    """The 26 codes, both ways: what Python's codec makes of them, and the characters they are."""

    standard: dict[str, str]
    python: dict[str, str]
    _wrong: re.Pattern[str]
    _right: re.Pattern[str]

    def mend(self, text: str) -> str:
        """`text` with mapped private-use characters replaced by the characters they stand for."""
        if self._wrong.search(text) is None:
            return text
        return self._wrong.sub(lambda found: self.standard[found[0]], text)

    def length(self, text: str) -> int:
        """Length in bytes of GB 18030, the unit in which schemas give lengths (`gateway:bytes`)."""
        if text.isascii():
            return len(text)
        if self._right.search(text) is not None:
            text = self._right.sub(lambda found: self.python[found[0]], text)
        return len(text.encode("gb18030", "replace"))


def repertoire(schemas: Path) -> Repertoire:
    """Load the table of the 26 codes; rows whose recommended mapping is `reject` are left to the rules."""
    standard = {}
    for row in codelists.rows(schemas / "codes" / "gb18030_python_pua_fix.csv"):
        if row["recommended"].startswith("U+"):
            standard[_character(row["python_codec"])] = _character(row["recommended"])
    python = {right: wrong for wrong, right in standard.items()}
    return Repertoire(standard, python, re.compile(f"[{''.join(standard)}]"), re.compile(f"[{''.join(python)}]"))


def _character(notation: str) -> str:
    return chr(int(notation.removeprefix("U+"), 16))
