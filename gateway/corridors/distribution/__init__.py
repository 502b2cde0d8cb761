"""From sealed packages to a signature: releasing → delivery → acknowledging."""

from gateway.corridors.distribution.acknowledging import Acknowledging
from gateway.corridors.distribution.delivery import Delivery
from gateway.corridors.distribution.releasing import Releasing

__all__ = ["Acknowledging", "Delivery", "Releasing"]
