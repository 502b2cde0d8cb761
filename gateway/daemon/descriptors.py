"""How many files the process may have open. Many systems give 1024 softly, and more where it is asked for."""

from __future__ import annotations

import resource

ENOUGH = 1024
"""A node of 32 parties at work; the unit asks for 65,536."""
FEW = 512
"""Below it one file is worked on at a time, and one batch is delivered: each has pipes and connections of its own."""


def raised() -> int:
    """Ask for as many as are allowed; how many there are then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def are_few() -> bool:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FEW
