"""Gathering what other gateways laid out beside their packages: signed lists, receipts, proofs of inclusion.

They lie in the partner's folders here, put there by the collector or by a person who carries files between the nodes.
Lists stay where people find them; receipts and proofs go once the ledger holds them. A file is looked at again only
when it changed; a restart looks at all of them once more, and what was judged before is recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from gateway.corridors.between import statements
from gateway.corridors.telling import proofs
from gateway.node import Node
from gateway.outcomes import Deferred, Ok
from gateway.policy.facts import Party, places
from gateway.ports import Lying

SIGNATURE, RECEIPT = ".sig", ".receipt.json"
_Look = tuple[str, int, int]


class Gathering:
    """Remembers what it looked at; one thread."""

    def __init__(self) -> None:
        self._seen: set[_Look] = set()

    def round(self, node: Node) -> int:
        """Look everywhere once; how many statements were judged. A folder that is away is looked at another time."""
        facts, judged, seen = node.facts.current(), 0, set[_Look]()
        for party in facts.parties.values():
            if party.id == facts.node.party:
                continue
            lists = [
                places.inbox_folder(facts, party, a) for a in facts.agreements.values() if party in facts.senders(a)
            ]
            for folder, suffix in (*((f, ".json") for f in lists), (places.fetched_receipts(facts, party), RECEIPT)):
                try:
                    judged += self._statements(node, party, folder, suffix, seen)
                    judged += self._proofs(node, party, folder) if suffix == RECEIPT else 0
                except OSError as error:
                    node.log.warning("gathering_waits", party=party.id, errno=error.errno)
        self._seen = seen
        return judged

    def _statements(self, node: Node, party: Party, folder: PurePosixPath, suffix: str, seen: set[_Look]) -> int:
        """Documents that have their signature beside them."""
        judged, lying = 0, _small(node, folder)
        for document, looks in lying.items():
            if not document.endswith(suffix) or (suffix != RECEIPT and document.endswith(RECEIPT)):
                continue  # the form to sign follows from the list
            signature = document + SIGNATURE
            there = lying.get(signature)
            if there is None:
                continue
            key = (str(folder / document), looks.modified_ns ^ there.modified_ns, looks.size + there.size)
            if key not in self._seen:
                body = node.folders.read(folder, document, statements.LIMIT)
                signed = node.folders.read(folder, signature, statements.LIMIT)
                if body is None or signed is None:  # something else by now
                    continue
                laid = statements.laid_here(node, body, party) if suffix != RECEIPT else False
                if laid:
                    seen.add(key)
                if laid or laid is None:
                    continue
                outcome = statements.take(node, party, body, signed)
                if isinstance(outcome, Deferred):
                    node.log.info("statement_waits", party=party.id, code=outcome.code)
                    continue
                judged += 1
                code = "" if isinstance(outcome, Ok) else outcome.code
                node.log.info("statement", party=party.id, outcome=outcome.outcome, code=code)
                if suffix == RECEIPT:  # the ledger holds it, believed or not
                    node.folders.remove(folder, document)
                    node.folders.remove(folder, signature)
                    continue
            seen.add(key)
        return judged

    def _proofs(self, node: Node, party: Party, folder: PurePosixPath) -> int:
        judged = 0
        for name in _small(node, folder):
            data = node.folders.read(folder, name, statements.LIMIT) if name.endswith(proofs.SUFFIX) else None
            kept = statements.attach_proof(node, party, data) if data is not None else None
            if kept is None:
                continue  # its receipt is not here yet
            judged += 1
            node.log.info("proof", party=party.id, fits=kept)
            node.folders.remove(folder, name)
        return judged


def _small(node: Node, folder: PurePosixPath) -> Mapping[str, Lying]:
    """Visible regular files of a size that can be a statement's, by name."""
    found = node.folders.files(folder)
    return {f.name: f for f in found if not f.name.startswith(".") and f.size <= statements.LIMIT}
