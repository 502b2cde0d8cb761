"""Impersonation: what one party signed names another as its author. It is refused with 255, and the one who was named
finds a letter in its own folder; the log has an entry for both (`recording.impersonated`)."""

from __future__ import annotations

from datetime import datetime

from gateway.corridors.recording import impersonated
from gateway.corridors.telling import laying
from gateway.instants import SHANGHAI
from gateway.node import Node
from gateway.outcomes import Refused
from gateway.policy.facts import Agreement, places
from gateway.receipts.warnings import Warned, warning, warning_name


def told(node: Node, refused: Refused, agreement: Agreement | None, now: datetime) -> Refused:
    """The refusal, after its letter, if there has to be one. The letter is written before the refusal is entered, under
    a name of its own, so that it is there whatever happens between; one a day for each signer, so that nobody fills
    another's folder. Raises `OSError` while the share is away."""
    facts = node.facts.current()
    named = impersonated(refused)
    if named is None or named == facts.node.party:
        return refused  # of ourselves the operator is told, out of the log
    party, signer = facts.parties[named], facts.parties[str(refused.detail["signer"])]
    ours = facts.parties[facts.node.party]
    letter = Warned(
        party=party.id,
        party_name=party.name,
        signer_name=signer.name,
        label=agreement.label if agreement else facts.node.folders.acknowledge,
        signer=signer.id,
        day=now.astimezone(SHANGHAI).date(),
    )
    page = warning(letter, node_name=ours.name, contact=ours.contact_line, language=party.language)
    laying.lay(node, places.receipts_folder(facts, party), warning_name(letter, party.language), page)
    return refused
