"""A party's folders as the party's own people see them: plain paths. The node itself never goes there by these; it
opens every folder below the exchange root by descriptors (`ports.PartyFolders`)."""

from __future__ import annotations

from pathlib import Path

from gateway.policy.facts import Agreement, Facts, Party, places


def root(facts: Facts) -> Path:
    return facts.path(facts.node.exchange_root)


def party_folder(facts: Facts, party: Party) -> Path:
    return root(facts) / places.party_folder(party)


def drop_folder(facts: Facts, party: Party, agreement: Agreement) -> Path:
    return root(facts) / places.drop_folder(facts, party, agreement)


def inbox_folder(facts: Facts, party: Party, agreement: Agreement) -> Path:
    return root(facts) / places.inbox_folder(facts, party, agreement)


def fetched_receipts(facts: Facts, party: Party) -> Path:
    return root(facts) / places.fetched_receipts(facts, party)


def signed_folder(facts: Facts, party: Party) -> Path:
    return root(facts) / places.signed_folder(facts, party)


def folders_of(facts: Facts, party: Party) -> tuple[Path, ...]:
    return tuple(root(facts) / folder for folder in places.folders_of(facts, party))
