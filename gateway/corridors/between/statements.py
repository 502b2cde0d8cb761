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
from typing import Literal

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import NewNamed, NewStatement
from gateway.corridors.inquiries import stating
from gateway.corridors.obligations import settling
from gateway.corridors.recording import log_impersonation
from gateway.corridors.telling import impersonation
from gateway.lifecycle import BATCH, INCOMING, STATEMENT, Event, PackageState, StatementState
from gateway.log import Entry
from gateway.log.note import BadNote, VerifierKey
from gateway.log.proof import Proof, shows
from gateway.node import ACTOR, Node, Terms
from gateway.outcomes import Ok, Outcome, Refused
from gateway.policy.facts import Agreement, Party
from gateway.receipts import listing, receipt
from gateway.receipts.listing import DistributionList
from gateway.receipts.receipt import Receipt
from gateway.stages import authority, countersigning

LIMIT, SIGNATURE_LIMIT = 4 << 20, 65_536
LEFT = (PackageState.DELIVERED, PackageState.ACKNOWLEDGED, PackageState.WITHDRAWN, PackageState.ERASED)
"""Packages that their receiver has, or had."""


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

    def row(self, tx: Transaction, kind: str, own: str, entry: Entry) -> NewStatement:
        """What the ledger keeps of it; `entry` is the one that says what was made of it."""
        return {
            "id": self.id,
            "issuer": self.issuer.id,
            "receiver": own,
            "kind": kind,
            "state": STATEMENT.apply(None, entry).state,
            "about": self.about,
            "signature_sha256": hashlib.sha256(self.signature).hexdigest(),
            "body": self.body,
            "signature": self.signature,
            "at": tx.now,
        }


def statement_id(body: bytes, signature: bytes) -> str:
    """The digest of both, so that the same words under another signature are another statement."""
    digests = hashlib.sha256(body).digest() + hashlib.sha256(signature).digest()
    return hashlib.sha256(digests).hexdigest()


def take(node: Node, issuer: Party, body: bytes, signature: bytes) -> Outcome[Statement]:
    """Judge a statement and record what came of it, in one transaction. Ok also for one that was taken before; the
    deferral of a verifier (its agent, its disk) records nothing."""
    now = node.clock.now()
    with node.ledger.reading() as reading:
        known = reading.statements.get(statement_id(body, signature))
    if known is not None:
        bare = Statement(issuer, body, signature, about=known.about, package=known.package)
        return Ok(bare) if known.state is StatementState.VERIFIED else Refused(known.code)
    outcome = judge(node, issuer, body, signature)
    if isinstance(outcome, Refused):
        impersonation.told(node, outcome, None, now)
    if isinstance(outcome, Ok | Refused):
        with node.ledger.transaction(now) as tx:
            record(tx, Statement(issuer, body, signature), outcome, node.terms())
    return outcome


def laid_here(node: Node, body: bytes, receiver: Party) -> bool | None:
    """Is this a list of our own for `receiver`? In its folder what we laid for it lies beside what was fetched from it;
    such a list tells this node nothing, by whatever key it is signed. Nobody vouched for it yet, so it is read in the
    worker; None while that is away."""
    found = node.worker.listed(body)
    if isinstance(found, Ok):
        own = node.facts.current().node.party
        return (found.value.get("issuer"), found.value.get("receiver")) == (own, receiver.id)
    return False if isinstance(found, Refused) else None


def judge(node: Node, issuer: Party, body: bytes, signature: bytes) -> Outcome[Statement]:
    """Refused 210, 211, 268 (signature), 255 (another is named as its author, or as that of what is listed), 257 (it
    says that it was issued in the future), 246 (a receipt that does not fit what was sent), 247 (a list that is not for
    this node, or neither of both)."""
    pins = (*issuer.pins("openpgp"), *issuer.pins("sm"))
    if not pins:
        return Refused("211")
    verified = node.verifier.verify(body, signature, *pins)
    if not isinstance(verified, Ok):
        return verified
    facts, now = node.facts.current(), node.clock.now()
    made = Statement(issuer, body, signature)
    with node.ledger.reading() as reading:
        try:
            stated = receipt.parse(body)
        except ValueError:
            pass
        else:
            spoken = authority.speaks(issuer, (stated.issuer,), facts)
            spoken = spoken or authority.issued(stated.issued_at, facts, now)
            return spoken or _receipt(reading, made, stated, facts.node.party)
        try:
            listed = listing.parse(body)
        except ValueError:
            return Refused("247")
        spoken = authority.of_list(listed, issuer, facts) or authority.issued(listed.issued_at, facts, now)
        if spoken is not None:
            return spoken
        names = [line.package for line in listed.packages if line.package] + [w.package for w in listed.withdrawn]
        agreement = countersigning.judge(listed, names, issuer, facts)
        if not isinstance(agreement, Ok):
            return agreement
        about = countersigning.identity(issuer.id, listed.distribution)
        known = reading.incoming.get(about)
        if known is not None and known.list_sha256 != hashlib.sha256(body).hexdigest():
            return Refused("247")  # one batch has one list: another one under its name contradicts it
        if known is not None:
            return Ok(Statement(issuer, body, signature, about=about))
        return Ok(Statement(issuer, body, signature, listed, about, agreement=agreement.value))


def _receipt(reading: Reading, made: Statement, stated: Receipt, own: str) -> Outcome[Statement]:
    """Does the receipt speak of something that we sent to its issuer, and contradict nothing it said before?"""
    if stated.issuer == made.issuer.id and stated.sender != own and own in stated.receivers:
        return Ok(made)  # told to us as its receiver: about nothing that we sent
    same = reading.statements.where(issuer=made.issuer.id, number=stated.number, state=StatementState.VERIFIED)
    if (stated.issuer, stated.sender) != (made.issuer.id, own) or any(row.body != made.body for row in same):
        return Refused("246")
    if same:  # signed once more, as for a duplicate
        return Ok(Statement(made.issuer, made.body, made.signature, None, same[0].about, same[0].package))
    for package in reading.packages.where(sha256=stated.sha256, receiver=made.issuer.id):
        if package.state in LEFT and package.size == stated.size and stated.period in ("", package.period):
            return Ok(Statement(made.issuer, made.body, made.signature, stated, package.distribution, package.id))
    sent = reading.statements.where(signature_sha256=stated.sha256, receiver=made.issuer.id, state=StatementState.SENT)
    if sent:
        return Ok(Statement(made.issuer, made.body, made.signature, stated, sent[0].about))
    return Refused("246")


def record(tx: Transaction, bare: Statement, outcome: Outcome[Statement], terms: Terms) -> None:
    """Write what was judged of the `bare` statement: itself, its entry, and what follows from it. A deferral writes
    nothing, and neither does a statement that was written before."""
    if tx.statements.get(bare.id) is not None or not isinstance(outcome, Ok | Refused):
        return
    if isinstance(outcome, Refused):
        entry = _entry(tx, bare, Event.DISBELIEVED, terms, {"code": int(outcome.code)})
        row = bare.row(tx, "unknown", terms.facts.node.party, entry)
        row["code"] = outcome.code
        tx.statements.add(**row)
        _log(tx, entry)
        log_impersonation(tx, outcome, _entry(tx, bare, Event.IMPERSONATED, terms, {}))
        return
    made = outcome.value
    if isinstance(made.content, DistributionList):
        _listed(tx, made, made.content, terms)
    elif made.content is not None:
        _stated(tx, made, made.content, terms)


def _stated(tx: Transaction, made: Statement, stated: Receipt, terms: Terms) -> None:
    """A receipt for something of ours."""
    counts = {
        "code": int(stated.code),
        "records": stated.counts.records,
        "accepted": stated.counts.accepted,
        "refused": stated.counts.refused,
    }
    entry = _entry(tx, made, Event.STATED, terms, counts)
    row = made.row(tx, "receipt", terms.facts.node.party, entry)
    row["code"], row["stage"], row["number"] = stated.code, stated.stage, stated.number
    row["package"], row["leaf"] = made.package, stated.log.hash
    tx.statements.add(**row)
    _log(tx, entry)
    if made.package:
        stating.copy(tx, made.package, stated, made.body, terms)
    batch = tx.batches.get(made.about)
    if stated.stage == "refused" and made.package and batch is not None:
        tx.batches.change(batch.id, BATCH.apply(batch.state, entry))


def _listed(tx: Transaction, made: Statement, listed: DistributionList, terms: Terms) -> None:
    """A batch that is on its way here, or here already: from now on it is owed an answer."""
    assert made.agreement is not None, "a list that was believed has its agreement"
    counts = {"packages": len(listed.packages), "withdrawn": len(listed.withdrawn), "batch": listed.batch}
    entry = _entry(tx, made, Event.LISTED, terms, counts)
    tx.statements.add(**made.row(tx, "list", terms.facts.node.party, entry))
    named: list[NewNamed] = [
        {"package": line.package or "", "origin": line.origin, "sha256": line.sha256 or "", "state": "included"}
        for line in listed.packages
    ]
    named += [
        {"package": gone.package, "origin": gone.origin, "sha256": "", "state": "withdrawn"}
        for gone in listed.withdrawn
    ]
    tx.incoming.add(
        named,
        id=made.about,
        sender=made.issuer.id,
        distribution=listed.distribution,
        agreement=made.agreement.id,
        period=listed.period,
        state=INCOMING.apply(None, entry).state,
        list_sha256=hashlib.sha256(made.body).hexdigest(),
        listed_at=tx.now,
        facts=terms.facts.digest,
    )
    _log(tx, entry)
    if listed.collection is not None:
        settling.settle_period(tx, made.issuer.id, made.agreement.id, listed.period, terms)


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
        found = tx.statements.where(issuer=issuer.id, leaf=leaf, state=StatementState.VERIFIED)
        if not found:
            return None
        stated = receipt.parse(found[0].body)
        if stated.log.seq != proof.index or not proof.note.text.startswith(f"{stated.log.origin}\n"):
            return False
        for row in found:
            if not row.proof:
                tx.statements.set_proof(row.id, data)
    return True


@dataclass(frozen=True, slots=True)
class Sent:
    """What this node stated itself, to `receiver`, about a batch of its own or of the receiver's. `number` is a
    receipt's."""

    kind: Literal["receipt", "list", "acknowledgement"]
    receiver: str
    about: str
    body: bytes
    signature: bytes
    number: str = ""


def add_sent(tx: Transaction, own: str, sent: Sent) -> None:
    """Keep what this node stated: a receipt for it is recognised by the signature's digest. Idempotent."""
    identity = statement_id(sent.body, sent.signature)
    if tx.statements.get(identity) is None:
        tx.statements.add(
            id=identity,
            issuer=own,
            receiver=sent.receiver,
            kind=sent.kind,
            state=StatementState.SENT,
            number=sent.number,
            about=sent.about,
            signature_sha256=hashlib.sha256(sent.signature).hexdigest(),
            body=sent.body,
            signature=sent.signature,
            at=tx.now,
        )


def _log(tx: Transaction, entry: Entry) -> None:
    """After a restore the log may know what the ledger has forgotten: a statement is logged once."""
    if tx.entries.get(entry.id) is None:
        tx.log(entry)


def _entry(tx: Transaction, made: Statement, event: Event, terms: Terms, counts: Mapping[str, int]) -> Entry:
    return Entry(
        id=f"statement-{made.id[:32]}/{event}",
        event=event,
        time=tx.now,
        actor=ACTOR,
        facts=terms.facts.digest,
        parties=(made.issuer.id,),
        parcel=made.about,
        counts=counts,
        digests={"statement": hashlib.sha256(made.body).hexdigest()},
    )
