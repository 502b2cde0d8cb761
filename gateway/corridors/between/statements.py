"""Statements: what another gateway signed and sent here — a receipt for something of ours, or the list of a batch.

A statement is judged by its signature first (the issuer's pinned keys), then by what it says: a receipt has to fit
something that this node sent, a list has to be for this node. What is believed is recorded and logged with its batch;
what is not is refused with a code and kept, body and signature, as evidence. Bytes that were judged once are not judged
again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.between import Between, StatementRow
from gateway.adapters.ledger.transaction import Reading
from gateway.corridors.inquiries import stating
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.log.note import BadNote, VerifierKey
from gateway.log.proof import Proof, shows
from gateway.node import ACTOR, Node
from gateway.outcomes import Ok, Outcome, Refused
from gateway.policy.facts import Agreement, Party
from gateway.receipts import listing, receipt
from gateway.receipts.listing import DistributionList
from gateway.receipts.receipt import Receipt
from gateway.stages import countersigning

LIMIT, SIGNATURE_LIMIT = 4 << 20, 65_536
LEFT = ("delivered", "acknowledged", "withdrawn", "erased")  # packages that their receiver has, or had


@dataclass(frozen=True, slots=True)
class Statement:
    """What was judged: `about` is the batch it speaks of, `package` the one package of it, where there is one.
    `content` is missing where the same was stated before."""

    issuer: Party
    body: bytes
    signature: bytes
    content: Receipt | DistributionList | None = None
    about: str = ""
    package: str = ""
    agreement: Agreement | None = None

    @property
    def id(self) -> str:
        return statement_id(self.body, self.signature)


def statement_id(body: bytes, signature: bytes) -> str:
    """The digest of both, so that the same words under another signature are another statement."""
    digests = hashlib.sha256(body).digest() + hashlib.sha256(signature).digest()
    return hashlib.sha256(digests).hexdigest()


def take(node: Node, issuer: Party, body: bytes, signature: bytes) -> Outcome[Statement]:
    """Judge a statement and record what came of it, in one transaction. Ok also for one that was taken before; the
    deferral of a verifier (its agent, its disk) records nothing."""
    now = node.clock.now()
    with node.ledger.reading() as reading:
        known = reading.between.statement(statement_id(body, signature))
    if known is not None:
        bare = Statement(issuer, body, signature, about=known.about, package=known.package)
        return Ok(bare) if known.state == "verified" else Refused(known.code)
    outcome = judge(node, issuer, body, signature)
    if isinstance(outcome, Ok | Refused):
        with node.ledger.transaction(now) as tx:
            outcome = record(node, tx, issuer, body, signature, outcome)
    return outcome


def laid_here(body: bytes, receiver: Party, own: str) -> bool:
    """Is this a list of our own for `receiver`? In its folder what we laid for it lies beside what was fetched from it;
    such a list tells this node nothing, whoever signed it."""
    try:
        listed = listing.parse(body)
    except ValueError:
        return False
    return (listed.issuer, listed.receiver) == (own, receiver.id)


def judge(node: Node, issuer: Party, body: bytes, signature: bytes) -> Outcome[Statement]:
    """Refused 210, 211 (signature), 246 (a receipt that does not fit what was sent), 247 (a list that is not for this
    node, or neither of both)."""
    pins = (*issuer.pins("openpgp"), *issuer.pins("sm"))
    if not pins:
        return Refused("211")
    verified = node.verifier.verify(body, signature, *pins)
    if not isinstance(verified, Ok):
        return verified
    facts = node.facts.current()
    made = Statement(issuer, body, signature)
    with node.ledger.reading() as reading:
        try:
            return _receipt(reading, made, receipt.parse(body), facts.node.party)
        except ValueError:
            pass
        try:
            listed = listing.parse(body)
        except ValueError:
            return Refused("247")
        names = [line.package for line in listed.packages if line.package] + [w.package for w in listed.withdrawn]
        agreement = countersigning.judge(listed, names, issuer, facts)
        if not isinstance(agreement, Ok):
            return agreement
        about = countersigning.identity(issuer.id, listed.distribution)
        known = reading.between.incoming(about)
        if known is not None and known.list_sha256 != hashlib.sha256(body).hexdigest():
            return Refused("247")  # one batch has one list: another one under its name contradicts it
        if known is not None:
            return Ok(Statement(issuer, body, signature, about=about))
        return Ok(Statement(issuer, body, signature, listed, about, agreement=agreement.value))


def _receipt(reading: Reading, made: Statement, stated: Receipt, own: str) -> Outcome[Statement]:
    """Does the receipt speak of something that we sent to its issuer, and contradict nothing it said before?"""
    if stated.issuer == made.issuer.id and stated.sender != own and own in stated.receivers:
        return Ok(made)  # told to us as its receiver: about nothing that we sent
    same = reading.between.statements(issuer=made.issuer.id, number=stated.number, state="verified")
    if (stated.issuer, stated.sender) != (made.issuer.id, own) or any(row.body != made.body for row in same):
        return Refused("246")
    if same:  # signed once more, as for a duplicate
        return Ok(Statement(made.issuer, made.body, made.signature, None, same[0].about, same[0].package))
    for package in reading.packages(sha256=stated.sha256, receiver=made.issuer.id):
        if package.state in LEFT and package.size == stated.size and stated.period in ("", package.period):
            return Ok(Statement(made.issuer, made.body, made.signature, stated, package.distribution, package.id))
    for sent in reading.between.statements(signature_sha256=stated.sha256, receiver=made.issuer.id, state="sent"):
        return Ok(Statement(made.issuer, made.body, made.signature, stated, sent.about))
    return Refused("246")


def record(
    node: Node, tx: Transaction, issuer: Party, body: bytes, signature: bytes, outcome: Outcome[Statement]
) -> Outcome[Statement]:
    """Write what was judged: the statement, its entry, and what follows from it. Ok and Refused only."""
    identity = statement_id(body, signature)
    if tx.between.statement(identity) is not None or not isinstance(outcome, Ok | Refused):
        return outcome
    facts = node.facts.current()
    keep = _Row(issuer.id, facts.node.party, body, signature, rfc3339(tx.now))
    if isinstance(outcome, Refused):
        keep.add(tx.between, kind="unknown", state="refused", code=outcome.code)
        _log(tx, _entry(tx, issuer, facts.digest, identity, Event.DISBELIEVED, "", {"code": int(outcome.code)}, body))
        return outcome
    made = outcome.value
    if isinstance(made.content, DistributionList):
        keep.add(tx.between, kind="list", state="verified", about=made.about)
        _listed(tx, made, made.content, facts.digest)
    elif made.content is not None:
        stated = made.content
        keep.add(
            tx.between,
            kind="receipt",
            state="verified",
            code=stated.code,
            stage=stated.stage,
            number=stated.number,
            about=made.about,
            package=made.package,
            leaf=stated.log.hash,
        )
        counts = {
            "code": int(stated.code),
            "records": stated.counts.records,
            "accepted": stated.counts.accepted,
            "refused": stated.counts.refused,
        }
        _log(tx, _entry(tx, issuer, facts.digest, identity, Event.STATED, made.about, counts, body))
        if made.package:
            stating.copy(tx, made.package, stated, body, facts, node.facts.calendar())
        if stated.stage == "refused" and made.package:
            tx.update_delivery(made.about, code=stated.code)
    return outcome


def _listed(tx: Transaction, made: Statement, listed: DistributionList, facts: str) -> None:
    """A batch that is on its way here, or here already: from now on it is owed an answer."""
    assert made.agreement is not None, "a list that was believed has its agreement"
    named = [
        {"package": line.package or "", "origin": line.origin, "sha256": line.sha256 or "", "state": "included"}
        for line in listed.packages
    ]
    named += [
        {"package": gone.package, "origin": gone.origin, "sha256": "", "state": "withdrawn"}
        for gone in listed.withdrawn
    ]
    tx.between.add_incoming(
        named,
        id=made.about,
        sender=made.issuer.id,
        distribution=listed.distribution,
        agreement=made.agreement.id,
        period=listed.period,
        state="listed",
        list_sha256=hashlib.sha256(made.body).hexdigest(),
        listed_at=rfc3339(tx.now),
        facts=facts,
    )
    counts = {"packages": len(listed.packages), "withdrawn": len(listed.withdrawn), "batch": listed.batch}
    _log(tx, _entry(tx, made.issuer, facts, made.id, Event.LISTED, made.about, counts, made.body))


def attach_proof(node: Node, issuer: Party, data: bytes) -> bool | None:
    """Keep a proof of inclusion with the receipt it belongs to. None where no such receipt is known (yet); False where
    it does not show what the receipt says, or is of another log than the issuer's (`log_keys`, where they are facts),
    and then it is not kept."""
    try:
        proof = Proof.parse(data)
        leaf = shows(proof)
    except BadNote:
        return False
    keys = [VerifierKey.parse(line) for line in issuer.log_keys]
    if keys and not any(proof.note.text.startswith(f"{k.name}\n") and proof.note.signed_by(k) for k in keys):
        return False
    now = node.clock.now()
    with node.ledger.transaction(now) as tx:
        found = tx.between.statements(issuer=issuer.id, leaf=leaf, state="verified")
        if not found:
            return None
        stated = receipt.parse(found[0].body)
        if stated.log.seq != proof.index or not proof.note.text.startswith(f"{stated.log.origin}\n"):
            return False
        for row in found:
            if not row.proof:
                tx.between.set_proof(row.id, data)
    return True


def add_sent(
    tx: Transaction, own: str, receiver: str, kind: str, about: str, body: bytes, signature: bytes, number: str = ""
) -> None:
    """What this node stated itself: a receipt for it is recognised by the signature's digest. Idempotent."""
    if tx.between.statement(statement_id(body, signature)) is None:
        row = _Row(own, receiver, body, signature, rfc3339(tx.now))
        row.add(tx.between, kind=kind, state="sent", about=about, number=number)


def told(row: StatementRow) -> Mapping[str, str]:
    """A statement for the operator and for programs: no bytes."""
    fields = ("issuer", "receiver", "kind", "state", "code", "stage", "number", "about", "package", "at")
    proof = {"proof": "yes" if row.proof else "no"} if row.kind == "receipt" else {}
    return {**{field: getattr(row, field) for field in fields}, **proof}


@dataclass(frozen=True, slots=True)
class _Row:
    """What every statement's row holds."""

    issuer: str
    receiver: str
    body: bytes
    signature: bytes
    at: str

    def add(self, between: Between, **values: object) -> None:
        between.add_statement(
            id=statement_id(self.body, self.signature),
            issuer=self.issuer,
            receiver=self.receiver,
            signature_sha256=hashlib.sha256(self.signature).hexdigest(),
            body=self.body,
            signature=self.signature,
            at=self.at,
            **values,
        )


def _log(tx: Transaction, entry: Entry) -> None:
    """After a restore the log may know what the ledger has forgotten: a statement is logged once."""
    if tx.entry(entry.id) is None:
        tx.log(entry)


def _entry(
    tx: Transaction,
    issuer: Party,
    facts: str,
    identity: str,
    event: Event,
    about: str,
    counts: Mapping[str, int],
    body: bytes,
) -> Entry:
    return Entry(
        id=f"statement-{identity[:32]}/{event}",
        event=event,
        time=tx.now,
        actor=ACTOR,
        facts=facts,
        parties=(issuer.id,),
        parcel=about,
        counts=counts,
        digests={"statement": hashlib.sha256(body).hexdigest()},
    )
