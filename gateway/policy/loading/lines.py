"""Where a key stands in a TOML file: `tomllib` reads values and forgets the lines.

Only for text that `tomllib` has accepted: the scanner knows the shape of TOML 1.0, not its rules.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]

_SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def locate(text: str) -> Mapping[Key, int]:
    """Line (from 1) of every key, table header and array element, by path: `("contacts", 0, "name")`.

    Text that is not TOML gives what was understood up to there.
    """
    scanner = _Scanner(text)
    with suppress(ValueError):
        scanner.document()
    return scanner.found


def line_of(found: Mapping[Key, int], path: Sequence[str | int]) -> int:
    """The line of a path, or of the nearest thing around it that is there; 1 for the file as a whole."""
    for length in range(len(path), 0, -1):
        line = found.get(tuple(path[:length]))
        if line is not None:
            return line
    return 1


def error_line(error: tomllib.TOMLDecodeError, text: str) -> int:
    """The line a syntax error was found on; Python 3.11 says it in words only."""
    said = re.search(r"at line (\d+)", str(error))
    return int(said[1]) if said else max(1, text.rstrip("\n").count("\n") + 1)


@dataclass
class _Scanner:
    text: str
    at: int = 0
    found: dict[Key, int] = field(default_factory=dict)
    lengths: dict[Key, int] = field(default_factory=dict)

    def document(self) -> None:
        """Note every key to the end of the text. Raises `ValueError` where the text is not TOML."""
        table: Key = ()
        while self._skip(_SKIP):
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Key:
        array = self._peek("[[")
        line = self._line()
        self.at += 2 if array else 1
        keys = self._keys()
        self._expect("]]" if array else "]")
        path: Key = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            if number < len(keys) and path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        if array:
            self.found.setdefault(path, line)
            self.lengths[path] = self.lengths.get(path, 0) + 1
            path = (*path, self.lengths[path] - 1)
        self._note(path, line)
        return path

    def _pair(self, table: Key) -> None:
        line = self._line()
        path: Key = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, line)
        self._expect("=")
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Key) -> None:
        if self._peek("["):
            self.at += 1
            number = 0
            while self._skip(_SKIP) and not self._peek("]"):
                self._note((*path, number), self._line())
                self._value((*path, number))
                number += 1
                self._skip(_SKIP)
                if self._peek(","):
                    self.at += 1
            self._expect("]")
        elif self._peek("{"):
            self.at += 1
            while self._skip(_SKIP) and not self._peek("}"):
                self._pair(path)
                self._skip(_SKIP)
                if self._peek(","):
                    self.at += 1
            self._expect("}")
        elif string := _STRING.match(self.text, self.at):
            self.at = string.end()
        elif not self._scalar():
            raise ValueError("no value here")

    def _scalar(self) -> bool:
        """Move past a number, date or word; False where there is none: an array moving past nothing would never end."""
        start = self.at
        self._skip(_SCALAR)
        return self.at > start

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_BLANK)
            if bare := _BARE.match(self.text, self.at):
                keys.append(bare[0])
                self.at = bare.end()
            elif quoted := _STRING.match(self.text, self.at):
                keys.append(next(iter(tomllib.loads(f"{quoted[0]} = 0"))))
                self.at = quoted.end()
            else:
                raise ValueError("no key here")
            self._skip(_BLANK)
            if not self._peek("."):
                return keys
            self.at += 1

    def _note(self, path: Key, line: int) -> None:
        self.found.setdefault(path, line)

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def _peek(self, sign: str) -> bool:
        return self.text.startswith(sign, self.at)

    def _expect(self, sign: str) -> None:
        if not self._peek(sign):
            raise ValueError("another sign is expected here")
        self.at += len(sign)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Move past `pattern` (which may be empty); is there text left?"""
        matched = pattern.match(self.text, self.at)
        self.at = matched.end() if matched else self.at
        return self.at < len(self.text)
