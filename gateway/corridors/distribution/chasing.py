"""Chasing what was delivered and nobody signed for: `unconfirmed` after as many days as its agreement says, never
"failed".

The receiver gets a letter where its packages are, the operator a copy and a line on the page. A later acknowledgement
closes the batch as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger.rows import BatchRow
from gateway.corridors.distribution import composing
from gateway.corridors.recording import Said, of_batch
from gateway.corridors.telling import laying
from gateway.instants import SHANGHAI
from gateway.lifecycle import BatchState, Event
from gateway.node import Node
from gateway.outcomes import Ok
from gateway.parcels import PartyId
from gateway.policy.facts import Agreement, Facts, Party, SftpChannel, places
from gateway.receipts import letters


@dataclass(frozen=True, slots=True)
class _Late:
    """A batch that its receiver has had for too long without signing."""

    batch: BatchRow
    agreement: Agreement
    receiver: Party
    delivered_at: datetime


def chase(node: Node) -> int:
    """Mark what is overdue at this instant; how many batches. The letter comes first: what fails between the two is
    written again, under the same name."""
    now, facts, marked = node.clock.now(), node.facts.current(), 0
    with node.ledger.reading() as reading:
        waiting = reading.batches.where(state=BatchState.DELIVERED)
    for late in _late(waiting, facts, now):
        _write(node, facts, late, now)
        days = late.agreement.confirm_days
        with node.ledger.transaction(now) as tx:
            batch = tx.batches.row(late.batch.id)
            if batch.state is not BatchState.DELIVERED:
                continue  # signed for at this moment
            of_batch(tx, batch, Event.UNCONFIRMED, Said({"days": days}))
        marked += 1
        node.log.info("unconfirmed", distribution=batch.id, days=days)
    return marked


def _late(waiting: list[BatchRow], facts: Facts, now: datetime) -> Iterator[_Late]:
    for batch in waiting:
        agreement, receiver = facts.agreements.get(batch.agreement), facts.parties.get(batch.receiver)
        if agreement is None or receiver is None or batch.delivered_at is None:
            continue
        if batch.delivered_at <= now - timedelta(days=agreement.confirm_days):
            yield _Late(batch, agreement, receiver, batch.delivered_at)


def _write(node: Node, facts: Facts, late: _Late, now: datetime) -> None:
    """The letter into the receiver's folder of packages here, and a copy for the operator; over SFTP it is tried once:
    a server that is away is no reason to be silent here."""
    agreement, receiver = late.agreement, late.receiver
    letter = _letter(node, late, now)
    ours = facts.parties[facts.node.party]
    page = letters.unsigned_letter(
        letter,
        node_name=ours.name,
        contact=ours.contact_line,
        language=receiver.language,
        folders=facts.node.folders,
    )
    name = letters.unsigned_name(letter, receiver.id, receiver.language)
    copies = node.spool.state / "letters"
    durable.make_folder(copies)
    durable.write_bytes(copies / name, page)
    if isinstance(receiver.channel, SftpChannel):
        _push(node, agreement, receiver, copies / name)
        return
    laying.lay(node, places.inbox_folder(facts, receiver, agreement), name, page)


def _letter(node: Node, late: _Late, now: datetime) -> letters.Unsigned:
    batch = late.batch
    with node.ledger.reading() as reading:
        entry = reading.entries.get(f"{batch.id}/{Event.DELIVERED}")
    assert entry is not None, "a delivery is logged with the batch"
    lines, withdrawn, _ = composing.content(node, batch.id)
    return letters.Unsigned(
        seq=entry.seq,
        day=now.date(),
        party_name=late.receiver.name,
        label=late.agreement.label,
        period=batch.period,
        batch=batch.batch,
        delivered=late.delivered_at.astimezone(SHANGHAI).date(),
        packages=sum(line.package is not None for line in lines),
        records=sum(line.records for line in lines),
        withdrawn=len(withdrawn),
    )


def _push(node: Node, agreement: Agreement, receiver: Party, letter: Path) -> None:
    file = {letter.name: (letter, durable.sha256_file(letter)[0])}
    outcome = node.courier(receiver).deliver(PartyId(receiver.id), agreement.label, file)
    if not isinstance(outcome, Ok):
        node.log.warning("letter_waits_here", party=receiver.id, code=outcome.code)
