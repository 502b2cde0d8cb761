"""Proofs of inclusion beside the receipts: written once a published checkpoint covers the entry a receipt rests on."""

from __future__ import annotations

from pathlib import Path

from gateway.log.note import read_checkpoint
from gateway.log.proof import prove
from gateway.log.tiles import CHECKPOINT, TileTree
from gateway.node import Node
from gateway.policy.facts import places
from gateway.receipts import naming
from gateway.receipts.receipt import parse

SUFFIX = ".tlog-proof"


def write(node: Node, log: Path) -> int:
    """Write the proofs that are owed, out of the published tree in the folder `log`; returns how many. A folder that is
    away is passed over and tried again."""
    data = (log / CHECKPOINT).read_bytes()
    note, checkpoint = read_checkpoint(data)
    with node.ledger.published() as tables:
        owed = tables.owed_proofs(checkpoint.size)
    facts, tree = node.facts.current(), TileTree(log, checkpoint.size)
    written, away = [], set()
    for one in owed:
        party = facts.parties.get(one.party)
        if party is None:
            written.append(one.number)  # the party left the exchange: there is no folder to write into
            continue
        if party.id in away:
            continue
        receipt = parse(one.body)
        proof = prove(tree, receipt.log.seq, note).to_bytes()
        try:
            name = naming.file_name(receipt, receipt.label, party.language, SUFFIX)
            node.folders.write(places.machine_folder(facts, party), name, proof)
        except OSError as error:
            away.add(party.id)
            node.log.warning("proof_waits", party=party.id, errno=error.errno)
            continue
        written.append(one.number)
    if written:
        with node.ledger.publishing() as tables:
            for number in written:
                tables.proof_written(number, checkpoint.size)
    return len(written)
