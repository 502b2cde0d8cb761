"""Watching keys: somebody is told 60, 30 and 7 days before one runs out and when it has, once each; and the log says
which pins a change of the facts brought or took away."""

from __future__ import annotations

from gateway.adapters.survey import survey
from gateway.corridors.tools import ACTOR, Tools
from gateway.log import Entry, Event
from gateway.policy.model import Facts


def warn(tools: Tools) -> None:
    """Enter every warning that is due and was not given yet. A key that was prolonged warns anew before its new end."""
    now, facts = tools.clock.now(), tools.facts.current()
    due = [
        (f"key/{key.fingerprint[-16:]}/{key.expires.date().isoformat()}/{key.step}", key)
        for key in survey(facts, now, private=False)
        if key.fingerprint is not None and key.expires is not None and key.step is not None
    ]
    with tools.ledger.reading() as reading:
        fresh = [(identity, key) for identity, key in due if reading.entry(identity) is None]
    for identity, key in fresh:
        days = max(key.days or 0, 0)
        with tools.ledger.transaction(now) as tx:
            tx.log(
                Entry(
                    id=identity,
                    event=Event.KEY_EXPIRING,
                    time=now,
                    actor=ACTOR,
                    facts=facts.digest,
                    parties=(key.party,),
                    counts={"days": days, "step": key.step or 0},
                    digests={"key": (key.fingerprint or "").lower()},
                )
            )
        tools.log.warning(
            "key_expiring", party=key.party, days=days, state=key.state, key=(key.fingerprint or "")[-16:]
        )


def changed(tools: Tools, before: Facts) -> None:
    """Enter which keys the facts in force pin and earlier ones did not, and the other way round: one entry a party."""
    now, facts = tools.clock.now(), tools.facts.current()
    for identity in sorted({*before.parties, *facts.parties}):
        old, new = (_believed(f, identity) for f in (before, facts))
        if old == new:
            continue
        digests = {f"pinned_{number}": pin.lower() for number, pin in enumerate(sorted(new - old))}
        digests |= {f"dropped_{number}": pin.lower() for number, pin in enumerate(sorted(old - new))}
        with tools.ledger.transaction(now) as tx:
            tx.log(
                Entry(
                    id=f"key/{identity}/{facts.digest[:16]}/{int(now.timestamp())}",
                    event=Event.KEY,
                    time=now,
                    actor=ACTOR,
                    facts=facts.digest,
                    parties=(identity,),
                    counts={"pinned": len(new - old), "dropped": len(old - new)},
                    digests=digests,
                )
            )


def _believed(facts: Facts, party: str) -> set[str]:
    found = facts.parties.get(party)
    return {*found.pins("openpgp"), *found.pins("sm")} if found else set()
