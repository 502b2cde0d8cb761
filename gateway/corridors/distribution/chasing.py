"""Chasing what was delivered and nobody signed for: `unconfirmed` after as many days as its agreement says, never
"failed".

The receiver gets a letter where its packages are, the operator a copy and a line on the page. A later acknowledgement
closes the batch as ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger.rows import DeliveryRow, DistributionRow
from gateway.corridors import recording
from gateway.corridors.distribution import composing
from gateway.instants import SHANGHAI, rfc3339
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.outcomes import Ok
from gateway.parcels import PartyId
from gateway.policy.facts import Agreement, Facts, Party, SftpChannel
from gateway.receipts import letters

MODE = 0o660


def chase(node: Node) -> int:
    """Mark what is overdue at this instant; how many batches. The letter comes first: what fails between the two is
    written again, under the same name."""
    now, facts, marked = node.clock.now(), node.facts.current(), 0
    with node.ledger.reading() as reading:
        waiting = reading.deliveries(state="delivered")
        batches = {d.distribution: reading.distribution(d.distribution) for d in waiting}
    for delivery in waiting:
        batch = batches[delivery.distribution]
        agreement = facts.agreements.get(batch.agreement) if batch else None
        receiver = facts.parties.get(delivery.receiver)
        if batch is None or agreement is None or receiver is None:
            continue
        if delivery.delivered_at > rfc3339(now - timedelta(days=agreement.confirm_days)):
            continue
        _write(node, facts, batch, delivery, agreement, receiver, now)
        with node.ledger.transaction(now) as tx:
            current = tx.distribution(batch.id)
            if current is None or current.state != "delivered":
                continue  # signed for at this moment
            tx.update_delivery(batch.id, state="unconfirmed")
            tx.update_distribution(batch.id, state="unconfirmed")
            recording.batch_event(tx, batch, Event.UNCONFIRMED, {"days": agreement.confirm_days})
        marked += 1
        node.log.info("unconfirmed", distribution=batch.id, days=agreement.confirm_days)
    return marked


def _write(
    node: Node,
    facts: Facts,
    batch: DistributionRow,
    delivery: DeliveryRow,
    agreement: Agreement,
    receiver: Party,
    now: datetime,
) -> None:
    """The letter into the receiver's folder of packages here, and a copy for the operator; over SFTP it is tried once:
    a server that is away is no reason to be silent here."""
    with node.ledger.reading() as reading:
        entry = reading.entry(f"{batch.id}/{Event.DELIVERED}")
    assert entry is not None, "a delivery is logged with the batch"
    lines, withdrawn = composing.content(node, batch.id)
    ours = facts.parties[facts.node.party]
    letter = letters.Unsigned(
        seq=entry.seq,
        day=now.date(),
        party_name=receiver.name,
        label=agreement.label,
        period=batch.period,
        batch=batch.batch,
        delivered=datetime.fromisoformat(delivery.delivered_at).astimezone(SHANGHAI).date(),
        packages=sum(line.package is not None for line in lines),
        records=sum(line.records for line in lines),
        withdrawn=len(withdrawn),
    )
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
    folder = node.folder(receiver, facts.node.folders.inbox, agreement.label)
    durable.make_folder(folder, 0o770)
    durable.write_bytes(folder / name, page, MODE)


def _push(node: Node, agreement: Agreement, receiver: Party, letter: Path) -> None:
    file = {letter.name: (letter, durable.sha256_file(letter)[0])}
    outcome = node.courier(receiver).deliver(PartyId(receiver.id), agreement.label, file)
    if not isinstance(outcome, Ok):
        node.log.warning("letter_waits_here", party=receiver.id, code=outcome.code)
