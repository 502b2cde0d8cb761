"""Watching keys: 60, 30 and 7 days before one runs out and when it has, once each, its owner finds a letter and the log
an entry; and the log says which pins a change of the facts brought or took away."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway import durable
from gateway.adapters.sealing.key_health import KeyState, key_states
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import ACTOR, Node
from gateway.policy.facts import Facts, places
from gateway.receipts.keyletters import KeyLetter, key_letter, key_letter_name


def warn(node: Node) -> None:
    """Enter every warning that is due and was not given yet. A prolonged key warns again before its new end."""
    now, facts = node.clock.now(), node.facts.current()
    due = [
        (f"key/{key.fingerprint[-16:]}/{key.expires.date().isoformat()}/{key.step}", key)
        for key in key_states(facts, now, private=False)
        if key.fingerprint is not None and key.expires is not None and key.step is not None
    ]
    with node.ledger.reading() as reading:
        fresh = [(identity, key) for identity, key in due if reading.entries.get(identity) is None]
    for identity, key in fresh:
        days = max(key.days or 0, 0)
        try:
            _write(node, facts, key, now)
        except OSError as error:  # the folder is away: the next round writes it, and nobody else waits
            node.log.warning("letter_waits_here", party=key.party, errno=error.errno)
            continue
        with node.ledger.transaction(now) as tx:
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
        node.log.warning("key_expiring", party=key.party, days=days, state=key.state, key=(key.fingerprint or "")[-16:])


def _write(node: Node, facts: Facts, key: KeyState, now: datetime) -> None:
    """The letter: into the party's folder of receipts; about the node's own key into `state/letters`. Written before
    its entry and under a name of its own, so that it is there whatever happens between."""
    assert key.fingerprint is not None
    assert key.expires is not None
    party, ours = facts.parties[key.party], facts.parties[facts.node.party]
    own = party.id == ours.id
    letter = KeyLetter(
        party=party.id,
        party_name=party.name,
        day=now.date(),
        fingerprint=key.fingerprint,
        profile=key.profile,
        last_day=(key.expires - timedelta(microseconds=1)).astimezone(SHANGHAI).date(),
        days=key.days if key.days is not None and key.expires > now else -1,
        step=key.step or 0,
        own=own,
    )
    language = facts.node.language if own else party.language
    page = key_letter(letter, node_name=ours.name, contact=ours.contact_line, language=language)
    name = key_letter_name(letter, party.id, language)
    if not own:
        node.folders.write(places.receipts_folder(facts, party), name, page)
        return
    durable.make_folder(node.spool.state / "letters")
    durable.write_bytes(node.spool.state / "letters" / name, page)


def changed(node: Node, before: Facts) -> None:
    """Enter which keys the facts in force pin and earlier ones did not, and the other way round: one entry a party."""
    now, facts = node.clock.now(), node.facts.current()
    for identity in sorted({*before.parties, *facts.parties}):
        old, new = (_believed(f, identity) for f in (before, facts))
        if old == new:
            continue
        digests = {f"pinned_{number}": pin.lower() for number, pin in enumerate(sorted(new - old))}
        digests |= {f"dropped_{number}": pin.lower() for number, pin in enumerate(sorted(old - new))}
        with node.ledger.transaction(now) as tx:
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
