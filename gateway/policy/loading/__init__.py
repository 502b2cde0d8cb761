"""Loading the facts from a node's folder: where they are, every fault at once with its line, snapshots by digest."""

from gateway.policy.finding import find, home_of
from gateway.policy.loading.reading import Loaded, load, read

__all__ = ["Loaded", "find", "home_of", "load", "read"]
