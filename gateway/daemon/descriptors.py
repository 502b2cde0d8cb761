"""How many files the process may have open. Many systems give 1024 softly, and more where it is asked for."""

from __future__ import annotations

import resource

ENOUGH = 1024
"""A node of 32 parties at work; the unit asks for `PLENTY`."""
PLENTY = 65_536
"""Not asked for more: some programs that are started walk through all there could be."""
FEW = 512
"""Below it one file is worked on at a time, and one batch is delivered: each has pipes and connections of its own."""


def raised() -> int:
    """Ask for as many as are allowed, plenty at most; how many there are then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, min(hard, PLENTY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def are_few() -> bool:
    """Whether work is done one by one."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FEW
