"""A fault in the facts: where it stands and what it is, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class FactFault:
    """`file` is relative to the node's folder, `line` counts from 1. `message` is English, `message_zh` Chinese.

    Messages hold ids, keys and limits, never a contact's name or anything else about a person.
    """

    file: str
    line: int
    message: str
    message_zh: str = ""

    @classmethod
    def at(cls, file: str, line: int, path: Sequence[str | int], message: str, message_zh: str) -> FactFault:
        """A fault of one key, which the message names first: `contacts.2.name`, elements counted from 1."""
        if not path:
            return cls(file, line, message, message_zh)
        name = ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
        return cls(file, line, f"{name}: {message}", f"{name}：{message_zh}")

    def text(self, language: str) -> str:
        return self.message_zh if language == "zh" and self.message_zh else self.message

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Findings:
    """Faults stop the node; warnings are things an administrator should know and may leave as they are. `unfilled` is
    what an example leaves open: a fresh node has it, and until it is filled in the node runs in a rehearsal only."""

    faults: tuple[FactFault, ...] = ()
    warnings: tuple[FactFault, ...] = ()
    unfilled: tuple[FactFault, ...] = ()

    @property
    def stopping(self) -> tuple[FactFault, ...]:
        """Everything that keeps the node from running, in order of file and line."""
        return tuple(sorted({*self.faults, *self.unfilled}))


class FactsError(Exception):
    """The facts cannot be used; `faults` holds every fault there is, in order of file and line."""

    def __init__(self, faults: tuple[FactFault, ...]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults
