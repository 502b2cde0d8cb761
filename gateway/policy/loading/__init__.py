"""Loading the facts from a node's folder: where they are, every fault at once with its line, snapshots by digest."""

from gateway.policy.finding import find, home_of
from gateway.policy.loading.reading import Reading, load, read

__all__ = ["Reading", "find", "home_of", "load", "read"]
