"""Loading the facts from a node's folder: where they are, every fault at once with its line, snapshots by digest."""
