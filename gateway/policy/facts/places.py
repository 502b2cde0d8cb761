"""Where a party's folders are: below the exchange root, under the names that `[folders]` of `gateway.toml` gives."""

from __future__ import annotations

from pathlib import Path

from gateway.policy.facts.agreement import Agreement
from gateway.policy.facts.facts import Facts
from gateway.policy.facts.party import Party


def party_folder(facts: Facts, party: Party) -> Path:
    return facts.path(facts.node.exchange_root) / party.folder_name


def drop_folder(facts: Facts, party: Party, agreement: Agreement) -> Path:
    """Where the party puts its files under an agreement."""
    return party_folder(facts, party) / facts.node.folders.drop / agreement.label


def inbox_folder(facts: Facts, party: Party, agreement: Agreement) -> Path:
    """Where the party finds its packages and distribution lists under an agreement."""
    return party_folder(facts, party) / facts.node.folders.inbox / agreement.label


def fetched_receipts(facts: Facts, party: Party) -> Path:
    """Where receipts that were fetched from a party wait to be judged."""
    return party_folder(facts, party) / facts.node.folders.inbox / facts.node.folders.receipts


def signed_folder(facts: Facts, party: Party) -> Path:
    """Where what a party's signatures close is dropped."""
    return party_folder(facts, party) / facts.node.folders.drop / facts.node.folders.acknowledge


def folders_of(facts: Facts, party: Party) -> tuple[Path, ...]:
    """Every folder the party has on this node, parents first: one to drop into for each agreement it sends under, one
    to collect from for each it receives under, and those for templates, receipts, returns and acknowledgements."""
    names = facts.node.folders
    home = party_folder(facts, party)
    drop = home / names.drop
    folders = [
        home,
        drop,
        drop / names.acknowledge,
        home / names.templates,
        home / names.receipts,
        home / names.receipts / names.machine,
        home / names.inbox,
        home / names.returned,
    ]
    for agreement in facts.agreements.values():
        if party in facts.senders(agreement):
            folders.append(drop_folder(facts, party, agreement))
        if party in facts.receivers(agreement):
            folders.append(inbox_folder(facts, party, agreement))
    return tuple(folders)


def issuing_folders(facts: Facts) -> tuple[Path, ...]:
    """Where the node lays what it sends itself, to be taken in like anybody's; parents first. None where it sends
    nothing."""
    own = facts.parties[facts.node.party]
    mine = [drop_folder(facts, own, a) for a in facts.agreements.values() if own in facts.senders(a)]
    return (party_folder(facts, own), party_folder(facts, own) / facts.node.folders.drop, *mine) if mine else ()
