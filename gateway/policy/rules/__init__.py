"""Rules between facts. A rule takes the draft and returns every fault it finds; `judging` holds the list of them."""

from gateway.policy.rules.draft import Draft, Rule
from gateway.policy.rules.judging import inspect

__all__ = ["Draft", "Rule", "inspect"]
