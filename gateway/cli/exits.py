"""The exit codes of every command; scripts and service managers rely on them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """A number, and what it tells the caller (`docs/reference/commands.md` is written from here)."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> ExitCode:
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    FINE = 0, "fine"
    REFUSED = 1, "refused, overdue, missing, or a fault was found in what was checked"
    USAGE = 2, "the command was not given what it needs"
    FAULT = 3, "a fault: the facts cannot be used, or an error of ours"
    NOT_RUNNING = 4, "the daemon is not running"
