"""Gathering what other gateways laid out beside their packages: signed lists, receipts, proofs of inclusion.

They lie in the partner's folders here, put there by the collector or by a person who carries files between the nodes.
Lists stay where people find them; receipts and proofs go once the ledger holds them. A file is looked at again only
when it changed; a restart looks at all of them once more, and what was judged before is recognised.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from gateway import durable
from gateway.corridors.between import statements
from gateway.corridors.telling import proofs
from gateway.node import Node
from gateway.outcomes import Deferred, Ok
from gateway.policy.facts import Party, places

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

    def _statements(self, node: Node, party: Party, folder: Path, suffix: str, seen: set[_Look]) -> int:
        """Documents that have their signature beside them."""
        judged = 0
        for document, looks in _files(folder, suffix):
            if suffix != RECEIPT and document.name.endswith(RECEIPT):
                continue  # the form to sign: it follows from the list
            signature = document.with_name(document.name + SIGNATURE)
            there = _look(signature)
            if there is None:
                continue
            key = (looks[0], looks[1] ^ there[1], looks[2] + there[2])
            if key not in self._seen:
                body = document.read_bytes()
                laid = statements.laid_here(node, body, party) if suffix != RECEIPT else False
                if laid:
                    seen.add(key)
                if laid or laid is None:
                    continue
                outcome = statements.take(node, party, body, signature.read_bytes())
                if isinstance(outcome, Deferred):
                    node.log.info("statement_waits", party=party.id, code=outcome.code)
                    continue
                judged += 1
                code = "" if isinstance(outcome, Ok) else outcome.code
                node.log.info("statement", party=party.id, outcome=outcome.outcome, code=code)
                if suffix == RECEIPT:  # the ledger holds it, believed or not
                    durable.remove(document)
                    durable.remove(signature)
                    continue
            seen.add(key)
        return judged

    def _proofs(self, node: Node, party: Party, folder: Path) -> int:
        judged = 0
        for file, _ in _files(folder, proofs.SUFFIX):
            kept = statements.attach_proof(node, party, file.read_bytes())
            if kept is None:
                continue  # its receipt is not here yet
            judged += 1
            node.log.info("proof", party=party.id, fits=kept)
            durable.remove(file)
        return judged


def _files(folder: Path, suffix: str) -> Iterator[tuple[Path, _Look]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.endswith(suffix) and not path.name.startswith("."):
            look = _look(path)
            if look is not None:
                yield path, look


def _look(path: Path) -> _Look | None:
    """A regular file of a size that can be a statement's; links are not followed."""
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > statements.LIMIT:
        return None
    return str(path), status.st_mtime_ns, status.st_size
