"""What a stage may return, split by blame, and the catalogue of codes.

`Refused` is the sender's, `Deferred` the world's, `Fault` ours; `Held` waits for a person, `Duplicate` came before.
Outcomes are values: a durable step returns them as JSON, because an exception that crosses a step is replayed as
another class (DBOS 3.4). They carry codes, counts and ids, never a value out of a record, a person's name or a file's
name. No code stands for a kind of outcome.
"""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from gateway.reading import Reading

T = TypeVar("T", covariant=True)
Detail: TypeAlias = Mapping[str, str | int]
# What a file system says that has no room: none at all, none for us, none for one file of this size.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Ok(Generic[T]):
    """The stage did its work; `value` is the parcel in its next state."""

    value: T
    outcome: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True)
class Refused:
    """The sender has to mend it: quarantine, receipt with `code`, nothing forwarded. Where records were judged `codes`
    counts violations by code, and `reading` says how the table was read."""

    code: str
    detail: Detail = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    outcome: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Deferred:
    """The world has to change first: tried again later, visible, never lost. `retry_after` is in seconds."""

    code: str
    detail: Detail = field(default_factory=dict)
    retry_after: float = 60.0
    outcome: Literal["deferred"] = "deferred"

    @classmethod
    def by(cls, error: OSError) -> Deferred:
        """What the operating system could not do: 702 where there is no room, 709 otherwise. Only its number travels:
        its text could hold a path."""
        full = error.errno in NO_ROOM
        return cls("702" if full else "709", {"errno": error.errno or 0}, 300.0 if full else 60.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """We have to mend it: the parcel stops where it is, the operator is notified, nothing is dropped."""

    code: str
    detail: Detail = field(default_factory=dict)
    outcome: Literal["fault"] = "fault"


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A person decides whether `value` goes on; until then nothing of it is sealed."""

    value: T
    code: str
    detail: Detail = field(default_factory=dict)
    outcome: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same bytes came before, as the parcel `original`: its receipt is given again."""

    original: str
    code: Literal["220"] = "220"
    outcome: Literal["duplicate"] = "duplicate"


Outcome: TypeAlias = Ok[T] | Refused | Deferred | Fault
"""What may come of an effect on the world."""
Decision: TypeAlias = Outcome[T] | Held[T] | Duplicate
"""What may come of a stage."""


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the catalogue (`codes.toml`): a stable number, a sentence and a remedy in both languages.

    Sentences may hold `{placeholders}` that a `Detail` fills: limits, titles of columns, counts.
    """

    code: str
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str

    def sentence(self, language: str, detail: Detail | None = None) -> str:
        return _fill(self.zh if language == "zh" else self.en, detail)

    def remedy(self, language: str, detail: Detail | None = None) -> str:
        return _fill(self.remedy_zh if language == "zh" else self.remedy_en, detail)


class _Blank(dict[str, object]):
    """A placeholder that was not filled reads as an ellipsis: a receipt must not fail because a word is missing."""

    def __missing__(self, key: str) -> str:
        return "…"


def _fill(text: str, detail: Detail | None) -> str:
    return text.format_map(_Blank(detail or {}))


@cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """`codes.toml` as it stands."""
    return tomllib.loads(Path(__file__).with_name("codes.toml").read_text("utf-8"))


@cache
def catalogue() -> Mapping[str, Code]:
    """Every code there is, from `codes.toml`, the one table the reference page is generated from."""
    return {code: Code(code, row["zh"], row["en"], row["remedy_zh"], row["remedy_en"]) for code, row in table().items()}
