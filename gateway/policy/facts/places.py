"""Where a party's folders are: relative to the exchange root, under the names that `[folders]` of `gateway.toml` gives.

None of these is a path that could be opened: a party may plant a link in it. What is done there goes through
`ports.PartyFolders`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from gateway.policy.facts.agreement import Agreement
from gateway.policy.facts.facts import Facts
from gateway.policy.facts.party import Party


def party_folder(party: Party) -> PurePosixPath:
    return PurePosixPath(party.folder_name)


def drop_folder(facts: Facts, party: Party, agreement: Agreement) -> PurePosixPath:
    """Where the party puts its files under an agreement."""
    return party_folder(party) / facts.node.folders.drop / agreement.label


def inbox_folder(facts: Facts, party: Party, agreement: Agreement) -> PurePosixPath:
    """Where the party finds its packages and distribution lists under an agreement."""
    return party_folder(party) / facts.node.folders.inbox / agreement.label


def fetched_receipts(facts: Facts, party: Party) -> PurePosixPath:
    """Where receipts that were fetched from a party wait to be judged."""
    return party_folder(party) / facts.node.folders.inbox / facts.node.folders.receipts


def signed_folder(facts: Facts, party: Party) -> PurePosixPath:
    """Where what a party's signatures close is dropped."""
    return party_folder(party) / facts.node.folders.drop / facts.node.folders.acknowledge


def receipts_folder(facts: Facts, party: Party) -> PurePosixPath:
    """Where the party's people find receipts, letters and pages."""
    return party_folder(party) / facts.node.folders.receipts


def machine_folder(facts: Facts, party: Party) -> PurePosixPath:
    """Where the party's programs find receipts and their proofs."""
    return receipts_folder(facts, party) / facts.node.folders.machine


def returned_folder(facts: Facts, party: Party) -> PurePosixPath:
    """Where the party finds refused originals and lists of refused rows."""
    return party_folder(party) / facts.node.folders.returned


def templates_folder(facts: Facts, party: Party) -> PurePosixPath:
    """Where the party finds the workbooks to fill in."""
    return party_folder(party) / facts.node.folders.templates


def folders_of(facts: Facts, party: Party) -> tuple[PurePosixPath, ...]:
    """Every folder the party has on this node, parents first: one to drop into for each agreement it sends under, one
    to collect from for each it receives under, and those for templates, receipts, returns and acknowledgements."""
    names = facts.node.folders
    home = party_folder(party)
    folders = [
        home,
        home / names.drop,
        signed_folder(facts, party),
        templates_folder(facts, party),
        receipts_folder(facts, party),
        machine_folder(facts, party),
        home / names.inbox,
        returned_folder(facts, party),
    ]
    for agreement in facts.agreements.values():
        if party in facts.senders(agreement):
            folders.append(drop_folder(facts, party, agreement))
        if party in facts.receivers(agreement):
            folders.append(inbox_folder(facts, party, agreement))
    return tuple(folders)


def every_folder(facts: Facts) -> tuple[PurePosixPath, ...]:
    """Every folder of every party in which the node does anything."""
    found: list[PurePosixPath] = []
    for party in facts.parties.values():
        found += (*folders_of(facts, party), fetched_receipts(facts, party))
        if party.id in facts.node.witnessing.parties:
            found.append(party_folder(party) / facts.node.witnessing.folder)
    return tuple(found)


def issuing_folders(facts: Facts) -> tuple[PurePosixPath, ...]:
    """Where the node lays what it sends itself, to be taken in like anybody's; parents first. None where it sends
    nothing."""
    own = facts.parties[facts.node.party]
    mine = [drop_folder(facts, own, a) for a in facts.agreements.values() if own in facts.senders(a)]
    return (party_folder(own), party_folder(own) / facts.node.folders.drop, *mine) if mine else ()
