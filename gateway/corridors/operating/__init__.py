"""What a person does: one function each. The control socket calls them with the person's name, and decides nothing.

Each writes what it changes with its entry, and returns what has to be enqueued. What cannot be done says why.
"""

from gateway.corridors.operating.again import Again, CannotBe, Unknown
from gateway.corridors.operating.closing import close
from gateway.corridors.operating.incoming import acknowledge
from gateway.corridors.operating.parcels import confirm, reject
from gateway.corridors.operating.releasing import Release, release
from gateway.corridors.operating.retrying import retry, standing

__all__ = [
    "Again",
    "CannotBe",
    "Release",
    "Unknown",
    "acknowledge",
    "close",
    "confirm",
    "reject",
    "release",
    "retry",
    "standing",
]
