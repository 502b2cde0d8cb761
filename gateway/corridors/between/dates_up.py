"""Dates go up: by when records are to be answered is signed here, where they entered their receiver's channel; the node
that passed them on, and takes no files away from here, gets the receipt that states it pushed into its folder for
acknowledgements, as it gets receipts for what was refused (`countersigning`).

What was pushed is a statement in the ledger; until then every round tries again. Pushed twice, it is the same file.
"""

from __future__ import annotations

from pathlib import Path

from gateway import durable
from gateway.adapters.ledger.rows import ReceiptRow
from gateway.corridors.between import statements
from gateway.corridors.between.statements import Sent
from gateway.corridors.inquiries import stating
from gateway.node import Node
from gateway.outcomes import Deferred, Ok, Outcome
from gateway.parcels import PartyId
from gateway.policy.facts import Facts, Party
from gateway.receipts import naming
from gateway.receipts.receipt import parse

Files = dict[str, tuple[Path, str]]


def tell(node: Node) -> int:
    """Push what the nodes above do not know yet; how many receipts."""
    facts, count = node.facts.current(), 0
    for party in facts.parties.values():
        if not party.gateway:
            continue
        with node.ledger.reading() as reading:
            waiting = reading.receipts.untold(party.id, stating.STAGE)
        count += len(waiting) if waiting and _push(node, facts, party, waiting) else 0
    return count


def _push(node: Node, facts: Facts, party: Party, waiting: list[ReceiptRow]) -> bool:
    files: Files = {}
    signatures: dict[str, bytes] = {}
    outcome: Outcome[None] = Ok(None)
    for one in waiting:
        signed = _files(node, facts, party, one)
        if not isinstance(signed, Ok):
            outcome = signed
            break
        files |= signed.value[0]
        signatures[one.number] = signed.value[1]
    if isinstance(outcome, Ok):
        try:
            outcome = node.courier(party).deliver(PartyId(party.id), facts.node.folders.acknowledge, files)
        except OSError as error:
            outcome = Deferred.by(error)
    if not isinstance(outcome, Ok):
        node.log.info("telling_waits", party=party.id, code=outcome.code)
        return False
    with node.ledger.transaction(node.clock.now()) as tx:
        for one in waiting:
            signature = signatures[one.number]
            sent = Sent("receipt", party.id, "", one.body, signature, one.number)
            statements.add_sent(tx, facts.node.party, sent)
    node.log.info("told", party=party.id, receipts=len(waiting))
    return True


def _files(node: Node, facts: Facts, party: Party, one: ReceiptRow) -> Outcome[tuple[Files, bytes]]:
    """The receipt beside its signature, which is made once: another push pushes the same bytes."""
    receipt = parse(one.body)
    folder = node.spool.answer(f"told-{party.id}")
    body, target = folder / f"{one.number}.receipt.json", folder / f"{one.number}.receipt.sig"
    durable.write_bytes(body, one.body)
    if not target.exists():
        agreement = facts.agreements.get(receipt.agreement)
        signed = node.sealer.sign(one.body, agreement.profile if agreement else "openpgp")
        if not isinstance(signed, Ok):
            return signed
        durable.write_bytes(target, signed.value)
    name = naming.file_name(receipt, receipt.label, "zh", ".sig")
    both = {f"{name}.json": body, name: target}
    found = {file: (path, durable.sha256_file(path)[0]) for file, path in both.items()}
    return Ok((found, target.read_bytes()))
