"""Acknowledging: a receiver signs the form that came with its batch; the signature is all that comes back.

The node keeps the form's bytes, so nothing the receiver could have edited is trusted; and the file's name does not
matter, because every form that waits for this receiver is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import DistributionId


def match(forms: Mapping[DistributionId, bytes], verify: Callable[[bytes], Outcome[None]]) -> Outcome[DistributionId]:
    """The batch whose form the signature covers. Refused 232 when it covers none, 268 when it is of the future; a
    deferral of the verifier (its agent, its disk) is passed on."""
    for distribution, form in sorted(forms.items()):
        outcome = verify(form)
        if isinstance(outcome, Ok):
            return Ok(distribution)
        if not isinstance(outcome, Refused) or outcome.code == "268":
            return outcome
    return Refused("232")
