"""What counts for a period: of one origin's deliveries (`deliveries`), and of what a party collects from others
(`collected`). Readings only."""

from gateway.corridors.counting.deliveries import before, counting, packages, together

__all__ = ["before", "counting", "packages", "together"]
