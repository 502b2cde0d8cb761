"""The lifecycle: which states there are, which events lead from one to the next."""

from gateway.lifecycle.events import Event
from gateway.lifecycle.states import SETTLED, ObligationState

__all__ = ["SETTLED", "Event", "ObligationState"]
