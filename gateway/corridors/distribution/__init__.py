"""From sealed packages to a signature: releasing → delivery → acknowledging."""
